"""One figure of a task, with the bar that it is held against."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_HOLDS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, ">": operator.gt}


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A row of the table."""

    what: str
    """Metric, on which samples."""
    value: float
    low: float | None = None
    high: float | None = None
    """Of the 95 % interval."""
    n: int | None = None
    """Questions that were asked."""
    relation: Literal[">=", "<=", ">", ""] = ""
    bar: float | None = None
    """What the value must be in relation to; none = for information."""
    note: str = ""
    """What the bar is, how long training took, in what a comparison differs."""

    @property
    def verdict(self) -> str:
        """`met`, `MISSED`, or empty where there is no bar."""
        if self.bar is None or not self.relation:
            return ""
        return "met" if _HOLDS[self.relation](self.value, self.bar) else "MISSED"

    @property
    def cells(self) -> list[str]:
        """As the table prints it."""
        interval = f"[{self.low:.3f}, {self.high:.3f}]" if self.low is not None and self.high is not None else ""
        bar = f"{self.relation} {self.bar:.4g}" if self.bar is not None else ""
        return [self.what, f"{self.value:.4g}", interval, str(self.n or ""), bar, self.verdict, self.note]
