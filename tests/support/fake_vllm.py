"""A program that stands for `vllm serve`: its options, its log, its health, its several processes.

It serves the demo's words. `--fake-failure TEXT` prints that line and ends, `--fake-death` ends at
once without a word, `--fake-said TEXT` logs that line whenever it is asked something.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI, Request, Response

from chat.engines.scripted_demo import Demo
from perm import rubrics
from tests.support.openai_server import ScriptedServer

ROOT: Final = Path(__file__).resolve().parents[2]

LOG: Final = (
    "(APIServer pid=1) INFO 11-23 18:18:46 [model.py:733] Resolved architecture: LlamaForCausalLM",
    "(APIServer pid=1) WARNING [vllm.py:1703] Enforce eager set, disabling torch.compile",
    "(Worker pid=2) INFO [cpu_model_runner.py:68] Starting to load model somewhere...",
    "Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:02<00:02,  2.58s/it]",
    "(EngineCore pid=3) INFO [core.py:402] init engine (profile, create kv cache) took 14.64 s",
    "(APIServer pid=1) INFO [entry.py:140] Starting vLLM server on http://127.0.0.1:1",
)

STUBBORN: Final = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
)
"""What vLLM's other processes are at their worst: deaf, and not told of their parent's end."""


def environment(folder: Path, device: str = "cpu") -> Path:
    """A folder that looks like `.venv-vllm` and holds this program."""
    (folder / "bin").mkdir(parents=True)
    (folder / "perm-chat-recipe.json").write_text(json.dumps({"recipe": "x", "device": device}))
    program = folder / "bin" / "vllm"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.support.fake_vllm import main\nmain()\n"
    )
    program.chmod(0o755)
    return folder


class FakeVllm(ScriptedServer):
    """The demo behind vLLM's addresses."""

    said = ""

    @property
    def app(self) -> FastAPI:
        app = super().app

        @app.get("/health")
        async def health() -> Response:
            return Response()

        @app.middleware("http")
        async def tell(
            request: Request, call_next: Callable[[Request], Awaitable[Response]]
        ) -> Response:
            if self.said and request.url.path.endswith("completions"):
                sys.stdout.write(f"{self.said}\n")
                sys.stdout.flush()
            return await call_next(request)

        return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("place")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--fake-failure", default="")
    parser.add_argument("--fake-death", action="store_true")
    parser.add_argument("--fake-said", default="")
    options, _ = parser.parse_known_args()
    subprocess.Popen([sys.executable, "-c", STUBBORN])
    if options.fake_death:
        os._exit(1)
    for line in LOG:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        time.sleep(0.1)
    if options.fake_failure:
        sys.exit(options.fake_failure)
    server = FakeVllm(
        Demo(rubrics.load(ROOT / "prompts"), 0.02),
        model_name=options.served_model_name,
        key=os.environ["VLLM_API_KEY"],
    )
    server.said = options.fake_said
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    uvicorn.run(server.app, host="127.0.0.1", port=options.port, log_level="warning")
