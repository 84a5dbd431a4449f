"""DataComp's baselines by their published definitions, and a pool with the columns that they read.

Written anew from what `baselines/apply_filter.py` of mlfoundations/datacomp (4a8df19) does. Three models of theirs are
not here: the languages that fastText's lid.176 and gcld3 would say are a column of the table, and CLIP's scores and
vectors are drawn. What they compute from these is not.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

WORDS = (
    "a",
    "red",
    "bird",
    "photo",
    "of",
    "sale!",
    "x",
    "IMG_0001.jpg",
    "\u72ac",
    "caf\u00e9",
    "e\u0301",
    "\U0001f600",
    "",
)
GAPS = (
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r\n",
    "\x0b",
    "\x0c",
    "\x00",
    "\x1c",
    "\x85",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\u200b",
)
"""What one of Python, fastText and a regular expression takes for a space and another does not."""


def pool(num_rows: int = 4000, seed: int = 0) -> pa.Table:
    """With every edge: sides of exactly 200 and 3 to 1, scores that tie and that are not there, odd spaces."""
    rng = np.random.default_rng(seed)
    captions = []
    for num_words in rng.integers(1, 6, num_rows):
        words, gaps = rng.choice(WORDS, num_words), rng.choice(GAPS, num_words, p=_shares())
        captions.append("".join(word + gap for word, gap in zip(words, gaps, strict=True)) or "-")
    scores = rng.choice(np.linspace(0.1, 0.4, 301), num_rows).astype(np.float32)
    scores[rng.random(num_rows) < 0.01] = np.nan
    short = rng.choice([150, 199, 200, 201, 333], num_rows)
    long = np.where(rng.random(num_rows) < 0.3, short * 3, short + rng.integers(0, 700, num_rows))
    swap = rng.random(num_rows) < 0.5
    return pa.table(
        {
            "uid": [f"{row:032x}" for row in range(num_rows)],
            "caption": captions,
            "original_width": np.where(swap, long, short).astype(np.int32),
            "original_height": np.where(swap, short, long).astype(np.int32),
            "detected_language": rng.choice(["en", "en", "de", "und"], num_rows),
            "image_text_score": pa.array(scores, from_pandas=False),
            "image_centroid": rng.integers(0, 50, num_rows).astype(np.int32),
            "first_synsets": [rng.choice(40, rng.integers(0, 3)).tolist() for _ in range(num_rows)],
            "has_image": np.ones(num_rows, dtype=bool),
            "has_text": np.ones(num_rows, dtype=bool),
        }
    )


TARGET_CENTROIDS = frozenset({1, 5, 8, 13, 21, 34})
TARGET_SYNSETS = frozenset({2, 3, 5, 7})


def with_relations(table: pa.Table) -> pa.Table:
    """What `relate` gives of the drawn synsets and centroids."""
    hits = [sorted(TARGET_SYNSETS & set(found)) for found in table["first_synsets"].to_pylist()]
    is_target = [position in TARGET_CENTROIDS for position in table["image_centroid"].to_pylist()]
    return table.append_column("target_synsets", pa.array(hits, pa.list_(pa.uint32()))).append_column(
        "is_target_centroid", pa.array(is_target)
    )


def _shares() -> np.ndarray:
    weights = np.r_[20, np.ones(len(GAPS) - 1)]
    return weights / weights.sum()


def _threshold(scores: np.ndarray, fraction: float) -> np.float32:
    return -np.sort(-scores)[int(len(scores) * fraction)]


def _english(table: pa.Table) -> np.ndarray:
    return np.array(table["detected_language"].to_pylist()) == "en"


def _fasttext_words(text: str) -> int:
    """Tokens of fastText's Dictionary::readWord: between blanks, and a line end is one of its own."""
    return len(re.findall("[^ \n\r\t\v\f\0]+|\n", text))


def _caption_filter(table: pa.Table) -> np.ndarray:
    captions = table["caption"].to_pylist()
    words = np.array([_fasttext_words(text) for text in captions])
    return _english(table) & (words > 1) & (np.array([len(text) for text in captions]) > 5)


def basic(table: pa.Table) -> np.ndarray:
    captions = table["caption"].to_pylist()
    words = np.array([len(text.split()) for text in captions])
    sides = np.stack([table["original_width"].to_numpy(), table["original_height"].to_numpy()])
    low, high = sides.min(axis=0), sides.max(axis=0)
    is_long = (words > 2) & (np.array([len(text) for text in captions]) > 5)
    return _english(table) & is_long & (low >= 200) & (high / low <= 3.0)


def clip_score(table: pa.Table, *, fraction: float | None = None, threshold: float | None = None) -> np.ndarray:
    scores = table["image_text_score"].to_numpy()
    least = np.float32(threshold) if fraction is None else _threshold(scores, fraction)
    return scores >= least


def text_based(table: pa.Table) -> np.ndarray:
    hits = [any(synset in TARGET_SYNSETS for synset in found) for found in table["first_synsets"].to_pylist()]
    return _english(table) & np.array(hits)


def image_based(table: pa.Table) -> np.ndarray:
    return _caption_filter(table) & np.isin(table["image_centroid"].to_numpy(), list(TARGET_CENTROIDS))


BASELINES: Mapping[str, tuple[Mapping[str, object], Callable[[pa.Table], np.ndarray]]] = {
    "datacomp_no_filter": ({}, lambda table: np.ones(len(table), dtype=bool)),
    "datacomp_basic": ({}, basic),
    "datacomp_clip_score": ({"fraction": 0.3}, lambda table: clip_score(table, fraction=0.3)),
    "datacomp_clip_threshold": ({"threshold": 0.281}, lambda table: clip_score(table, threshold=0.281)),
    "datacomp_laion2b": ({}, lambda table: _english(table) & clip_score(table, threshold=0.28)),
    "datacomp_text_based": ({}, text_based),
    "datacomp_image_based": ({}, image_based),
    "datacomp_image_based_clip_score": (
        {"fraction": 0.3},
        lambda table: image_based(table) & clip_score(table, fraction=0.3),
    ),
}
"""Bundled policy -> its parameters and the baseline's mask."""
