"""One judge, and the four perspectives side by side, verdicts as they land.

Two methods. reasoned, the paper's protocol: a reason, then the score, sampled. direct: the score
alone, read from the probabilities of the digit tokens where the engine tells them, else from the
digit itself; asked for behind a prefix, else in a prescribed form, else in plain words. Whatever
goes wrong is an unscored verdict with its reason, never a number.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from perm.fencing import says_something
from perm.judge_calls import Answer, JudgePolicy, Tries, call
from perm.judge_prompts import contexts_for, user_message
from perm.parsing import (
    LEAST_MASS,
    Reading,
    numbers_mass,
    place_of_level,
    read_digit,
    read_digits,
    read_parts,
    read_reasoned,
    read_structured,
    schema_of,
)
from perm.rubrics import Rubrics
from perm.types import (
    BYSTANDER_PARTS,
    Capabilities,
    EngineError,
    JudgeContext,
    Method,
    Perspective,
    Status,
    Unscored,
    Value,
    Verdict,
)

__all__ = ["Judge", "JudgePolicy", "contexts_for"]

MOST_ALTERNATIVES: Final = 20
"""How many tokens of a place are asked for: all that OpenAI's interface gives."""

_FEWEST_ALTERNATIVES: Final = 5  # of a place, below which five levels cannot be told apart
_PARTS_TOKENS: Final = 30
_DIGIT_TOKENS: Final = 8  # without probabilities there may be words around the digit
_LEVEL_TOKENS: Final = 24  # {"level": 3}, with the line breaks that some engines put in
_FORM_TOKENS: Final = 120  # the bystander's five in that form
_WARM: Final = "."


class _Request(Value):
    """One judge call as it will be made. `options` are bound to the chat model."""

    user: str
    prefix: str
    options: Mapping[str, Any]


