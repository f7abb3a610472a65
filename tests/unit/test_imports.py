"""Imports go one way, app -> chat -> perm, and heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*ROOT.glob("perm/**/*.py"), *ROOT.glob("chat/**/*.py"), ROOT / "app.py"]


IN_PROCESS = "in_process"
"""The folder of the engine's part that torch's own thread imports."""

LATE = ROOT / "chat" / "export" / "presidio_engine.py"
"""Classes over an extra's own: the file is imported late instead."""


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each imported module, and whether it is imported when the file itself is."""
    tree = ast.parse(path.read_text("utf-8"))
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            yield name, id(node) in top


def of(package: str, name: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def offenders(package: str, allowed: tuple[str, ...]) -> list[str]:
    """Files outside `allowed` (path prefixes) that import the package anywhere."""
    found = []
    for path in SOURCES:
        inside = path.relative_to(ROOT).as_posix()
        if not inside.startswith(allowed) and any(of(package, name) for name, _ in imports(path)):
            found.append(inside)
    return found


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 20


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("chat", ("chat/", "app.py")),
        ("app", ()),
        ("gradio", ("chat/ui/", "app.py")),
        ("sqlalchemy", ("chat/store/",)),
        ("alembic", ("chat/store/",)),
        ("torch", ("chat/engines/", "perm/training")),
        ("trl", ("perm/training",)),
        ("xllamacpp", ("chat/engines/",)),
        ("pyarrow", ("chat/export/", "chat/training/")),
        ("presidio_analyzer", ("chat/export/",)),
    ],
)
def test_imports_stay_where_they_belong(package: str, allowed: tuple[str, ...]) -> None:
    assert offenders(package, allowed or ("-",)) == []


@pytest.mark.parametrize(
    "package",
    ["torch", "trl", "transformers", "xllamacpp", "pyarrow", "presidio_analyzer", "spacy"],
)
def test_heavy_libraries_are_imported_late(package: str) -> None:
    at_once = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(of(package, name) and top for name, top in imports(path))
        and not path.name.endswith("_process.py")
        and path.parent.name != IN_PROCESS
        and path != LATE
    ]
    assert at_once == []


@pytest.mark.parametrize("module", ["transformers_engine", "in_process.worker"])
def test_the_engine_in_this_process_is_named_without_torch(module: str) -> None:
    code = f"import sys, chat.engines.{module}; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.strip() == "False"


def test_an_export_is_named_without_presidio() -> None:
    code = (
        "import sys, chat.export, chat.export.redaction, chat.cli.export; "
        "print([m for m in ('presidio_analyzer', 'spacy') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"


def test_only_settings_reads_the_environment() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if any(
            word in path.read_text("utf-8") for word in ("os.environ[", "os.environ.get", "getenv(")
        )
    ]
    assert readers == ["chat/settings.py"]


@pytest.mark.parametrize("module", ["perm.judges", "chat.session", "chat.cli"])
def test_a_command_starts_without_the_page_and_the_models(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([m for m in ('gradio', 'torch', 'xllamacpp', 'transformers') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
