"""llama.cpp's server in a process of its own: `python -m chat.engines.llama_cpp_process`.

Reads its work from standard input, tells its address on standard output, and ends when standard
input does.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

from chat.engines.child import fall_silent, tell_parent, work_from_parent

SPINS: Final = "1000"
"""How long the workers of OpenMP spin before they sleep (GOMP_SPINCOUNT).

The default spins for a whole time slice. Where another program takes one of the cores, all other
workers then burn theirs waiting for it: on two cores with one busy neighbour, 0.8 tokens a second
with the default and 6.7 with this.
"""

CPU_BATCH: Final = 16
"""Prompt tokens computed in one step on a CPU. A message that comes during judging, and a reply
that is being written meanwhile, wait for one step at most. On two cores the default model reads 61
tokens a second with it and 67 with twice as many; the smallest model's first token during judging
then comes 1.4 to 1.6 times as late as without judging."""

GPU_BATCH: Final = 512

CACHE_MIB: Final = 1024
"""Memory for the states of conversations that have no slot at the moment."""


def parameters(work: dict[str, Any]) -> Any:  # noqa: ANN401 - the library has no types
    """xllamacpp's parameters for the work.

    Its `model`, `key`, `slots`, `context`, `threads`; `states`: the folder for the states of slots,
    or empty.
    """
    from xllamacpp import CommonParams  # type: ignore[import-untyped]  # noqa: PLC0415

    found = CommonParams()
    found.model.path = work["model"]
    found.model_alias = {work["name"]}
    found.api_keys = [work["key"]]
    found.hostnames = ["127.0.0.1"]
    found.port = 0
    found.ui = False
    found.endpoint_slots = False
    found.cors_origins = "http://127.0.0.1"
    # A part of the context for each slot, so that nobody's prompt drives out another's.
    found.n_parallel = work["slots"]
    found.n_ctx = work["context"] * work["slots"]
    found.kv_unified = False
    found.fit_params = False
    found.n_batch = found.n_ubatch = CPU_BATCH if on_processor() else GPU_BATCH
    found.cache_ram_mib = CACHE_MIB
    found.cache_idle_slots = False  # a slot is saved when it is taken, which is enough
    if work.get("states"):
        found.slot_save_path = f"{work['states']}/"
    found.cpuparams.n_threads = found.cpuparams_batch.n_threads = work["threads"]
    return found


def on_processor() -> bool:
    """Whether there is no card that llama.cpp could use."""
    from xllamacpp import get_device_info  # noqa: PLC0415 - it reads the environment when loaded

    kinds = (device["type"].name for device in get_device_info())
    return not any(kind.endswith("GPU") for kind in kinds)


def main() -> None:
    work = work_from_parent()
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    from xllamacpp import Server  # noqa: PLC0415 - it reads the environment when loaded

    try:
        server = Server(parameters(work))
    except (RuntimeError, ValueError, OSError):
        tell_parent(refused=True)
        raise SystemExit(1) from None
    tell_parent(address=server.listening_address, on_processor=on_processor())
    fall_silent()
    threading.Event().wait()


if __name__ == "__main__":
    main()
