from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.exporting.arranging import Arrangement
from pipelines.exporting.handing import Handing
from pipelines.exporting.selecting import Selection, whole_snapshot
from tests.compat.corpus import Packed, SmallSource, pack_small
from tests.compat.handing import keeping


@pytest.fixture
def packed(tmp_path) -> Packed:
    """Three shards: two of four samples of which the odd ones lack a clip and a caption, one of texts alone."""
    source = SmallSource(corpus="small", num_records=10, parts=("ita", "i"), num_texts=2)
    return pack_small(source, tmp_path / "root", samples_per_shard=4)


@pytest.fixture
def selection(packed) -> Selection:
    return whole_snapshot(packed.layout, packed.snapshot)


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
