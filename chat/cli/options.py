"""Every setting as a command's option, made from `Settings` itself: none is written twice."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from chat import settings as settings_module
from chat.settings import DEFAULT_CONFIG, Settings

T = TypeVar("T")

CONFIG_HELP: Final = (
    f"A settings file (TOML). Default: {DEFAULT_CONFIG} in this folder, if it is there. "
    "Each setting below can stand in it, or be a variable such as PERM_CHAT_ENGINE."
)
PANELS: Final = (("judge", "Judge"), ("method", "Judge"), ("reward", "Reward"))
"""Where an option stands in --help, by how its name begins; the others stand under Settings."""


def with_settings(command: Callable[..., T]) -> Callable[..., T]:
    """The command with `--config` and an option for each setting, in place of its `settings`.

    It is called with the settings that flags, variables and file give together. Raises
    `SettingsError` where they cannot be used.
    """
    return with_some_settings(*Settings.model_fields)(command)


def with_some_settings(*names: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """The same with options for these settings alone; the command still gets all of them."""

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        @wraps(command)
        def wrapped(**given: Any) -> T:  # noqa: ANN401 - whatever options the command has
            flags = {name: given.pop(name) for name in names}
            found = settings_module.load(given.pop("config"), **flags)
            return command(settings=found, **given)

        parameters = _parameters(command, names)
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
        return wrapped

    return decorate


def _parameters(command: Callable[..., object], names: Iterable[str]) -> list[inspect.Parameter]:
    """The command's own, as it wrote them, then `--config` and the settings."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "settings"
    ]
    return [*own, _config(), *(_option(name, Settings.model_fields[name]) for name in names)]


def _config() -> inspect.Parameter:
    option = typer.Option("--config", help=CONFIG_HELP, show_default=False)
    return _parameter("config", Path, option)


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    kind = _kind(field.annotation)
    flag = "--" + name.replace("_", "-")
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=field.description,
        show_default=_default(field.default) or False,
        metavar="KEY" if field.annotation is SecretStr else None,
        rich_help_panel=next(
            (panel for start, panel in PANELS if name.startswith(start)), "Settings"
        ),
    )
    return _parameter(name, kind, option)


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:  # noqa: ANN401
    """An option that is None when it was not given, so that variables and file are heard."""
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, option],
    )


def _kind(annotation: Any) -> Any:  # noqa: ANN401 - types of types
    """What Typer parses: the type without None; a secret is text."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(one for one in get_args(annotation) if one is not types.NoneType)
    return str if annotation is SecretStr else annotation


def _default(value: object) -> str:
    if isinstance(value, SecretStr) or value is None:
        return ""
    return str(value.value) if isinstance(value, Enum) else str(value)
