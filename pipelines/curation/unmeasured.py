"""What to say where nobody measured what a policy asks for: the families, how many samples, and the calls that do."""

from collections.abc import Iterator, Mapping

from pipelines.curation.pool import ALIGNMENT
from pipelines.layout import Layout
from pipelines.samples import Snapshot
from pipelines.signals.schema import KNOWN_FAMILIES, RELATIVE


def unmeasured_message(layout: Layout, unmeasured: Mapping[Snapshot, Mapping[str, int]], *, num_samples: int) -> str:
    """`unmeasured`: per snapshot and family key the samples that lack it; not empty."""
    totals: dict[str, int] = {}
    for families in unmeasured.values():
        for key, count in families.items():
            totals[key] = totals.get(key, 0) + count
    missing = ", ".join(f"{key} of {count} samples" for key, count in totals.items())
    places = ", ".join(map(str, unmeasured))
    calls = "; ".join(call for snapshot, keys in unmeasured.items() for call in _calls(layout, snapshot, list(keys)))
    return f"{places}: not measured: {missing} out of {num_samples}. Run: {calls}"


def _calls(layout: Layout, snapshot: Snapshot, keys: list[str]) -> Iterator[str]:
    where = f"--root {layout.root} --corpus {snapshot.corpus} --snapshot {snapshot.snapshot}"
    names = {key: key.partition("@")[0] for key in keys}
    if measured := [key for key in keys if names[key] in KNOWN_FAMILIES]:
        yield f"python -m pipelines measure {where} --signals {' '.join(measured)}"
    for key in keys:
        digest = key.partition("@")[2]
        if names[key] == ALIGNMENT.name:
            yield f"python -m mmmodels score MODEL {where} (with the model whose digest begins with {digest})"
        elif names[key] in RELATIVE:
            yield f"python -m pipelines relate {names[key]} {where} (with the settings that gave {digest})"
