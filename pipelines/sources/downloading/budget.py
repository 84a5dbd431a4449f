"""The bytes held for results that nobody took yet: beyond a limit transfers pause, until the next one is missing."""

from collections.abc import Callable


class ByteBudget:
    """One event loop receives; another thread takes. Each counts for itself, so that no lock is needed."""

    def __init__(self, limit: int, is_short: Callable[[], bool]) -> None:
        self._limit = limit
        self._is_short = is_short
        """Whether the next result to be taken is not there yet: then the earliest transfer may go beyond the limit."""
        self._received = 0
        self._taken = 0
        self._running: dict[int, int] = {}
        self._paused: dict[int, Callable[[], None]] = {}

    def start(self, position: int) -> None:
        """`position`: of the result among the results."""
        self._running[position] = 0

    def receive(self, position: int, num_bytes: int, resume: Callable[[], None]) -> bool:
        """Whether the bytes may be kept; where not, `resume` is called once they may be offered again."""
        if self.num_held + num_bytes > self._limit and not self._may_exceed(position):
            self._paused[position] = resume
            return False
        self._running[position] += num_bytes
        self._received += num_bytes
        return True

    def _may_exceed(self, position: int) -> bool:
        return position == min(self._running) and self._is_short()

    def finish(self, position: int, *, num_kept: int) -> None:
        """The transfer is over; its result holds `num_kept` bytes."""
        self._received += num_kept - self._running.pop(position)
        self._paused.pop(position, None)
        self.resume()

    def take(self, num_bytes: int) -> bool:
        """From the other thread; whether `resume` is to be called in the loop."""
        self._taken += num_bytes
        return bool(self._paused)

    def resume(self) -> None:
        """Offer again; what is still too much pauses again."""
        waiting, self._paused = self._paused, {}
        for position in sorted(waiting):
            waiting[position]()

    @property
    def num_held(self) -> int:
        return self._received - self._taken
