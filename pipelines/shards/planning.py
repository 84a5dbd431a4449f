"""Which reference goes into which shard: a pure function of the listing, written down before the first shard."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pipelines import storage
from pipelines.errors import ShardError, SourceError, StorageError
from pipelines.layout import Layout
from pipelines.samples import Reference, Snapshot, digest_of
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.shards.repeats import find_repeats


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where one shard ends and the next begins."""

    samples_per_shard: int = 1000
    target_bytes: int = 1 << 30
    """A shard is closed before the media it is known to hold exceed this; one larger record has a shard of its own."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise SourceError(f"{name} = {value}: expected 1 or more.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedShard:
    """A run of consecutive references."""

    first_row: int
    num_records: int
    references_sha256: str
    """Of rows, names, groups and versions: equal where the records are equal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a snapshot is to be. Shards beyond the planned ones hold records that were tried again."""

    corpus: str
    snapshot: str
    limits: Limits
    settings: str
    """Digest of what besides the listing decides what the source's records become."""
    profile: MediaProfile
    """What is done to media."""
    shards: tuple[PlannedShard, ...]
    num_repeats: int = 0
    """References whose name may stand earlier; 0 spares looking for them."""
    num_retry_shards: int = 0
    facts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def num_shards(self) -> int:
        return len(self.shards) + self.num_retry_shards

    @property
    def num_references(self) -> int:
        return sum(shard.num_records for shard in self.shards)

    @property
    def references_sha256(self) -> str:
        """Of the whole listing: tells a changed source under an old name."""
        return digest_of([shard.references_sha256 for shard in self.shards])

    def with_retry_shards(self, count: int) -> "Plan":
        return replace(self, num_retry_shards=count)


def cut(references: Iterable[Reference], limits: Limits) -> Iterator[list[Reference]]:
    """The references of one shard after the other. Greedy, in order: what is appended to a source changes no shard
    but the last."""
    shard: list[Reference] = []
    num_bytes = 0
    for reference in references:
        is_full = len(shard) == limits.samples_per_shard or num_bytes + reference.num_bytes > limits.target_bytes
        if shard and is_full:
            yield shard
            shard, num_bytes = [], 0
        shard.append(reference)
        num_bytes += reference.num_bytes
    if shard:
        yield shard


def planned(references: Sequence[Reference]) -> PlannedShard:
    """What a plan says of these."""
    digest = hashlib.sha256()
    for one in references:
        text = f"{one.row}\0{one.name}\0{one.group}\0{one.version}\n"
        digest.update(text.encode(errors="surrogatepass"))
    return PlannedShard(first_row=references[0].row, num_records=len(references), references_sha256=digest.hexdigest())


def make_plan(
    snapshot: Snapshot,
    references: Iterable[Reference],
    *,
    limits: Limits,
    settings: str = "",
    profile: MediaProfile = ORIGINAL,
    facts: Mapping[str, str | int],
) -> Plan:
    """The plan of a listing, read once as a stream; `SourceError` where it is empty."""
    with find_repeats(references) as finding:
        shards = tuple(planned(shard) for shard in cut(finding, limits))
        num_repeats = len(finding.repeats())
    if not shards:
        raise SourceError(f"{snapshot}: the source lists no record. Look at its location, or at what it excludes.")
    return Plan(
        corpus=snapshot.corpus,
        snapshot=snapshot.snapshot,
        limits=limits,
        settings=settings,
        profile=profile,
        shards=shards,
        num_repeats=num_repeats,
        facts=dict(facts),
    )


def write_plan(layout: Layout, plan: Plan) -> None:
    """Before the first shard: a reader then knows how many there are to be."""
    value = asdict(plan)
    value["shards"] = {one.name: [getattr(shard, one.name) for shard in plan.shards] for one in fields(PlannedShard)}
    storage.write_json(layout.plan(Snapshot(corpus=plan.corpus, snapshot=plan.snapshot)), value)


def read_plan(layout: Layout, snapshot: Snapshot) -> Plan | None:
    """The plan of a snapshot that was begun; nothing where it was not."""
    uri = layout.plan(snapshot)
    if not storage.exists(uri):
        return None
    try:
        return _parsed(storage.read_json(uri))
    except StorageError:  # a disk or a store that does not answer: no reason to remove anything
        raise
    except (TypeError, ValueError, KeyError) as error:
        raise ShardError(f"{uri}: not a plan ({error}). Remove the snapshot's folder and pack again.") from error


def _parsed(value: dict[str, Any]) -> Plan:
    """A foreign file ends in a TypeError, KeyError or ValueError."""
    columns = value["shards"]
    rows = zip(*(columns[one.name] for one in fields(PlannedShard)), strict=True)
    names = [one.name for one in fields(PlannedShard)]
    shards = tuple(PlannedShard(**dict(zip(names, row, strict=True))) for row in rows)
    return Plan(
        **{**value, "limits": Limits(**value["limits"]), "profile": MediaProfile(**value["profile"]), "shards": shards}
    )
