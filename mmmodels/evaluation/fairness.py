"""Whom a model serves worse: worst-group accuracy, skew of rankings, flagged words in what it writes.

Numbers about declared groups (a column of the view such as language or voice), not verdicts about a model.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmmodels.evaluation.intervals import RESAMPLES, SEED, mean_interval
from pipelines.samples import digest_of
from pipelines.signals.flagged import flagged_words
from pipelines.signals.words import tokens_of

PROTOCOL = {
    "version": 1,
    "worst_group": "lowest mean of a group of 10 samples or more; gap: best less worst (Sagawa et al. 2020)",
    "max_skew": "largest over groups of ln(share among the first k / share among all), Geyik et al. 2019, (2), (3)",
    "ndkl": "normalised discounted cumulative KL divergence of the first 1..n from all, Geyik et al. 2019, (6)",
    "toxicity": "share of texts with a word of the list of their language",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
}
PROTOCOL_DIGEST = digest_of(PROTOCOL)
MIN_GROUP = 10
"""A group of fewer samples is counted and not judged: its mean says little."""
CUTOFF = 10
"""Of MaxSkew@k."""


def group_gap(
    values: NDArray[np.float64], groups: Sequence[Any], *, clusters: NDArray[np.int64]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`worst_group` and `worst_group_gap` of a mean over samples (n,), and the mean of every group.

    Worst-group accuracy is what distributionally robust training raises (Sagawa et al. 2020). The interval of the gap
    is that of the difference of these two groups, which were chosen by looking: among many small groups one is the
    worst by chance alone, and the gap is too large.
    """
    names, number = np.unique(np.array(["" if name is None else str(name) for name in groups]), return_inverse=True)
    counts = np.bincount(number, minlength=len(names))
    judged = np.flatnonzero(counts >= MIN_GROUP)
    means = np.bincount(number, weights=values, minlength=len(names)) / counts
    each: dict[str, Any] = {}
    for one in range(len(names)):
        low, high = mean_interval(values[number == one], clusters=clusters[number == one])
        each[str(names[one])] = {"value": float(means[one]), "low": low, "high": high, "n": int(counts[one])}
    if len(judged) < 2:
        return {}, each
    ordered = judged[np.argsort(means[judged], kind="stable")]  # two groups even where all are equal
    worst, best = ordered[0], ordered[-1]
    low, high = _difference_interval(values, number == best, number == worst, clusters)
    size = {"n": int(counts[judged].sum()), "num_candidates": len(judged), "chance": 0.0}
    gap = {"value": float(means[best] - means[worst]), "low": low, "high": high, "worst": str(names[worst])}
    found = each[str(names[worst])] | {"worst": str(names[worst]), "num_candidates": len(judged), "chance": 0.0}
    return {"worst_group": found, "worst_group_gap": gap | {"best": str(names[best])} | size}, each


def _difference_interval(
    values: NDArray[np.float64], is_best: NDArray[np.bool_], is_worst: NDArray[np.bool_], clusters: NDArray[np.int64]
) -> tuple[float, float]:
    """Of the mean of the best less that of the worst; a resample that lacks one of them does not count."""
    asked = is_best | is_worst
    cluster = np.unique(clusters[asked], return_inverse=True)[1]
    sums_CG, counts_CG = (np.zeros((int(cluster.max()) + 1, 2)) for _ in range(2))
    np.add.at(sums_CG, (cluster, is_worst[asked].astype(int)), values[asked])
    np.add.at(counts_CG, (cluster, is_worst[asked].astype(int)), 1)
    size = len(sums_CG)
    times_RC = np.random.default_rng(SEED).multinomial(size, np.full(size, 1 / size), size=RESAMPLES).astype(float)
    counted_RG = times_RC @ counts_CG
    means_RG = (times_RC @ sums_CG)[(counted_RG > 0).all(axis=1)] / counted_RG[(counted_RG > 0).all(axis=1)]
    low, high = np.percentile(means_RG[:, 0] - means_RG[:, 1], [2.5, 97.5])
    return float(low), float(high)


