"""Where every file lives under a root; the only module that builds a path."""

from dataclasses import dataclass

from pipelines.samples import Snapshot


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one root: a local folder or a URI such as `s3://bucket/prefix`."""

    root: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", str(self.root).rstrip("/"))

    def corpora(self) -> str:
        """Holds a folder per corpus, which holds a folder per snapshot."""
        return f"{self.root}/shards"

    def shards(self, snapshot: Snapshot) -> str:
        return f"{self.root}/shards/{snapshot}"

    def tar(self, snapshot: Snapshot, shard: int) -> str:
        return f"{self.shards(snapshot)}/{shard:08d}.tar"

    def sidecar(self, snapshot: Snapshot, shard: int) -> str:
        return f"{self.shards(snapshot)}/{shard:08d}.parquet"

    def stats(self, snapshot: Snapshot, shard: int) -> str:
        """Written last: a shard without it does not exist."""
        return f"{self.shards(snapshot)}/{shard:08d}_stats.json"

    def plan(self, snapshot: Snapshot) -> str:
        """What the snapshot was planned to be; written before the first shard."""
        return f"{self.shards(snapshot)}/_plan.json"

    def retries(self, snapshot: Snapshot) -> "Layout":
        """Where shards of records that are tried again are built before they get a number; may be deleted."""
        return Layout(f"{self.shards(snapshot)}/_retries")

    def erasing(self, snapshot: Snapshot) -> "Layout":
        """Where shards without their withdrawn samples are built before they take the place of the old ones."""
        return Layout(f"{self.shards(snapshot)}/_erasing")

    def downloads(self, snapshot: Snapshot, shard: int) -> str:
        """One row for every URL that a shard asked for."""
        return f"{self.root}/ledger/downloads/{snapshot}/{shard:08d}.parquet"

    def signals(self, family: str, snapshot: Snapshot) -> str:
        """`family` carries its version, e.g. `image@1` or `alignment@<model digest>`."""
        return f"{self.root}/signals/{family}/{snapshot}"

    def signal(self, family: str, snapshot: Snapshot, shard: int) -> str:
        return f"{self.signals(family, snapshot)}/{shard:08d}.parquet"

    def measured(self, family: str, snapshot: Snapshot) -> str:
        """Written last: the digest of a family that is there for every shard."""
        return f"{self.signals(family, snapshot)}/_measured.json"

    def measuring_cost(self, family: str, snapshot: Snapshot) -> str:
        """How long it took; no part of what was measured."""
        return f"{self.signals(family, snapshot)}/_cost.json"

    def views(self) -> str:
        return f"{self.root}/views"

    def view(self, view: str, digest: str) -> str:
        return f"{self.root}/views/{view}/{digest}"

    def current_view(self, view: str) -> str:
        """What the name of a view stands for today, and stood for before."""
        return f"{self.root}/views/{view}/current.json"

    def duplicates(self, digest: str) -> str:
        """Of one or more snapshots."""
        return f"{self.root}/duplicates/{digest}.parquet"

    def contamination(self, digest: str) -> str:
        """What of some snapshots an evaluation set asks; the digest is of all that decides it."""
        return f"{self.root}/contamination/{digest}.parquet"

    def ledger(self, name: str) -> str:
        return f"{self.root}/ledger/{name}"

    def checkpoints(self, run_key: str = "") -> str:
        return f"{self.root}/checkpoints/{run_key}".rstrip("/")

    def tuning(self, key: str) -> str:
        """What is known of the trials of a search."""
        return f"{self.root}/tuning/{key}"

    def report(self, name: str) -> str:
        return f"{self.root}/reports/{name}"

    def reference(self, name: str) -> str:
        """What signals were related to and cannot be made again from elsewhere, such as a list of entries."""
        return f"{self.root}/references/{name}"

    def cache(self, name: str) -> str:
        """What can be made again from the rest; may be deleted at any time."""
        return f"{self.root}/cache/{name}"
