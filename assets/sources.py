"""What a corpus offers at one moment."""

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets import upstream
from assets.markdown import table
from assets.metadata import DATA_ENGINEERING, headline
from assets.partitions import SNAPSHOTS
from assets.resources import CorpusStore
from pipelines.errors import SourceError
from pipelines.samples import Snapshot, digest_of
from pipelines.shards.media import ORIGINAL, MediaProfile
from pipelines.shards.packing import packed_as
from pipelines.sources.catalog import Corpus
from pipelines.sources.source import Source
from pipelines.sources.surveying import Listing, survey

_TRAIN = re.compile(r"-train(\d+)q(\d+)a(\d+)$")


@dg.asset(
    partitions_def=SNAPSHOTS,
    group_name="sources",
    kinds={"python"},
    owners=DATA_ENGINEERING,
    code_version="2",
)
def source_records(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """The records that a corpus offers at one moment, counted without reading their pictures and sounds.

    A record has at most one image and one clip, and any number of texts. Nothing is copied here: the listing is read
    as a stream, whatever its length, and the reader (`pipelines.sources`) reads the records while they are packed.
    """
    snapshot = upstream.snapshot(context)
    source = present_source(corpora, snapshot)
    facts = dict(source.facts())
    listing = survey(source.references())
    content = {"snapshot": str(snapshot), "listing": listing.digest, "settings": source.settings, "facts": facts}
    return dg.MaterializeResult(data_version=dg.DataVersion(digest_of(content)), metadata=_metadata(listing, facts))


def _metadata(listing: Listing, facts: Mapping[str, str | int]) -> dict[str, Any]:
    about = "" if listing.groups_are_exact else "about "
    first = ([one.row, one.name, one.group, one.num_bytes or "not known"] for one in listing.first)
    known = (
        f"{listing.num_bytes:,} bytes in {listing.num_sized:,} records"
        if listing.num_sized
        else "not known for any record"
    )
    return {
        "headline": headline(f"{listing.num_records:,} records of {about}{listing.num_groups:,} things"),
        "dagster/partition_row_count": listing.num_records,
        "num_records": listing.num_records,
        "num_groups": listing.num_groups,
        "groups": "counted exactly" if listing.groups_are_exact else "estimated: 0.3 % off as a rule",
        "size_before_reading": known,
        "facts": table(["fact", "value"], sorted(facts.items())),
        "first_records": table(["row", "name", "group", "bytes"], first),
    }


def present_source(corpora: CorpusStore, snapshot: Snapshot) -> Source:
    """The source, refused where it has moved on from the snapshot that is asked for."""
    corpus = corpora.corpus(snapshot.corpus)
    source = corpora.source(corpus)
    present = packed_as(source, profile_of(snapshot, corpus))
    if present != snapshot:
        raise SourceError(
            f"{snapshot}: the source is now at {source.snapshot}, what it was cannot be read again. Materialize "
            f"partition {present}; shards packed from {snapshot.snapshot} stay as they are."
        )
    return source


def profile_of(snapshot: Snapshot, corpus: Corpus) -> MediaProfile:
    """What is done to media, by the end of the snapshot's name: `17.0.0-train256q92a16`; without one they stay as they
    came, checked as the corpus's entry says."""
    named = corpus.media_profile or ORIGINAL
    if named.suffix and snapshot.snapshot.endswith(f"-{named.suffix}"):
        return named
    found = _TRAIN.search(snapshot.snapshot)
    if not found:
        return named if named.name == ORIGINAL.name else ORIGINAL
    side, quality, kilohertz = map(int, found.groups())
    return MediaProfile(name="train", image_side_pixels=side, jpeg_quality=quality, audio_rate_hz=1000 * kilohertz)
