"""Each format is loaded by `datasets` from its files and taken, unchanged, by TRL's trainer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from chat.export import FileType, FolderTarget, Format, Order
from chat.store import Store
from tests.support.byte_model import save_scorer, save_writer
from tests.support.talks import ANNA, exporter, talk

pytestmark = pytest.mark.unit

STEPS: Final = 2


Exports = Callable[..., Path]


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Exports of one store; an order makes its folder once."""
    home = tmp_path_factory.mktemp("exports")
    url = f"sqlite:///{home / 'chat.db'}"

    async def fill() -> None:
        store = await Store.open(url)
        for number in range(8):
            await talk(store, word=f"talk {number}")
        await store.close()

    async def export(order: Order, folder: Path) -> None:
        store = await Store.open(url)
        await exporter(store).write(order, [ANNA], FolderTarget(folder), ANNA)
        await store.close()

    def made(name: Format, file_type: FileType = FileType.JSONL, **more: Any) -> Path:
        order = Order(format=name, file_type=file_type, test_share=0.5, **more)
        folder = home / f"{name}-{file_type}-{order.analysis}"
        if not folder.exists():
            asyncio.run(export(order, folder))
        return folder

    asyncio.run(fill())
    return made


def loaded(folder: Path, cache: Path) -> Any:
    import datasets

    datasets.disable_progress_bars()
    return datasets.load_dataset(str(folder), cache_dir=str(cache))


def quick(config: Callable[..., Any], folder: Path, **more: Any) -> Any:
    return config(
        output_dir=str(folder / "trained"),
        max_steps=STEPS,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
        **more,
    )


def grpo(data: Any, folder: Path) -> Any:
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    seen: list[dict[str, Any]] = []

    def reward(completions: list[Any], **columns: Any) -> list[float | None]:
        seen.append(columns)
        return [float(len(one[0]["content"])) for one in completions]

    trainer = GRPOTrainer(
        model=save_writer(folder / "model"),
        reward_funcs=reward,
        args=quick(GRPOConfig, folder, num_generations=2, max_completion_length=8),
        train_dataset=data,
    )
    trainer.train()
    assert {"persona", "scenario", "history", "message", "id"} <= seen[0].keys()
    assert isinstance(seen[0]["history"][0], list)
    return trainer


def dpo(data: Any, folder: Path) -> Any:
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    args = quick(DPOConfig, folder, max_length=4096)
    return _trained(DPOTrainer(save_writer(folder / "model"), args=args, train_dataset=data))


def kto(data: Any, folder: Path) -> Any:
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    args = quick(KTOConfig, folder, max_length=4096)
    return _trained(KTOTrainer(save_writer(folder / "model"), args=args, train_dataset=data))


def sft(data: Any, folder: Path) -> Any:
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    args = quick(SFTConfig, folder, max_length=4096)
    return _trained(SFTTrainer(save_writer(folder / "model"), args=args, train_dataset=data))


def reward_model(data: Any, folder: Path) -> Any:
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    args = quick(RewardConfig, folder, max_length=4096)
    return _trained(RewardTrainer(save_scorer(folder / "model"), args=args, train_dataset=data))


def _trained(trainer: Any) -> Any:
    trainer.train()
    return trainer


TRAINERS: Final = {
    Format.GRPO: grpo,
    Format.PREFERENCE: dpo,
    Format.UNPAIRED: kto,
    Format.SFT: sft,
    Format.REWARD: reward_model,
}


@pytest.mark.parametrize("name", TRAINERS)
def test_trl_takes_it_as_it_is(name: Format, exports: Exports, tmp_path: Path) -> None:
    data = loaded(exports(name), tmp_path / "cache")
    trainer = TRAINERS[name](data["train"], tmp_path)
    assert trainer.state.global_step == STEPS
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert len(losses) == STEPS
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize("name", [name for name in TRAINERS if name is not Format.GRPO])
def test_trl_takes_it_from_parquet_and_without_the_analysis(
    name: Format, exports: Exports, tmp_path: Path
) -> None:
    folder = exports(name, FileType.PARQUET, analysis=False)
    trainer = TRAINERS[name](loaded(folder, tmp_path / "cache")["train"], tmp_path)
    assert trainer.state.global_step == STEPS


@pytest.mark.parametrize("name", Format)
def test_both_types_of_file_say_the_same(name: Format, exports: Exports, tmp_path: Path) -> None:
    """Also where a column is empty in a split: the card says the types."""
    lines = loaded(exports(name), tmp_path / "lines")
    table = loaded(exports(name, FileType.PARQUET), tmp_path / "table")
    assert lines["train"].features == lines["test"].features == table["train"].features
    assert "null" not in str(lines["train"].features)
    for split in ("train", "test"):
        assert lines[split].to_list() == table[split].to_list()
    talks = [set(lines[split]["conversation_id"]) for split in ("train", "test")]
    assert all(talks)
    assert not talks[0] & talks[1]
