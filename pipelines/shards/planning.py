"""Which reference goes into which shard: a pure function of the listing, written down before the first shard."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pipelines import storage
from pipelines.errors import ShardError, SourceError
from pipelines.layout import Layout
from pipelines.samples import Reference, Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a snapshot is to be: shard i holds references i*n to (i+1)*n of the source."""

    corpus: str
    snapshot: str
    samples_per_shard: int
    num_references: int
    references_sha256: str
    """Of every reference's name in order: tells a changed source under an old name."""
    facts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def num_shards(self) -> int:
        return -(-self.num_references // self.samples_per_shard)

    def rows(self, shard: int) -> range:
        start = shard * self.samples_per_shard
        return range(start, min(start + self.samples_per_shard, self.num_references))


def make_plan(
    snapshot: Snapshot, references: Sequence[Reference], *, samples_per_shard: int, facts: Mapping[str, str | int]
) -> Plan:
    """The plan of a listing; `SourceError` where it is empty."""
    if not references:
        raise SourceError(f"{snapshot}: the source lists no record. Look at its folder, or at what it excludes.")
    names = hashlib.sha256()
    for reference in references:
        names.update(reference.name.encode(errors="surrogatepass") + b"\n")
    return Plan(
        corpus=snapshot.corpus,
        snapshot=snapshot.snapshot,
        samples_per_shard=samples_per_shard,
        num_references=len(references),
        references_sha256=names.hexdigest(),
        facts=dict(facts),
    )


def write_plan(layout: Layout, plan: Plan) -> None:
    """Before the first shard: a reader then knows how many there are to be."""
    storage.write_json(layout.plan(Snapshot(corpus=plan.corpus, snapshot=plan.snapshot)), asdict(plan))


def read_plan(layout: Layout, snapshot: Snapshot) -> Plan | None:
    """The plan of a snapshot that was begun; nothing where it was not."""
    uri = layout.plan(snapshot)
    if not storage.exists(uri):
        return None
    try:
        return Plan(**storage.read_json(uri))  # type: ignore[arg-type]  # a foreign file ends in the TypeError below
    except (TypeError, ValueError) as error:
        raise ShardError(f"{uri}: not a plan ({error}). Remove the snapshot's folder and pack again.") from error


def repeated_rows(references: Sequence[Reference]) -> frozenset[int]:
    """Positions whose name an earlier reference has: equal names have equal content, so they would share a uid."""
    seen: set[str] = set()
    repeated: set[int] = set()
    for position, reference in enumerate(references):
        if reference.name in seen:
            repeated.add(position)
        seen.add(reference.name)
    return frozenset(repeated)
