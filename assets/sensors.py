"""What happens outside and has to be noticed: an alias is moved in MLflow, a view is declared in a file."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from assets.declared import load_declared
from assets.jobs import rescoring
from assets.partitions import SNAPSHOTS, VIEWS, snapshot_of
from assets.resources import CorpusStore, Mlflow
from mmmodels.registry.promotion import CHAMPION


@dg.sensor(job=rescoring, minimum_interval_seconds=30)
def champion_moved(context: dg.SensorEvaluationContext, corpora: CorpusStore, mlflow: Mlflow) -> dg.SensorResult:
    """Scores alignment again for every snapshot of a corpus whose champion is another version than before.

    The first look only remembers: what the journey promoted, the journey has scored.
    """
    partitions = context.instance.get_dynamic_partitions(str(SNAPSHOTS.name))
    catalog = corpora.catalog()
    models = {
        key: catalog[corpus].registered_model for key in partitions if (corpus := snapshot_of(key).corpus) in catalog
    }
    now = {
        name: mlflow.registered(name).aliases[CHAMPION]
        for name in sorted(set(models.values()))
        if CHAMPION in mlflow.registered(name).aliases
    }
    cursor: dict[str, Any] = json.loads(context.cursor) if context.cursor else {"champions": {}, "looks": 0}
    looks = cursor["looks"] + 1  # in the run key: there and back again are two moves
    requests = list(_requests(models, cursor["champions"], now, looks))
    reason = None if requests else f"no champion moved: {now or 'there is none'}"
    seen = {**cursor["champions"], **now}
    return dg.SensorResult(
        run_requests=requests, cursor=json.dumps({"champions": seen, "looks": looks}), skip_reason=reason
    )


def _requests(
    models: Mapping[str, str], before: Mapping[str, int], now: Mapping[str, int], look: int
) -> Iterator[dg.RunRequest]:
    for key, name in models.items():
        if name in before and name in now and before[name] != now[name]:
            yield dg.RunRequest(
                partition_key=key,
                run_key=f"{look}: {key} {name} {before[name]}->{now[name]}",
                tags={"trivium/champion": f"{name} version {now[name]}"},
            )


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def views_declared(context: dg.SensorEvaluationContext, corpora: CorpusStore) -> dg.SensorResult:
    """Makes the partitions of `declared_view` those that `views.toml` declares; what was materialized stays stored."""
    wanted = set(load_declared(corpora.views_file))
    there = set(context.instance.get_dynamic_partitions(str(VIEWS.name)))
    added, removed = sorted(wanted - there), sorted(there - wanted)
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if added:
        requests.append(VIEWS.build_add_request(added))
    if removed:
        requests.append(VIEWS.build_delete_request(removed))
    reason = None if requests else f"{corpora.views_file}: {len(wanted)} views, all of them are known"
    return dg.SensorResult(dynamic_partitions_requests=requests, skip_reason=reason)
