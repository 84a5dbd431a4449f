"""An old view as the current one of its name again, with all its files, and only if its samples can still be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow.parquet as pq

from pipelines import storage
from pipelines.curation.changed_inputs import changes_between
from pipelines.curation.curating import write_view
from pipelines.curation.currents import current_digest, make_current
from pipelines.curation.parsing import parse
from pipelines.curation.policy import POLICIES, Policy, parse_policy
from pipelines.curation.questions import Question
from pipelines.curation.views import View, find_view
from pipelines.errors import CorpusError, PolicyError
from pipelines.layout import Layout
from pipelines.samples import digest_of, sha256
from pipelines.signals.files import open_shards

_FILES = ("policy.sql", "params.json", "funnel.parquet", "facets.parquet", "uids.npy", "sizes.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class RestoreReport:
    """What is current now, and what of it had to be made again."""

    view: str
    digest: str
    previous: str | None
    """What the name stood for before; None where nothing."""
    num_kept: int
    num_withdrawn: int
    """Kept by the view, withdrawn by their owners since: nobody reads them any more."""
    written: Sequence[str]
    """Files that were missing or cut short, and were derived again from the policy and the inputs."""
    changed: Sequence[str]
    """Inputs that are not today what they were: the verdicts stay, but could not be derived again."""


def restore(layout: Layout, name: str) -> RestoreReport:
    """`name` is `view/digest`; a beginning of the digest is enough. `PolicyError` says what is gone."""
    view = find_view(layout, name)
    _check_shards(view)
    question = question_of(view)
    changed = changes_between(view, _inputs_now(view, question))
    missing = missing_files(view)
    if missing:
        if question is None or changed:
            gone = "; ".join(map(str, changed)) or "policy.sql is missing and no bundled policy is the same"
            raise PolicyError(
                f"view {view.view}/{view.digest[:12]}: {', '.join(missing)} missing, and it cannot be derived again: "
                f"{gone}. Put the files or the inputs back, or curate anew."
            )
        inputs = question.inputs()
        assert digest_of(inputs) == view.digest, "equal inputs have one digest"
        write_view(question, inputs=inputs, view=view.view, digest=view.digest)
    previous = current_digest(layout, view.view)
    make_current(layout, view.view, view.digest)
    return RestoreReport(
        view=view.view,
        digest=view.digest,
        previous=previous,
        num_kept=view.manifest["num_kept"],
        num_withdrawn=len(view.withdrawn()),
        written=missing,
        changed=[str(change) for change in changed],
    )


def missing_files(view: View) -> list[str]:
    """Names below the view's folder; verdicts count where they do not hold a row for every sample."""
    missing = [name for name in _FILES if not storage.exists(f"{view.uri}/{name}")]
    return [*missing, "verdicts"] if _num_rows(view) != view.manifest["num_samples"] else missing


def _num_rows(view: View) -> int:
    """Of all verdict files; -1 where one cannot be read."""
    total = 0
    for uri in view.files:
        filesystem, path = storage.filesystem_of(uri)
        try:
            with filesystem.open(path, "rb") as file:
                total += pq.ParquetFile(file).metadata.num_rows
        except (OSError, ValueError):  # pyarrow's errors of a damaged file are ValueErrors
            return -1
    return total


def _check_shards(view: View) -> None:
    """Without the samples that it keeps a view is a list of names. Shards that lost only withdrawn ones will do."""
    name, is_same = f"view {view.view}/{view.digest[:12]}", True
    for snapshot, digest in zip(view.snapshots, view.manifest["inputs"]["shards"], strict=True):
        try:
            is_same &= open_shards(view.layout, snapshot).digest == digest
        except CorpusError as error:
            raise PolicyError(f"{name}: {snapshot} cannot be read: {error}") from error
    if is_same:
        return
    if "verdicts" in missing_files(view):
        raise PolicyError(f"{name}: its verdicts are missing and its shards are others now. Put either back.")
    lost = view.manifest["num_kept"] - len(view.withdrawn()) - len(view.table(["uid"]))
    if lost:
        raise PolicyError(
            f"{name}: {lost} of the {view.manifest['num_kept']} samples that it keeps are not in the shards of "
            f"{', '.join(map(str, view.snapshots))} any more. Put those shards back, or curate this state anew."
        )


def question_of(view: View) -> Question | None:
    """What was asked when it was curated; None where its policy is neither stored nor bundled any more."""
    manifest = view.manifest
    policy = _policy_of(view)
    if policy is None:
        return None
    return Question(
        layout=view.layout,
        snapshots=view.snapshots,
        query=parse(policy.with_params(manifest["inputs"]["params"])),
        alignment=manifest["alignment"],
        relations=tuple(manifest["relations"]),
        allow_not_measured=manifest["inputs"]["allow_not_measured"],
        as_of=tuple(manifest["inputs"]["tombstones"]),
    )


def _policy_of(view: View) -> Policy | None:
    wanted, name = view.manifest["policy"]["sha256"], view.manifest["policy"]["name"]
    for uri in (f"{view.uri}/policy.sql", str(POLICIES / f"{name}.sql")):
        if storage.exists(uri) and sha256(data := storage.read_bytes(uri)) == wanted:
            return parse_policy(name, data.decode())
    return None


def _inputs_now(view: View, question: Question | None) -> dict[str, object]:
    """As far as they can be known."""
    if question is None:
        return dict(view.manifest["inputs"])
    return {name: value for name, value in question.inputs().items() if name != "policy"}
