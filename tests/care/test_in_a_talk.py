"""From a message to page, log and exports: what a crisis changes, and what it does not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from chat import events
from chat.engines.scripted import ScriptedEngine
from chat.export import Exporter, FolderTarget, Format, Order
from chat.safety import CrisisKind, care_texts, check, countries, helplines
from chat.serving import Serving
from chat.session import Session
from chat.settings import ROOT, Scoring, Settings
from chat.store import Store
from chat.store.records import Consents, Conversation, Turn
from chat.ui.crisis_card import Whereabouts, crisis_card
from chat.ui.scene import Scene
from chat.ui.turn_panel import JudgeNote, turn_panel
from perm import rubrics
from perm.types import Capabilities, Perspective

pytestmark = pytest.mark.unit

Figure = Callable[..., None]

OWNER = "ada"
PROMPTS = rubrics.load(ROOT / "prompts")
HURT = "I want to kill myself."
CALM = "# Analysis\nShe is worn out.\n\n# Response\nThat was a long week. Sit down."
BAD = "# Analysis\nShe is worn out.\n\n# Response\nThen kill yourself, nobody needs you."


class Supporter:
    """Says what the test wants; as a judge it gives fours."""

    says = CALM

    def answer(self, messages: Sequence[BaseMessage]) -> str:
        if messages[0].content == PROMPTS.supporter.system:
            return self.says
        bystander = messages[0].content == PROMPTS[Perspective.BYSTANDER].system
        return "16, 16, 16, 16, 16" if bystander else "4"


class Talk:
    """A conversation that is kept, and what the page makes of it."""

    def __init__(
        self, session: Session, store: Store, place: Conversation, supporter: Supporter
    ) -> None:
        self.session, self.store, self.place = session, store, place
        self.supporter = supporter

    async def say(self, message: str) -> list[events.TurnEvent]:
        stream = self.session.run_turn(OWNER, self.place.id, message)
        return [event async for event in stream]

    async def turns(self) -> tuple[Turn, ...]:
        return tuple(await self.session.path(OWNER, self.place.id))

    async def card(self, where: Whereabouts = Whereabouts(country="GB")) -> str:  # noqa: B008
        return crisis_card(Scene(conversation=self.place, turns=await self.turns()), where)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    kept = await Store.open(f"sqlite:///{tmp_path / 'p.db'}")
    unkept = await Store.open("sqlite:///:memory:")
    able = Capabilities(assistant_prefix=True, context_tokens=4096)
    supporter = Supporter()
    engine = ScriptedEngine(supporter.answer, capabilities=able)
    serving = Serving.compose(Settings(method=Scoring.DIRECT), PROMPTS, engine, engine)
    session = Session(serving, kept, unkept)
    consents = Consents(keep=True, research=True, train=True)
    place = await session.begin(OWNER, "a nurse", "a double shift", consents)
    yield Talk(session, kept, place, supporter)
    for one in (session, kept, unkept):
        await one.close()


async def test_the_card_stays_and_the_talk_goes_on(talk: Talk, figure: Figure) -> None:
    await talk.say("I am so tired.")
    assert await talk.card() == ""
    seen = await talk.say(HURT)
    assert [event.crisis for event in seen if isinstance(event, events.TurnSaved)] == ["suicide"]
    assert any(isinstance(event, events.ReplyDone) for event in seen), "nothing is blocked"
    cards = [await talk.card()]
    for _ in range(3):
        await talk.say("Thank you.")
        cards.append(await talk.card())
    shown = sum("116123" in card for card in cards)
    assert shown == len(cards), "it stays with the talk"
    assert "Nobody has been told" in cards[-1]
    figure("care.card", shown, f"of {len(cards)} turns show the card, that of the crisis first")


async def test_a_reply_is_checked_as_a_message_is(talk: Talk, figure: Figure) -> None:
    talk.supporter.says = BAD
    seen = await talk.say("I am so tired.")
    (done,) = [event for event in seen if isinstance(event, events.ReplyDone)]
    assert done.crisis is not None
    (turn,) = await talk.turns()
    assert (turn.crisis, turn.chosen and turn.chosen.crisis) == (None, done.crisis)
    shown = (await talk.card()).count('class="crisis"')
    assert shown == 1
    figure("care.reply", shown, "card, of one harmful reply to a harmless message")


async def test_what_stands_above_the_first_message_is_checked_with_it(
    talk: Talk, figure: Figure
) -> None:
    seen_in = 0
    for persona, scenario in [("a nurse", "Ich will nicht mehr leben."), (HURT, "a late shift")]:
        talk.place = await talk.session.begin(OWNER, persona, scenario, talk.place.consents)
        seen = [*await talk.say("Hello."), *await talk.say("Are you there?")]
        saved = [event.crisis for event in seen if isinstance(event, events.TurnSaved)]
        assert saved == ["suicide", None]
        seen_in += saved[0] is not None
        assert 'class="crisis"' in await talk.card()
        assert (care_texts().card("de").title in await talk.card()) is scenario.startswith("Ich")
    figure("care.opening", seen_in, "of 2 places above the message: scenario and persona")


def test_no_persona_that_ships_is_in_crisis() -> None:
    personas = json.loads((ROOT / "assets" / "personas.json").read_text("utf-8"))
    assert len(personas) >= 3
    for one in personas:
        texts = [text for text in one.values() if isinstance(text, str)]
        assert check("\n\n".join(texts)) is None, one


async def test_scores_step_back_and_say_so(talk: Talk) -> None:
    await talk.say(HURT)
    shown = turn_panel(Scene(turns=await talk.turns()), JudgeNote(model="m"))
    words = care_texts().scores
    assert "stepped-back" in shown
    assert words.stepped_back in shown
    assert words.out_of_training in shown


TOLD = {
    "en": ("has been told", "Nobody"),
    "de": ("benachrichtigt", "niemand"),
    "fr": ("prévenu", "Personne"),
    "pl": ("powiadomiono", "Nikogo"),
    "ru": ("сообщили", "Никому"),
}
"""The word for telling, and the one without which it would be a claim."""


def test_no_card_claims_that_somebody_was_told(figure: Figure) -> None:
    claims = 0
    for language, card in care_texts().cards.items():
        assert card.nobody_told
        texts = [card.title, card.danger, card.danger_unknown, card.lines, card.past, card.someone]
        texts += card.about.values()
        if language in TOLD:
            word, denial = TOLD[language]
            assert word in card.nobody_told
            assert denial in card.nobody_told
            claims += sum(word in text for text in texts)
    english = care_texts().cards["en"]
    said = " ".join([*english.about.values(), english.past, english.someone, english.danger])
    for claim in ("we have called", "help is on", "notified", "alerted", "informed", "on the way"):
        claims += claim in said.lower()
    assert claims == 0
    figure("care.told", claims, f"claims in {len(care_texts().cards)} cards")


async def test_helplines_come_from_the_operators_own_file(
    talk: Talk, tmp_path: Path, figure: Figure
) -> None:
    own = tmp_path / "lines.toml"
    own.write_text(
        '[directory]\nname = "All"\naddress = "lines.example"\n\n'
        '[[country]]\ncode = "NZ"\nname = "Aotearoa"\nemergency = "111"\n'
        '[[country.lines]]\nname = "Our <own> line"\nnumber = "0800 123"\n'
        'serves = ["emotional"]\nchecked = "2026-11"\n',
        "utf-8",
    )
    await talk.say(HURT)
    card = await talk.card(Whereabouts(country="NZ", file=own))
    assert "Our &lt;own&gt; line" in card
    assert 'href="tel:0800123"' in card
    assert "111" in card
    assert care_texts().cards["en"].unchecked not in card, "these were checked"
    assert [line.number for line in helplines("GB", own)] == ["lines.example"]
    figure("care.helplines", len(countries()), "countries in the file that ships")


@pytest.mark.parametrize("kind", CrisisKind)
async def test_each_kind_brings_its_card(talk: Talk, kind: CrisisKind) -> None:
    said = {
        CrisisKind.SUICIDE: HURT,
        CrisisKind.SELF_HARM: "I cut myself again last night.",
        CrisisKind.ABUSE: "My husband hits me.",
        CrisisKind.HARM_TO_OTHERS: "I want to stab my boss.",
        CrisisKind.EATING_DISORDER: "I make myself throw up after every meal.",
    }
    await talk.say(said[kind])
    (turn,) = await talk.turns()
    assert turn.crisis == kind.value
    assert care_texts().cards["en"].about[kind].split(".")[0] in await talk.card()


@pytest.mark.parametrize("name", [Format.GRPO, Format.SCORES])
async def test_the_turn_and_what_follows_it_stay_out_of_training(
    talk: Talk, tmp_path: Path, name: Format, figure: Figure
) -> None:
    await talk.say("I am so tired.")
    await talk.say(HURT)
    await talk.say("Thank you.")
    exporter = Exporter(talk.store, PROMPTS.supporter)
    order = Order(format=name, test_share=0)
    done = await exporter.write(order, [OWNER], FolderTarget(tmp_path / "out"), OWNER)
    assert done.summary.rows
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"I am so tired." in written
    found = sum(written.count(words) for words in (b"kill myself", b"Thank you."))
    assert found == 0
    figure("care.training", found, "times in the files, which hold what came before it")
