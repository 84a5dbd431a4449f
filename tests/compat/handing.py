"""Exports of a small corpus, or of what a view would keep of it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.curation.splits import Split
from pipelines.exporting.arranging import Arrangement
from pipelines.exporting.handing import Handing
from pipelines.exporting.kept import Kept
from pipelines.exporting.selecting import Selection, whole_snapshot
from pipelines.samples import digest_of
from pipelines.shards.planning import Limits
from pipelines.shards.reading import read_sidecars
from tests.compat.corpus import Packed

OF_A_VIEW: list[dict[str, Any]] = [{}, {"seed": 5, "limits": Limits(samples_per_shard=7)}]
"""New shards in the order of the old ones, and shuffled small ones."""


def kept_of(packed: Packed, split: str = "train") -> dict[str, str]:
    """Two of three samples: runs of neighbours and holes."""
    return {sample["__key__"]: split for row, sample in enumerate(packed.samples) if row % 3 != 1}


def keeping(selection: Selection, splits: Mapping[str, str], weights: Mapping[str, float] | None = None) -> Selection:
    """What a view called `mine` would keep of some snapshots: uid -> split, uid -> weight."""
    rows = [
        {**row, "part": part}
        for part, snapshot in enumerate(selection.snapshots)
        for row in read_sidecars(selection.layout, snapshot).select(["uid", "shard"]).to_pylist()
        if row["uid"] in splits
    ]
    kept = Kept(
        part=np.array([row["part"] for row in rows], np.int32),
        shard=np.array([row["shard"] for row in rows], np.int32),
        uids=np.frombuffer(bytes.fromhex("".join(row["uid"] for row in rows)), "V16"),
        split=np.array([list(Split).index(Split(splits[row["uid"]])) for row in rows], np.uint8),
        weight=np.array([(weights or {}).get(row["uid"], 1.0) for row in rows], np.float32),
    )
    digest = digest_of([splits, weights])
    return replace(selection, name=f"mine/{digest}", digest=digest, kept=kept, is_view=True)


def handing(packed: Packed, output: Path, kept: Mapping[str, str] | None = None, **arrangement: Any) -> Handing:
    """Into `output`, by this process."""
    selection = whole_snapshot(packed.layout, packed.snapshot)
    return Handing(
        selection=selection if kept is None else keeping(selection, kept),
        format="test",
        output=str(output),
        arrangement=Arrangement(**arrangement),
    )
