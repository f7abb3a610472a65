"""Every parser, by the name of its corpus. A target takes any bytes and raises where a promise is
broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.fuzz import targets_app as app
from tests.fuzz import targets_judging as judging

Target = Callable[[bytes], None]

TARGETS: Final[Mapping[str, Target]] = {
    "supporter_output": judging.supporter_output,
    "judge_words": judging.judge_words,
    "judge_forms": judging.judge_forms,
    "judge_chances": judging.judge_chances,
    "judge_message": judging.judge_message,
    "judge_prompt": judging.judge_prompt,
    "fencing": judging.fencing,
    "prompt_file": judging.prompt_file,
    "crisis_check": app.crisis_check,
    "plain_json": app.plain_json,
    "stored_text": app.stored_text,
    "page_text": app.page_text,
    "history_address": app.history_address,
    "search_words": app.search_words,
    "score_record": app.score_record,
    "ratings_file": app.ratings_file,
    "training_prompts": app.training_prompts,
    "study_prompts": app.study_prompts,
    "weights_header": app.weights_header,
    "model_config": app.model_config,
    "server_log": app.server_log,
}
