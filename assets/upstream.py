"""What an asset downstream knows of the one above: the latest materialization of the same partition.

Assets hand over files. Which files, the materialization says: its data version is a content digest and its metadata
name the place, so that the graph knows which view a model was trained on, not the clock on a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.partitions import snapshot_of
from pipelines.errors import CorpusError
from pipelines.samples import Snapshot

DATA_VERSION = "dagster/data_version"

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@dataclass(frozen=True, kw_only=True, slots=True)
class Materialized:
    """One materialization as plain values."""

    run_id: str
    data_version: str
    metadata: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.metadata[name]


def latest(context: Context, asset: dg.AssetsDefinition | dg.AssetKey, *, partition: str | None = None) -> Materialized:
    """The materialization to build on: of this run where it made one, else the newest of the partition, or a named."""
    key = asset if isinstance(asset, dg.AssetKey) else asset.key
    found = find_latest(context, key, partition=partition)
    if found is None:
        partition = partition or partition_of(context, key)
        raise CorpusError(
            f"{key.to_user_string()}, partition {partition}: never materialized. Materialize it first, or run the "
            "job `journey` for this partition."
        )
    return found


def find_latest(context: Context, key: dg.AssetKey, *, partition: str | None = None) -> Materialized | None:
    """As `latest`, or None where there is none."""
    filters = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition or partition_of(context, key)])
    records = context.instance.fetch_materializations(filters, limit=5).records
    mine = [record for record in records if record.run_id == context.run.run_id]
    return _plain((mine or records)[0]) if records else None


def snapshot(context: Context, asset: dg.AssetsDefinition | dg.AssetKey | None = None) -> Snapshot:
    """The corpus and snapshot that this run is about."""
    key = asset.key if isinstance(asset, dg.AssetsDefinition) else asset
    return snapshot_of(partition_of(context, key))


def partition_of(context: Context, key: dg.AssetKey | None = None) -> str:
    """The run's partition; for a check that is run alone from the UI, the partition its asset was last made for."""
    if context.has_partition_key:
        return str(context.partition_key)
    event = context.instance.get_latest_materialization_event(key) if key else None
    if event is None or event.asset_materialization is None or event.asset_materialization.partition is None:
        raise CorpusError("this run has no partition. Choose one (a corpus and its snapshot) when launching.")
    return str(event.asset_materialization.partition)


def _plain(record: dg.EventLogRecord) -> Materialized:
    materialization = record.asset_materialization
    if materialization is None:
        raise TypeError("expected a materialization event")
    return Materialized(
        run_id=record.run_id,
        data_version=(materialization.tags or {}).get(DATA_VERSION, ""),
        metadata={name: value.value for name, value in materialization.metadata.items()},
    )
