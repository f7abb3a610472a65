"""Prompt tokens that judging computes anew, turn 3 to turn 20, with messages of one length."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from bench import texts
from bench.harness import Bench, Line, server_of
from bench.judging import judge_of
from perm.types import Method, Verdict

FIRST: Final = 3
LAST: Final = 20
LIMIT: Final = 1.2
WHAT: Final = "newly computed judge tokens, turn 20"


async def measure(bench: Bench) -> list[Line]:
    against = "turn 3, by the server's own count of cached tokens"
    async with bench.engine() as engine:
        server = server_of(engine)
        if not engine.capabilities.cached_tokens:
            missing = "this server does not say how many tokens were cached"
            return [Line(WHAT, against, None, limit=LIMIT, server=server, missing=missing)]
        judge = judge_of(engine, texts.unread(bench.rubrics, secrets.token_hex(4)))
        fresh = []
        for turn in range(1, LAST + 1):
            asked = texts.contexts(turn)
            fresh.append(new_tokens([one async for one in judge.judge_all(asked, Method.DIRECT)]))
    told = ", ".join(map(str, fresh))
    figure = fresh[LAST - 1] / fresh[FIRST - 1]
    return [
        Line(WHAT, against, figure, limit=LIMIT, server=server, detail=f"turns 1 to 20: {told}")
    ]


def new_tokens(verdicts: Sequence[Verdict]) -> int:
    """Tokens of these calls' prompts that were not cached."""
    usages = [verdict.usage for verdict in verdicts]
    return sum((one.prompt_tokens or 0) - (one.cached_tokens or 0) for one in usages)
