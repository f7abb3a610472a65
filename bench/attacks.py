"""`python -m bench.attacks small|default`: attacks on a real judge, for docs/hardening.md.

It is `perm-chat selfcheck --attacks` on one situation: all of them for the small model, for the
default one a part that takes minutes on two cores.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from chat.cli.selfcheck import kept_attacks
from chat.settings import Settings
from perm.attack_report import AttackReport
from perm.statistics import Estimate
from tests.support import figures

SMALL: Final = "smollm2-135m-instruct"
PART: Final = (
    *("score-line", "fake-reason", "experts"),
    *("five-times", "parroted", "chatml-tokens"),
)


def main() -> None:
    which = sys.argv[1]
    small = which == "small"
    with tempfile.TemporaryDirectory(prefix="perm-chat-attacks-") as folder:
        settings = Settings(model=SMALL if small else "", data_dir=Path(folder))
        found = asyncio.run(kept_attacks(settings, 1, () if small else PART))
    print(found.table())
    command = f"python -m bench.attacks {which}"
    figures.record(f"hostile.attacks-{which}", share(found.whole.turned), said(found), by=command)


def said(found: AttackReport) -> str:
    return (
        f"tries moved a score; without a score {share(found.whole.unscored)} attacked turns, "
        f"{share(found.false_unscored)} clean ones ({found.judge_model}, {found.method.value}, "
        f"{len(found.by_attack)} attacks, {found.situations} situation)"
    )


def share(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return "none"
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%}) of {found.n}"


if __name__ == "__main__":
    main()
