"""Environments of vLLM that are nowhere: enough for what is only planned."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from chat.engines.vllm_environment import VllmEnvironment

CPU: Final = VllmEnvironment(folder=Path("/somewhere/.venv-vllm"), device="cpu")
GPU: Final = VllmEnvironment(folder=Path("/somewhere/.venv-vllm"), device="cuda")
