"""Every test in this folder runs a foreign reader or writer: marker `compat`."""

from pathlib import Path

import pytest

from tests.compat.corpus import Packed, mixed_source, pack_small, whole_source

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.compat)
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))  # the first one also makes an environment


@pytest.fixture(scope="session")
def mixed(tmp_path_factory) -> Packed:
    """Five shards of twelve samples, most of which lack something; the last holds texts alone."""
    return pack_small(mixed_source(), tmp_path_factory.mktemp("mixed"), samples_per_shard=12)


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Packed:
    """Three shards of ten samples with a JPEG, a clip and a caption each."""
    return pack_small(whole_source(), tmp_path_factory.mktemp("whole"), samples_per_shard=10)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a foreign reader may leave its caches."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"
