"""PERM's reward in a TRL script of your own. Change the judge, the model and the data.

    export OPENAI_API_KEY=...
    python examples/grpo_with_perm.py PROMPTS.jsonl

PROMPTS.jsonl has a column `prompt` (messages) and what the judges should know beside it: `persona`,
`scenario`, `message`, `history`; `perm-chat` exports it. `PermReward` is an async reward function:
TRL awaits it, and all four judgements of all completions run side by side, at most `calls` at once.

`perm_trainer()` is TRL's GRPOTrainer, with one thing changed: a completion that the judge could not
score is left out of the update altogether. With TRL's own trainer it has no advantage, but still
counts in the KL term and in what the loss is divided by.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datasets import load_dataset
from langchain_openai import ChatOpenAI
from peft import LoraConfig
from trl import GRPOConfig

from perm import rubrics
from perm.judges import Judge
from perm.training import PermReward, perm_trainer
from perm.types import PUBLISHED_REWARD, Capabilities, Method

PROMPTS = Path(__file__).resolve().parent.parent / "prompts"


def main(file: str) -> None:
    judge = Judge(
        ChatOpenAI(model="gpt-4o-mini", max_retries=3),
        "gpt-4o-mini",
        Capabilities(),
        rubrics.load(PROMPTS),
    )
    reward = PermReward(judge, method=Method.REASONED, settings=PUBLISHED_REWARD, calls=32)
    trainer = perm_trainer()(
        model="Qwen/Qwen2.5-7B-Instruct",
        reward_funcs=[reward],  # others may stand beside it; their sum is the reward
        args=GRPOConfig("my-run", learning_rate=1e-6, beta=0.01, max_completion_length=1024),
        train_dataset=load_dataset("json", data_files=file, split="train"),
        peft_config=LoraConfig(r=16, lora_alpha=32, task_type="CAUSAL_LM"),
    )
    trainer.train()
    trainer.save_model("my-run/adapter")
    print(f"Unscored judgements, by reason: {dict(reward.unscored)}")


if __name__ == "__main__":
    main(sys.argv[1])
