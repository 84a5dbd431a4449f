"""A verdict for every sample of a pool: the policy's rules, then what the engine adds to every policy.

Rows stream from gathered files through the policy into verdict files; what the engine finds is small (uids with bits)
and is joined on the way. Nothing holds the pool: not Python, not Arrow.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines import storage
from pipelines.curation.connections import PARQUET, open_engine, parquet, quoted, scratch
from pipelines.curation.marking import mark
from pipelines.curation.pooling import count_unmeasured, gather_pool
from pipelines.curation.questions import Question
from pipelines.curation.ruling import check, rule
from pipelines.curation.unmeasured import unmeasured_message
from pipelines.curation.verdicts import Faults
from pipelines.curation.writing import write_verdicts
from pipelines.errors import PolicyError
from pipelines.samples import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What was written."""

    faults: Faults
    num_samples: int
    unmeasured: Mapping[Snapshot, Mapping[str, int]]
    """Per snapshot and family; with something in it only where that was allowed."""


def judge(question: Question, uri: str) -> Judgement:
    """Write `verdicts/*.parquet` and `facets.parquet` below `uri`.

    `PolicyError` where something that the policy needs was not measured, unless that is allowed.
    """
    layout, query = question.layout, question.query
    with scratch(layout) as folder, open_engine(folder) as engine:
        samples = gather_pool(layout, question.snapshots, question.families, query.names, folder)
        check(query, samples, folder)  # before what was not measured: a misspelt name is the simpler mistake
        unmeasured = count_unmeasured(samples, engine)
        if unmeasured and not question.allow_not_measured:
            said = unmeasured_message(layout, unmeasured, num_samples=samples.num_samples)
            raise PolicyError(f"policy {query.policy.name}: {said}")
        ruling = rule(query, samples, folder, kinds=tuple(question.duplicates.kinds))
        write_verdicts(uri, ruling, mark(question, ruling, engine), is_measured=not unmeasured)
        facets = " union all ".join(f"from {parquet([part.facets])}" for part in samples.parts)
        with storage.replacing(f"{uri}/facets.parquet") as path:
            engine.execute(f"copy ({facets}) to {quoted(str(path.absolute()))} ({PARQUET})")
    return Judgement(faults=ruling.faults, num_samples=samples.num_samples, unmeasured=unmeasured)
