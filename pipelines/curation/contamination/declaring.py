"""Which stored views are evaluation sets: declared once in a root, and from then on nothing may be trained on them."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from pipelines import storage
from pipelines.curation.splits import Split
from pipelines.curation.views import View, find_view, open_view
from pipelines.errors import PolicyError
from pipelines.layout import Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSet:
    """What a view keeps, or some splits of it."""

    view: str
    digest: str
    splits: tuple[str, ...] = ()
    """Empty: all of them."""
    declared_at: float = 0.0
    """Unix seconds; 0 where a policy names it and nobody declared it."""

    def __str__(self) -> str:
        return f"{self.view}/{self.digest}" + (f" ({', '.join(self.splits)})" if self.splits else "")

    def open(self, layout: Layout) -> View:
        """`PolicyError` where the view is gone or of an earlier release."""
        try:
            return open_view(layout, self.view, self.digest)
        except PolicyError as error:
            raise PolicyError(
                f"evaluation set {self}: {error} Or take the declaration back with: python -m pipelines "
                f"evaluation-sets --root {layout.root} --undeclare {self.view}/{self.digest}"
            ) from error

    def inputs(self, layout: Layout) -> dict[str, object]:
        """For digests: what of it is left, and which splits."""
        left = self.open(layout).effective_digest
        return {"view": self.view, "digest": self.digest, "effective_digest": left, "splits": list(self.splits)}


def declared_sets(layout: Layout) -> list[EvaluationSet]:
    """In the order of their names."""
    uri = _uri(layout)
    if not storage.exists(uri):
        return []
    rows = storage.read_json(uri)["sets"]
    assert isinstance(rows, list)
    return [EvaluationSet(**{**row, "splits": tuple(row["splits"])}) for row in rows]


def evaluation_sets_for(layout: Layout, view: str, names: Iterable[str] = ()) -> list[EvaluationSet]:
    """What a view of that name is checked against: every declared set and those that its policy names, less itself."""
    declared = declared_sets(layout)
    known = {(one.view, one.digest) for one in declared}
    named = [_set_of(find_view(layout, name)) for name in names]
    every = [*declared, *(one for one in named if (one.view, one.digest) not in known)]
    return sorted((one for one in every if one.view != view), key=lambda one: (one.view, one.digest))


def declare(layout: Layout, name: str, *, splits: Sequence[str] = (), when: float | None = None) -> EvaluationSet:
    """From now on; declared again it gets these splits. `PolicyError` where no such view is stored."""
    for split in splits:
        if split not in list(Split):
            raise PolicyError(f"split {split!r}: there is none. Choose from {', '.join(Split)}.")
    found = _set_of(find_view(layout, name))
    declared = replace(found, splits=tuple(sorted(splits)), declared_at=time.time() if when is None else when)
    _change(layout, remove={(found.view, found.digest)}, add=[declared])
    return declared


def undeclare(layout: Layout, name: str) -> list[EvaluationSet]:
    """Of one digest, or of all of a view's name; `PolicyError` where nothing like it is declared."""
    view, _, beginning = name.partition("/")
    gone = [one for one in declared_sets(layout) if one.view == view and one.digest.startswith(beginning)]
    if not gone:
        listed = ", ".join(str(one) for one in declared_sets(layout)) or "none"
        raise PolicyError(f"evaluation set {name}: not declared. Declared: {listed}.")
    _change(layout, remove={(one.view, one.digest) for one in gone}, add=[])
    return gone


def _change(layout: Layout, *, remove: set[tuple[str, str]], add: Sequence[EvaluationSet]) -> None:
    with storage.exclusive(layout.ledger("evaluation_sets"), what="declaring evaluation sets"):
        kept = [one for one in declared_sets(layout) if (one.view, one.digest) not in remove]
        ordered = sorted([*kept, *add], key=lambda one: (one.view, one.digest))
        storage.write_json(_uri(layout), {"sets": [asdict(one) for one in ordered]})


def _set_of(view: View) -> EvaluationSet:
    return EvaluationSet(view=view.view, digest=view.digest)


def _uri(layout: Layout) -> str:
    return layout.ledger("evaluation_sets.json")