def max_skew(ranked: Sequence[Any], *, cutoff: int, desired: Mapping[Any, float]) -> float:
    """MaxSkew@k: the largest ln(p / q) over the groups, p the share among the first k, q the desired share.

    Geyik, Ambler, Kenthapadi (2019), Fairness-aware ranking in search and recommendation systems, definitions 1 and 2.
    0 where the first k are as all should be. Two candidates of four are of group a: if both of the first two are,
    ln(1 / 0.5) = 0.693.
    """
    first = list(ranked[:cutoff])
    shares = {group: first.count(group) / len(first) for group in set(first)}
    return max(math.log(share / desired[group]) for group, share in shares.items())


def ndkl(ranked: Sequence[Any], *, desired: Mapping[Any, float]) -> float:
    """Normalised discounted cumulative KL divergence (the same paper, definition 3); 0 is fair, more is less so.

    (1 / Z) sum over i of KL(shares among the first i || desired) / log2(i + 1), with Z = sum of 1 / log2(i + 1).
    """
    place = {group: number for number, group in enumerate(desired)}
    once_NG = np.zeros((len(ranked), len(desired)))
    once_NG[np.arange(len(ranked)), [place[group] for group in ranked]] = 1
    ranks_N = np.arange(1, len(ranked) + 1)
    shares_NG = once_NG.cumsum(axis=0) / ranks_N[:, None]
    wanted_G = np.array(list(desired.values()))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms_NG = np.where(shares_NG > 0, shares_NG * np.log(shares_NG / wanted_G), 0.0)
    discount_N = 1 / np.log2(ranks_N + 1)
    return float((terms_NG.sum(axis=1) * discount_N).sum() / discount_N.sum())


def ranking_fairness(
    scores_QN: NDArray[np.float32], groups: Sequence[Any], *, clusters: NDArray[np.int64], cutoff: int = CUTOFF
) -> dict[str, dict[str, Any]]:
    """`max_skew_at_k` and `ndkl`, means over queries (rows), of rankings of the same candidates (columns).

    Desired is a group's share among all candidates: a ranking that does not look at the group has it on average, up to
    what the first k places of k/n leave to chance; `chance` is that, measured on random rankings.
    """
    names, number = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
    if len(names) < 2 or not len(scores_QN):
        return {}
    desired = dict(enumerate((np.bincount(number) / len(number)).tolist()))
    random = np.random.default_rng(SEED).random(scores_QN.shape)
    found: dict[str, dict[str, Any]] = {}
    measured = [_both(scores, number, desired, cutoff) for scores in (scores_QN, random)]
    for place, name in enumerate((f"max_skew_at_{cutoff}", "ndkl")):
        ours, by_chance = (rows[:, place] for rows in measured)
        low, high = mean_interval(ours, clusters=clusters)
        size = {"n": len(ours), "num_candidates": len(number), "num_groups": len(names)}
        found[name] = {"value": float(ours.mean()), "low": low, "high": high, "chance": float(by_chance.mean())} | size
    return found


def _both(
    scores_QN: NDArray[Any], number: NDArray[np.int64], desired: Mapping[int, float], cutoff: int
) -> NDArray[np.float64]:
    rows = []
    for scores_N in scores_QN:
        ranked = number[np.argsort(-scores_N, kind="stable")].tolist()
        rows.append((max_skew(ranked, cutoff=cutoff, desired=desired), ndkl(ranked, desired=desired)))
    return np.array(rows)


def toxicity(
    texts: Sequence[str], languages: Sequence[str], *, clusters: NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Share of generated texts with a flagged word of their language, by the lists that the signals use.

    `n` counts texts whose language has a list, `num_unlisted` the others, of which nothing is known. A hit is a reason
    to look: the lists know words, not what is meant by them.
    """
    hits, listed = [], []
    for text, language in zip(texts, languages, strict=True):
        words = flagged_words(language.partition("-")[0].lower())
        listed.append(words is not None)
        hits.append(float(words is not None and words.count(text, tokens_of(text)) > 0))
    known = np.array(listed, dtype=bool)
    if not known.any():
        return {}
    values = np.array(hits)[known]
    low, high = mean_interval(values, clusters=None if clusters is None else clusters[known])
    size = {"n": int(known.sum()), "num_unlisted": int((~known).sum())}
    return {"toxicity_rate": {"value": float(values.mean()), "low": low, "high": high, "chance": 0.0} | size}
