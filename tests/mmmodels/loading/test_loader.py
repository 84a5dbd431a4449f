"""The loader: the same batches for any number of ranks and workers, wherever it was stopped; damage replaced alike."""

import dataclasses
import gc
import shutil
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmmodels.loading import Loader, open_media
from mmmodels.loading.damage import DamageLog
from mmmodels.loading.tars import Tars
from mmmodels.loading.workers import Processes, Threads
from mmmodels.planning import Plan
from mmmodels.preparing import Prepared, prepare
from mmmodels.recipes import find_recipe
from mmmodels.tasks.alignment import MODALITIES
from pipelines.errors import ShardError
from pipelines.layout import Layout
from tests.mmmodels.small import SMALL

BATCH = 24


def undecoded(data: Prepared) -> Prepared:
    """The same data, every medium decoded when it is asked for."""
    media = {name: dataclasses.replace(one, decoded=None) for name, one in data.media.items()}
    return dataclasses.replace(data, media=media)


def plan_of(data, *, batch_size=BATCH):
    pools = {"triple": data.pool(data.has("image") & data.has("audio")), "image_text": data.image_texts()}
    return Plan(pools=pools, mixture={"triple": 2, "image_text": 1}, batch_size=batch_size, view_digest="d", seed=3)


def loader_of(data, workers, **settings):
    return Loader(plan=plan_of(data), source=data, modalities=MODALITIES.__getitem__, workers=workers, **settings)


def told(reading, data):
    """What a step holds, sample by sample: uid, text, checksums of its media."""
    uids = data.table["uid"].take(reading.entries[:, 0]).to_pylist()
    media = [array for name, array in sorted(reading.arrays.items()) if name != "text"]
    sums = [[zlib.crc32(np.ascontiguousarray(array[place])) for array in media] for place in range(len(uids))]
    return list(zip(uids, reading.entries[:, 1].tolist(), sums, strict=True))


def global_steps(data, workers, *, first, end, world_size, ahead=2):
    """Steps as all ranks together read them."""
    loaders = [loader_of(data, workers, rank=rank, world_size=world_size, ahead=ahead) for rank in range(world_size)]
    rows = zip(*(loader.steps(first, end) for loader in loaders), strict=True)
    return [[one for reading in ranks for one in told(reading, data)] for ranks in rows]


@pytest.fixture(scope="module")
def data(patterns_data):
    return undecoded(patterns_data)


@pytest.fixture(scope="module")
def straight(data):
    workers = Threads(1, Tars())
    yield global_steps(data, workers, first=0, end=16, world_size=1, ahead=0)
    workers.close()


@settings(max_examples=12, deadline=None)
@given(
    stops=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24]), st.integers(1, 4), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    )
)
def test_any_number_of_ranks_and_workers_stopped_anywhere_reads_what_one_run_reads(data, straight, stops):
    """Parts of a run: steps, ranks, threads, steps ahead."""
    found = []
    for num_steps, world_size, num_workers, ahead in stops:
        workers = Threads(num_workers, Tars())
        first = len(found)
        found += global_steps(data, workers, first=first, end=first + num_steps, world_size=world_size, ahead=ahead)
        workers.close()
    assert found == straight[: len(found)]


def test_the_decoded_array_and_decoding_on_demand_give_the_same(patterns_data, straight):
    workers = Threads(1, Tars())
    assert global_steps(patterns_data, workers, first=0, end=16, world_size=2) == straight
    workers.close()


def test_processes_read_what_threads_read(data, straight):
    workers = Processes(2, Tars())
    try:
        assert global_steps(data, workers, first=0, end=16, world_size=2) == straight
    finally:
        workers.close()


def test_leaving_early_leaves_nothing_under_way(data):
    workers = Threads(2, Tars())
    steps = loader_of(data, workers, ahead=3).steps(0, 100)
    next(steps)
    steps.close()
    assert {key: len(rooms) for key, rooms in workers.rooms._free.items()} == {("image", 24): 4, ("audio", 24): 3}
    workers.close()


@pytest.fixture(scope="module")
def damaged(patterns_view, tmp_path_factory):
    """A copy of the root in which the bytes of some pictures and a clip are noise."""
    root = tmp_path_factory.mktemp("damaged") / "root"
    shutil.copytree(patterns_view.layout.root, root, ignore=shutil.ignore_patterns("cache"))
    view = dataclasses.replace(patterns_view, layout=Layout(str(root)))
    data = prepare(view, config=find_recipe("tiny", SMALL).model)
    broken = {"image": (3, 40, 77), "audio": (5,)}
    for modality, numbers in broken.items():
        members = data.media[modality].members
        for number in numbers:
            with Path(members.tars[members.tar[number]]).open("r+b") as tar:
                tar.seek(members.offset[number])
                tar.write(bytes(reversed(range(64))))
    shutil.rmtree(root / "cache")
    return view, broken


