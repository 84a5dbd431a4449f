"""Records packed into tar files that never change, and the checks that they are what they say."""

import time

import dagster as dg

from assets import upstream
from assets.markdown import counts, share, table, words
from assets.metadata import DATA_ENGINEERING
from assets.packing import ShardsConfig, describe, failures_table
from assets.partitions import SNAPSHOTS
from assets.resources import Compute, CorpusStore
from assets.sources import present_source, profile_of, source_records
from pipelines.shards.failing import common_reasons
from pipelines.shards.objections import find_objections
from pipelines.shards.packing import pack
from pipelines.shards.uniqueness import find_clashes
from pipelines.shards.verifying import verify
from pipelines.storage import exists, write_json

FEW_FAILURES = 0.01
"""Share of the records."""
NO_LICENSE = ("", "unknown", "None")


@dg.asset(
    deps=[source_records],
    partitions_def=SNAPSHOTS,
    group_name="shards",
    kinds={"webdataset", "parquet"},
    owners=DATA_ENGINEERING,
    code_version="1",
)
def shards(
    context: dg.AssetExecutionContext, config: ShardsConfig, corpora: CorpusStore, compute: Compute
) -> dg.MaterializeResult[None]:
    """Every record as a sample in WebDataset tar files, with one Parquet row for it beside them, failures included.

    Packing the same input twice gives the same bytes; the digest of the tars is the data version. Only shards that
    are missing are built, those of an earlier snapshot that hold the same records are linked, and records that failed
    for a reason that may have passed are tried again.
    """
    snapshot, layout = upstream.snapshot(context), corpora.layout
    packing = config.packing(
        profile=profile_of(snapshot, corpora.corpus(snapshot.corpus)), num_workers=compute.num_workers
    )
    started = time.time()
    report = pack(present_source(corpora, snapshot), layout=layout, config=packing)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(report.digest), metadata=describe(layout, report, started=started)
    )


@dg.asset_check(asset=shards, blocking=True)
def shards_are_intact(
    context: dg.AssetCheckExecutionContext, corpora: CorpusStore, compute: Compute
) -> dg.AssetCheckResult:
    """Every tar has the bytes, and every sidecar the rows, that were committed; read in full once per data version."""
    snapshot, layout = upstream.snapshot(context, shards), corpora.layout
    digest = upstream.latest(context, shards).data_version
    seal = layout.report(f"verified/{snapshot}/{digest}.json")
    if exists(seal):
        return dg.AssetCheckResult(
            passed=True,
            description="Read in full when this content was first packed.",
            metadata={"verified_before": dg.MetadataValue.path(seal)},
        )
    report = verify(layout, snapshot, num_workers=compute.num_workers)
    if not report.problems:
        write_json(seal, {"digest": digest, "num_samples": report.num_samples})
    found = report.problems
    more = f" ({len(found):,} problems in all)" if len(found) > 1 else ""
    return dg.AssetCheckResult(
        passed=not found,
        description=f"{found[0]}{more}" if found else f"{report.num_samples:,} samples read and found whole.",
        metadata={
            "num_samples": report.num_samples,
            "num_problems": len(found),
            "problems": table(["problem"], [[one] for one in found[:20]]) if found else "none",
            "seconds": report.seconds,
        },
    )


@dg.asset_check(asset=shards, blocking=True)
def keys_are_unique(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
    """A uid is one sample's alone, here and over the corpus's other snapshots; names listed twice are a warning."""
    snapshot = upstream.snapshot(context, shards)
    packed = upstream.latest(context, shards)
    repeated, records = packed["num_duplicate_keys"], packed["num_records"]
    clashes = find_clashes(corpora.layout, snapshot)
    metadata = {
        "num_clashes": len(clashes),
        "num_duplicate_keys": repeated,
        "duplicate_key_share": repeated / max(records, 1),
        "clashes": table(["clash"], [[str(one)] for one in clashes]) if clashes else "none",
    }
    if clashes:
        todo = f"{clashes[0]}. Remove the snapshot's folder {corpora.layout.shards(snapshot)} and pack it again."
        return dg.AssetCheckResult(passed=False, description=todo, metadata=metadata)
    if repeated:
        todo = (
            f"{repeated:,} of {records:,} records ({share(repeated, records)}) have a name that stands earlier in the "
            "source, and were left out (status duplicate_key). Give each record a name of its own, or drop the repeats."
        )
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description=todo, metadata=metadata
        )
    return dg.AssetCheckResult(passed=True, description=f"{records:,} names, each once.", metadata=metadata)


@dg.asset_check(asset=shards, blocking=True)
def nobody_objected(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
    """No sample was made of a URL whose owner opted out (robots.txt, X-Robots-Tag, TDM), then or at a later look."""
    found = find_objections(corpora.layout, upstream.snapshot(context, shards))
    said = f"{found.num_urls:,} URLs of the corpus opted out"
    todo = (
        f"{said}, and {found.num_samples:,} samples made of such are here (first {words(found.examples[0][0])}: "
        f"{words(found.examples[0][2])}). Withdraw them: python -m pipelines pack --recheck-consent asks once more and "
        "writes their tombstones."
        if found.num_samples
        else f"{said}; no sample of theirs is in use ({found.num_withdrawn:,} are withdrawn)."
    )
    return dg.AssetCheckResult(
        passed=not found.num_samples,
        description=todo,
        metadata={
            "num_urls_opted_out": found.num_urls,
            "num_samples": found.num_samples,
            "num_withdrawn": found.num_withdrawn,
            "first": table(["uid", "URL", "forbidden by"], found.examples) if found.examples else "none",
        },
    )


@dg.asset_check(asset=shards)
def few_failures(context: dg.AssetCheckExecutionContext, corpora: CorpusStore) -> dg.AssetCheckResult:
    """At most one record in a hundred could not be packed; the commonest reasons are named."""
    packed = upstream.latest(context, shards)
    failed, records = packed["num_failed"], packed["num_records"]
    rate = failed / max(records, 1)
    reasons = common_reasons(corpora.layout, upstream.snapshot(context, shards)) if failed else []
    commonest = "; ".join(words(f"{one.num_records:,} x {one.status}: {one.message}") for one in reasons[:3])
    said = f"{failed:,} of {records:,} records failed ({share(failed, records)})"
    todo = (
        f"{said}. {commonest}. Mend these records, or leave them out of the source; what failed for a passing reason "
        "is tried again when the shards are materialized again."
    )
    return dg.AssetCheckResult(
        passed=rate <= FEW_FAILURES,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{said}." if rate <= FEW_FAILURES else todo,
        metadata={
            "failure_rate": rate,
            "at_most": f"{FEW_FAILURES:.0%}",
            "reasons": failures_table(reasons, num_records=records) if reasons else "none",
        },
    )


@dg.asset_check(asset=shards)
def licences_are_known(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Every sample names the licence it may be used under."""
    packed = upstream.latest(context, shards)
    by_license, samples = packed["num_by_license"], packed["num_samples"]
    unknown = sum(by_license.get(name, 0) for name in NO_LICENSE)
    todo = (
        f"{unknown:,} samples ({share(unknown, samples)}) without a licence: name it in the catalog (license = ...), "
        "in a JSON file beside the record, or in the column that the catalog maps to it; then materialize the snapshot "
        "that this makes."
    )
    return dg.AssetCheckResult(
        passed=unknown == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=todo if unknown else f"{samples:,} samples, each with a licence.",
        metadata={
            "num_without_license": unknown,
            "share_without_license": unknown / max(samples, 1),
            "by_license": counts("license", by_license, of=samples),
        },
    )
