"""What a pretrained model makes of what it does not see, and what its frozen towers are worth to a linear probe."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from mmmodels.evaluation.intervals import mean_interval
from mmmodels.evaluation.probing import PROBES, probe_metrics, untrained_like
from mmmodels.preparing import Prepared
from mmmodels.reconstruction.masking import hidden_tokens, patches_of
from mmmodels.reconstruction.media import MaskedPart
from mmmodels.reconstruction.model import MaskedModel
from mmmodels.reconstruction.texts import MaskedText
from mmmodels.tasks.reconstruction import load_masked, triptychs
from mmmodels.towers.chance import sample_keys
from mmmodels.towers.tokenizers import PAD
from pipelines.curation.splits import Split

# Shapes: n samples.
PROTOCOL = {
    "version": 1,
    "samples": "held-out concepts; each distinct picture, clip or text once",
    "masks": "those of the recipe, keyed by the place of the sample in the view",
    "error": "mean square of hidden patches of standardised inputs, or of standardised features; nats of hidden tokens",
    "chance": "of patches the mean of what is seen of the sample, of features zero, of tokens their frequencies",
    "explained": "1 - error of a sample / chance of all",
    "intervals": "95 % bootstrap over concepts, 1000 resamples",
    "probe": "see evaluation.probing: logistic regression on the mean of a frozen tower's places",
}
_BATCH, _SHOWN = 128, 8


def measure(bundle_uri: str, data: Prepared) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Errors per modality, probes per modality and label beside those of the same towers untrained, pictures."""
    model, _ = load_masked(bundle_uri)
    metrics: dict[str, Any] = {}
    queries: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    untrained = untrained_like(model)
    uids, groups = data.column("uid"), data.column("group")
    for name in model.parts:
        rows = distinct_rows(data, name, data.in_split(Split.HELD_OUT_CONCEPT) & data.has(name))
        if not len(rows):
            continue
        errors, chance = _errors(model, name, data, rows)
        explained = 1 - errors / max(chance, 1e-9)
        for metric, values, floor in (("error", errors, chance), ("explained", explained, 0.0)):
            low, high = mean_interval(values, clusters=data.groups[rows])
            value = {"value": float(values.mean()), "low": low, "high": high, "n": len(rows), "chance": floor}
            metrics[f"{name}/{metric}"] = value
        queries += [
            {"metric": f"{name}/explained", "uid": uids[row], "group": groups[row], "hit": float(hit)}
            for row, hit in zip(rows, explained, strict=True)
        ]
        for column in PROBES:
            found, asked = probe_metrics(model, untrained, data, name, column=column)
            metrics |= found
            queries += asked
        if name != "text" and model.objective.objective == "input":
            shown = torch.from_numpy(np.ascontiguousarray(data.inputs(name, _entries(data, rows[:_SHOWN]))))
            pictures[f"reconstructed_{name}"] = triptychs(model, name, shown)
    return {"metrics": metrics, "pictures": pictures}, queries


def distinct_rows(data: Prepared, name: str, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The first of the chosen rows of every distinct medium."""
    rows = np.flatnonzero(chosen)
    numbers = data.captions[rows] if name == "text" else data.media[name].index[rows]
    return rows[np.sort(np.unique(numbers, return_index=True)[1])]


def _entries(data: Prepared, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([rows, data.captions[rows]], axis=1)


def _parts(data: Prepared, name: str, rows: NDArray[np.int64]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Inputs of some rows at a time, and the keys of their masks."""
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        yield (
            torch.from_numpy(np.ascontiguousarray(data.inputs(name, _entries(data, part)))),
            sample_keys(0, torch.from_numpy(part)),
        )


def _errors(
    model: MaskedModel, name: str, data: Prepared, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """(n,) of each sample, and what somebody who has seen no hidden place would get on average."""
    errors, floors = [], []
    guess = _token_costs(data) if name == "text" else None
    with torch.inference_mode():
        for inputs, keys_B in _parts(data, name, rows):
            errors.append(model.errors(name, inputs, keys_B).double().numpy())
            floors.append(_floors(model, name, inputs, keys_B, guess))
    return np.concatenate(errors), float(np.concatenate(floors).mean())


def _floors(
    model: MaskedModel, name: str, inputs: torch.Tensor, keys_B: torch.Tensor, costs_V: torch.Tensor | None
) -> NDArray[np.float64]:
    if model.objective.objective == "features":
        return np.ones(len(inputs))
    if costs_V is not None:
        hidden_BL = hidden_tokens(inputs, keys_B, share=cast("MaskedText", model.parts[name]).share)
        sums_B = (costs_V[inputs] * hidden_BL).sum(dim=1) / hidden_BL.sum(dim=1).clamp(min=1)
        return cast("NDArray[np.float64]", sums_B.double().numpy())
    part, tower = cast("MaskedPart", model.parts[name]), cast("Any", model.tower(name))
    prepared = tower.prepared(inputs)
    guess = part(tower.visual if name == "image" else tower.network, prepared, keys_B)
    patches_BTP, hidden_BT1 = patches_of(prepared, part.size), guess.hidden_BT[:, :, None].float()
    seen_B1P = (patches_BTP * (1 - hidden_BT1)).sum(dim=1, keepdim=True) / (1 - hidden_BT1).sum(dim=1, keepdim=True)
    squares_BT = (patches_BTP - seen_B1P.mean(dim=2, keepdim=True)).square().mean(dim=2)
    hidden_BT = hidden_BT1[:, :, 0]
    return cast("NDArray[np.float64]", ((squares_BT * hidden_BT).sum(1) / hidden_BT.sum(1)).double().numpy())


def _token_costs(data: Prepared) -> torch.Tensor:
    """(V,): nats of each token by how often it stands in the training samples' texts."""
    rows = distinct_rows(data, "text", data.in_split(Split.TRAIN) & data.has("text"))
    ids = data.inputs("text", _entries(data, rows)).ravel()
    counts = np.bincount(ids[ids != PAD], minlength=data.config.text.vocab_size) + 1
    return -functional.log_softmax(torch.from_numpy(counts).double().log(), dim=0)
