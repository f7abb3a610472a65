"""A GGUF file unpacked for vLLM: once, whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.engines import gguf_folder
from perm.checkpoint import CheckpointError
from perm.types import EngineError

pytestmark = pytest.mark.unit

CONVERTER = """#!{python}
import json, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.support import checkpoints
print(json.dumps({{"detail": "The weights are being unpacked."}}), flush=True)
tensors = checkpoints.qwen2_tensors()
file = Path(sys.argv[2])
if b"broken" in file.read_bytes():
    sys.exit("KeyError: what a strange file")
if b"hollow" in file.read_bytes():
    tensors = checkpoints.hollowed(tensors)
checkpoints.write_model(Path(sys.argv[3]), tensors, checkpoints.QWEN2)
"""


@pytest.fixture
def converter(tmp_path: Path) -> Path:
    """Stands for the other environment's Python: it is given the script, the file, the folder."""
    import sys

    root = str(Path(__file__).resolve().parents[2])
    program = tmp_path / "python"
    program.write_text(CONVERTER.format(python=sys.executable, root=root))
    program.chmod(0o755)
    return program


async def test_a_file_is_unpacked_once(converter: Path, tmp_path: Path) -> None:
    file, models = tmp_path / "small.gguf", tmp_path / "models"
    file.write_bytes(b"GGUF first")
    told: list[str] = []
    folder = await gguf_folder.folder_of(file, models, converter, told.append)
    assert folder == models / "small-safetensors"
    assert (folder / "model.safetensors").is_file()
    assert told == ["The weights are being unpacked."]
    assert await gguf_folder.folder_of(file, models, converter, told.append) == folder
    assert len(told) == 1
    file.write_bytes(b"GGUF another file")
    await gguf_folder.folder_of(file, models, converter, told.append)
    assert len(told) == 2


@pytest.mark.parametrize(
    ("kind", "words"), [(b"broken", "could not be turned"), (b"hollow", "cannot be served")]
)
async def test_what_does_not_become_a_model_is_not_kept(
    converter: Path, tmp_path: Path, kind: bytes, words: str
) -> None:
    file, models = tmp_path / "small.gguf", tmp_path / "models"
    file.write_bytes(b"GGUF " + kind)
    with pytest.raises((EngineError, CheckpointError), match=words):
        await gguf_folder.folder_of(file, models, converter, lambda _: None)
    assert [path.name for path in models.iterdir() if path.is_dir()] == []
