"""`make audit`: known faults of what is installed, risky code of our own, and a list of all parts.

The tools live in an environment of their own, `.venv-audit`, so that they do not audit themselves.
Exit code: 0 if all is well; 1 for a finding; 3 if known faults could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
AUDITED: Final = ROOT / ".venv"
TOOLS: Final = ROOT / ".venv-audit"
WANTED: Final = ("pip-audit>=2.10,<3", "bandit[toml]>=1.9,<2", "cyclonedx-bom>=7.5,<8")
OURS: Final = ("app.py", "chat", "perm", "scripts")
SBOM: Final = ROOT / "sbom.json"
NOT_CHECKED: Final = 3

CONTROL: Final = "jinja2==2.10"
"""Has had known faults for years. A service that names none knows nothing, and "none" is no answer:
a mirror of the packages answers pip-audit's questions without a word of advisories.
"""


def main() -> int:
    prepare()
    audited = Path(sys.argv[1]) if len(sys.argv) > 1 else AUDITED
    codes = [code_of_ours(), parts(audited), known_faults(audited)]
    return max(codes)


def prepare() -> None:
    """The tools, once."""
    done = TOOLS / ".done"
    if done.is_file() and done.read_text() == str((WANTED, CONTROL)):
        return
    venv.create(TOOLS, with_pip=True)
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    install = [*pip, "--disable-pip-version-check", *WANTED]
    subprocess.run(install, check=True)  # noqa: S603 - our own words
    (TOOLS / "control.txt").write_text(f"{CONTROL}\n")
    done.write_text(str((WANTED, CONTROL)))


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / "bin" / name), *arguments]
    return subprocess.run(  # noqa: S603 - our own words
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def code_of_ours() -> int:
    """bandit."""
    where = ("--configfile", "pyproject.toml", "--format", "json", "--recursive")
    done = tool("bandit", "--quiet", *where, *OURS)
    report = json.loads(done.stdout)
    found = {(one["filename"], one["test_id"]) for one in report["results"]}
    broken = [f"{one['filename']} could not be read" for one in report["errors"]]
    known = {(one["file"], one["test"]) for one in explained("code")}
    return compared("bandit", found, known, broken)


def parts(audited: Path) -> int:
    """What is installed, as CycloneDX."""
    python = str(audited / "bin" / "python")
    done = tool("cyclonedx-py", "environment", "--output-file", str(SBOM), python)
    if done.returncode:
        say(f"SBOM: {done.stderr}")
        return 1
    count = len(json.loads(SBOM.read_text("utf-8")).get("components", ()))
    say(f"SBOM: {count} components in {SBOM.name}")
    return 0


def known_faults(audited: Path) -> int:
    """pip-audit, and what of its findings is explained; or that nothing could be looked up."""
    [packages] = (audited / "lib").glob("python3*/site-packages")
    try:
        control = pip_audit(
            "--requirement", str(TOOLS / "control.txt"), "--no-deps", "--disable-pip"
        )
        report = pip_audit("--path", str(packages))
    except ValueError as error:
        say(f"Known faults: NOT CHECKED, pip-audit did not come to its end ({error}).")
        return NOT_CHECKED
    if not set(findings(control)):
        say("Known faults: NOT CHECKED, no advisory service answers from here.")
        return NOT_CHECKED
    unknown = [one["name"] for one in report["dependencies"] if one.get("skip_reason")]
    if unknown:
        say(f"Known faults: not looked up, since not published: {', '.join(unknown)}.")
    known = {(one["name"], one["id"]) for one in explained("package")}
    return compared("Known faults", set(findings(report)), known)


def pip_audit(*arguments: str) -> dict[str, Any]:
    """Its report. Raises `ValueError` with its last words where there is none."""
    done = tool("pip-audit", *arguments, "--format", "json", "--progress-spinner=off")
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise ValueError((done.stderr.strip().splitlines() or ["no words"])[-1]) from None
    return report


def explained(kind: str) -> list[dict[str, str]]:
    """What audit.toml says may stay; each with a reason."""
    listed = tomllib.loads((ROOT / "audit.toml").read_text("utf-8"))[kind]
    return [one for one in listed if one["why"].strip()]


def compared(
    about: str,
    found: set[tuple[str, str]],
    known: set[tuple[str, str]],
    more: Sequence[str] = (),
) -> int:
    """1 for what is not explained, and for an explanation of what is not there."""
    said = [
        *more,
        *(
            f"{where} has {what}, which audit.toml does not explain"
            for where, what in found - known
        ),
        *(
            f"{where} no longer has {what}; take it out of audit.toml"
            for where, what in known - found
        ),
    ]
    for one in sorted(said):
        say(f"{about}: {one}.")
    if not said:
        say(f"{about}: " + (f"{len(found)}, all explained in audit.toml." if found else "none."))
    return int(bool(said))


def findings(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for package in report["dependencies"]:
        for fault in package.get("vulns", ()):
            yield package["name"], fault["id"]


def say(text: str) -> None:
    print(text.strip())  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
