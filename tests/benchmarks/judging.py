"""Re-judging a gathered pool by six rules: verdicts, bits and the funnel, against two other ways to the same rules.

`python -m tests.benchmarks.judging --rows 20000000 --growth 2000000 40000000 --diff` for other sizes, for how time
grows between two of them, for the peak of memory, and for the difference of two stored views. The floor is DuckDB's
own COPY of uid and the six booleans from the same files; the other peer is DataComp's way: pandas, file by file.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from pipelines import storage
from pipelines.curation.connections import MEMORY_LIMIT, parquet, quoted
from pipelines.curation.counting import count_funnel
from pipelines.curation.diffing import diff
from pipelines.curation.parsing import parse
from pipelines.curation.policy import Policy, parse_policy
from pipelines.curation.pooling import Samples
from pipelines.curation.ruling import rule
from pipelines.curation.views import SCHEMA_VERSION, View
from pipelines.curation.writing import write_verdicts
from pipelines.layout import Layout
from tests.benchmarks.names import JUDGE_COPY, JUDGE_PANDAS
from tests.benchmarks.pools import NUM_THREADS, make_pool
from tests.benchmarks.rows import Row, Settings, alternate

RULES = {
    "too_small": "least(width, height) < $min_pixels",
    "blank": "is_blank",
    "too_few_characters": "characters < 5",
    "mostly_symbols": "symbol_share > 0.7",
    "repeated_text": "words >= 8 and repetition > 0.3",
    "mismatch": "image_text_score < 0.2",
}
_LISTED = ", ".join(f"{rule} as {name}" for name, rule in RULES.items())
SIX = parse_policy("six", "-- $min_pixels = 64\nselect uid, " + _LISTED + " from samples")
_COPY = "copy (POLICY) to OUT (format parquet)"
_COLUMNS = [
    *("uid", "width", "height", "is_blank", "characters", "symbol_share", "words", "repetition"),
    "image_text_score",
]


def rows(settings: Settings, num_rows: int | None = None) -> Iterator[Row]:
    """On the cores that there are, at most NUM_THREADS of them; the gathering is not in these rows."""
    bench = Bench(
        folder=settings.folder, samples=make_pool(settings.folder, num_rows or settings.size(2_000_000, 100_000))
    )
    on, note = f"{min(NUM_THREADS, os.cpu_count() or 1)} cores", f"{bench.samples.num_samples} rows of 17 signals"
    judged, copied = (lambda: bench.judge(SIX), bench.copy)
    runs = alternate(judged, copied, num_pairs=settings.num_pairs)
    yield Row(what=JUDGE_COPY, unit="rows/s", on=on, runs=runs, peer_name="DuckDB's COPY of 7 columns", note=note)
    runs = alternate(judged, bench.judge_in_pandas, num_pairs=settings.num_pairs)
    told = "pandas, a process a core, file by file, writes uids.npy alone"
    yield Row(what=JUDGE_PANDAS, unit="rows/s", on=on, runs=runs, peer_name=told, note=note)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """A pool in files, and the three ways."""

    folder: Path
    samples: Samples

    def judge(self, policy: Policy, name: str = "ours") -> int:
        """As curation does when nothing was withdrawn and nothing is there twice."""
        uri = f"{self.folder}/views/{name}/0"
        ruling = rule(parse(policy), self.samples, self.folder, kinds=("exact", "near_image"))
        write_verdicts(uri, ruling, None, is_measured=True)
        storage.same_file(self.samples.parts[0].facets, f"{uri}/facets.parquet")
        files = [f"{uri}/verdicts/{one}" for one in storage.names(f"{uri}/verdicts")]
        funnel = count_funnel(Layout(str(self.folder)), files, f"{uri}/facets.parquet", ruling.faults, {})
        storage.write_table(f"{uri}/funnel.parquet", funnel)
        assert funnel["num_before"][0].as_py() == self.samples.num_samples
        return self.samples.num_samples

    def copy(self) -> int:
        """DuckDB's COPY with its defaults: no bits, no first fault, no funnel, and nothing synced to the disk."""
        files, out = parquet(self.samples.files), quoted(str(self.folder / "copied.parquet"))
        policy = SIX.sql.partition("\n")[2].replace("$min_pixels", "64").replace("samples", files)
        sql = _COPY.replace("POLICY", policy).replace("OUT", out)
        with duckdb.connect(":memory:", config={"threads": NUM_THREADS, "memory_limit": MEMORY_LIMIT}) as connection:
            ((count,),) = connection.execute(sql).fetchall()
        return int(count)

    def judge_in_pandas(self) -> int:
        """The shape of DataComp's baselines.apply_filter: a mask per file, uids as pairs of Python integers, sorted."""
        with ProcessPoolExecutor(NUM_THREADS, mp_context=multiprocessing.get_context("spawn")) as pool:
            found = list(pool.map(_mask_of_file, self.samples.files))
        kept = np.sort(np.concatenate([uids for uids, _ in found]))
        np.save(self.folder / "uids.npy", kept)
        return sum(count for _, count in found)

    def view(self, name: str) -> View:
        """What `judge` wrote, opened without its manifest."""
        one = self.samples.parts[0].snapshot
        faults = rule(parse(SIX), self.samples, self.folder, kinds=("exact", "near_image")).faults.names
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "snapshots": [{"corpus": one.corpus, "snapshot": one.snapshot}],
            "faults": list(faults),
            "inputs": {"shards": ["same"], "signals": {}, "snapshots": [str(one)], "params": {}},
            "policy": {"name": "six", "description": "", "sha256": ""},
        }
        view = View(layout=Layout(str(self.folder)), view=name, digest="0", manifest=manifest)
        storage.write_atomic(f"{view.uri}/policy.sql", SIX.sql.encode())
        storage.write_json(f"{view.uri}/params.json", {})
        return view


