"""From URLs to finished shards: ours against img2dataset on one server, and what that server saw."""

import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.layout import Layout
from pipelines.shards.media import MediaProfile
from pipelines.shards.packing import PackingConfig, pack
from pipelines.sources.downloading import DownloadPolicy, fetch_all
from pipelines.sources.tables.columns import Columns
from pipelines.sources.tables.table import TableOptions, open_table
from tests.benchmarks.making import caption
from tests.benchmarks.names import FETCH_ALONE, FETCH_PACKED
from tests.benchmarks.peers import img2dataset_python, run_img2dataset, seconds_of_shards
from tests.benchmarks.rows import Row, Runs, Settings, alternate, one_core
from tests.benchmarks.serving import requests_of, serving

NUM_WORKERS = 2
SETTINGS = {"allow_private": True, "per_host": 128}
"""One host has everything: as many requests at a time as img2dataset's 64 threads in each of two processes."""


def rows(settings: Settings) -> Iterator[Row]:
    """Two rows; the second lacks where img2dataset cannot be installed."""
    with serving() as url:
        yield _alone(settings, url)
        python = img2dataset_python()
        if python is not None:
            yield _packed(settings, url, python)


def _alone(settings: Settings, url: str) -> Row:
    urls = [f"{url}/found/{number}.jpg" for number in range(settings.size(4000, 400))]

    policy = DownloadPolicy(allow_private=True, per_host=128)

    def fetch() -> int:
        return sum(body is not None for _, body in fetch_all(urls, policy, state_folder=settings.folder / "state"))

    with one_core() as on:
        runs = alternate(fetch, num_pairs=settings.num_pairs)
    note = "36 KB each, 64 at a time; robots.txt and opt-outs are looked at; the server has the other core"
    return Row(what=FETCH_ALONE, unit="URLs/s", on=on, runs=runs, note=note)


def _packed(settings: Settings, url: str, python: Path) -> Row:
    """Alternating runs, from the start of the first shard to the end of the last as the stats of each side say."""
    urls = _urls(url, settings.size(6000, 600))
    table = settings.folder / "urls.parquet"
    pq.write_table(pa.table({"url": urls, "caption": [caption(number) for number in range(len(urls))]}), table)
    per_shard = len(urls) // (2 * NUM_WORKERS)
    peer = partial(run_img2dataset, python, table, num_workers=NUM_WORKERS, samples_per_shard=per_shard)
    rates: dict[str, list[float]] = {"ours": [], "peer": []}
    whole: dict[str, list[float]] = {"ours": [], "peer": []}
    cpu: dict[str, list[float]] = {"ours": [], "peer": []}
    for pair in range(settings.num_pairs + 1):  # the first is not counted
        seen = {}
        for name, work in (("ours", partial(_pack, table, per_shard)), ("peer", peer)):
            output = settings.folder / f"{name}-{pair}"
            output.mkdir()
            requests_of(url)
            start, cpu_start = time.perf_counter(), _cpu_seconds()
            seconds = work(output=output)
            whole[name].append(time.perf_counter() - start)
            cpu[name].append(_cpu_seconds() - cpu_start)
            seen[name] = requests_of(url)
            shutil.rmtree(output)
            if pair:
                rates[name].append(len(urls) / seconds)
        _check_requests(seen["ours"])
    return Row(
        what=FETCH_PACKED,
        unit="URLs/s",
        on=f"{NUM_WORKERS} processes",
        runs=Runs(ours=tuple(rates["ours"]), peer=tuple(rates["peer"])),
        peer_name="img2dataset 1.47",
        note=f"2% are 404 and 2% opted out: {_asked(seen['ours'])} by us, {_asked(seen['peer'])} by the peer; "
        f"start and end of the processes left out, with them {median(whole['ours']):.0f} s and "
        f"{median(whole['peer']):.0f} s, and {median(cpu['ours']):.0f} s and "
        f"{median(cpu['peer']):.0f} s of a processor; "
        "the server shares the cores",
    )


def _urls(url: str, count: int) -> list[str]:
    kinds = {0: "missing", 25: "withheld"}
    return [f"{url}/{kinds.get(number % 50, 'found')}/{number}.jpg" for number in range(count)]


def _pack(table: Path, samples_per_shard: int, *, output: Path) -> float:
    config = PackingConfig(
        samples_per_shard=samples_per_shard,
        num_workers=NUM_WORKERS,
        profile=MediaProfile(name="train"),
        max_failure_rate=0.1,
    )
    options = TableOptions(
        columns=Columns(image="url", text=("caption",)), download=SETTINGS, state_folder=output / "state"
    )
    source = open_table([str(table)], corpus="bench", licence="CC0-1.0", languages=("en",), options=options)
    pack(source, layout=Layout(str(output / "root")), config=config)
    return seconds_of_shards(output)


def _cpu_seconds() -> float:
    """Of this process and of all that it started and saw end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _check_requests(seen: Counter[str]) -> None:
    """The bar: one request for every 404 and every opted-out URL, one robots.txt for all processes."""
    assert set(seen.values()) == {1}, f"asked more than once: {seen.most_common(3)}"


def _asked(seen: Counter[str]) -> str:
    most = max(count for path, count in seen.items() if path.startswith(("/missing/", "/withheld/")))
    return f"{most} request{'s' * (most > 1)} each"
