"""A small model that has read the format: what a model this small does not do by being told.

SmolLM2-135M writes no headings, so that every completion is malformed and there is nothing for GRPO
to prefer. Some steps of supervised training on replies in the format, a quarter of which ask a
question, give it something to choose between.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

FEELINGS: Final = ("Lonely.", "Tired.", "Afraid.", "Sad.", "Angry.", "Lost.")
HEARD: Final = (
    "That sounds hard.",
    "I am here with you.",
    "That is a lot to carry.",
    "I am sorry that it hurts.",
    "You did not deserve that.",
)
ASKED: Final = ("What hurts most?", "Do you want to tell me more?", "What do you need now?")
TOLD: Final = ("You are not alone.", "Take your time.", "I am listening.")
STEPS: Final = 24


def replies(worries: tuple[str, ...], count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Conversations of one turn, as TRL's SFTTrainer takes them."""
    drawn = random.Random(seed)
    for number in range(count):
        end = drawn.choice(TOLD if number % 4 else ASKED)
        reply = f"# Analysis\n{drawn.choice(FEELINGS)}\n\n# Response\n{drawn.choice(HEARD)} {end}"
        yield {
            "prompt": [{"role": "user", "content": drawn.choice(worries)}],
            "completion": [{"role": "assistant", "content": reply}],
        }


def prime(base: str, worries: tuple[str, ...], place: Path) -> str:
    """Train all of the model on these for `STEPS` steps; the folder it is then in."""
    settings = SFTConfig(
        output_dir=str(place / "run"),
        max_steps=STEPS,
        per_device_train_batch_size=8,
        learning_rate=1e-4,
        lr_scheduler_type="constant",
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        seed=0,
    )
    model = AutoModelForCausalLM.from_pretrained(base, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(base)
    data = Dataset.from_list(list(replies(worries, STEPS * 8)))
    trainer = SFTTrainer(model, args=settings, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    primed = place / "primed"
    trainer.save_model(str(primed))
    return str(primed)