def _mask_of_file(file: str) -> tuple[np.ndarray, int]:
    import pandas as pd

    df = pd.read_parquet(file, columns=_COLUMNS)
    mask = (
        (np.minimum(df["width"], df["height"]) >= 64)
        & ~df["is_blank"]
        & (df["characters"] >= 5)
        & (df["symbol_share"] <= 0.7)
        & ~((df["words"] >= 8) & (df["repetition"] > 0.3))
        & (df["image_text_score"] >= 0.2)
    )
    uids = [(int(uid[:16], 16), int(uid[16:32], 16)) for uid in df["uid"].to_numpy()[mask.to_numpy()]]
    return np.array(uids, np.dtype("u8,u8")), len(df)


def peak_gigabytes(work: Callable[[], object]) -> float:
    """Of this process while it works, from a peak that is forgotten first; Linux only."""
    Path("/proc/self/clear_refs").write_text("5")
    work()
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / (1 << 20)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows, the peak of memory, and what else was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.judging", description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--growth", type=int, nargs="*", default=[], metavar="ROWS", help="time per row at these sizes")
    parser.add_argument("--diff", action="store_true", help="also the difference of two stored views")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--folder", help="where the pool goes (default: that of temporary files)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for row in rows(Settings(folder=Path(folder), num_pairs=args.pairs), args.rows):
            low, high = row.ratio_range or (0, 0)
            _say(f"{row.what}: {row.ours:,.0f} {row.unit}, {row.ratio:.2f} of {row.peer_name} ({low:.2f}-{high:.2f})")
        bench = Bench(folder=Path(folder), samples=make_pool(Path(folder), args.rows))
        _say(f"peak memory of judging {args.rows} rows: {peak_gigabytes(lambda: bench.judge(SIX)):.2f} GB")
        if args.diff:
            _print_diff(bench)
    for size in args.growth:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            bench = Bench(folder=Path(folder), samples=make_pool(Path(folder), size))
            bench.judge(SIX)
            start = time.perf_counter()
            peak = peak_gigabytes(lambda bench=bench: bench.judge(SIX))
            seconds = time.perf_counter() - start
            _say(f"{size} rows: {seconds:.1f} s, {seconds / size * 1e9:.0f} ns a row, peak {peak:.2f} GB")
    return 0


def _print_diff(bench: Bench) -> None:
    bench.judge(SIX, "old")
    bench.judge(SIX.with_params({"min_pixels": 128}), "new")
    old, new = bench.view("old"), bench.view("new")
    num_rows = bench.samples.num_samples
    diff(old, new)
    start = time.perf_counter()
    peak = peak_gigabytes(lambda: diff(old, new))
    _say(f"diff of two views of {num_rows} rows: {time.perf_counter() - start:.2f} s, peak {peak:.2f} GB")
    size = sum(Path(file).stat().st_size for file in old.files)
    _say(f"verdicts: {size / num_rows:.1f} bytes a row")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
