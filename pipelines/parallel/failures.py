"""What failed of a run over shards: one error that lists it, however much it was."""

from typing import NoReturn

from pipelines.errors import CorpusError

_NUM_LISTED = 5
_MAX_LABEL_CHARACTERS = 200


class Failures:
    """Gathers errors of tasks in bounded memory: the first few whole, the others as a count and a shared type."""

    def __init__(self, what: str, *, total: int | None) -> None:
        self.what = what
        self.count = 0
        self._total = total
        self._listed: list[tuple[int, str, Exception]] = []
        self._unforeseen: Exception | None = None
        self._shared: type[Exception] | None = None

    def add(self, position: int, task: object, error: Exception) -> None:
        """One task that failed, for good."""
        self.count += 1
        if len(self._listed) < _NUM_LISTED:
            self._listed.append((position, str(task)[:_MAX_LABEL_CHARACTERS], error))
        if self._unforeseen is None and not isinstance(error, CorpusError):
            self._unforeseen = error
        self._shared = type(error) if self._shared is None else _common_base(self._shared, type(error))

    def raise_any(self) -> None:
        """Nothing where nothing failed; a single error as it was raised."""
        if not self.count:
            return
        self._listed.sort(key=lambda failure: failure[0])
        first = self._unforeseen or self._listed[0][2]
        if self.count == 1:
            raise first
        if self._unforeseen is not None:  # a bug: its own type and traceback say more than ours would
            first.add_note(self._report())
            raise first
        self._raise_shared(first)

    def _raise_shared(self, cause: Exception) -> NoReturn:
        for kind in (self._shared or CorpusError).__mro__:
            try:
                error = kind(self._report())
            except TypeError:  # a type that wants more than a message; its base will do
                continue
            raise error from cause
        raise AssertionError("object takes no message, BaseException does")

    def _report(self) -> str:
        of = "" if self._total is None else f" of {self._total}"
        lines = [f"- {_label(task, error)}{error or type(error).__name__}" for _, task, error in self._listed]
        more = f"\nAnd {self.count - len(lines)} more." if self.count > len(lines) else ""
        return "\n".join((f"{self.what}: {self.count}{of} tasks failed:", *lines)) + more


def _label(task: str, error: Exception) -> str:
    """Of the task, where the error does not say it already."""
    return "" if task in str(error) else f"{task}: "


def _common_base(one: type[Exception], other: type[Exception]) -> type[Exception]:
    return next(kind for kind in one.__mro__ if issubclass(other, kind))


def died(what: str, task: object, *, how: str, attempts: int) -> CorpusError:
    """The error of a task whose every worker died."""
    return CorpusError(
        f"{what}: the worker died {attempts} times ({how}) on {str(task)[:_MAX_LABEL_CHARACTERS]}. "
        "Signal 9 is mostly memory running out: use fewer workers or smaller shards."
    )
