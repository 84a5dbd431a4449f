"""A linear probe: what a line can read off the features of a frozen tower, beside the same tower untrained.

Logistic regression on standardised features, as the probes of CLIP and MAE are; its one setting, the strength of the
penalty, is chosen on a fifth of the training concepts.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mmmodels.evaluation.intervals import mean_interval
from mmmodels.preparing import Prepared
from mmmodels.reconstruction.encoders import places_of
from mmmodels.reconstruction.model import MaskedModel, network_of
from pipelines.curation.splits import Split

# Shapes: n samples, E features, Y labels.
PROBES = ("label", "language")
"""Columns that are read off."""
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
_BATCH, _ITERATIONS = 256, 100


def untrained_like(model: MaskedModel) -> MaskedModel:
    """The same towers with the weights that seed 0 gives them before any step."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    fresh = MaskedModel(model.config, model.objective).eval()
    torch.random.set_rng_state(state)
    return fresh


def probe_metrics(
    model: Any, untrained: Any, data: Prepared, name: str, *, column: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Accuracy on held-out concepts with `untrained` and the interval of the difference; nothing of one label alone."""
    train, test = (labelled_rows(data, name, column, split) for split in (Split.TRAIN, Split.HELD_OUT_CONCEPT))
    values = np.array(data.column(column), dtype=object)
    known = sorted(set(values[train].tolist()))
    test = test[np.isin(values[test].astype(str), np.array(known, dtype=str))] if known else test
    # A picture is shared by its languages: it says nothing of them.
    if len(known) < 2 or not len(test) or (name == "image" and column == "language"):
        return {}, []
    numbers = {label: number for number, label in enumerate(known)}
    truths = [np.array([numbers[values[row]] for row in rows]) for rows in (train, test)]
    hits = [_hits(tower, data, name, (train, test), truths, len(known)) for tower in (model, untrained)]
    clusters = data.groups[test]
    metric = f"{name}/probe_{column}"
    found = _interval(hits[0], clusters) | {"n": len(test), "chance": float(np.bincount(truths[1]).max() / len(test))}
    plain, gain = _interval(hits[1], clusters), _interval(hits[0] - hits[1], clusters)
    found |= {"untrained": plain["value"], "untrained_low": plain["low"], "untrained_high": plain["high"]}
    uids, groups = data.column("uid"), data.column("group")
    asked = [
        {"metric": metric, "uid": uids[row], "group": groups[row], "hit": float(hit)}
        for row, hit in zip(test, hits[0], strict=True)
    ]
    sizes = {"n": len(test), "chance": 0.0}
    return {metric: found, f"{metric}_gain": gain | sizes}, asked


def labelled_rows(data: Prepared, name: str, column: str, split: Split) -> NDArray[np.int64]:
    """One row for every distinct medium of a split that has the modality and a value in the column."""
    there = np.array([bool(value) for value in data.column(column)], dtype=bool)
    rows = np.flatnonzero(data.in_split(split) & data.has(name) & there)
    numbers = data.captions[rows] if name == "text" else data.media[name].index[rows]
    return rows[np.sort(np.unique(numbers, return_index=True)[1])]


@torch.inference_mode()
def features_of(model: Any, data: Prepared, name: str, rows: NDArray[np.int64]) -> Tensor:
    """(n, E): the mean of a tower's places, of a text's tokens, before any projection."""
    tower, found = model.tower(name), []
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        inputs = torch.from_numpy(
            np.ascontiguousarray(data.inputs(name, np.stack([part, data.captions[part]], axis=1)))
        )
        if name == "text":
            # As it was pretrained: both ways.
            places_BLW, there_BL = tower.places(inputs, sees_all=True)
            weights_BL1 = there_BL[:, :, None].float()
            found.append((places_BLW * weights_BL1).sum(dim=1) / weights_BL1.sum(dim=1))
        else:
            found.append(places_of(network_of(tower), tower.prepared(inputs)).mean(dim=1))
    return torch.cat(found).clone()


def fitted(features_nE: Tensor, truth_n: Tensor, *, num_labels: int, penalty: float) -> nn.Linear:
    """Multinomial logistic regression by L-BFGS; the penalty is on the squares of the weights."""
    probe = nn.Linear(features_nE.shape[1], num_labels)
    nn.init.zeros_(probe.weight)
    nn.init.zeros_(probe.bias)
    optimizer = torch.optim.LBFGS(
        probe.parameters(), max_iter=_ITERATIONS, line_search_fn="strong_wolfe", history_size=10
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(probe(features_nE), truth_n) + penalty * probe.weight.square().sum() / 2
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(cast("Any", closure))  # type: ignore[no-untyped-call]
    return probe


def _hits(
    model: Any,
    data: Prepared,
    name: str,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    truths: list[NDArray[np.int64]],
    num_labels: int,
) -> NDArray[np.float64]:
    """(n,): whether the probe is right on each of the second rows, having learnt from the first."""
    train_nE, test_nE = (features_of(model, data, name, part) for part in rows)
    mean_E, std_E = train_nE.mean(dim=0), train_nE.std(dim=0).clamp(min=1e-6)
    train_nE, test_nE = (train_nE - mean_E) / std_E, (test_nE - mean_E) / std_E
    truth_n = torch.from_numpy(truths[0])
    judges_n = torch.from_numpy(data.groups[rows[0]] % 5 == 0)

    def score(penalty: float) -> float:
        probe = fitted(train_nE[~judges_n], truth_n[~judges_n], num_labels=num_labels, penalty=penalty)
        return float((probe(train_nE[judges_n]).argmax(dim=1) == truth_n[judges_n]).float().mean())

    best = max(_PENALTIES, key=score)
    probe = fitted(train_nE, truth_n, num_labels=num_labels, penalty=best)
    guesses = probe(test_nE).argmax(dim=1).numpy()
    return cast("NDArray[np.float64]", (guesses == truths[1]).astype(np.float64))


def _interval(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> dict[str, float]:
    low, high = mean_interval(values, clusters=clusters)
    return {"value": float(values.mean()), "low": low, "high": high}