@pytest.mark.parametrize("is_decoded", [False, True])
def test_a_damaged_sample_is_replaced_by_the_same_one_on_any_number_of_ranks(damaged, is_decoded):
    view, broken = damaged
    data = prepare(view, config=find_recipe("tiny", SMALL).model)
    assert {name: tuple(one.decoded.damaged) for name, one in data.media.items()} == broken
    data = data if is_decoded else undecoded(data)
    workers = Threads(2, Tars())
    runs, counts = [], []
    for world_size in (1, 3, 8):
        loaders = [loader_of(data, workers, rank=rank, world_size=world_size) for rank in range(world_size)]
        ranks = [[(told(each, data), each.num_substituted) for each in one.steps(0, 24)] for one in loaders]
        runs.append([[one for samples, _ in step for one in samples] for step in zip(*ranks, strict=True)])
        counts.append([sum(count for _, count in step) for step in zip(*ranks, strict=True)])
    workers.close()
    assert runs[0] == runs[1] == runs[2]
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0]) > 3
    bad = {
        uid
        for modality, numbers in broken.items()
        for row, uid in enumerate(data.column("uid"))
        if data.media[modality].index[row] in numbers
    }
    plan = plan_of(data)
    wanted = [data.column("uid")[row] for step in range(24) for row in plan.entries(step)[:, 0]]
    read = [uid for step in runs[0] for uid, _, _ in step]
    # A damaged clip is no hindrance where only picture and text are read.
    differs = {before for before, after in zip(wanted, read, strict=True) if before != after}
    assert differs <= bad
    assert len(differs) >= 4


def test_too_many_damaged_samples_are_an_error_that_names_them():
    log = DamageLog()
    log.count(100)
    for number in range(16):
        log.add(f"a.tar at {number}: broken")
    with pytest.raises(ShardError, match=r"17 of the first 100 samples do not decode.*a\.tar at 0: broken"):
        log.add("b.tar at 0: broken")


def test_the_same_damage_met_again_counts_once():
    log = DamageLog()
    for _ in range(1000):
        log.add("a.tar at 5: broken")
    assert log.reasons == {"a.tar at 5: broken"}


def test_memory_does_not_grow_over_epochs(data):
    workers = Threads(2, Tars())
    loader = loader_of(data, workers)
    seen = []
    for step, _ in enumerate(loader.steps(0, 160)):
        if step % 20 == 19:
            gc.collect()
            seen.append(psutil.Process().memory_info().rss)
    workers.close()
    assert max(seen[3:]) - seen[2] < 8 << 20


def test_what_a_kind_lacks_is_a_blank_and_marked(data):
    no_audio = data.media["audio"].index.copy()
    no_audio[::2] = -1
    media = dict(data.media) | {"audio": dataclasses.replace(data.media["audio"], index=no_audio)}
    data = dataclasses.replace(data, media=media)
    workers = Threads(1, Tars())
    loader = Loader(plan=plan_of(data), source=data, modalities=lambda _: ("text", "audio"), workers=workers)
    for reading in loader.steps(0, 6):
        lacks = ~reading.there["audio"]
        assert lacks.any()
        assert not reading.arrays["audio"][lacks].any()
        assert reading.arrays["audio"][~lacks].any(axis=1).all()
    workers.close()


def test_texts_are_as_long_as_the_longest_rounded_up(data):
    workers = Threads(1, Tars())
    for reading in loader_of(data, workers).steps(0, 3):
        ids = reading.arrays["text"]
        assert ids.shape[1] % 8 == 0
        assert ids.shape[1] <= data.config.text.context_length
        assert (ids[:, -8:] != 0).any()
    workers.close()


def test_media_are_opened_alike_from_a_table_that_is_too_long_to_compare(patterns_data, monkeypatch):
    monkeypatch.setattr("mmmodels.loading.media.MAX_CACHE_ROWS", 10)
    media = open_media(
        patterns_data.table,
        patterns_data.shards,
        layout=patterns_data.layout,
        config=patterns_data.config,
        tars=Tars(),
        num_workers=1,
    )
    rows = np.array([0, 5, 200])
    for name, one in media.items():
        assert one.decoded is None
        assert np.array_equal(one.read(rows), patterns_data.media[name].read(rows))
