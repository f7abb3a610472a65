"""Is this checkpoint what it says it is? Examined before it is served, never loaded.

    report = await examine("Qwen/Qwen2.5-7B-Instruct")    # or a folder; a model or a LoRA adapter
    ensure(report)                                        # raises CheckpointError, in words

From safetensors headers, config.json and file sizes alone. It tells apart hollow, truncated and
incomplete weights, weights of another architecture, shape or vocabulary than config.json's, and
files that nobody should load. The figures of PERM's published model and why this is needed:
333,312 parameters, the vectors alone, of a model of 7,615,616,512.
"""

from perm.checkpoint.examination import examine
from perm.checkpoint.report import (
    BACKBONE,
    CheckpointError,
    CheckpointReport,
    Code,
    Kind,
    Problem,
    ensure,
)

__all__ = [
    "BACKBONE",
    "CheckpointError",
    "CheckpointReport",
    "Code",
    "Kind",
    "Problem",
    "ensure",
    "examine",
]
