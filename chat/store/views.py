"""Views with plain names, for Datasette and whoever else opens the database. See docs/schema.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class View(NamedTuple):
    meaning: str
    columns: Mapping[str, str]
    sql: str


_WHERE: Final = {
    "conversation_id": "the conversation",
    "reply_id": "the reply",
}
_SCORES: Final = {
    "resonation": "1 to 5, empty where it is unscored",
    "expression": "1 to 5, empty where it is unscored",
    "reception": "1 to 5, empty where it is unscored",
    "bystander": "0 to 100, empty where it is unscored",
}

VIEWS: Final[Mapping[str, View]] = {
    "turns": View(
        "One row a reply: what was said, how it was scored, what people thought of it.",
        _WHERE
        | {
            "turn_id": "the turn",
            "turn": "the turn's number in its conversation, from 1",
            "reply": "the reply's number in its turn, from 1",
            "chosen": "1 if the conversation went on from it",
            "owner": "whose it is (a digest)",
            "title": "of the conversation",
            "persona": "who the seeker is",
            "scenario": "what is going on",
            "message": "what the seeker said",
            "analysis": "what the supporter understood",
            "response": "what the supporter said",
            "status": "complete, or how it ended",
            "model": "that wrote it",
            "judge": "of its latest binding verdict",
        }
        | _SCORES
        | {
            "scored": "how many of the four are scored",
            "reward": "the sum, empty until all four are scored",
            "thumb": "the owner's, 1 or -1",
            "research": "1 if it may be used in research",
            "train": "1 if it may be used to train",
            "created_at": "UTC",
        },
        """
        SELECT shelf.conversation_id, shelf.reply_id, turn.id AS turn_id, turn.number AS turn,
            reply.number AS reply, reply.chosen, shelf.owner, conversation.title,
            conversation.persona, conversation.scenario, turn.message, reply.analysis,
            reply.response, shelf.status, shelf.model, shelf.judge, shelf.resonation,
            shelf.expression, shelf.reception, shelf.bystander, shelf.scored, shelf.reward,
            shelf.thumb, conversation.research, conversation.train, shelf.created_at
        FROM shelf
        JOIN reply ON reply.id = shelf.reply_id
        JOIN turn ON turn.id = reply.turn_id
        JOIN conversation ON conversation.id = shelf.conversation_id
        """,
    ),
    "verdicts": View(
        "Every verdict, and whether it is the one that counts for its reply and perspective.",
        {
            "reply_id": "the reply",
            "perspective": "resonation, expression, reception or bystander",
            "counts": "1 for the binding verdict: scored over unscored, direct over reasoned, later"
            " over earlier",
            "method": "direct or reasoned",
            "status": "scored or unscored",
            "score": "1 to 5, bystander 0 to 100; empty if unscored",
            "unscored": "why not",
            "reason": "the judge's, if it was asked for one",
            "judge_model": "that judged",
            "prompt_hash": "of the judge's prompt; the text is in `prompt`",
            "seconds": "that the call took",
            "raw": "the judge's output as it came",
            "created_at": "UTC",
        },
        """
        SELECT reply_id, perspective,
            CASE WHEN row_number() OVER (
                PARTITION BY reply_id, perspective
                ORDER BY CASE status WHEN 'scored' THEN 1 ELSE 0 END DESC,
                    CASE method WHEN 'direct' THEN 1 ELSE 0 END DESC, number DESC
            ) = 1 THEN 1 ELSE 0 END AS counts,
            method, status, score, unscored, reason, judge_model, prompt_hash, seconds, raw,
            created_at
        FROM verdict
        """,
    ),
    "rewards": View(
        "Every reward with its terms and the scores that it came from.",
        _WHERE
        | {"model": "that wrote the reply"}
        | _SCORES
        | {
            "empathy": "the first term",
            "bystander_term": "the second, at most 0",
            "length_term": "the third, at most 0",
            "total": "their sum",
            "settings": "the mode and the weights, as JSON",
            "saved_at": "UTC",
        },
        """
        SELECT shelf.conversation_id, shelf.reply_id, shelf.model, shelf.resonation,
            shelf.expression, shelf.reception, shelf.bystander, reward.empathy,
            reward.bystander AS bystander_term, reward.length AS length_term, reward.total,
            reward.settings, reward.saved_at
        FROM reward JOIN shelf ON shelf.reply_id = reward.reply_id
        """,
    ),
    "feedback_by_rater": View(
        "What each rater said of a reply, beside the judge's scores.",
        _WHERE
        | {
            "rater": "who said it (a digest)",
            "thumb": "1 or -1",
        }
        | {name: f"the rater's, {scale.split(',')[0]}" for name, scale in _SCORES.items()}
        | {
            f"judge_{name}": f"the judge's, {scale.split(',')[0]}"
            for name, scale in _SCORES.items()
        }
        | {
            "reward": "the reply's",
            "better": "the wording the rater wished for",
            "comment": "in the rater's words",
            "saved_at": "UTC",
        },
        """
        SELECT shelf.conversation_id, feedback.reply_id, feedback.rater, feedback.thumb,
            feedback.resonation, feedback.expression, feedback.reception, feedback.bystander,
            shelf.resonation AS judge_resonation, shelf.expression AS judge_expression,
            shelf.reception AS judge_reception, shelf.bystander AS judge_bystander, shelf.reward,
            feedback.better, feedback.comment, feedback.saved_at
        FROM feedback JOIN shelf ON shelf.reply_id = feedback.reply_id
        WHERE feedback.other_reply_id IS NULL
        """,
    ),
}
