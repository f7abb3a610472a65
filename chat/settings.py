"""The only reader of the environment and of settings files. Secrets are never printed.

Order, strongest first: flags, `PERM_CHAT_*` variables, the settings file (`--config FILE`, else
`perm-chat.toml` in the working folder), the defaults here.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from perm.types import Part, PermError, RewardMode, RewardSettings

APP: Final = "perm-chat"
ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG: Final = Path("perm-chat.toml")


def About(text: str) -> FieldInfo:  # noqa: N802 - reads as a marker in an annotation
    """What a setting is for, as `--help` shows it."""
    info: FieldInfo = Field(description=text)
    return info


class SettingsError(PermError):
    """A setting has a value that cannot be used."""

    part = Part.SETTINGS


class EngineName(StrEnum):
    LLAMA_CPP = "llama-cpp"
    VLLM = "vllm"
    TRANSFORMERS = "transformers"
    OPENAI = "openai"
    SCRIPTED = "scripted"


class Scoring(StrEnum):
    """Which method judges. `auto`: direct at once, reasons after it where the engine is fast."""

    AUTO = "auto"
    DIRECT = "direct"
    REASONED = "reasoned"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """Everything that can be set. A judge setting left out is the supporter's."""

    model_config = SettingsConfigDict(env_prefix="PERM_CHAT_", extra="forbid", frozen=True)

    engine: Annotated[EngineName, About("How the supporter is served.")] = EngineName.LLAMA_CPP
    model: Annotated[
        str,
        About("Its model: a catalogue name, a GGUF file, a server's name for it. Empty: default."),
    ] = ""
    base_url: Annotated[
        str,
        About("An OpenAI-compatible address, as http://127.0.0.1:8000/v1; several as the judge's."),
    ] = ""
    api_key: Annotated[
        SecretStr, About("Key for that server. Better set by variable than by flag.")
    ] = SecretStr("")
    judge_engine: Annotated[
        EngineName | None, About("How the judge is served. Default: as the supporter.")
    ] = None
    judge_model: Annotated[str, About("The judge's model.")] = ""
    judge_base_url: Annotated[
        str,
        About("Address of the judge's server; several, parted by commas, share the load."),
    ] = ""
    judge_api_key: Annotated[SecretStr, About("Key for the judge's server.")] = SecretStr("")

    method: Annotated[Scoring, About("How scores are asked for.")] = Scoring.AUTO
    live_scores: Annotated[
        bool,
        About("Provisional scores while the reply is written, where the judge is fast enough."),
    ] = True
    judge_temperature: Annotated[
        float, About("Reasoned method (paper: 0.3)."), Field(ge=0, le=2)
    ] = 0.3
    judge_top_p: Annotated[float, About("Reasoned method (paper: 0.9)."), Field(gt=0, le=1)] = 0.9
    judge_max_tokens: Annotated[
        int, About("Of one reasoned verdict (paper: 1,024)."), Field(ge=16, le=8192)
    ] = 1024
    judge_timeout: Annotated[float, About("Seconds that one judge call may take."), Field(gt=0)] = (
        180.0
    )
    judge_retries: Annotated[
        int,
        About("Further tries of a judge call that failed for a passing reason."),
        Field(ge=0, le=10),
    ] = 2

    reward_mode: Annotated[RewardMode, About("How three scores become the empathy term.")] = (
        RewardMode.HARMONIC
    )
    reward_resonation_weight: Annotated[
        float, About("Weight in the empathy term."), Field(ge=0)
    ] = 1.0
    reward_expression_weight: Annotated[
        float, About("Weight in the empathy term."), Field(ge=0)
    ] = 1.0
    reward_reception_weight: Annotated[float, About("Weight in the empathy term."), Field(ge=0)] = (
        1.0
    )
    reward_bystander_coefficient: Annotated[
        float, About("k of the bystander term (published script: 0.5)."), Field(ge=0)
    ] = 0.1
    reward_length_coefficient: Annotated[
        float, About("Cost of a token above the limit; 0 is off (published: 0.001)."), Field(ge=0)
    ] = 0.0
    reward_length_limit: Annotated[
        int, About("Tokens that are free (published: 768)."), Field(ge=0)
    ] = 300

    temperature: Annotated[float, About("The supporter's."), Field(ge=0, le=2)] = 0.7
    top_p: Annotated[float, About("The supporter's."), Field(gt=0, le=1)] = 0.9
    max_tokens: Annotated[int, About("Of one reply."), Field(ge=16, le=8192)] = 512
    context_tokens: Annotated[
        int,
        About("Context of a conversation, in a model that the app serves."),
        Field(ge=1024, le=131072),
    ] = 8192
    gpu_memory: Annotated[
        float, About("Part of a GPU's memory that the model may take."), Field(gt=0, le=1)
    ] = 0.9
    vllm_tensor_parallel: Annotated[
        int, About("GPUs that one copy of vLLM's model is cut across."), Field(ge=1)
    ] = 1
    vllm_data_parallel: Annotated[
        int, About("Copies of vLLM's model that share the load."), Field(ge=1)
    ] = 1
    vllm_quantization: Annotated[
        str, About("How vLLM makes the weights smaller, as fp8. Empty: as they are.")
    ] = ""
    vllm_options: Annotated[
        str,
        About("Further options of `vllm serve`, as on a command line; they have the last word."),
    ] = ""
    scripted_pace: Annotated[
        float, About("Seconds a word part that the scripted engine takes."), Field(ge=0, le=1)
    ] = 0.04
    threads: Annotated[int, About("CPU threads for the model; 0 is all cores."), Field(ge=0)] = 0

    database_url: Annotated[
        str, About("SQLite or PostgreSQL. Empty: a file in the data folder.")
    ] = ""
    data_dir: Annotated[Path, About("Where the database lies.")] = user_data_path(APP)
    models_dir: Annotated[Path, About("Where fetched models lie.")] = (
        user_cache_path(APP) / "models"
    )
    prompts_dir: Annotated[Path, About("The five prompts.")] = ROOT / "prompts"
    helplines_file: Annotated[Path | None, About("Helplines in place of those that ship.")] = None

    break_after_turns: Annotated[
        int, About("Turns of one sitting after which a break is offered; 0 is never."), Field(ge=0)
    ] = 25
    break_after_minutes: Annotated[
        int, About("Minutes of one sitting after which it is; 0 is never."), Field(ge=0)
    ] = 45

    host: Annotated[str, About("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, About("Port to listen on."), Field(ge=1, le=65535)] = 7860
    public: Annotated[bool, About("Listen beyond this machine although there is no password.")] = (
        False
    )
    login: Annotated[
        bool,
        About("Ask for a name and a password; perm-chat accounts says who has one."),
    ] = False
    trusted_proxies: Annotated[
        str,
        About("Addresses of proxies that say whom they ask for, parted by commas; * for any."),
    ] = "127.0.0.1"
    requests_per_minute: Annotated[
        int,
        About("Requests of one person in a minute; of one address ten times that. 0: any number."),
        Field(ge=0),
    ] = 600
    max_message_chars: Annotated[int, About("Longest message or scenario."), Field(ge=100)] = 8000
    max_turns: Annotated[int, About("Turns in one conversation."), Field(ge=1)] = 200
    turns_per_minute: Annotated[
        int, About("Turns a person may start in a minute."), Field(ge=1)
    ] = 20
    log_level: Annotated[LogLevel, About("How much is logged; never what was said.")] = (
        LogLevel.INFO
    )
    log_format: Annotated[LogFormat, About("Lines for people, or JSON for programs.")] = (
        LogFormat.TEXT
    )
    metrics_token: Annotated[
        SecretStr, About("Asked of who reads /metrics. Empty: only this machine may.")
    ] = SecretStr("")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'perm-chat.db'}"

    @property
    def reward(self) -> RewardSettings:
        return RewardSettings(
            mode=self.reward_mode,
            resonation_weight=self.reward_resonation_weight,
            expression_weight=self.reward_expression_weight,
            reception_weight=self.reward_reception_weight,
            bystander_coefficient=self.reward_bystander_coefficient,
            length_coefficient=self.reward_length_coefficient,
            length_limit=self.reward_length_limit,
        )

    def reward_or(self, default: RewardSettings) -> RewardSettings:
        """The reward's settings where something else than ours is usual: `default`, and over it
        what somebody set."""
        start = "reward_"
        given = {name for name in self.model_fields_set if name.startswith(start)}
        changes = {name.removeprefix(start): getattr(self, name) for name in given}
        return RewardSettings.model_validate({**default.model_dump(), **changes})

    @property
    def judge_is_supporter(self) -> bool:
        """Whether one engine serves both."""
        return not (self.judge_engine or self.judge_model or self.judge_base_url)


def load(config: Path | None = None, **flags: Any) -> Settings:  # noqa: ANN401
    """Settings from flags (those that are not None), variables and the settings file."""
    path = config or DEFAULT_CONFIG
    if config is not None and not config.is_file():
        raise SettingsError(f"The settings file {config} is not there.", "Check --config.")

    class WithFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        found = WithFile(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(_in_words(error), "Correct it and start again.") from None
    except ValueError as error:  # tomllib's decode error is one
        raise SettingsError(f"The settings file {path} cannot be read: {error}") from None
    return Settings.model_construct(
        _fields_set=set(found.model_fields_set),  # what was set, as against left at its default
        **{name: getattr(found, name) for name in Settings.model_fields},
    )


def _in_words(error: ValidationError) -> str:
    """Which settings are wrong and why, without the values: one of them may be a key."""
    lines = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    return "These settings cannot be used: " + "; ".join(lines) + "."


def environment(name: str) -> str | None:
    """A variable that is not perm-chat's own, such as OPENAI_API_KEY; read here, nowhere else."""
    return os.environ.get(name)


def for_child(**more: str) -> dict[str, str]:
    """The environment of a child process: ours, less our own settings and less any API key."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("PERM_CHAT_") and not name.upper().endswith("API_KEY")
    }
    return kept | more
