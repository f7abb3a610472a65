"""Ways of serving a model. `build` makes the one that the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from chat.engines.base import Engine
    from chat.engines.lora import Chosen
    from chat.settings import EngineName, Settings

Role = Literal["supporter", "judge"]


def build(settings: Settings, role: Role) -> Engine:
    """The engine for that role, not yet started. Raises `SettingsError` for what cannot be.

    A judge setting left out is the supporter's, but for the key: the supporter's goes to the
    supporter's address alone.
    """
    # Imported late: a child process imports this package and needs none of it.
    from chat.settings import EngineName, SettingsError  # noqa: PLC0415

    engine, model, base_url, key = _choice(settings, role)
    if engine is EngineName.SCRIPTED:
        from chat.engines.scripted import ScriptedEngine  # noqa: PLC0415
        from perm import rubrics  # noqa: PLC0415

        return ScriptedEngine.demo(rubrics.load(settings.prompts_dir), settings.scripted_pace)
    if engine is EngineName.OPENAI or (engine is EngineName.VLLM and base_url):
        return _at_addresses(engine, model, base_url, key)
    if base_url:
        raise SettingsError(
            f"A server's address is set, but the engine of the {role} is {engine.value}.",
            "Set the engine to openai or vllm, or leave the address out.",
        )
    adapter = _adapter(engine, model, settings, role)
    model = adapter.backbone if adapter else model
    beside = adapter.adapter if adapter else ""
    if engine is EngineName.VLLM:
        return _vllm(model, beside, settings, role)
    if engine is EngineName.TRANSFORMERS:
        return _transformers(model, beside, settings)
    return _llama_cpp(model, settings, role)


def _vllm(model: str, adapter: str, settings: Settings, role: Role) -> Engine:
    from chat.engines.vllm import VllmEngine  # noqa: PLC0415
    from chat.engines.vllm_command import Shape  # noqa: PLC0415

    return VllmEngine(
        model,
        adapter=adapter,
        models_dir=settings.models_dir,
        log_file=settings.data_dir / f"vllm-{role}.log",
        context_tokens=settings.context_tokens,
        memory=settings.gpu_memory,
        shape=Shape(
            tensor_parallel=settings.vllm_tensor_parallel,
            data_parallel=settings.vllm_data_parallel,
            quantization=settings.vllm_quantization,
        ),
        options=settings.vllm_options,
    )


def _transformers(model: str, adapter: str, settings: Settings) -> Engine:
    from chat.engines.transformers_engine import TransformersEngine  # noqa: PLC0415

    return TransformersEngine(
        model,
        adapter=adapter,
        models_dir=settings.models_dir,
        context_tokens=settings.context_tokens,
        memory=settings.gpu_memory,
        threads=settings.threads,
    )


def _llama_cpp(model: str, settings: Settings, role: Role) -> Engine:
    from chat.engines.llama_cpp import LlamaCppEngine  # noqa: PLC0415

    return LlamaCppEngine(
        model,
        models_dir=settings.models_dir,
        log_file=settings.data_dir / f"llama-cpp-{role}.log",
        context_tokens=settings.context_tokens,
        threads=settings.threads,
        prompts=_read_by(settings, role),
    )


def _adapter(engine: EngineName, model: str, settings: Settings, role: Role) -> Chosen | None:
    """What the model's name means where it is an adapter's. Raises `SettingsError`."""
    from chat.engines.lora import chosen  # noqa: PLC0415
    from chat.settings import EngineName, SettingsError  # noqa: PLC0415

    found = chosen(model, settings.models_dir)
    if found is None:
        return None
    if engine not in (EngineName.VLLM, EngineName.TRANSFORMERS):
        raise SettingsError(
            f"{found.adapter} is a LoRA adapter, which the engine {engine.value} does not serve.",
            "Set the engine to vllm or transformers.",
        )
    if role == "judge":
        raise SettingsError(
            f"{found.adapter} is a LoRA adapter, and a judge is a whole model.",
            f"Set the judge's model to {found.backbone}, or to another.",
        )
    return found


def _at_addresses(engine: EngineName, model: str, base_url: str, key: SecretStr) -> Engine:
    """The model at an address, or at several, parted by commas, that share the load."""
    from chat.engines.openai import OpenAIEngine  # noqa: PLC0415
    from chat.engines.pool import PoolEngine  # noqa: PLC0415
    from chat.engines.vllm import RunningVllmEngine  # noqa: PLC0415
    from chat.settings import EngineName  # noqa: PLC0415

    kind = RunningVllmEngine if engine is EngineName.VLLM else OpenAIEngine
    addresses = dict.fromkeys(part.strip() for part in base_url.split(",") if part.strip())
    made = [kind(address, key, model) for address in addresses or ("",)]
    return made[0] if len(made) == 1 else PoolEngine(made)


def _read_by(settings: Settings, role: Role) -> str:
    """What an engine of that role is warmed up with, as one word that changes when that does."""
    from perm import rubrics  # noqa: PLC0415

    found = rubrics.load(settings.prompts_dir)
    roles = "both" if settings.judge_is_supporter else role
    return f"{roles} {found.supporter.hash} {found.judges_hash}"


def _choice(settings: Settings, role: Role) -> tuple[EngineName, str, str, SecretStr]:
    """Engine, model, address and key of that role."""
    from chat.settings import EngineName  # noqa: PLC0415

    if role == "supporter" or settings.judge_is_supporter:
        return settings.engine, settings.model, settings.base_url, settings.api_key
    # An address alone says which engine is meant.
    addressed = EngineName.OPENAI if settings.judge_base_url else settings.engine
    engine = settings.judge_engine or addressed
    same_kind = engine is settings.engine
    base_url = settings.judge_base_url or (settings.base_url if same_kind else "")
    same_place = same_kind and base_url == settings.base_url
    model = settings.judge_model or (settings.model if same_place else "")
    own = settings.judge_api_key
    key = own if own.get_secret_value() or not same_place else settings.api_key
    return engine, model, base_url, key
