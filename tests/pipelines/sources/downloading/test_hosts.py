import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from pipelines.sources.downloading import DownloadPolicy, Outcome, fetch_all
from pipelines.sources.downloading.locks import MachineLocks
from tests.web import Reply, WebServer, after

PROCESS = """
import json, sys
from pathlib import Path
from pipelines.sources.downloading import DownloadPolicy, fetch_all
folder, per_host, *urls = json.loads(sys.argv[1])
policy = DownloadPolicy(allowed_networks=("127.0.0.1/32",), per_host=per_host, timeout_seconds=60)
print(json.dumps([download.outcome for download, _ in fetch_all(urls, policy, state_folder=Path(folder))]))
"""


def start(folder, per_host, urls) -> subprocess.Popen:
    arguments = json.dumps([str(folder), per_host, *urls])
    return subprocess.Popen([sys.executable, "-c", PROCESS, arguments], stdout=subprocess.PIPE)


def finish(process) -> list[str]:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(out)


class TimedServer(WebServer):
    """Knows when each request came."""

    def __init__(self, routes):
        super().__init__(routes)
        self.times: list[float] = []
        for path, reply in routes.items():
            if path != "/robots.txt":
                self.routes[path] = self._timed(reply)

    def _timed(self, reply):
        async def handle(writer):
            self.times.append(time.monotonic())
            await after(0.01, reply)(writer)

        return handle

    @property
    def pauses(self):
        return [later - earlier for earlier, later in pairwise(sorted(self.times))]


def test_a_host_gets_no_more_requests_at_a_time_than_allowed(server, policy):
    server.routes["*"] = after(0.03, Reply(body=b"x"))
    found = list(fetch_all(server.urls(f"/{n}" for n in range(40)), replace(policy, per_host=3), state_folder=None))
    assert {download.outcome for download, _ in found} == {Outcome.FETCHED}
    assert server.most_at_once == 3


def test_a_busy_host_does_not_hold_up_another(policy):
    fast_server = WebServer({"*": Reply(body=b"fast")}, host="127.0.0.2")
    with WebServer({"*": after(0.2, Reply(body=b"slow"))}) as slow, fast_server as fast:
        urls = slow.urls(f"/{n}" for n in range(20)) + fast.urls(f"/{n}" for n in range(20))
        both = replace(policy, allowed_networks=("127.0.0.0/8",), per_host=1, in_flight=4)
        results = fetch_all(urls, both, state_folder=None)
        next(results)
        time.sleep(0.3)
        assert len(fast.counts) == 20
        assert len(slow.counts) < 6
        results.close()


def test_the_limit_holds_over_processes_and_robots_txt_is_asked_for_once(server, tmp_path):
    server.routes["*"] = after(0.02, Reply(body=b"x"))
    started = [start(tmp_path, 2, server.urls(f"/{process}/{n}" for n in range(40))) for process in range(3)]
    assert [finish(process) for process in started] == [["fetched"] * 40] * 3
    assert server.most_at_once == 2
    assert server.num_robots == 1
    assert set(server.counts.values()) == {1}


def test_a_process_leaves_slots_to_one_that_waits(server, policy, tmp_path):
    server.routes["*"] = after(0.02, Reply(body=b"x"))
    single = replace(policy, per_host=1)
    order: list[str] = []

    def fetch(name: str, count: int) -> None:
        urls = server.urls(f"/{name}/{n}" for n in range(count))
        order.extend(name for _ in fetch_all(urls, single, state_folder=tmp_path))

    first = threading.Thread(target=fetch, args=("first", 100))
    first.start()
    time.sleep(0.3)
    fetch("second", 10)
    assert order.count("first") < 90
    first.join()
    assert server.most_at_once == 1


def test_a_killed_process_holds_no_slot(server, policy, tmp_path):
    server.routes |= {"/slow": after(30, Reply(body=b"x")), "/a": Reply(body=b"a")}
    process = start(tmp_path, 1, [server.url + "/slow"])
    end = time.monotonic() + 20
    while "/slow" not in server.counts:
        assert time.monotonic() < end
        time.sleep(0.02)
    busy = replace(policy, per_host=1, host_wait_seconds=0.2)
    assert [d.outcome for d, _ in fetch_all([server.url + "/a"], busy, state_folder=tmp_path)] == [Outcome.HOST_BUSY]
    process.kill()
    process.communicate()
    assert [d.outcome for d, _ in fetch_all([server.url + "/a"], busy, state_folder=tmp_path)] == [Outcome.FETCHED]


def test_crawl_delay_is_kept_and_requests_come_one_by_one(policy):
    rules = Reply(body=b"User-agent: *\nCrawl-delay: 0.2")
    with TimedServer({"/robots.txt": rules, **{f"/{n}": Reply(body=b"x") for n in range(5)}}) as server:
        found = list(fetch_all(server.urls(f"/{n}" for n in range(5)), policy, state_folder=None))
        assert {download.outcome for download, _ in found} == {Outcome.FETCHED}
        assert min(server.pauses) > 0.18
        assert server.most_at_once == 1


def test_crawl_delay_is_kept_over_processes(tmp_path):
    rules = Reply(body=b"User-agent: trivium\nCrawl-delay: 0.2")
    paths = [f"/{process}/{n}" for process in range(2) for n in range(4)]
    with TimedServer({"/robots.txt": rules, **{path: Reply(body=b"x") for path in paths}}) as server:
        started = [start(tmp_path, 4, server.urls(paths[k::2])) for k in range(2)]
        assert [finish(process) for process in started] == [["fetched"] * 4] * 2
        assert len(server.times) == 8
        assert sum(server.pauses) > 7 * 0.18  # together: one that the server took late makes the next look early


def test_a_pause_that_a_host_asked_for_holds_for_every_url_of_it(policy):
    with TimedServer({"/a": Reply(503, headers=(("Retry-After", "1"),)), "/b": Reply(body=b"b")}) as server:
        once = replace(policy, look_ahead=1, num_attempts=2)
        first, second = fetch_all(server.urls(["/a", "/b"]), once, state_folder=None)
        assert (first[0].outcome, second[0].outcome) == (Outcome.SERVER_ERROR, Outcome.FETCHED)
        assert min(server.pauses) > 0.9


def test_two_users_of_one_file_exclude_each_other(tmp_path):
    first, second = MachineLocks(tmp_path), MachineLocks(tmp_path)
    assert first.try_lock("host", 0)
    assert first.try_lock("host", 0)
    assert not second.try_lock("host", 0)
    assert second.try_lock("host", 1)
    assert second.try_lock("other", 0)
    assert not first.is_wanted("host")
    second.want("host")
    assert first.is_wanted("host")
    assert not second.is_wanted("host")  # by itself
    first.unlock("host", 0)
    assert second.try_lock("host", 0)
    second.close()
    assert first.try_lock("host", 1)
    assert not first.is_wanted("host")
    first.close()


def test_without_a_folder_every_lock_is_free():
    locks = MachineLocks(None)
    assert locks.try_lock("host")
    assert not locks.is_wanted("host")
    locks.close()


@pytest.mark.parametrize("per_host", [1, 256])
def test_the_most_and_the_least_slots_work(server, policy, tmp_path, per_host):
    server.routes["*"] = Reply(body=b"x")
    found = fetch_all(
        server.urls(f"/{n}" for n in range(30)), replace(policy, per_host=per_host), state_folder=tmp_path
    )
    assert {download.outcome for download, _ in found} == {Outcome.FETCHED}


def test_the_defaults_are_a_policy():
    assert DownloadPolicy().per_host == 4
