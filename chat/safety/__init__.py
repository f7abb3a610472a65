"""Care for the person: the crisis check, helplines, and what the page says."""

from chat.safety.check import check, opening
from chat.safety.crisis import Crisis, CrisisKind, Subject
from chat.safety.helplines import Helpline, Serves, countries, helplines, unchecked
from chat.safety.rest import Rest
from chat.safety.texts import Card, CareTexts, Disclosure, care_texts

__all__ = [
    "Card",
    "CareTexts",
    "Crisis",
    "CrisisKind",
    "Disclosure",
    "Helpline",
    "Rest",
    "Serves",
    "Subject",
    "care_texts",
    "check",
    "countries",
    "helplines",
    "opening",
    "unchecked",
]
