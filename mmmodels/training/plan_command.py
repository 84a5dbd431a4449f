"""The verb `plan`: which samples a run reads at which step, as a table, and where a sample is read."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmmodels.errors import RecipeError
from mmmodels.planning import Plan
from mmmodels.preparing import Rows, open_mixture, open_rows
from mmmodels.recipes import RECIPES, Recipe, find_recipe
from mmmodels.tasks.register import kind_of
from mmmodels.verbs import add_mixture_arguments, overrides
from pipelines.errors import StorageError
from pipelines.layout import Layout
from pipelines.progress import track

_STEPS_AT_A_TIME = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `plan`."""
    add_mixture_arguments(parser)
    parser.add_argument("--recipe", required=True, choices=sorted(RECIPES), help="what would be trained")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="e.g. training.batch_size=64")
    parser.add_argument("--steps", metavar="A:B", help="from A to before B; default: all of the recipe")
    parser.add_argument("--ranks", type=int, default=1, help="processes that share each batch (default 1)")
    parser.add_argument("--uid", action="append", default=[], help="where this sample is read; may be repeated")
    parser.add_argument("--output", type=Path, metavar="FILE.parquet", help="write every reading of the steps")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """What the plan is made of; readings of the uids that were asked for."""
    recipe = find_recipe(args.recipe, overrides(args.set))
    mixture = open_mixture(Layout(args.root), args.view)
    columns = kind_of(recipe).columns
    rows = open_rows(mixture, without_fold=recipe.training.without_fold, columns=columns)
    plan = plan_of(recipe, rows, view_digest=mixture.digest)
    first, end = _steps(args.steps, recipe.training.num_steps)
    result: dict[str, Any] = {
        "plan": plan.digest,
        "view_digest": mixture.digest,
        "steps": f"{first}:{end}",
        "round": " ".join(plan.pattern),
        "kinds": [_kind(plan, kind, first, end) for kind in plan.streams],
    }
    if args.uid:
        found = [reading for uid in args.uid for reading in readings_of(plan, rows, uid, first, end, args.ranks)]
        result["readings"] = found
    if args.output:
        result["output"] = str(args.output)
        result["num_readings"] = write_readings(plan, rows, args.output, first=first, end=end, num_ranks=args.ranks)
    return result


def plan_of(recipe: Recipe, rows: Rows, *, view_digest: str) -> Plan:
    """The plan of a run of this recipe over these rows; no medium is read for it."""
    return Plan(
        pools=kind_of(recipe).load().task_of(recipe, rows, None).pools(),
        mixture=recipe.mixture,
        batch_size=recipe.training.batch_size,
        view_digest=view_digest,
        seed=recipe.training.seed,
    )


def _kind(plan: Plan, kind: str, first: int, end: int) -> dict[str, Any]:
    stream = plan.streams[kind]
    epoch = stream.epoch(0)
    readings = plan.position_at(kind, end) - plan.position_at(kind, first)
    return {
        "kind": kind,
        "entries": len(stream.pool),
        "batch": plan.size(kind),
        "readings an epoch": epoch.end,
        "epochs in these steps": round(readings / max(1, epoch.end), 2),
        "windows": len(epoch.windows),
        "stretches of shards open at once": stream.blocks.per_window,
    }


def readings_of(plan: Plan, rows: Rows, uid: str, first: int, end: int, num_ranks: int) -> list[dict[str, Any]]:
    """Every reading of a sample in these steps, found by going from the sample to its places."""
    table_rows = np.flatnonzero(np.asarray(pc.equal(rows.table["uid"], pa.scalar(uid))))
    if not len(table_rows):
        raise RecipeError(f"uid {uid}: not among the samples of these views. Look for it: python -m pipelines find.")
    found: list[dict[str, Any]] = []
    for kind, stream in plan.streams.items():
        low, high = (plan.position_at(kind, step) for step in (first, end))
        for place in np.flatnonzero(np.isin(stream.pool.entries[:, 0], table_rows)).tolist():
            for position in stream.positions_of(place, first=low, end=high):
                where = _where(plan, kind, np.array([position]), num_ranks)
                numbers = {name: int(column[0]) for name, column in where.items()}
                text = rows.distinct.some(stream.pool.entries[place : place + 1, 1])[0]
                found.append({"uid": uid, "kind": kind, **numbers, "text": text})
    return sorted(found, key=lambda one: (one["step"], one["place"]))


def _where(plan: Plan, kind: str, positions: Any, num_ranks: int) -> dict[str, Any]:
    """Columns about positions of a kind: step, place in the global batch, rank, epoch."""
    size = plan.size(kind)
    if size % num_ranks:
        raise RecipeError(f"--ranks {num_ranks}: does not divide the batch of {size} {kind} samples. Give a divisor.")
    batches = positions // size
    steps = {batch: plan.step_of(kind, batch * size) for batch in np.unique(batches).tolist()}
    stream = plan.streams[kind]
    return {
        "step": np.array([steps[batch] for batch in batches.tolist()]),
        "place": positions % size,
        "rank": positions % size // (size // num_ranks),
        "epoch": np.array([stream.epoch_at(position).number for position in positions.tolist()]),
    }


def write_readings(plan: Plan, rows: Rows, path: Path, *, first: int, end: int, num_ranks: int) -> int:
    """Parquet with a row for every reading, in order of step and place; gives their number."""
    schema = pa.schema(
        [
            *((name, pa.int32()) for name in ("step", "place", "rank", "epoch")),
            ("kind", pa.dictionary(pa.int8(), pa.string())),
            *((name, pa.string()) for name in ("uid", "corpus", "snapshot")),
            ("shard", pa.int32()),
            ("text", pa.string()),
        ]
    )
    number = 0
    try:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            starts = range(first, end, _STEPS_AT_A_TIME)
            for start in track(starts, total=len(starts), what="write the plan"):
                for batch in _batches(plan, rows, range(start, min(end, start + _STEPS_AT_A_TIME)), num_ranks):
                    writer.write_table(pa.table(batch).cast(schema))
                    number += len(batch["step"])
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error}). Name a file in a folder that is there.") from error
    return number


def _batches(plan: Plan, rows: Rows, steps: range, num_ranks: int) -> Iterator[dict[str, Any]]:
    for step in steps:
        kind, positions = plan.kind(step), plan.positions(step)
        entries = plan.entries(step)
        columns = rows.table.select(["uid", "corpus", "snapshot", "shard"]).take(entries[:, 0])
        yield {
            **_where(plan, kind, positions, num_ranks),
            "kind": pa.array([kind] * len(positions)).dictionary_encode(),
            **{name: columns[name] for name in columns.column_names},
            "text": pa.array(rows.distinct.some(entries[:, 1])),
        }


def _steps(said: str | None, num_steps: int) -> tuple[int, int]:
    if said is None:
        return 0, num_steps
    first, colon, end = said.partition(":")
    numbers = [int(part) if part.isdecimal() else None for part in (first or "0", end or str(num_steps))]
    if not colon or None in numbers or numbers[0] >= numbers[1]:  # type: ignore[operator]
        raise RecipeError(f"--steps {said}: expected A:B with A below B, e.g. 0:100. Write it that way.")
    return numbers[0], numbers[1]  # type: ignore[return-value]
