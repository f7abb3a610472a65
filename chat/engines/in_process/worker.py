"""The one thread that runs the model. Chat goes before judging, between any two steps."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from chat.engines.in_process.calls import Call, Priority
from perm.types import EngineError, EngineFault

if TYPE_CHECKING:
    from chat.engines.in_process.lane import Lane
    from chat.engines.in_process.loading import Loaded

log = logging.getLogger(__name__)

EVERY: Final = 4
"""While replies are being written one step in so many is judging's: resonation is known early."""

TOGETHER: Final = 0.005
"""Seconds that a judge call waits for others, where prompts are read together."""

ENDING: Final = 10.0
"""Seconds that a step is given to end when the thread is stopped."""


class Worker:
    """Loads a model and serves calls until it is stopped. Nothing here blocks an event loop."""

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._changed = threading.Condition()
        self._new: deque[Call] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self.loaded: Future[Loaded] = Future()
        """Fulfilled when calls can be made; fails with `EngineError` where it cannot load."""
        self.ended: Future[None] = Future()
        """Fulfilled when the thread is over, for whatever reason."""

    def start(self) -> None:
        self._thread.start()

    def submit(self, call: Call) -> None:
        """Serve that call when its turn comes."""
        with self._changed:
            if not self._stopping and not self.ended.done():
                self._new.append(call)
                self._changed.notify()
                return
        call.tell(_stopped())

    def stop(self) -> None:
        """End the calls that run. Blocks for the time of a step, but not for that of a load."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self.loaded.done():
            self._thread.join(ENDING)

    def _run(self) -> None:
        for told in (self.loaded, self.ended):
            told.set_running_or_notify_cancel()  # whoever waits for it cannot cancel it
        try:
            loaded = self._load()
        except EngineError as error:
            self.loaded.set_exception(error)
        except Exception as error:  # noqa: BLE001 - a library may raise anything; it is told
            log.error("the model could not be loaded:\n%s", _where(error))
            self.loaded.set_exception(_unloadable(error))
        else:
            self.loaded.set_result(loaded)
            self._serve(loaded)
        finally:
            self.ended.set_result(None)

    def _serve(self, loaded: Loaded) -> None:
        from chat.engines.in_process.lane import Lane  # noqa: PLC0415 - torch stays in this thread
        from chat.engines.in_process.memory import kept_bytes  # noqa: PLC0415
        from chat.engines.in_process.prefixes import Prefixes  # noqa: PLC0415

        prefixes = Prefixes(kept_bytes(loaded.device))
        lanes = Lanes(Lane(loaded, prefixes, patient=False), Lane(loaded, prefixes, patient=True))
        while self._take(lanes, TOGETHER if loaded.reads_together else 0.0):
            lane = lanes.next()
            try:
                lane.step()
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever a step raises
                log.error("a step of the model failed:\n%s", _where(error))
                prefixes.clear()
                lane.fail(_failed(error))
        for lane in lanes:
            lane.fail(_stopped(), waiting=True)
        with self._changed:
            left = list(self._new)
            self._new.clear()
        for call in left:
            call.tell(_stopped())

    def _take(self, lanes: Lanes, together: float) -> bool:
        """Put new calls into their lanes; wait for one where there is nothing to do."""
        with self._changed:
            while not (self._new or lanes.busy or self._stopping):
                self._changed.wait()
            only_judging = all(call.priority is Priority.JUDGING for call in self._new)
            if together and self._new and only_judging and not lanes.busy:
                self._changed.wait_for(lambda: self._stopping, together)
            for call in self._new:
                lanes[call.priority].add(call)
            self._new.clear()
            return not self._stopping


class Lanes:
    """Chat and judging, and whose step is next."""

    def __init__(self, chat: Lane, judging: Lane) -> None:
        self._chat, self._judging = chat, judging
        self._since = 0  # steps of chat since one of judging

    def __getitem__(self, priority: Priority) -> Lane:
        return self._chat if priority is Priority.CHAT else self._judging

    def __iter__(self) -> Iterator[Lane]:
        yield from (self._chat, self._judging)

    @property
    def busy(self) -> bool:
        return self._chat.busy or self._judging.busy

    def next(self) -> Lane:
        """Chat, as long as somebody waits for a first word; then judging has a small share."""
        due = self._since >= EVERY - 1 and self._judging.busy and not self._chat.reads
        if due or not self._chat.busy:
            self._since = 0
            return self._judging
        self._since += 1
        return self._chat


def _stopped() -> EngineError:
    return EngineError(EngineFault.NOT_READY, "The model was stopped.")


def _unloadable(error: Exception) -> EngineError:
    from chat.engines.in_process.memory import ran_out  # noqa: PLC0415 - torch: in this thread

    if ran_out(error):
        return EngineError(
            EngineFault.NOT_READY,
            "Memory ran out while the model was being loaded.",
            "Close other programs, or choose a smaller model.",
        )
    return EngineError(
        EngineFault.NOT_READY,
        f"The model cannot be loaded ({type(error).__name__}).",
        "The log says where it failed. `perm-chat models check` examines a folder.",
    )


def _failed(error: Exception) -> EngineError:
    from chat.engines.in_process.memory import ran_out  # noqa: PLC0415 - torch: in this thread

    if ran_out(error):
        return EngineError(
            EngineFault.SERVER,
            "Memory ran out while the model was at work. What it had kept was given back.",
            "Try again; if it stays so, set a smaller context or choose a smaller model.",
        )
    return EngineError(
        EngineFault.SERVER,
        f"The model failed ({type(error).__name__}).",
        "Try again; the log says where it failed.",
    )


def _where(error: Exception) -> str:
    """The type and the places, without the error's own text: it may quote what was said."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"
