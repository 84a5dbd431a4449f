"""How samples are read: faster or slower, never others; no part of the run key."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadingConfig:
    """Who decodes ahead of the loop. Small views are decoded once and need nobody."""

    workers: int = -1
    """Of each rank; -1 = the cores of this machine, shared by its ranks."""
    workers_are: Literal["threads", "processes"] = "threads"
    """processes: where the interpreter of the loop is the limit, with many cores for one accelerator."""
    ahead: int = 2
    """Steps that are read before they are asked for."""
    copies_folder: str = ""
    """Of what is read from an object store; empty = trivium/copies in the user's cache."""
    copies_gigabytes: float = 50.0
    """At most, of all processes that share the folder; what was used longest ago goes first."""
