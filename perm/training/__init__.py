"""Training with PERM's reward: a reward function for anyone's TRL script, and a whole GRPO run.

    from perm.training import PermReward, perm_trainer

    reward = PermReward(judge)                          # perm.judges.Judge, around any chat model
    trainer = perm_trainer()(model=..., reward_funcs=reward, args=GRPOConfig(...), ...)

`PermReward` works with TRL's own GRPOTrainer as well; `perm_trainer()` is the same trainer with
completions that could not be judged left out of the update altogether (perm/training/trainer.py
says why that needs more than a reward of None). Nothing heavy is imported until it is called.
"""

from perm.training.errors import TrainingError, require_libraries
from perm.training.plan import LoraShape, Plan
from perm.training.published import PUBLISHED, grpo_config
from perm.training.reward import Malformed, PermReward, judged_on
from perm.training.run import Finished, train
from perm.training.trainer import perm_trainer

__all__ = [
    "PUBLISHED",
    "Finished",
    "LoraShape",
    "Malformed",
    "PermReward",
    "Plan",
    "TrainingError",
    "grpo_config",
    "judged_on",
    "perm_trainer",
    "require_libraries",
    "train",
]
