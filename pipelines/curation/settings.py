"""What a policy's header sets of the engine: lines `-- @name = JSON`, comments for any other shell."""

import difflib
import json
import re
from collections.abc import Collection, Mapping

from pipelines.errors import PolicyError

SETTING_LINE = re.compile(r"--\s*@(?P<name>\w+)\s*=\s*(?P<value>.*)")
SETTINGS: Mapping[str, type] = {
    "duplicates": dict,
    "max_per_component": int,
    "evaluation_sets": list,
    "contamination": dict,
}
"""Every setting with the type of its value; who uses one checks what is inside, by `check_keys`."""


def read_setting(where: str, name: str, text: str) -> object:
    """The value behind an @; `PolicyError` where there is no such setting or its value is of another type."""
    if name not in SETTINGS:
        raise PolicyError(f"{where}: no setting @{name}. {named_like(name, SETTINGS)}")
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise PolicyError(f"{where}: @{name} = {text!r} is not JSON ({error}). Write it on one line, alone.") from error
    if type(value) is not SETTINGS[name]:
        kind = {dict: "an object {...}", list: "a list [...]", int: "a whole number"}[SETTINGS[name]]
        raise PolicyError(f"{where}: @{name} = {text} is not {kind}. Write one.")
    return value


def check_keys(where: str, given: Mapping[str, object], known: Collection[str]) -> None:
    """`PolicyError` with near names for a key that nobody knows; `where` is what `Policy.where` says."""
    for key in given:
        if key not in known:
            raise PolicyError(f"{where}: no key {key!r}. {named_like(key, known)}")


def named_like(name: str, known: Collection[str]) -> str:
    """What to do about a name that nobody knows."""
    near = difflib.get_close_matches(name.lower(), list(known), n=3)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"Known: {', '.join(sorted(known)) or 'none'}."


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number")
