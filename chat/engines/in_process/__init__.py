"""A model in this process: torch's part of the engine `transformers`.

Everything here that touches torch runs in one thread (`worker`) and is imported by that thread.
"""