class Judge:
    """Judges turns with one chat model. Keeps no state between calls.

    `capabilities` say what the model's engine can do; what it cannot is left out honestly: without
    probabilities a direct verdict has no distribution, a prefix is sent only where the engine
    continues it, and where it does not, a schema only where that is honoured.
    """

    def __init__(
        self,
        model: BaseChatModel,
        model_name: str,
        capabilities: Capabilities,
        rubrics: Rubrics,
        policy: JudgePolicy | None = None,
        *,
        also: Mapping[str, Any] | None = None,
    ) -> None:
        """`also`: further fields of every call: `model`, where an engine serves several."""
        self._also = dict(also or {})
        self._model = model
        self._model_name = model_name
        self._capabilities = capabilities
        self._rubrics = rubrics
        self._policy = policy or JudgePolicy()

    async def judge(
        self, perspective: Perspective, context: JudgeContext, method: Method
    ) -> Verdict:
        """One verdict. Never raises, but passes CancelledError through."""
        known: dict[str, Any] = {
            "perspective": perspective,
            "method": method,
            "judge_model": self._model_name,
            "prompt_hash": self._rubrics[perspective].hash,
        }
        if not says_something(context.part):
            missing = perspective.rates_analysis and not context.part
            return _unscored(known, Unscored.NO_ANALYSIS if missing else Unscored.EMPTY)
        request = self._request(perspective, context, method)
        known["request"] = request.user + (f"\n\n{request.prefix}" if request.prefix else "")
        tries, begun = Tries(), time.perf_counter()
        try:
            answer = await self._call(perspective, request, tries)
        except EngineError as error:
            return _unscored(
                known | _effort(tries, begun), Unscored.ENGINE, f"{error.fault}: {error}"
            )
        except Exception as error:  # noqa: BLE001 - a foreign chat model may raise anything
            # Its message may hold what a person said, or a key: the type's name must do.
            return _unscored(known | _effort(tries, begun), Unscored.ENGINE, type(error).__name__)
        known |= _effort(tries, begun) | {"raw": answer.text, "usage": answer.usage}
        return self._read(known, request.prefix, answer)

    async def judge_all(
        self, contexts: Mapping[Perspective, JudgeContext], method: Method
    ) -> AsyncIterator[Verdict]:
        """The verdicts on these perspectives, asked for all at once, in the order they land.

        Closing the iterator cancels the calls that are still under way.
        """
        tasks = [
            asyncio.ensure_future(self.judge(perspective, context, method))
            for perspective, context in contexts.items()
        ]
        try:
            for landed in asyncio.as_completed(tasks):
                yield await landed
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def warm(self, perspective: Perspective) -> None:
        """Have the rubric read once, so that an engine that caches prefixes finds it later.

        A failure is no matter here: the first real call will tell.
        """
        policy = self._policy.model_copy(update={"retries": 0})
        with contextlib.suppress(Exception):  # foreign chat models may raise anything
            await call(self._model, self.opening(perspective), {"max_tokens": 1}, policy, Tries())

    def opening(self, perspective: Perspective) -> list[BaseMessage]:
        """The beginning that all of its calls share, with as little as possible after it."""
        return [SystemMessage(self._rubrics[perspective].system), HumanMessage(_WARM)]

    async def _call(self, perspective: Perspective, request: _Request, tries: Tries) -> Answer:
        messages: list[BaseMessage] = [
            SystemMessage(self._rubrics[perspective].system),
            HumanMessage(request.user),
        ]
        if request.prefix:
            messages.append(AIMessage(request.prefix))
        options = {**request.options, **self._also}
        return await call(self._model, messages, options, self._policy, tries)

    def _request(self, perspective: Perspective, context: JudgeContext, method: Method) -> _Request:
        rubric = self._rubrics[perspective]
        prefix = ""
        if method is Method.DIRECT and self._capabilities.assistant_prefix:
            prefix = rubric.prefixes[method]
        options = self._options(perspective, method)
        if prefix and self._capabilities.prefix_options:
            own = getattr(self._model, "extra_body", None) or {}
            options["extra_body"] = {**own, **self._capabilities.prefix_options}
        return _Request(user=user_message(rubric, context, method), prefix=prefix, options=options)

    def _options(self, perspective: Perspective, method: Method) -> dict[str, Any]:
        if method is Method.REASONED:
            return {
                "temperature": self._policy.temperature,
                "top_p": self._policy.top_p,
                "max_tokens": self._policy.max_tokens,
            }
        options: dict[str, Any] = {"temperature": 0.0}
        if self._tells_chances:
            options["logprobs"] = True
            options["top_logprobs"] = min(MOST_ALTERNATIVES, self._capabilities.top_logprobs)
        if self._prescribes:
            limit = _FORM_TOKENS if perspective is Perspective.BYSTANDER else _LEVEL_TOKENS
            return options | {"max_tokens": limit, "response_format": schema_of(perspective)}
        if perspective is Perspective.BYSTANDER:
            return options | {"max_tokens": _PARTS_TOKENS, "stop": ["\n"]}
        return options | {"max_tokens": 1 if self._tells_chances else _DIGIT_TOKENS}

    @property
    def _tells_chances(self) -> bool:
        capable = self._capabilities
        return capable.logprobs and capable.top_logprobs >= _FEWEST_ALTERNATIVES

    @property
    def _prescribes(self) -> bool:
        """Whether a direct answer gets its form by a schema: where it cannot get it by a prefix."""
        return self._capabilities.structured_choice and not self._capabilities.assistant_prefix

    def _read(self, known: dict[str, Any], prefix: str, answer: Answer) -> Verdict:
        """The verdict in an answer. Some engines repeat the prefix at its beginning."""
        if answer.refused:
            return _unscored(known, Unscored.REFUSED)
        perspective, method = known["perspective"], known["method"]
        if method is Method.REASONED:
            return _verdict(known, read_reasoned(perspective, answer.text, answer.truncated))
        if self._prescribes:
            return self._read_prescribed(known, answer)
        text = answer.text.removeprefix(prefix)
        if perspective is Perspective.BYSTANDER:
            return self._read_parts(known, text, answer)
        if not answer.places:
            return _verdict(known, read_digit(text))
        digits = read_digits(answer.places[0])
        known |= {"distribution": digits.distribution, "mass": digits.mass}
        return _verdict(known, Reading(score=digits.score, unscored=digits.unscored))

    def _read_prescribed(self, known: dict[str, Any], answer: Answer) -> Verdict:
        """What the form holds; of a level the probabilities as well, where they were told."""
        perspective = known["perspective"]
        reading = read_structured(perspective, answer.text, answer.truncated)
        bystander = perspective is Perspective.BYSTANDER
        place = None if bystander else place_of_level(answer.places)
        if reading.unscored or place is None:
            return _verdict(known, reading)
        digits = read_digits(place)
        known |= {"distribution": digits.distribution, "mass": digits.mass}
        return _verdict(known, Reading(score=digits.score, unscored=digits.unscored))

    def _read_parts(self, known: dict[str, Any], text: str, answer: Answer) -> Verdict:
        reading = read_parts(text, answer.truncated)
        if reading.unscored or not answer.places:
            return _verdict(known, reading)
        mass = numbers_mass(answer.places, len(BYSTANDER_PARTS))
        if mass is None:
            return _unscored(known, Unscored.BAD_NUMBER)
        known["mass"] = mass
        if mass < LEAST_MASS:
            return _unscored(known, Unscored.LOW_MASS)
        return _verdict(known, reading)


def _effort(tries: Tries, begun: float) -> dict[str, Any]:
    return {"attempts": tries.count, "seconds": time.perf_counter() - begun}


def _verdict(known: Mapping[str, Any], reading: Reading) -> Verdict:
    return Verdict(
        **known,
        status=Status.UNSCORED if reading.score is None else Status.SCORED,
        score=reading.score,
        parts=reading.parts,
        reason=reading.reason,
        unscored=reading.unscored,
    )


def _unscored(known: Mapping[str, Any], why: Unscored, error: str | None = None) -> Verdict:
    return Verdict(**known, status=Status.UNSCORED, unscored=why, error=error)
