from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.curation.splits import Split
from pipelines.exporting.arranging import Arrangement
from pipelines.exporting.handing import Handing
from pipelines.exporting.selecting import Kept, Selection, whole_snapshot
from pipelines.samples import digest_of
from pipelines.shards.reading import read_sidecars
from tests.compat.corpus import Packed, SmallSource, pack_small


@pytest.fixture
def packed(tmp_path) -> Packed:
    """Three shards: two of four samples of which the odd ones lack a clip and a caption, one of texts alone."""
    source = SmallSource(corpus="small", num_records=10, parts=("ita", "i"), num_texts=2)
    return pack_small(source, tmp_path / "root", samples_per_shard=4)


@pytest.fixture
def selection(packed) -> Selection:
    return whole_snapshot(packed.layout, packed.snapshot)


def keeping(selection: Selection, splits: dict[str, str], weights: dict[str, float] | None = None) -> Selection:
    """What a view called `mine` would keep of one snapshot: uid -> split."""
    records = read_sidecars(selection.layout, selection.snapshots[0]).select(["uid", "shard"]).to_pylist()
    rows = [row for row in records if row["uid"] in splits]
    kept = Kept(
        part=np.zeros(len(rows), np.int32),
        shard=np.array([row["shard"] for row in rows], np.int32),
        uids=np.frombuffer(bytes.fromhex("".join(row["uid"] for row in rows)), "V16"),
        split=np.array([list(Split).index(Split(splits[row["uid"]])) for row in rows], np.uint8),
        weight=np.array([(weights or {}).get(row["uid"], 1.0) for row in rows], np.float32),
    )
    digest = digest_of([splits, weights])
    return replace(selection, name=f"mine/{digest}", digest=digest, kept=kept, is_view=True)


@pytest.fixture
def handing(selection, tmp_path) -> Callable[..., Handing]:
    """An export into `out`, in this process; `kept` is the split by uid, `weights` are by uid."""

    def make(kept: dict[str, str] | None = None, weights: dict[str, float] | None = None, **changes: Any) -> Handing:
        chosen = selection if kept is None else keeping(selection, kept, weights)
        values = {"selection": chosen, "format": "shards", "output": str(tmp_path / "out"), "num_workers": 1}
        output: str | Path = changes.pop("output", values["output"])
        handing = {name: changes.pop(name) for name in ("selection", "format", "splits") if name in changes}
        return Handing(**{**values, **handing, "output": str(output), "arrangement": Arrangement(**changes)})

    return make
