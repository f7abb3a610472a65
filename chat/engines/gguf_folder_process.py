"""Turns a GGUF file into a safetensors folder: `python gguf_folder_process.py FILE FOLDER`.

Run by a Python that has transformers and torch: that of vLLM's environment, or our own where the
extra `transformers` is installed. Writes JSON lines of
progress, and ends when standard input does. FOLDER must not be there yet.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def tell(detail: str) -> None:
    sys.stdout.write(json.dumps({"detail": detail}) + "\n")
    sys.stdout.flush()


def end_with_the_pipe() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


def convert(file: Path, folder: Path) -> None:
    """The same model, its weights unpacked to 16 bits, which a Q4 or Q8 block's values fit in."""
    tell("The tokenizer is being read.")
    tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    tell("The weights are being unpacked.")
    model = AutoModelForCausalLM.from_pretrained(
        str(file.parent),
        gguf_file=file.name,
        dtype=torch.float16,
        quantization_config=GgufConfig(dequantize=True),
    )
    # What is left is a plain model; the marks would have it saved and loaded as a packed one.
    vars(model)["hf_quantizer"] = None  # its own type does not know the attribute
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    tell("The folder is being written.")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_pipe, daemon=True).start()
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
