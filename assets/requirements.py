"""What a view must be before something is trained on it, and what its checks say where it is not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from assets.markdown import counts, plain, share, table
from pipelines.curation.contamination import Hit
from pipelines.curation.splits import Split
from pipelines.errors import PolicyError
from pipelines.reporting.shifting import Shift

NO_LICENSE = frozenset({"", "unknown", "None"})
DECLARED = {"min_licensed_share": 1.0}
"""What a declared view asks for where it says nothing: who declares one can also name licences."""
_NUM_NAMED = 3
_NUM_SHOWN = 50


class Requirements(dg.ConfigurableResource[None]):
    """Thresholds of every view's checks; a declared view may have others of its own."""

    min_training_samples: int = Field(default=64, description="Kept samples of the split `train`.")
    min_evaluation_samples: int = Field(
        default=10, description="Kept samples of held-out concepts; of an evaluation view, all kept samples."
    )
    max_unmeasured_share: float = Field(default=0.0, description="Of all samples, dropped as not measured.")
    min_licensed_share: float = Field(
        default=0.0, description="Of the kept samples, with a licence that is known; of a declared view 1 by default."
    )
    allowed_licenses: list[str] = Field(default=[], description="No kept sample may have another; empty: any may be.")
    max_stability_index: float = Field(
        default=0.25,
        description="Population stability index against the view that passed last; above 0.25 it is another one. "
        "What chance alone explains never counts.",
    )

    def but(self, changes: Mapping[str, Any], *, of: str) -> "Requirements":
        """The same with a declaration's own values."""
        known = type(self).model_fields
        for name in changes:
            if name not in known:
                raise PolicyError(f"view {of}: no requirement {name}. Known: {', '.join(known)}.")
        try:
            return type(self)(**{**{name: getattr(self, name) for name in known}, **changes})
        except ValidationError as error:
            wrong = "; ".join(f"{one['loc'][0]}: {one['msg']}" for one in error.errors())
            raise PolicyError(f"view {of}: requirements: {wrong}. Mend the declaration.") from error


def measured(made: Mapping[str, Any], wanted: Requirements) -> dg.AssetCheckResult:
    """Whether (nearly) every sample was asked by every rule."""
    missing, of = made["num_dropped_by_fault"].get("not_measured", 0), made["num_samples"]
    passed = missing <= wanted.max_unmeasured_share * of
    todo = (
        f"{missing:,} of {of:,} samples ({share(missing, of)}) were dropped because nobody measured what the policy "
        f"asks; at most {wanted.max_unmeasured_share:.1%} may be. Materialize the signals of the snapshot, then this "
        "view again."
    )
    said = f"{of - missing:,} of {of:,} samples are measured."
    return dg.AssetCheckResult(
        passed=passed, description=said if passed else todo, metadata={"num_not_measured": missing, "num_samples": of}
    )


def clean(hits: Sequence[Hit]) -> dg.AssetCheckResult:
    """Whether nothing to train on is asked by a declared evaluation set."""
    rows = [[hit.uid, hit.reason, f"{hit.evaluation_view}/{hit.evaluation_digest[:12]}", hit.evaluation_uid,
             "" if hit.similarity is None else f"{hit.similarity:.3f}"] for hit in hits[:_NUM_SHOWN]]  # fmt: skip
    samples = len({hit.uid for hit in hits})
    sets = sorted({f"{hit.evaluation_view}/{hit.evaluation_digest[:12]}" for hit in hits})
    todo = (
        f"{samples:,} kept samples are, or nearly are, samples of {', '.join(sets)}. Materialize the view again: what "
        "is declared by now is dropped as contaminated."
    )
    return dg.AssetCheckResult(
        passed=not hits,
        description=todo if hits else "Nothing to train on is in a declared evaluation set.",
        metadata={
            "num_contaminated": samples,
            "by_reason": counts("reason", Counter(hit.reason for hit in hits)),
            "hits": table(["sample", "reason", "evaluation set", "its sample", "similarity"], rows),
        },
    )


