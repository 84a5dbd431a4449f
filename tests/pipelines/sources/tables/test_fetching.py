from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SampleError, SourceError
from pipelines.samples import Download, Record, Reference
from pipelines.sources.tables.fetching import Draft, with_media
from pipelines.sources.tables.media import Folders, Medium

KINDS = st.lists(st.sampled_from(["bytes", "url", "two urls", "file", "nothing", "bad"]), max_size=300)


class Web:
    """Answers with the URL itself, after it was given as many more as it looks ahead."""

    def __init__(self, look_ahead: int = 8) -> None:
        self.look_ahead = look_ahead
        self.asked: list[str] = []

    def __call__(self, urls: Iterable[str]) -> Iterator[tuple[Download, bytes | None]]:
        waiting: deque[str] = deque()
        for url in urls:
            self.asked.append(url)
            waiting.append(url)
            if len(waiting) > self.look_ahead:
                yield self._answer(waiting.popleft())
        yield from map(self._answer, waiting)

    @staticmethod
    def _answer(url: str) -> tuple[Download, bytes | None]:
        if url.endswith("/404"):
            return Download(url=url, outcome="not_found", error="404"), None
        return Download(url=url, outcome="fetched"), url.encode()


def row(number: int, kind: str) -> Draft | SampleError:
    record = Record(
        reference=Reference(row=number, name=str(number), group=""), language="en", texts={}, source="c", license=""
    )
    media = {
        "bytes": (Medium("image", b"data"),),
        "url": (Medium("image", None, f"https://a.example/{number}"),),
        "two urls": (
            Medium("image", None, f"https://a.example/{number}"),
            Medium("audio", None, f"http://b.example/{number}"),
        ),
        "file": (Medium("image", None, "a.png"),),
        "nothing": (),
    }
    return SampleError(str(number)) if kind == "bad" else Draft(record, media[kind])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    folder: Path = tmp_path_factory.mktemp("media")
    (folder / "a.png").write_bytes(b"file")
    return Folders((str(folder),))


@given(kinds=KINDS, look_ahead=st.integers(0, 20))
def test_every_row_comes_out_once_in_its_place_with_its_own_media(folders: Folders, kinds: list[str], look_ahead: int):
    web = Web(look_ahead)
    found = list(with_media((row(n, kind) for n, kind in enumerate(kinds)), folders=folders, fetch=web))
    assert len(found) == len(kinds)
    for number, (one, kind) in enumerate(zip(found, kinds, strict=True)):
        if isinstance(one, SampleError):
            assert (str(one), kind) == (str(number), "bad")
            continue
        url = f"https://a.example/{number}".encode()
        expected = {"bytes": b"data", "url": url, "two urls": url, "file": b"file", "nothing": None}[kind]
        assert (one.reference.row, one.image) == (number, expected)
        assert one.audio == (f"http://b.example/{number}".encode() if kind == "two urls" else None)
        assert len(one.downloads) == {"url": 1, "two urls": 2}.get(kind, 0)
    assert len(web.asked) == len(set(web.asked))


def test_one_of_two_that_fails_is_one_reason_with_both_downloads(folders: Folders):
    draft = row(1, "two urls")
    assert isinstance(draft, Draft)
    media = (draft.media[0], Medium("audio", None, "http://b.example/404"))
    (found,) = with_media([Draft(draft.record, media)], folders=folders, fetch=Web())
    assert isinstance(found, SampleError)
    assert (found.status, [one.outcome for one in found.downloads]) == ("failed_to_download", ["fetched", "not_found"])


def test_rows_without_a_url_do_not_wait_for_the_end_of_the_table(folders: Folders):
    pulled: list[int] = []

    def rows() -> Iterator[Draft | SampleError]:
        for number in range(100_000):
            pulled.append(number)
            yield row(number, "url" if number == 0 else "bytes")

    found = with_media(rows(), folders=folders, fetch=Web())
    for _ in range(3):
        next(found)
    assert len(pulled) < 200


def test_large_bytes_are_not_pulled_ahead(folders: Folders):
    pulled: list[int] = []

    def rows() -> Iterator[Draft | SampleError]:
        for number in range(100):
            pulled.append(number)
            draft = row(number, "nothing")
            assert isinstance(draft, Draft)
            yield Draft(draft.record, (Medium("image", bytes(32 << 20)),))

    next(with_media(rows(), folders=folders, fetch=Web()))
    assert len(pulled) <= 3


def test_a_source_that_is_gone_is_an_exception(folders: Folders):
    def rows() -> Iterator[Draft | SampleError]:
        yield row(0, "url")
        raise SourceError("gone")

    with pytest.raises(SourceError, match="gone"):
        list(with_media(rows(), folders=folders, fetch=Web()))
