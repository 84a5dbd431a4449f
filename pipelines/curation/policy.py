"""A policy: one SQL file whose header names its parameters and whose boolean columns name faults.

    -- Why this policy exists, in one or more lines.
    -- $min_characters = 1   shortest caption
    -- @duplicates = {"exact": {}, "near_image": {"max_distance": 4}}
    select uid, characters < $min_characters as too_few_characters from samples

Columns: `uid`; optionally `weight`; optionally `preference` (a number: among duplicates the highest is kept); every
other one is a boolean named for a fault. True drops the sample for that reason, null says that the rule does not apply
(the modality is absent). Lines with @ set what the engine adds to every policy; for any other shell they are comments.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.curation.settings import SETTING_LINE, named_like, read_setting
from pipelines.errors import PolicyError

POLICIES = Path(__file__).parent / "policies"
_PARAM = re.compile(r"--\s*\$(?P<name>\w+)\s*=\s*(?P<value>.*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Value = bool | int | float | str | list[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """One SQL text with the values of its parameters."""

    name: str
    sql: str
    params: Mapping[str, Value] = field(default_factory=dict)
    description: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the engine, by name; those that the header does not name are left out."""

    def where(self, setting: str) -> str:
        """`policy default, line 3 (@duplicates)`: where a setting stands, for messages."""
        for number, line in enumerate(self.sql.splitlines(), start=1):
            if (match := SETTING_LINE.fullmatch(line.rstrip())) and match["name"] == setting:
                return f"policy {self.name}, line {number} (@{setting})"
        return f"policy {self.name} (@{setting})"

    def with_params(self, params: Mapping[str, object] | None) -> "Policy":
        """The same policy with other values, of the types of its defaults; text (from a shell) is read as JSON."""
        given = {name: self._value(name, value) for name, value in (params or {}).items()}
        return replace(self, params={**self.params, **given})

    def _value(self, name: str, value: object) -> Value:
        if name not in self.params:
            raise PolicyError(f"policy {self.name}: no parameter ${name}. {named_like(name, self.params)}")
        default = self.params[name]
        if isinstance(value, str) and not isinstance(default, str):
            value = _parsed(value)
        if not _agrees(value, default):
            raise PolicyError(
                f"policy {self.name}: ${name} = {value!r} is not a {_kind(default)} like its default {default!r}."
            )
        return float(value) if isinstance(default, float) else value  # type: ignore[arg-type, return-value]


def load_policy(name_or_path: str | Path) -> Policy:
    """A bundled policy by name (`default`, `aligned`), or any SQL file by path."""
    path = Path(name_or_path)
    bundled = POLICIES / f"{name_or_path}.sql"
    if _NAME.fullmatch(str(name_or_path)) and bundled.is_file():
        path = bundled
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in POLICIES.glob("*.sql")))
        raise PolicyError(f"policy {name_or_path}: neither a bundled policy ({known}) nor a file. Name one of them.")
    try:
        return parse_policy(path.stem, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy {path}: not UTF-8 text. Save it as UTF-8.") from error


def parse_policy(name: str, sql: str) -> Policy:
    """Read the header: leading `--` lines, parameters and description."""
    params: dict[str, Value] = {}
    settings: dict[str, object] = {}
    description: list[str] = []
    for number, line in enumerate(sql.splitlines(), start=1):
        if not line.startswith("--"):
            break
        if match := _PARAM.fullmatch(line.rstrip()):
            params[match["name"]] = _default(name, number, match["name"], match["value"])
        elif match := SETTING_LINE.fullmatch(line.rstrip()):
            settings[match["name"]] = read_setting(f"policy {name}, line {number}", match["name"], match["value"])
        else:
            description.append(line.removeprefix("--").strip())
    said = " ".join(filter(None, description))
    return Policy(name=name, sql=sql, params=params, description=said, settings=settings)


def _default(policy: str, number: int, name: str, text: str) -> Value:
    quoted = re.match(r"'((?:[^']|'')*)'", text)
    if quoted:
        return quoted[1].replace("''", "'")
    try:
        value, _ = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(text)
    except ValueError as error:
        raise PolicyError(
            f"policy {policy}, line {number}: ${name} = {text!r} is not a value. "
            "Write a number, true, false, a 'text' or a [list], then what it means."
        ) from error
    if value is None or isinstance(value, dict):
        raise PolicyError(f"policy {policy}, line {number}: ${name} must not be {text!r}. Give a real default.")
    return value  # type: ignore[no-any-return]


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number")


def _kind(value: object) -> str:
    return {bool: "true or false", int: "number", float: "number", str: "text", list: "list"}[type(value)]


def _agrees(value: object, default: Value) -> bool:
    return type(value) in (bool, int, float, str, list) and _kind(value) == _kind(default)
