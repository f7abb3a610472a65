"""`perm-chat train PROMPTS --name NAME`: GRPO with PERM's reward, through TRL."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chat.cli.options import with_settings
from chat.cli.people import INTERRUPTED
from chat.engines.lora import FOLDER, TRAINED
from chat.engines.scripted import NOT_A_JUDGE
from chat.settings import Settings, environment
from perm import rubrics
from perm.training import LoraShape, Malformed, Plan, TrainingError, require_libraries
from perm.training.published import read_trl_config
from perm.types import Value

if TYPE_CHECKING:
    from chat.training import Backbone, PromptFile
    from chat.training.judging import Judging
    from perm.training import Finished
    from perm.training.logbook import Step

NAME: Final = re.compile(r"[\w][\w.-]{0,99}")
WORKSPACES: Final = "training"
"""In the data folder: checkpoints and the log of each run."""


class Order(Value):
    """What the command was asked for."""

    prompts: Path
    name: str
    base: str
    lora: LoraShape | None
    seed: int
    changes: dict[str, Any]
    malformed: Malformed
    judge_calls: int | None
    resume: bool


@with_settings
def train(
    settings: Settings,
    *,
    prompts: Annotated[
        Path,
        typer.Argument(
            metavar="PROMPTS",
            help="Exported prompts, or PERM's records (persona, scenario, dialogue).",
        ),
    ],
    name: Annotated[str, typer.Option(help="What the trained adapter will be called.")],
    base: Annotated[
        str,
        typer.Option(
            help="The model to train: a folder, a hub repository, a catalogue name. "
            "Default: the paper's backbone, Qwen/Qwen2.5-7B-Instruct.",
            show_default=False,
        ),
    ] = "",
    lora: Annotated[bool, typer.Option("--lora/--full", help="An adapter, or the model.")] = True,
    lora_rank: Annotated[int, typer.Option(min=1, help="Rank of the adapter.")] = 16,
    lora_alpha: Annotated[int, typer.Option(min=1, help="Its scale, in units of rank.")] = 32,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="End after so many steps. Default: one epoch.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="Default: the published 1e-6.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and sampling.")] = 42,
    trl_config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.yaml",
            help="Any further setting of TRL's GRPOConfig, one a line, vLLM generation among them.",
        ),
    ] = None,
    malformed: Annotated[
        Malformed,
        typer.Option(
            help="A completion without Analysis and Response: the lowest reward, or left out."
        ),
    ] = Malformed.LOWEST,
    judge_calls: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Judge calls at once. Default: what the engine serves."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a broken-off run.")] = False,
) -> None:
    """Train a model with PERM as its reward (GRPO, through TRL), with the published settings.

    Every completion is judged from all four seats by the judge that the judge settings name; what
    the judge could not score is left out of the update and counted. The trained adapter is examined
    and then put into the models folder, where the engines find it. Many GPUs:
    accelerate launch -m chat.cli train ...

    Exit code: 0 if the result is there and whole; 1 if the judge was lost; 2 for settings or a
    result that is not whole; 130 after Ctrl-C.
    """
    require_libraries()
    if not NAME.fullmatch(name):
        raise TrainingError("A name has letters, digits, dots and dashes.", "Choose another.")
    changes = read_trl_config(trl_config) if trl_config else {}
    changes |= {} if max_steps is None else {"max_steps": max_steps}
    changes |= {} if learning_rate is None else {"learning_rate": learning_rate}
    order = Order(
        prompts=prompts,
        name=name,
        base=base,
        lora=LoraShape(rank=lora_rank, alpha=lora_alpha) if lora else None,
        seed=seed,
        changes=changes,
        malformed=malformed,
        judge_calls=judge_calls,
        resume=resume,
    )
    try:
        finished = _train(settings, order)
    except KeyboardInterrupt:
        typer.echo("Stopped. The same command with --resume goes on from its checkpoint.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if first_process():
        typer.echo(f"{finished.steps} steps. {finished.result} is whole and can be served.")


def first_process() -> bool:
    """Whether this process speaks for all."""
    return (environment("RANK") or "0") == "0"


def _train(settings: Settings, order: Order) -> Finished:
    from chat.training import backbone_for, judging, read_prompts  # noqa: PLC0415
    from perm.training import train as run  # noqa: PLC0415

    console = Console(stderr=True, highlight=False, quiet=not first_process())
    found = read_prompts(order.prompts, rubrics.load(settings.prompts_dir).supporter)
    backbone = asyncio.run(backbone_for(order.base, settings.models_dir, console.print))
    with judging(settings, order.malformed, order.judge_calls, console.print) as judged:
        if judged.scripted:
            console.print(NOT_A_JUDGE)
        console.print(f"{backbone.name} is trained on {len(found.rows)} prompts.")
        plan = _plan(settings, order, backbone, _about(settings, judged, backbone, found))
        with _Bar(console) as bar:
            return run(plan, found.rows, judged.reward, judged.function, bar.on_step)


def _plan(settings: Settings, order: Order, backbone: Backbone, about: dict[str, str]) -> Plan:
    return Plan(
        base=backbone.place,
        base_name=backbone.name,
        revision=backbone.revision,
        lora=order.lora,
        workspace=settings.data_dir / WORKSPACES / order.name,
        result=settings.models_dir / (FOLDER if order.lora else TRAINED) / order.name,
        seed=order.seed,
        resume=order.resume,
        trl=order.changes,
        about=about,
    )


def _about(
    settings: Settings, judged: Judging, backbone: Backbone, found: PromptFile
) -> dict[str, str]:
    """What the card says besides the run's own settings."""
    texts = rubrics.load(settings.prompts_dir)
    return {
        "base revision": backbone.revision or "-",
        "judge": f"{judged.engine.model_name} ({judged.engine.name}, {judged.method})",
        "judge prompts": texts.judges_hash,
        "supporter prompt": texts.supporter.hash[:16],
        "data sha256": found.sha256,
    }


class _Bar:
    """One line that is drawn anew at each step; where there is no terminal, a line a step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (BarColumn(20), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def on_step(self, step: Step) -> None:
        if self._console.is_terminal:
            self._progress.update(
                self._task, description=step.line, completed=step.step, total=step.steps
            )
        else:
            self._console.print(f"step {step.step}/{step.steps}  {step.line}", soft_wrap=True)
