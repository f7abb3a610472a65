"""How many judge calls run at once is found out on the way."""

from __future__ import annotations

import asyncio

import pytest

from chat.scoring.seats import Seats
from perm.types import Method, Perspective, Status, Verdict

pytestmark = pytest.mark.unit

VERDICT = Verdict(
    perspective=Perspective.EXPRESSION, method=Method.DIRECT, status=Status.SCORED, score=3.0
)


class Server:
    """Serves so many calls at once, each in one second of a clock of its own."""

    def __init__(self, serves: int) -> None:
        self.now, self.serves = 0.0, serves
        self.running, self.most_seen = 0, 0
        self._waiting: list[asyncio.Event] = []

    def clock(self) -> float:
        return self.now

    async def call(self) -> Verdict:
        self.running += 1
        self.most_seen = max(self.most_seen, self.running)
        served = asyncio.Event()
        self._waiting.append(served)
        await served.wait()
        self.running -= 1
        return VERDICT

    async def serve(self, seats: Seats, calls: int) -> None:
        """Let so many calls through the gate, a second at a time."""
        asked = asyncio.gather(*(seats(self.call) for _ in range(calls)))
        while not asked.done():
            for _ in range(10):
                await asyncio.sleep(0)
            self.now += 1
            now, self._waiting = self._waiting[: self.serves], self._waiting[self.serves :]
            for served in now:
                served.set()
        await asked


async def test_a_wide_server_is_filled() -> None:
    server = Server(1000)
    seats = Seats(8, most=64, clock=server.clock)
    await server.serve(seats, 600)
    assert seats.calls == server.most_seen == 64


async def test_a_narrow_server_is_not_flooded_for_long() -> None:
    server = Server(4)
    seats = Seats(4, most=64, clock=server.clock)
    await server.serve(seats, 200)
    assert seats.calls == seats.most == 4
    assert server.most_seen == 8  # tried once


async def test_after_it_has_settled_no_more_run_than_it_settled_on() -> None:
    server = Server(4)
    seats = Seats(4, most=64, clock=server.clock)
    await server.serve(seats, 200)
    server.most_seen = 0
    await server.serve(seats, 50)
    assert server.most_seen == 4


async def test_a_number_that_was_asked_for_stays() -> None:
    server = Server(1000)
    seats = Seats(3, most=3, clock=server.clock)
    await server.serve(seats, 100)
    assert seats.calls == server.most_seen == 3


async def test_a_call_that_fails_gives_its_seat_back() -> None:
    seats = Seats(1, most=1)

    async def broken() -> Verdict:
        raise RuntimeError

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await seats(broken)
