"""Corpora that change are looked at when the catalog says so."""

import dagster as dg

from assets.jobs import ingest
from assets.partitions import SNAPSHOTS, key_of
from assets.resources import CorpusStore
from pipelines.sources.catalog import Corpus, load_catalog


def schedule_of(corpus: Corpus, cron: str) -> dg.ScheduleDefinition:
    """Ingest the present snapshot of a corpus, unless that has been asked for before."""

    @dg.schedule(
        name=f"{corpus.name}_ingest",
        cron_schedule=cron,
        job=ingest,
        execution_timezone="UTC",
        description=f"Looks whether {corpus.name} has a new snapshot, and ingests it.",
    )
    def look_for_snapshot(context: dg.ScheduleEvaluationContext, corpora: CorpusStore) -> dg.RunRequest | dg.SkipReason:
        key = key_of(corpora.present(corpora.corpus(corpus.name)))
        if context.instance.has_dynamic_partition(str(SNAPSHOTS.name), key):
            return dg.SkipReason(f"{key} is known")
        context.instance.add_dynamic_partitions(str(SNAPSHOTS.name), [key])
        return dg.RunRequest(partition_key=key, run_key=key)

    return look_for_snapshot


SCHEDULES = [schedule_of(corpus, corpus.cron) for corpus in load_catalog().values() if corpus.cron]
