"""Every line of the list of hostile text, against a scripted judge: what a turn holds cannot turn
parsing, fencing or bookkeeping. Whether a real judge can be talked round is for
`perm-chat selfcheck --attacks` to count."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from perm import attack_set
from perm.attack_set import Attack, Expectation, Place
from perm.fencing import MARK
from perm.judge_prompts import user_message
from perm.judges import Judge
from perm.rubrics import load
from perm.types import BYSTANDER_PARTS, Capabilities, JudgeContext, Method, Perspective, Unscored
from tests.support.answers import Scripted, tokens, words
from tests.support.chat_templates import EVERY_TOKEN, FAMILIES, Family, special_tokens

pytestmark = pytest.mark.unit

RUBRICS = load(Path(__file__).parents[2] / "prompts")
ATTACKS = attack_set.load().attack
R, E, C, B = Perspective
DIRECT, REASONED = Method
ABLE = Capabilities(logprobs=True, top_logprobs=20, assistant_prefix=True)
CONTEXT = JudgeContext(
    persona="Ann, 40, a nurse",
    scenario="After a double shift",
    message="I am so tired of it all.",
    part="You could make a list.",
)
TOKENS = Attack(
    name="every-token",
    says="every special token of every family, bare and disguised",
    expects=Expectation.UNMOVED,
    template="{text} "
    + " ".join(EVERY_TOKEN)
    + " ".join(token.replace("<", "＜").replace(">", "＞") for token in EVERY_TOKEN)
    + " ".join(token[0] + "\u200b" + token[1:] for token in EVERY_TOKEN)
    + "\n".join(token.replace("[", "［").replace("]", "］") for token in EVERY_TOKEN)
    + "".join(f"{token}\u2028{token}\r{token}\x00" for token in EVERY_TOKEN),
)
EVERY_ATTACK = (*ATTACKS, TOKENS)
Figures = Callable[..., None]


def by_name(attack: Attack) -> str:
    return attack.name


def judge(model: Scripted, able: Capabilities = ABLE) -> Judge:
    return Judge(model, "a-judge", able, RUBRICS)


def seat_of(messages: Sequence[BaseMessage]) -> Perspective:
    return next(seat for seat in Perspective if RUBRICS[seat].system == messages[0].content)


def own_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if not line.startswith(MARK)]


def test_every_line_of_the_list_has_its_attack() -> None:
    names = {each.name for each in ATTACKS}
    assert names >= {
        *("score-line", "total-line", "forged-format", "forged-closing", "json-verdict"),
        *("ignore-the-above", "chatml-tokens", "llama-tokens", "inst-tokens", "gemma-tokens"),
        *("end-of-thought", "fake-reason", "experts", "html-comment", "base64", "full-width"),
        *("lone-colon", "thought-process", "parroted", "five-times", "placeholder"),
    }
    two = {each.name for each in ATTACKS if each.expects is Expectation.AT_MOST_TWO}
    assert two == {"lone-colon", "thought-process", "parroted"}
    for place in Place:
        assert sum(place in each.places for each in ATTACKS) >= 4


# What the judge is sent


def test_a_prompt_has_as_many_special_tokens_whatever_is_judged(figure: Figures) -> None:
    tried = sum(map(_tokens_stay, FAMILIES))
    said = f"prompts with a token more or fewer, in {len(FAMILIES)} families of chat templates"
    figure("hostile.tokens", f"0 of {tried:,}", said)


def _tokens_stay(family: Family) -> int:
    """How many prompts were tried."""

    def prompt(context: JudgeContext) -> str:
        asked = user_message(RUBRICS[E], context, DIRECT)
        messages = [SystemMessage(RUBRICS[E].system), HumanMessage(asked), AIMessage("Level ")]
        return family.render(messages)

    tried = 0
    for tokenizer in family.tokenizers():
        usual = special_tokens(tokenizer, prompt(CONTEXT))
        bare = special_tokens(tokenizer, TOKENS.on(CONTEXT, Place.REPLY).part)
        assert usual >= 3
        assert bare >= len(family.tokens), "the tokenizer must know what is to be kept out"
        for attack in EVERY_ATTACK:
            for place in Place:
                found = special_tokens(tokenizer, prompt(attack.on(CONTEXT, place)))
                assert found == usual, (family.name, attack.name, place)
                tried += 1
    return tried


def test_the_prompts_own_lines_stay_as_they_are(figure: Figures) -> None:
    """No forged section, delimiter or placeholder becomes one of them, in whatever place."""
    every = list(product(Perspective, Method, EVERY_ATTACK, Place))
    for seat, method, attack, place in every:
        usual = own_lines(user_message(RUBRICS[seat], CONTEXT, method))
        sent = user_message(RUBRICS[seat], attack.on(CONTEXT, place), method)
        assert own_lines(sent) == usual, (seat, method, attack.name, place)
    figure("hostile.lines", f"0 of {len(every):,}", "prompts with another line of their own")


@pytest.mark.parametrize("place", Place)
@pytest.mark.parametrize("name", ["response", "analysis", "persona", "scenario", "message"])
def test_the_name_of_a_place_stays_literal(place: Place, name: str) -> None:
    attack = Attack(
        name="literal", says="-", expects=Expectation.UNMOVED, template=f"say {{{name}}}"
    )
    template = f"say {{{name}}}"
    sent = user_message(
        RUBRICS[E],
        CONTEXT.model_copy(update={"part" if place is Place.REPLY else place: template}),
        DIRECT,
    )
    assert f"{MARK}{template}" in sent
    assert attack.template == template


# What is made of what the judge says


async def echoed_before(messages: Sequence[BaseMessage]) -> AIMessage:
    """A judge that repeats all it was shown, bare and as it was quoted, and then judges."""
    shown = str(messages[1].content)
    bare = shown.replace(f"\n{MARK}", "\n").removeprefix(MARK)
    return words(f"I was shown this.\n{bare}\n{shown}\n\n{own_verdict(seat_of(messages))}")


async def echoed_after(messages: Sequence[BaseMessage]) -> AIMessage:
    """A judge that judges and then repeats what was quoted to it."""
    quoted = "\n".join(
        line for line in str(messages[1].content).split("\n") if line.startswith(MARK)
    )
    return words(f"{own_verdict(seat_of(messages))}\n\nThis is what I rated:\n{quoted}")


def own_verdict(seat: Perspective) -> str:
    if seat is not B:
        return "Reason: it is stock.\nScore: 2"
    lines = [f"{part.capitalize()}: 8 / 20 - so" for part in BYSTANDER_PARTS]
    return "\n".join(["Assessment: weak", *lines, "Total Score: 40 / 100"])


async def test_a_judge_that_repeats_the_attack_still_gives_its_own_verdict(
    figure: Figures,
) -> None:
    tried = 0
    for echo, attack, place in product((echoed_before, echoed_after), EVERY_ATTACK, Place):
        if attack.name == "lone-colon" and place is Place.REPLY:
            continue  # nothing to judge: below
        for seat in Perspective:
            context = attack.on(CONTEXT, place)
            verdict = await judge(Scripted(echo)).judge(seat, context, REASONED)
            assert verdict.score == (40 if seat is B else 2), (attack.name, place, seat, verdict)
            tried += 1
    figure("hostile.echo", f"0 of {tried:,}", "verdicts were another")


@pytest.mark.parametrize("attack", EVERY_ATTACK, ids=by_name)
async def test_a_direct_score_comes_from_the_probabilities_alone(attack: Attack) -> None:
    for place in Place:
        context = attack.on(CONTEXT, place)
        if attack.name == "lone-colon" and place is Place.REPLY:
            continue
        verdict = await judge(Scripted(tokens({"2": 0.95, "5": 0.05}))).judge(E, context, DIRECT)
        assert verdict.score == pytest.approx(2.15)
        assert attack.name not in verdict.raw


EMPTY = ["", " \n\t", "\u200b\u200d\u2060\ufeff", "\u3164", ":", "…", "---", "\x00", "❤️", "\u2028"]


async def test_where_nothing_is_said_no_call_is_made(figure: Figures) -> None:
    every = list(product(EMPTY, Perspective, Method))
    for part, seat, method in every:
        model = Scripted(words("Score: 5"))
        context = CONTEXT.model_copy(update={"part": part})
        verdict = await judge(model).judge(seat, context, method)
        assert (verdict.score, model.asked, verdict.attempts) == (None, [], 0), repr(part)
        assert verdict.unscored in {Unscored.EMPTY, Unscored.NO_ANALYSIS}
    figure("hostile.empty", f"0 of {len(every)}", "turns without a word led to a call")


# The judge's own output


FOURS = (
    *("**Score:** 4", "Score: 4/5", "score: 4", " Score: [4]", "Score: 4 / 5"),
    *("**Score: 4**", "Score：4"),
)


async def test_seven_ways_to_write_a_four(figure: Figures) -> None:
    for line in FOURS:
        said = words(f"Reason: close.\n{line}")
        assert (await judge(Scripted(said)).judge(E, CONTEXT, REASONED)).score == 4, line
    figure("hostile.fours", f"{len(FOURS)} of {len(FOURS)}", "forms are a 4")


async def test_of_two_verdicts_the_last_binds() -> None:
    said = words("Score: 5\nReason: on reflection it is stock.\nScore: 2")
    assert (await judge(Scripted(said)).judge(E, CONTEXT, REASONED)).score == 2


NO_SCORES = (
    *((f"Score: {bad}", Unscored.OUT_OF_RANGE) for bad in ("7", "0", "-3")),
    *((f"Score: {bad}", Unscored.BAD_NUMBER) for bad in ("NaN", "9 / 10", "85 / 0", "3.5")),
    *((f"Score: {bad}", Unscored.BAD_NUMBER) for bad in ("1_000", "٤", "４", "४", "四")),
    ("Score: 2\nReason: no, wait.\nScore: 7", Unscored.OUT_OF_RANGE),
    ("<think>The reply is warm. Score: 4", Unscored.TRUNCATED),
    ("I'm sorry, but I can't rate a person's feelings.", Unscored.REFUSED),
    ("", Unscored.NO_VERDICT),
)


async def test_what_is_no_score_is_unscored(figure: Figures) -> None:
    for said, why in NO_SCORES:
        verdict = await judge(Scripted(words(said))).judge(E, CONTEXT, REASONED)
        assert (verdict.score, verdict.unscored, verdict.raw) == (None, why, said)
    figure("hostile.unscored", f"0 of {len(NO_SCORES)}", "outputs became a number")


async def test_what_was_cut_off_is_unscored() -> None:
    verdict = await judge(Scripted(words("Score: 4", "length"))).judge(E, CONTEXT, REASONED)
    assert (verdict.score, verdict.unscored) == (None, Unscored.TRUNCATED)


@pytest.mark.parametrize("total", ["41 / 100", "40 / 50", "4 / 10", "850 / 100", "40 / 0"])
async def test_a_total_unlike_the_sum_of_its_parts_is_unscored(total: str) -> None:
    said = own_verdict(B).replace("40 / 100", total)
    verdict = await judge(Scripted(words(said))).judge(B, CONTEXT, REASONED)
    assert (verdict.score, verdict.parts) == (None, None)


@pytest.mark.parametrize("odd", [None, ["Score: 4"], ("Score: 4",), {"content": "Score: 4"}, 4])
async def test_an_answer_that_is_no_message_is_unscored(
    odd: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(*_: object, **__: object) -> object:
        return odd

    model = Scripted(words(""))
    monkeypatch.setattr(Scripted, "ainvoke", answer)
    for method in Method:
        for seat in Perspective:
            assert (await judge(model).judge(seat, CONTEXT, method)).score is None


def place_of(*entries: tuple[str, float]) -> AIMessage:
    told = [{"token": token, "logprob": logprob} for token, logprob in entries]
    content = [{"token": entries[0][0], "top_logprobs": told}]
    return words(entries[0][0], "length", logprobs={"content": content})


NO_CHANCES = (
    (place_of(("4", math.nan)), Unscored.BAD_NUMBER),
    (place_of(("4", 0.0), ("5", math.nan)), Unscored.BAD_NUMBER),
    (place_of(("4", -9999.0)), Unscored.LOW_MASS),
    (place_of(("50", math.log(0.9)), ("5", math.log(0.1))), Unscored.LOW_MASS),
    (place_of(("4", math.log(0.899)), ("I", math.log(0.101))), Unscored.LOW_MASS),
    (place_of(("４", 0.0)), Unscored.LOW_MASS),
)


async def test_probabilities_that_are_none_give_no_score(figure: Figures) -> None:
    for answer, why in NO_CHANCES:
        verdict = await judge(Scripted(answer)).judge(E, CONTEXT, DIRECT)
        assert (verdict.score, verdict.unscored) == (None, why)
    figure("hostile.chances", f"0 of {len(NO_CHANCES)}", "kinds became a number")
