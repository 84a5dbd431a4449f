import pytest

from pipelines.exporting.selecting import Selection
from tests.compat.corpus import Packed, SmallSource, pack_small


@pytest.fixture
def packed(tmp_path) -> Packed:
    """Three shards: two of four samples of which the odd ones lack a clip and a caption, one of texts alone."""
    source = SmallSource(corpus="small", num_records=10, parts=("ita", "i"), num_texts=2)
    return pack_small(source, tmp_path / "root", samples_per_shard=4)


@pytest.fixture
def selection(packed) -> Selection:
    return Selection(layout=packed.layout, snapshot=packed.snapshot)
