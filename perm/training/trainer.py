"""TRL's GRPOTrainer, with completions that have no reward left out of the update altogether.

A reward of None alone does not do that (TRL 1.16): such a completion has no part in its group's
mean and spread and gets an advantage of 0, but its tokens still pull the model back to where it
began, through the KL term, and still count in what the loss is divided by. So its tokens are
masked here, as TRL masks truncated completions (`mask_truncated_completions`).

The losses that divide by rows and not by tokens (grpo, sapo, dr_grpo, luspo) count a row that was
left out as a row of zeros. The default, dapo, divides by the tokens of all that was scored.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import torch
    from trl.trainer.grpo_trainer import GRPOTrainer

TRL_LOG: Final = "trl.trainer.grpo_trainer"


@cache
def perm_trainer() -> type[GRPOTrainer]:
    """The class. Built when it is asked for: importing TRL takes seconds."""
    import torch  # noqa: PLC0415
    from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: PLC0415

    class PermTrainer(GRPOTrainer):
        """GRPOTrainer that leaves out what no reward function could score."""

        def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:  # noqa: ANN401
            rewards: torch.Tensor = super()._calculate_rewards(*args, **kwargs)
            self._unscored = torch.isnan(rewards).all(dim=1)  # of all processes
            return rewards

        def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:  # noqa: ANN401
            output: dict[str, Any] = super()._generate_and_score_completions(inputs)
            if self._unscored.any():  # alike on every process, as the gathering below needs it
                first = self.accelerator.process_index * len(inputs)
                leave_out(output, self._unscored[first : first + len(inputs)])
                mask = output["completion_mask"] * output.get("tool_mask", 1)
                output["num_items_in_batch"] = self.accelerator.gather(mask.sum()).sum()
            return output

        def _send_telemetry(self) -> None:
            """Nothing is sent anywhere but to the servers that somebody named."""

    logging.getLogger(TRL_LOG).addFilter(_without_texts)
    return PermTrainer


def leave_out(output: dict[str, Any], unscored: torch.Tensor) -> None:
    """Mask the completions of these rows, so that no term of the loss sees them."""
    output["completion_mask"] = output["completion_mask"] * (~unscored).unsqueeze(1).int()


def _without_texts(record: logging.LogRecord) -> bool:
    """TRL warns of an unscored completion with persona and message in full; we count them."""
    return "All reward functions returned None" not in str(record.msg)
