import gc
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.errors import StorageError
from pipelines.sources.downloading import Outcome, Wanted, fetch_all, fetch_wanted
from tests.web import Reply, after

JPEG = b"\xff\xd8" + bytes(range(256)) * 40


def one(url, policy):
    [(download, body)] = fetch_all([url], policy, state_folder=None)
    return download, body


def test_a_file_comes_with_what_the_ledger_keeps_of_it(server, policy):
    headers = (("ETag", '"v1"'), ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Content-Type", "image/jpeg"))
    server.routes["/a.jpg"] = Reply(body=JPEG, headers=headers)
    download, body = one(server.url + "/a.jpg", policy)
    assert body == JPEG
    assert (download.outcome, download.http_status, download.num_bytes) == (Outcome.FETCHED, 200, len(JPEG))
    assert (download.etag, download.content_type, download.consent) == ('"v1"', "image/jpeg", "allowed")
    assert download.last_modified == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert (download.num_attempts, download.error) == (1, "")
    assert abs(download.seen_at - time.time()) < 60


def test_results_keep_the_order_of_the_urls_however_late_an_answer_is(server, policy):
    paths = [f"/{number}" for number in range(40)]
    for number, path in enumerate(paths):
        reply = Reply(body=path.encode())
        server.routes[path] = after(0.3, reply) if number in (0, 7) else reply
    found = [body for _, body in fetch_all(server.urls(paths), policy, state_folder=None)]
    assert found == [path.encode() for path in paths]


def test_a_slow_url_does_not_stop_the_others_of_the_window(server, policy):
    server.routes |= {"/slow": after(0.6, Reply(body=b"slow")), "*": Reply(body=b"fast")}
    results = fetch_all(server.urls(["/slow", *(f"/{n}" for n in range(30))]), policy, state_folder=None)
    next(results)
    assert len(server.counts) == 31
    results.close()


def test_no_more_urls_are_begun_than_the_window_holds(server, policy):
    server.routes["*"] = Reply(body=b"x")
    pulled = []

    def urls():
        for number in range(100):
            pulled.append(number)
            yield f"{server.url}/{number}"

    results = fetch_all(urls(), replace(policy, look_ahead=10), state_folder=None)
    next(results)
    time.sleep(0.2)
    assert len(pulled) == 10
    results.close()
    assert sum(server.counts.values()) <= 10


def test_bytes_held_ahead_are_bounded_and_everything_still_arrives(server, policy):
    sent = 0
    size, count = 8 << 20, 12

    async def large(writer):
        nonlocal sent
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(128):
            writer.write(bytes(size // 128))
            await writer.drain()
            sent += size // 128

    server.routes |= {f"/{number}": large for number in range(count)}
    tight = replace(policy, look_ahead_bytes=2 * size, per_host=64)
    results = fetch_all(server.urls([f"/{number}" for number in range(count)]), tight, state_folder=None)
    assert len(next(results)[1]) == size
    time.sleep(1)
    assert sent < size * count * 0.75  # three files, and what the sockets of the others hold
    assert [len(body) for _, body in results] == [size] * (count - 1)
    assert max(server.counts.values()) == 1


def test_a_conditional_request_brings_no_body_where_nothing_changed(server, policy):
    server.routes["/a"] = Reply(304, headers=(("ETag", '"v1"'),))
    wanted = Wanted(url=server.url + "/a", etag='"v1"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")
    [(download, body)] = fetch_wanted([wanted], policy, state_folder=None)
    assert (download.outcome, download.etag, body) == (Outcome.NOT_MODIFIED, '"v1"', None)
    assert server.log[-1].headers["if-none-match"] == '"v1"'
    assert server.log[-1].headers["if-modified-since"] == "Mon, 01 Jan 2024 00:00:00 GMT"


def test_connections_are_used_again_also_after_an_error(server, policy):
    server.routes |= {"/a": Reply(body=b"a"), "/b": Reply(404, b"x" * 5000)}
    list(fetch_all(server.urls(["/a", "/b"] * 20), replace(policy, per_host=1), state_folder=None))
    assert server.num_connections == 1


def test_closing_early_leaves_no_thread_and_no_socket(server, policy):
    server.routes["*"] = after(1.5, Reply(body=b"late"))
    server.routes["/0"] = Reply(body=b"0")
    gc.collect()
    before, threads = open_files(), threading.active_count()
    own = server.num_connections
    results = fetch_all(server.urls([f"/{n}" for n in range(30)]), policy, state_folder=None)
    next(results)
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 1
    assert threading.active_count() == threads
    wait_until(lambda: not open_files() - before)
    assert server.num_connections > own


def test_an_interrupt_cleans_up(server, policy):
    server.routes["*"] = after(5, Reply(body=b"late"))
    threads = threading.active_count()
    results = fetch_all(server.urls(["/a", "/b"]), policy, state_folder=None)
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), 2))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    timer.join()
    assert threading.active_count() == threads


def test_an_error_of_the_input_is_raised_and_cleans_up(server, policy):
    threads = threading.active_count()

    def urls():
        yield server.url + "/a"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(fetch_all(urls(), policy, state_folder=None))
    assert threading.active_count() == threads


def test_a_state_folder_that_cannot_be_written_is_named(policy, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file.*cannot keep its state"):
        list(fetch_all(["http://127.0.0.1/"], policy, state_folder=tmp_path / "file"))


def open_files() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def wait_until(condition, seconds=3.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
