"""The batches of one rank, read ahead of the steps that need them."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmmodels.loading.damage import DamageLog
from mmmodels.loading.media import Media
from mmmodels.loading.reading import Reading
from mmmodels.loading.rooms import Room
from mmmodels.loading.workers import Damage, Workers, parts_of
from mmmodels.planning import Plan
from pipelines.errors import SampleError

_TRIES = 100


class Source(Protocol):
    """What is read from: rows of a table by number."""

    @property
    def media(self) -> Mapping[str, Media]:
        """image and audio."""
        ...

    def texts_of(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (n, L): token ids of texts by number (-1: of the empty text), trimmed to the longest."""
        ...


@dataclass(kw_only=True)
class _Coming:
    """A step that is being read."""

    step: int
    positions: NDArray[np.int64]
    entries: NDArray[np.int64]
    rooms: dict[str, Room] = field(default_factory=dict)
    futures: "list[Future[list[Damage]]]" = field(default_factory=list)
    damaged: dict[int, str] = field(default_factory=dict)
    """Place in the batch -> why."""


@dataclass(kw_only=True)
class Loader:
    """Reads the steps of a plan, `ahead` of them at a time; what it reads hangs on the plan and the media alone."""

    plan: Plan
    source: Source
    modalities: Callable[[str], Sequence[str]]
    """Kind of batch -> what its samples are read of."""
    workers: Workers
    rank: int = 0
    world_size: int = 1
    ahead: int = 2
    damage: DamageLog = field(default_factory=DamageLog)

    def steps(self, first: int, end: int) -> Iterator[Reading]:
        """In their order; arrays of media are valid until the next is asked for."""
        coming: deque[_Coming] = deque()
        try:
            for step in range(first, end):
                while len(coming) <= self.ahead and step + len(coming) < end:
                    coming.append(self._begin(step + len(coming)))
                ready = coming[0]
                yield self._finish(ready)
                coming.popleft()
                self._free(ready)
        finally:
            for left in coming:
                self._free(left)

    def _begin(self, step: int) -> _Coming:
        kind = self.plan.kind(step)
        found = _Coming(
            step=step,
            positions=self.plan.positions(step, rank=self.rank, world_size=self.world_size),
            entries=self.plan.entries(step, rank=self.rank, world_size=self.world_size).copy(),
        )
        for modality in self.modalities(kind):
            if modality != "text":
                self._begin_media(found, self.source.media[modality])
        return found

    def _begin_media(self, coming: _Coming, media: Media) -> None:
        numbers = media.index[coming.entries[:, 0]]
        there = numbers >= 0
        if media.decoded is not None:
            coming.damaged |= _known(media, numbers, there)
            return
        room = coming.rooms[media.modality] = self.workers.rooms.take(media, len(numbers))
        room.array[~there] = media.blank
        places = np.flatnonzero(there)
        coming.futures += [self.workers.submit(part, room) for part in parts_of(media, numbers[places], places)]

    def _finish(self, coming: _Coming) -> Reading:
        kind = self.plan.kind(coming.step)
        for future in coming.futures:
            coming.damaged.update(future.result())
        for place in sorted(coming.damaged):
            self._substitute(coming, kind, place)
        self.damage.count(len(coming.entries))
        arrays: dict[str, NDArray[Any]] = {}
        there: dict[str, NDArray[np.bool_]] = {}
        for modality in self.modalities(kind):
            arrays[modality], there[modality] = self._array(coming, modality)
        return Reading(
            step=coming.step,
            kind=kind,
            positions=coming.positions,
            entries=coming.entries,
            arrays=arrays,
            there=there,
            num_substituted=len(coming.damaged),
        )

    def _array(self, coming: _Coming, modality: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        if modality == "text":
            return self.source.texts_of(coming.entries[:, 1]), coming.entries[:, 1] >= 0
        media = self.source.media[modality]
        numbers = media.index[coming.entries[:, 0]]
        there = numbers >= 0
        if media.decoded is None:
            return media.as_seen(coming.rooms[modality].array), there
        array = media.decoded.gathered(numbers)
        if not there.all():
            array[~there] = 0
        return array, there

    def _substitute(self, coming: _Coming, kind: str, place: int) -> None:
        """Read another sample in the place of a damaged one: which, hangs on its position in the plan alone."""
        self.damage.add(coming.damaged[place])
        position = int(coming.positions[place])
        for attempt in range(_TRIES):
            entry = self.plan.substitute(kind, position, attempt)
            try:
                self._read_into(coming, kind, place, int(entry[0]))
            except SampleError as error:
                self.damage.add(str(error))
                continue
            coming.entries[place] = entry
            return
        self.damage.give_up()

    def _read_into(self, coming: _Coming, kind: str, place: int, row: int) -> None:
        for modality in self.modalities(kind):
            if modality == "text":
                continue
            media = self.source.media[modality]
            number = int(media.index[row])
            if media.decoded is not None:
                media.decoded.check(number)
            elif number >= 0:
                media.decode(number, coming.rooms[modality].array[place])
            else:
                coming.rooms[modality].array[place] = media.blank

    def _free(self, coming: _Coming) -> None:
        """Its rooms are for others now; parts that are still decoded into them must end first."""
        for future in coming.futures:
            if not future.cancel():
                future.exception()
        for room in coming.rooms.values():
            self.workers.rooms.give_back(room)


def _known(media: Media, numbers: NDArray[np.int64], there: NDArray[np.bool_]) -> dict[int, str]:
    """Places whose member was found damaged when all were decoded."""
    assert media.decoded is not None
    known = media.decoded.damaged
    if not known:
        return {}
    bad = np.isin(numbers, list(known)) & there
    return {place: known[int(numbers[place])] for place in np.flatnonzero(bad).tolist()}
