"""Values of configs from what people type and from plain dictionaries, checked against the fields' types."""

import dataclasses
import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeGuard, cast, get_args, get_origin, get_type_hints

from mmmodels.errors import RecipeError
from mmmodels.recipes.training import Recipe

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def overridden(recipe: Recipe, overrides: Mapping[str, str]) -> Recipe:
    """The recipe with settings such as `training.num_steps=50`; RecipeError names the nearest known one."""
    for path, value in overrides.items():
        recipe = _replace(recipe, path.split("."), value, path)
    return recipe


def recipe_from(config: Mapping[str, Any]) -> Recipe:
    """The inverse of `asdict`: Ray workers and bundles carry plain dictionaries, JSON has lists for tuples."""
    return _built(Recipe, config, "recipe")  # type: ignore[no-any-return]


def nearest(name: str, names: Sequence[str]) -> str:
    """The end of a message about a name that is not known."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(sorted(names))}."


def _replace(config: Any, path: list[str], value: str, whole: str) -> Any:
    values, kinds = _settable(config)
    head, *rest = path
    if head not in values:
        raise RecipeError(f"--set {whole}: there is no {head!r} here. {nearest(head, list(values))}")
    current = values[head]
    if rest and not _has_parts(current):
        raise RecipeError(f"--set {whole}: {head!r} is one value, it has no parts. Set {head} itself.")
    if not rest and _has_parts(current):
        raise RecipeError(f"--set {whole}: {head!r} has parts. Set one of them, e.g. {whole}.NAME=VALUE.")
    new = _replace(current, rest, value, whole) if rest else _parsed(value, kinds[head], f"--set {whole}={value}")
    return values | {head: new} if isinstance(config, Mapping) else dataclasses.replace(config, **{head: new})


def _has_parts(value: Any) -> bool:
    return dataclasses.is_dataclass(value) or isinstance(value, Mapping)


def _settable(config: Any) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Values and types of what may be set: not a recipe's name, nor what it trains."""
    if isinstance(config, Mapping):
        return dict(config), {name: type(value) for name, value in config.items()}
    kinds = {name: kind for name, kind in _hints(cast("type", type(config))).items() if name not in ("name", "task")}
    return {name: getattr(config, name) for name in kinds}, kinds


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in dataclasses.fields(kind)}


def _parsed(text: str, kind: Any, where: str) -> Any:
    """What was typed, as the type of its field."""
    if get_origin(kind) is Literal:
        return _chosen(text, kind, where)
    if get_origin(kind) is tuple:
        return tuple(_parsed(part.strip(), get_args(kind)[0], where) for part in text.split(",") if part.strip())
    if isinstance(kind, UnionType):
        return None if text.lower() == "none" else _parsed(text, _without_none(kind), where)
    reader: Callable[[str], Any] = {bool: _truth, float: _finite}.get(kind, kind)
    try:
        return reader(text)
    except ValueError as error:
        raise RecipeError(f"{where}: expected {kind.__name__}. Give a value of that type.") from error


def _chosen(value: Any, kind: Any, where: str) -> Any:
    if value not in get_args(kind):
        raise RecipeError(f"{where}: not one of the choices. {nearest(str(value), list(map(str, get_args(kind))))}")
    return value


def _truth(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError(text)
    return _WORDS[text.lower()]


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _without_none(kind: Any) -> Any:
    (only,) = (part for part in get_args(kind) if part is not NoneType)
    return only


def _built(kind: Any, value: Any, where: str) -> Any:
    """A value of that type from JSON's types."""
    if _is_config(kind):
        hints = _hints(kind)
        unknown = [name for name in value if name not in hints]
        if unknown:
            raise RecipeError(f"{where}.{unknown[0]}: there is no such setting. {nearest(unknown[0], list(hints))}")
        return kind(**{name: _built(hints[name], part, f"{where}.{name}") for name, part in value.items()})
    if isinstance(kind, UnionType):
        return None if value is None else _built(_without_none(kind), value, where)
    if get_origin(kind) is tuple:
        return tuple(_built(get_args(kind)[0], part, where) for part in value)
    if get_origin(kind) is Literal:
        return _chosen(value, kind, where)
    return dict(value) if isinstance(value, Mapping) else value


def _is_config(kind: Any) -> TypeGuard[type]:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)
