"""One call being served: its tokens, how far they were read, and what it has written."""

from __future__ import annotations

import torch

from chat.engines.in_process.calls import Call, Done, Token
from chat.engines.in_process.loading import Loaded
from chat.engines.in_process.sampling import drawn, place_of
from chat.engines.in_process.text import Reader
from perm.types import Usage


class Row:
    """`tokens`: the prompt and what was written. `fed`: how many of them the model has read.

    `adapter`: the name of the one that it is read and written with; empty for the backbone alone.
    """

    def __init__(self, call: Call, prompt: list[int], loaded: Loaded) -> None:
        self.call = call
        self.adapter = loaded.adapter_for(call.options.model)
        self.tokens = prompt
        self.fed = 0
        self.cached = 0
        self.over = False
        self._prompt = len(prompt)
        room = loaded.context - len(prompt)
        self._limit = min(call.options.max_tokens or room, room)
        self._loaded = loaded
        self._reader = Reader(loaded.decode, prompt, call.options.stop)
        self._chance = torch.Generator(device=loaded.device)
        if call.options.seed is None:
            self._chance.seed()
        else:
            self._chance.manual_seed(call.options.seed)

    @property
    def unread(self) -> list[int]:
        return self.tokens[self.fed :]

    @property
    def written(self) -> int:
        return len(self.tokens) - self._prompt

    def take(self, scores: torch.Tensor) -> None:
        """Write the next token and tell it; tell the end where this is it."""
        options = self.call.options
        token = drawn(scores, options, self._chance)
        self.tokens.append(token)
        if token in self._loaded.ends:
            self._end("stop")
            return
        text = self._reader.add(token)
        place = None
        if options.logprobs and (text or not self._reader.stopped):
            place = place_of(scores, token, options.top_logprobs, self._loaded.name_of)
        self.call.tell(Token(text=text, place=place))
        if self._reader.stopped:
            self._end("stop")
        elif self.written >= self._limit:
            self._end("length")

    def _end(self, reason: str) -> None:
        self.over = True
        self.call.tell(
            Done(
                text=self._reader.finish(),
                finish_reason=reason,
                usage=Usage(
                    prompt_tokens=self._prompt,
                    completion_tokens=self.written,
                    cached_tokens=self.cached,
                ),
            )
        )
