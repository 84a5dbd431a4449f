from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from pipelines import storage
from pipelines.curation.questions import Question
from pipelines.layout import Layout
from pipelines.samples import Record, Reference, Snapshot
from pipelines.shards.packing import PackingConfig, pack
from pipelines.shards.reading import read_sidecars
from pipelines.sources.downloading import DownloadPolicy, failure_of, fetch_all, recheck_and_withdraw, recheck_consent
from tests.conftest import png
from tests.web import Reply

NO = (("X-Robots-Tag", "noai"),)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A source of images behind URLs."""

    urls: tuple[str, ...]
    policy: DownloadPolicy
    corpus: str = "web"
    snapshot: str = "one"
    settings: str = ""

    def references(self) -> Iterator[Reference]:
        return (Reference(row=row, name=url, group=url) for row, url in enumerate(self.urls))

    def read(self, references):
        references = list(references)
        results = fetch_all([reference.name for reference in references], self.policy, state_folder=None)
        for reference, (download, image) in zip(references, results, strict=True):
            if image is None:
                yield failure_of(download)
                continue
            yield Record(
                reference=reference,
                language="en",
                texts={"en": f"drawing {reference.row}"},
                source="web",
                license="CC0-1.0",
                image=image,
                image_extension="png",
                url=download.url,
                downloads=(download,),
            )

    def facts(self):
        return {}


@pytest.fixture
def packed(server, policy, tmp_path):
    """Nine of ten URLs packed, three a shard; one is not there."""
    server.routes = {f"/{n}.png": Reply(body=png(n)) for n in range(10) if n != 4}
    source = Fetched(urls=tuple(server.urls(f"/{n}.png" for n in range(10))), policy=policy)
    layout = Layout(str(tmp_path / "root"))
    report = pack(source, layout=layout, config=PackingConfig(samples_per_shard=3, num_workers=1, max_failure_rate=0.5))
    server.log.clear()
    return layout, report.snapshot


def uid_by_path(layout: Layout, snapshot: Snapshot) -> dict[str, str]:
    rows = read_sidecars(layout, snapshot).select(["url", "uid"]).to_pylist()
    return {row["url"].rpartition("/")[2]: row["uid"] for row in rows if row["uid"]}


def tombstones(layout: Layout, snapshot: Snapshot) -> list[str]:
    """As curation reads them."""
    question = Question(layout=layout, snapshots=(snapshot,), query=None, alignment=None, allow_not_measured=True)
    return question.tombstones()


def test_every_url_that_is_held_is_asked_once_without_its_body(server, policy, packed):
    layout, snapshot = packed
    found = list(recheck_consent(layout, [snapshot], policy, state_folder=None))
    assert [each.is_withdrawn for each in found] == [False] * 9
    assert {seen.method for seen in server.log if seen.path != "/robots.txt"} == {"HEAD"}
    assert server.counts == {f"/{n}.png": 1 for n in range(10) if n != 4}
    assert not storage.exists(layout.ledger("tombstones.parquet"))


def test_what_was_withdrawn_is_out_of_every_view_to_come(server, policy, packed):
    layout, snapshot = packed
    server.routes["/2.png"] = Reply(body=png(2), headers=NO)
    server.routes["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /7")
    server.routes["/8.png"] = Reply(404)
    server.routes["/9.png"] = Reply(503)
    report = recheck_and_withdraw(layout, [snapshot], policy, state_folder=None)
    uids = uid_by_path(layout, snapshot)
    withdrawn = {uids["2.png"], uids["7.png"]}
    assert (report.num_asked, report.num_withdrawn, report.num_gone, report.num_unknown) == (9, 2, 1, 1)
    assert report.uids == withdrawn == set(tombstones(layout, snapshot))
    rows = {row["uid"]: row for row in storage.read_table(layout.ledger("tombstones.parquet")).to_pylist()}
    assert rows[uids["2.png"]]["reason"] == "x-robots-tag: noai"
    assert rows[uids["7.png"]]["reason"] == "robots"
    [name] = storage.names(layout.ledger(f"consent/{snapshot}"), ".parquet")
    answers = storage.read_table(layout.ledger(f"consent/{snapshot}/{name}")).to_pylist()
    assert sorted(row["outcome"] for row in answers) == ["fetched"] * 5 + [
        "not_found",
        "opted_out",
        "robots",
        "server_error",
    ]


def test_a_server_that_answers_get_alone_is_asked_so_and_its_body_left(server, policy, packed):
    layout, snapshot = packed
    sent = []

    async def picky(writer):
        if server.log[-1].method == "HEAD":
            writer.write(Reply(405).encoded())
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\nX-Robots-Tag: noml\r\n\r\n")
            while True:
                writer.write(bytes(1 << 16))
                await writer.drain()
                sent.append(1)
        await writer.drain()

    server.routes["/1.png"] = picky
    report = recheck_and_withdraw(layout, [snapshot], replace(policy, in_flight=1), state_folder=None)
    assert (report.num_withdrawn, server.counts["/1.png"]) == (1, 2)
    assert len(sent) < 300


def test_earlier_tombstones_stay_and_none_is_there_twice(server, policy, packed):
    layout, snapshot = packed
    uids = uid_by_path(layout, snapshot)
    storage.write_table(layout.ledger("tombstones.parquet"), pa.table({"uid": ["0" * 32, uids["0.png"]]}))
    server.routes |= {"/0.png": Reply(headers=NO), "/1.png": Reply(headers=NO)}
    for _ in range(2):
        recheck_and_withdraw(layout, [snapshot], policy, state_folder=None)
    written = storage.read_table(layout.ledger("tombstones.parquet"))["uid"].to_pylist()
    assert written == ["0" * 32, uids["0.png"], uids["1.png"]]
    assert tombstones(layout, snapshot) == sorted([uids["0.png"], uids["1.png"]])


def test_a_corpus_that_was_not_downloaded_has_nothing_to_ask(policy, tiny_snapshot):
    layout, snapshot = tiny_snapshot
    assert recheck_and_withdraw(layout, [snapshot], policy, state_folder=None).num_asked == 0


def test_a_policy_that_does_not_obey_still_sees_a_withdrawal(server, policy, packed):
    layout, snapshot = packed
    server.routes["/2.png"] = Reply(body=png(2), headers=NO)
    careless = replace(policy, respect_opt_out=False)
    assert recheck_and_withdraw(layout, [snapshot], careless, state_folder=None).num_withdrawn == 1
