"""One reply being written: streamed, split, saved as it grows, and whole or marked at its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from langchain_core.messages import BaseMessage
from langchain_core.messages.ai import AIMessageChunk

from chat import safety
from chat.events import AnalysisDelta, AnalysisDone, ReplyDone, ResponseDelta, TurnFailed, Waiting
from chat.feed import Feed
from chat.live import LiveScores
from chat.serving import Serving
from chat.store import StoreError
from chat.store.records import Reply, ReplyStatus, ReplyUpdate, Timings
from chat.voice import Voice
from perm.parsing import OutputSplitter, Piece
from perm.types import EngineError, PermError, Usage

log = logging.getLogger(__name__)

SAVE_EVERY: Final = 1.0
"""Seconds between two saves of a growing reply: what an abrupt end can cost at most."""


class Writing:
    """Writes one reply. `keep` saves its state.

    `on_analysis` hears of the complete Analysis, `live` follows the Response until it ends.
    """

    def __init__(
        self,
        serving: Serving,
        feed: Feed,
        reply: Reply,
        keep: Callable[[ReplyUpdate], Awaitable[None]],
        on_analysis: Callable[[str], None],
        *,
        voice: Voice,
        live: LiveScores,
    ) -> None:
        self._voice, self._model = voice, voice.model
        self._serving, self._feed, self._reply = serving, feed, reply
        self._keep, self._on_analysis, self._live = keep, on_analysis, live
        self._splitter = OutputSplitter()
        self._raw: list[str] = []
        self._usage = Usage()
        self._finish_reason: str | None = None
        self._error: PermError | None = None
        self._not_saved = False
        self._analysis_told = False
        self._began = self._last_save = time.monotonic()
        self._timings = Timings()
        self._stream: asyncio.Task[None] | None = None
        self._ended_as: ReplyStatus | None = None

    def end(self, status: ReplyStatus) -> None:
        """End the reply here, keeping what came: stopped by the seeker, or the app goes down."""
        if self._ended_as is None:
            self._ended_as = status
            if self._stream is not None:
                self._stream.cancel()

    async def run(self, messages: Sequence[BaseMessage]) -> ReplyUpdate:
        """Write it to its end, whatever that is, and save it. Failures are told, not raised."""
        self._stream = asyncio.create_task(self._write(tuple(messages)))
        if self._ended_as is not None:
            self._stream.cancel()
        try:
            await self._stream
        except asyncio.CancelledError:
            if self._ended_as is None:  # this task itself is being cancelled
                self._ended_as = ReplyStatus.INTERRUPTED
                self._stream.cancel()
                await asyncio.gather(self._stream, return_exceptions=True)
                await self._finish()
                raise
        except EngineError as error:
            self._error = error
        return await self._finish()

    async def _write(self, messages: tuple[BaseMessage, ...]) -> None:
        async with self._serving.line.chatting(self._reply.id):
            try:
                await self._stream_once(messages)
            except EngineError as error:
                if self._raw or not error.retryable:
                    raise
                self._feed.publish(Waiting(why=f"{error.what} Trying once more."))
                await self._stream_once(messages)

    async def _stream_once(self, messages: tuple[BaseMessage, ...]) -> None:
        async for why in self._serving.waiting_for_supporter():
            self._feed.publish(Waiting(why=why))
        self._model = self._serving.choice(self._model).name  # its engine is ready: this is it
        async for chunk in self._serving.write(messages, self._model, self._voice.sampling):
            self._take(chunk)
            if time.monotonic() - self._last_save >= SAVE_EVERY and self._raw:
                await self._save(self._update(ReplyStatus.WRITING))

    def _take(self, chunk: AIMessageChunk) -> None:
        self._finish_reason = chunk.response_metadata.get("finish_reason") or self._finish_reason
        if chunk.usage_metadata is not None:
            details = chunk.usage_metadata.get("input_token_details") or {}
            self._usage = Usage(
                prompt_tokens=chunk.usage_metadata["input_tokens"],
                completion_tokens=chunk.usage_metadata["output_tokens"],
                cached_tokens=details.get("cache_read"),
            )
        text = str(chunk.text)
        if text:
            if not self._raw:
                self._timings = self._timings.model_copy(update={"first_token": self._elapsed()})
            self._raw.append(text)
            self._publish(self._splitter.feed(text))

    def _publish(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if not piece.analysis:
                self._tell_analysis()
            delta = AnalysisDelta if piece.analysis else ResponseDelta
            self._feed.publish(delta(text=piece.text, reply_id=self._reply.id))
            if not piece.analysis:
                self._live.hear(piece.text)
        if self._splitter.analysis_complete:
            self._tell_analysis()

    def _tell_analysis(self) -> None:
        analysis = self._splitter.output.analysis
        if self._analysis_told or not analysis:
            return
        self._analysis_told = True
        self._timings = self._timings.model_copy(update={"analysis_complete": self._elapsed()})
        self._feed.publish(AnalysisDone(analysis=analysis, reply_id=self._reply.id))
        self._on_analysis(analysis)

    async def _finish(self) -> ReplyUpdate:
        await self._live.end()
        self._publish(self._splitter.finish())
        status = self._status()
        self._timings = self._timings.model_copy(update={"response_complete": self._elapsed()})
        seen = await asyncio.to_thread(safety.check, self._splitter.output.response)
        update = self._update(status, seen.kind.value if seen else None)
        if self._error is not None:
            fault = {"reply_id": self._reply.id, "error": type(self._error).__name__}
            log.warning("a reply ended early", extra={"event": "reply_ended_early", **fault})
            self._tell(self._error, saved=True)
        await self._save(update)
        self._feed.publish(
            ReplyDone(
                reply_id=self._reply.id,
                status=status,
                analysis=update.analysis,
                response=update.response,
                usage=update.usage,
                timings=update.timings,
                crisis=update.crisis,
            )
        )
        return update

    def _status(self) -> ReplyStatus:
        if self._ended_as is not None:
            return self._ended_as
        if self._error is not None:
            return ReplyStatus.INCOMPLETE
        return ReplyStatus.CUT_SHORT if self._finish_reason == "length" else ReplyStatus.COMPLETE

    def _update(self, status: ReplyStatus, crisis: str | None = None) -> ReplyUpdate:
        output = self._splitter.output
        return ReplyUpdate(
            status=status,
            raw="".join(self._raw),
            analysis=output.analysis,
            response=output.response,
            error=str(self._error) if self._error else None,
            crisis=crisis,
            usage=self._usage,
            timings=self._timings,
            model=self._model,
        )

    async def _save(self, update: ReplyUpdate) -> None:
        """Save; where that fails say so once and go on: the words are still on the page."""
        self._last_save = time.monotonic()
        try:
            await self._keep(update)
        except StoreError as error:
            if not self._not_saved:
                self._not_saved = True
                self._tell(error, saved=False)

    def _tell(self, error: PermError, *, saved: bool) -> None:
        self._feed.publish(
            TurnFailed(part=error.part, what=error.what, todo=error.todo, saved=saved)
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
