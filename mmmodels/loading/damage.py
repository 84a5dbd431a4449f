"""Samples that do not decode: counted, named, and too many of them are an error."""

from dataclasses import dataclass, field

from pipelines.errors import ShardError

MAX_SHARE = 0.01
MIN_SAMPLES = 16
"""So many may be damaged however few were read."""
_NAMED = 5


@dataclass(kw_only=True)
class DamageLog:
    """Of one rank since it started."""

    num_read: int = 0
    reasons: set[str] = field(default_factory=set)
    """One for each damaged member, with its tar and offset."""

    def add(self, reason: str) -> None:
        """A member that was met damaged, perhaps not for the first time."""
        self.reasons.add(reason)
        if len(self.reasons) > max(MIN_SAMPLES, MAX_SHARE * self.num_read):
            self.give_up()

    def count(self, num_samples: int) -> None:
        """So many samples were read."""
        self.num_read += num_samples

    def give_up(self) -> None:
        """ShardError that names the first ones."""
        named = "; ".join(sorted(self.reasons)[:_NAMED])
        raise ShardError(
            f"{len(self.reasons)} of the first {self.num_read} samples do not decode, at most {MAX_SHARE:.0%} may: "
            f"{named}. Look at the shards: python -m pipelines verify."
        )