def large_enough(made: Mapping[str, Any], wanted: Requirements, *, is_evaluation: bool) -> dg.AssetCheckResult:
    """Whether there is enough to train on, and enough to tell whether it helped."""
    kept = made["num_kept_by_split"]
    needed = {"train": wanted.min_training_samples, str(Split.HELD_OUT_CONCEPT): wanted.min_evaluation_samples}
    there = {"train": kept["train"], str(Split.HELD_OUT_CONCEPT): kept[str(Split.HELD_OUT_CONCEPT)]}
    if is_evaluation:
        needed, there = {"kept": wanted.min_evaluation_samples}, {"kept": made["num_kept"]}
    short = [f"{there[what]:,} {what} samples, at least {least:,} are needed" for what, least in needed.items()
             if there[what] < least]  # fmt: skip
    todo = f"{'; '.join(short)}. Add records to the corpus, or loosen the policy."
    said = ", ".join(f"{number:,} {what}" for what, number in there.items())
    return dg.AssetCheckResult(passed=not short, description=todo if short else f"{said}.", metadata={**kept})


def licensed(by_license: Mapping[str, int], wanted: Requirements) -> dg.AssetCheckResult:
    """Whether the kept samples may be used: licences known, and none that is not allowed."""
    kept = sum(by_license.values())
    unknown = sum(number for name, number in by_license.items() if name in NO_LICENSE)
    allowed = frozenset(wanted.allowed_licenses)
    others = {name: number for name, number in by_license.items() if allowed and name not in allowed | NO_LICENSE}
    covered = (kept - unknown) / max(kept, 1)
    short = []
    if kept and covered < wanted.min_licensed_share:
        short.append(
            f"{unknown:,} of {kept:,} kept samples ({share(unknown, kept)}) have no known licence, at "
            f"least {wanted.min_licensed_share:.1%} must have one. Name it in the catalog (license = ...), or drop "
            "them in the policy"
        )
    if others:
        named = ", ".join(f"{plain(name)} ({number:,})" for name, number in list(others.items())[:_NUM_NAMED])
        short.append(f"kept samples have licences that are not allowed: {named}. Drop them in the policy or allow them")
    said = f"{kept - unknown:,} of {kept:,} kept samples have a known licence."
    return dg.AssetCheckResult(
        passed=not short,
        description="; ".join(short) + "." if short else said,
        metadata={"licensed_share": covered, "by_license": counts("license", dict(by_license), of=kept)},
    )


def stable(shifts: list[Shift], wanted: Requirements, *, before: str) -> dg.AssetCheckResult:
    """Whether what is kept is distributed as in the view that passed last."""
    if not before:
        said = "The first view that is checked here: nothing to compare with."
        return dg.AssetCheckResult(passed=True, description=said)
    over = [one for one in shifts if one.is_over(wanted.max_stability_index)]
    named = "; ".join(f"{plain(one.name)} {one.stability_index:.2f} ({plain(one.told)})" for one in over[:_NUM_NAMED])
    todo = (
        f"What is kept is another population than in {before}: {named}; at most {wanted.max_stability_index:g} is let "
        "through. Look at the data card. Where it went wrong, mend the source or the policy; where it is meant, launch "
        "this check again with a higher requirements.max_stability_index: then this view is what the next is compared "
        "with."
    )
    rows = ([one.name, one.stability_index, one.by_chance, one.told, "yes" if one in over else ""] for one in shifts)
    return dg.AssetCheckResult(
        passed=not over,
        description=todo if over else f"{len(shifts)} columns and categories, distributed as in {before}.",
        metadata={
            "compared_with": before,
            "num_shifted": len(over),
            "shifts": table(["what", "stability index", "by chance", "moved most", "shifted"], rows),
        },
    )
