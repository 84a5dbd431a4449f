"""Which materialization an asset builds on."""

import dagster as dg

from assets import upstream
from assets.partitions import SNAPSHOTS, key_of, snapshot_of
from pipelines.samples import Snapshot

ONE, OTHER = "one/1.0", "other/2.0"


@dg.asset(partitions_def=SNAPSHOTS)
def above(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        data_version=dg.DataVersion(context.run.tags.get("version", "none")), metadata={"number": 3, "view": "v"}
    )


@dg.asset(partitions_def=SNAPSHOTS, deps=[above])
def below(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    found = upstream.latest(context, above)
    return dg.MaterializeResult(metadata={"read": found.data_version, "number": found["number"]})


def read_by(result: dg.ExecuteInProcessResult) -> object:
    return result.asset_materializations_for_node("below")[0].metadata["read"].value


def test_the_key_of_a_snapshot_leads_back_to_it() -> None:
    snapshot = Snapshot(corpus="openmoji", snapshot="17.0.0")
    assert snapshot_of(key_of(snapshot)) == snapshot


def test_another_partition_or_another_run_is_never_mistaken_for_ones_own(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions(str(SNAPSHOTS.name), [ONE, OTHER])
    for key, version in ((ONE, "first"), (OTHER, "elsewhere")):
        dg.materialize([above], instance=instance, partition_key=key, tags={"version": version})
    both = dg.materialize([above, below], instance=instance, partition_key=ONE, tags={"version": "mine"})
    assert read_by(both) == "mine"
    dg.materialize([above], instance=instance, partition_key=OTHER, tags={"version": "later elsewhere"})
    alone = dg.materialize(
        [above, below], instance=instance, partition_key=ONE, selection=dg.AssetSelection.assets(below)
    )
    assert read_by(alone) == "mine"
