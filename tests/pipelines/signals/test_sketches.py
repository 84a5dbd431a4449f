import tracemalloc

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.signals.sketches import Sketch, cut

SHARES = [0.1, 0.25, 0.5, 0.9, 1.0]
RNG = np.random.default_rng(0)
COLUMNS = {
    "normal": RNG.standard_normal(5000),
    "shares": RNG.beta(2, 5, 5000),
    "counts": RNG.poisson(3, 5000).astype(float),
    "flags": (RNG.random(5000) < 0.05).astype(float),
    "decibels": -RNG.exponential(20, 5000),
    "equal": np.full(5000, 3.0),
    "large": RNG.integers(0, 10**9, 5000).astype(float),
}


def sketch_of(values: np.ndarray, parts: int = 1) -> Sketch:
    sketch = Sketch()
    for part in np.array_split(values, parts):
        sketch.add(part)
    return sketch


@pytest.mark.parametrize("name", COLUMNS)
def test_quantiles_are_those_of_numpy_and_duckdb_for_the_cut_values(name: str, tmp_path):
    values = COLUMNS[name]
    found = sketch_of(values).quantiles(SHARES)
    exact = np.quantile(cut(values).astype(float), SHARES, method="inverted_cdf")
    assert found == exact.tolist()
    assert np.allclose(found, np.quantile(values, SHARES, method="inverted_cdf"), rtol=1 / 2048)
    pq.write_table(pa.table({"value": cut(values)}), tmp_path / "values.parquet")
    query = "select quantile_disc(value, $shares) from read_parquet($path)"
    rows = duckdb.sql(query, params={"shares": SHARES, "path": str(tmp_path / "values.parquet")}).fetchall()
    assert found == list(rows[0][0])


@pytest.mark.parametrize("name", COLUMNS)
def test_bins_and_histograms_count_every_value_once(name: str):
    values, edges = COLUMNS[name], [-1.0, 0.0, 0.5, 3.0]
    found = sketch_of(values).count_between(edges)
    assert found.tolist() == np.bincount(np.searchsorted(edges, cut(values)), minlength=5).tolist()
    counts, bounds = sketch_of(values).histogram(num_bins=20)
    assert counts.sum() == len(values)
    assert bounds[0] <= cut(values).min() <= cut(values).max() <= bounds[-1]


def test_neither_order_nor_parts_matter():
    values = COLUMNS["normal"]
    whole, parts = sketch_of(values), sketch_of(values[::-1], parts=17)
    assert whole.quantiles(SHARES) == parts.quantiles(SHARES)
    assert whole.count_between([0.0]).tolist() == parts.count_between([0.0]).tolist()


def test_small_whole_numbers_and_the_ends_of_scales_are_kept_as_they_are():
    kept = [0.0, 1.0, -1.0, 0.5, 4096.0, -70.0, -144.0, 100.0, 48000.0, 16000.0]
    assert cut(np.array(kept)).tolist() == kept
    assert not np.signbit(cut(np.array([-0.0, -1e-50])).max())


def test_twenty_million_values_take_little_memory():
    rng, sketch = np.random.default_rng(1), Sketch()
    tracemalloc.start()
    try:
        for _ in range(100):
            sketch.add(rng.standard_normal(200_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sketch.num_values == 20_000_000
    assert peak < 32 << 20
    assert sketch.quantiles([0.5])[0] == pytest.approx(0, abs=2e-3)
