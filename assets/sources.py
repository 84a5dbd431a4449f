"""What a corpus offers at one moment."""

import dagster as dg

from assets import upstream
from assets.metadata import DATA_ENGINEERING, headline, table
from assets.partitions import SNAPSHOTS
from assets.resources import CorpusStore
from pipelines.errors import SourceError
from pipelines.samples import Snapshot, digest_of
from pipelines.sources.source import Source


@dg.asset(
    partitions_def=SNAPSHOTS,
    group_name="sources",
    kinds={"python"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def source_records(context: dg.AssetExecutionContext, corpora: CorpusStore) -> dg.MaterializeResult[None]:
    """The records that a corpus offers at one moment, counted without reading their pictures and sounds.

    A record has at most one image and one clip, and any number of texts. Nothing is copied here: the reader
    (`pipelines.sources`) reads them again while they are packed.
    """
    snapshot = upstream.snapshot(context)
    source = present_source(corpora, snapshot)
    facts = dict(source.facts())
    groups = [reference.group for reference in source.references()]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of({"snapshot": str(snapshot), "groups": groups, "facts": facts})),
        metadata={
            "headline": headline(f"{len(groups):,} records of {len(set(groups)):,} things"),
            "dagster/partition_row_count": len(groups),
            "num_records": len(groups),
            "num_groups": len(set(groups)),
            "facts": table(["fact", "value"], sorted(facts.items())),
        },
    )


def present_source(corpora: CorpusStore, snapshot: Snapshot) -> Source:
    """The source, refused where it has moved on from the snapshot that is asked for."""
    source = corpora.source(corpora.corpus(snapshot.corpus))
    if source.snapshot != snapshot.snapshot:
        raise SourceError(
            f"{snapshot}: the source is now at {source.snapshot}, what it was cannot be read again. Materialize "
            f"partition {snapshot.corpus}/{source.snapshot}; shards packed from {snapshot.snapshot} stay as they are."
        )
    return source
