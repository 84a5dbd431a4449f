"""The errors that a user of Trivium can cause and can mend.

CorpusError (a ValueError)
  SourceError    a corpus cannot be read, or too many of its records are bad
  SampleError    one record cannot become a sample: a row with a reason, never a crash
  ShardError     a tar, its sidecar and its stats disagree
  SignalError    a signal cannot be measured, or was not
  PolicyError    a policy does not follow its contract
  StorageError   a path cannot be written, or another run holds it

mmmodels adds RecipeError, CheckpointError and GateError below CorpusError. A message says which thing, what is wrong
against what was expected, and what to do.
"""

from typing import Any


class CorpusError(ValueError):
    """The root of everything a user can mend."""


class SourceError(CorpusError):
    """A corpus cannot be read, or too many of its records are bad."""


class SampleError(CorpusError):
    """One record cannot become a sample; `status` is the sidecar's word for why."""

    def __init__(
        self,
        message: str,
        *,
        status: str = "failed_to_decode",
        transient: bool = False,
        downloads: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.transient = transient
        """The reason may pass by itself: the next `pack` tries again."""
        self.downloads = downloads
        """Of `pipelines.samples.Download`: one for every URL that was asked for it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _sample_error, (str(self), self.status, self.transient, self.downloads)


class ShardError(CorpusError):
    """A tar, its sidecar and its stats disagree."""


class SignalError(CorpusError):
    """A signal cannot be measured, or was asked for before it was measured."""


class PolicyError(CorpusError):
    """A policy does not follow its contract."""


class StorageError(CorpusError):
    """A path cannot be written, or another run holds it."""


def _sample_error(message: str, status: str, transient: bool, downloads: tuple[Any, ...]) -> SampleError:
    return SampleError(message, status=status, transient=transient, downloads=downloads)
