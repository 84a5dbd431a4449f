"""In what two views differ before any sample is looked at: rules, parameters, shards, signals, the engine."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines import storage
from pipelines.curation.views import View


@dataclass(frozen=True, kw_only=True, slots=True)
class InputChange:
    """One thing that decides a view and is not the same in both."""

    what: str
    """params, signals, shards, ... : a name in `inputs` of the manifest."""
    name: str
    """Of a parameter, a family, a corpus; empty where there is only one such thing."""
    old: object
    """None where the old view has no such thing."""
    new: object

    def __str__(self) -> str:
        of = f"{self.what} {self.name}".rstrip()
        if self.old is None:
            return f"{of}: {_shown(self.new)}, was not there"
        if self.new is None:
            return f"{of}: {_shown(self.old)}, is not there any more"
        return f"{of}: {_shown(self.old)} -> {_shown(self.new)}"


def changed_inputs(old: View, new: View) -> list[InputChange]:
    """In the order of the manifest's names; the policy's text is left to `policy_changes`."""
    return _changes(dict(_named(old, old.manifest["inputs"])), dict(_named(new, new.manifest["inputs"])))


def changes_between(view: View, today: Mapping[str, object]) -> list[InputChange]:
    """What of a view's inputs is another today; `today` is what `Question.inputs` says, without the policy."""
    return _changes(dict(_named(view, view.manifest["inputs"])), dict(_named(view, today)))


Named = Mapping[tuple[str, str], object]


def _changes(old: Named, new: Named) -> list[InputChange]:
    names = sorted({*old, *new})
    return [
        InputChange(what=what, name=name, old=old.get((what, name)), new=new.get((what, name)))
        for what, name in names
        if old.get((what, name)) != new.get((what, name))
    ]


def policy_changes(old: View, new: View) -> list[str]:
    """A unified diff of the two SQL texts without its head."""
    before, after = (storage.read_bytes(f"{view.uri}/policy.sql").decode().splitlines() for view in (old, new))
    lines = list(difflib.unified_diff(before, after, lineterm="", n=1))
    return lines[2:]


def _named(view: View, inputs: Mapping[str, object]) -> Iterator[tuple[tuple[str, str], object]]:
    """((what, name), value) of everything in the inputs; lists by snapshot go by the corpus."""
    corpora = [snapshot.corpus for snapshot in view.snapshots]
    yield ("policy", ""), view.manifest["policy"]["name"]
    for what, value in inputs.items():
        if what == "snapshots":
            yield from (((what, one.corpus), one.snapshot) for one in view.snapshots)
        elif isinstance(value, Mapping):
            yield from (((what, str(name)), _by_corpus(one, corpora)) for name, one in value.items())
        elif what == "shards" and isinstance(value, Sequence):
            yield from (((what, corpus), digest) for corpus, digest in zip(corpora, value, strict=True))
        elif what == "tombstones" and isinstance(value, Sequence):
            yield (what, ""), f"{len(value)} withdrawn before it was curated" if value else None
        else:
            yield (what, ""), value


def _by_corpus(value: object, corpora: Sequence[str]) -> object:
    """Digests of a family, one for each snapshot: by corpus, for pools may differ in theirs."""
    if isinstance(value, list) and len(value) == len(corpora) and all(isinstance(one, str) for one in value):
        return value[0] if len(value) == 1 else dict(zip(corpora, value, strict=True))
    return value


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    text = str(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text[:12] if is_digest else text
