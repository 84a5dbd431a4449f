"""Tars that img2dataset 1.47 downloaded from a real server, packed by us: every image with all that was said of it."""

import csv
import json
import tarfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines.sources.webdatasets.webdataset import open_webdataset
from tests.compat.corpus import CAPTIONS, picture
from tests.compat.environments import run_writer
from tests.compat.theirs import packed_rows, sha256

NUM_URLS = 24
PICTURES = {f"/{n}.{extension}": picture(n, extension) for n in range(NUM_URLS) for extension in ("jpg", "png")}


class Handler(BaseHTTPRequestHandler):
    """Pictures; every sixth is missing, every seventh asks not to be trained on."""

    def do_GET(self):
        number = int(self.path[1:].partition(".")[0])
        data = PICTURES[self.path]
        self.send_response(404 if number % 6 == 5 else 200)
        if number % 7 == 6:
            self.send_header("X-Robots-Tag", "noai")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


def members_by_key(folder: Path) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                key, extension = member.name.split(".")
                found[key][extension] = tar.extractfile(member).read()
    return dict(found)


@pytest.mark.parametrize("digits", [5, 8])
def test_every_image_that_was_downloaded_is_packed_with_caption_url_and_uid(digits, server, home, tmp_path):
    """Eight digits is how DataComp asks for its shards."""
    captions = list(CAPTIONS.values())
    with (tmp_path / "urls.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["url", "caption", "uid"])
        for n in range(NUM_URLS):
            extension = "png" if n % 2 else "jpg"
            writer.writerow([f"{server}/{n}.{extension}", f"{captions[n % len(captions)]} {n}", f"{n:032x}"])
    made = run_writer("img2dataset", tmp_path / "urls.csv", tmp_path / "out", digits, home=home)
    assert made["version"] == "1.47.0"
    theirs = members_by_key(tmp_path / "out")
    usable = [n for n in range(NUM_URLS) if n % 6 != 5 and n % 7 != 6]
    assert len(theirs) == len(usable), "img2dataset got all that the server gives"
    assert (tmp_path / "out" / f"{0:0{digits}d}.tar").exists()

    source = open_webdataset([str(tmp_path / "out")], corpus="theirs", licence="unknown")
    rows = packed_rows(source, tmp_path / "root")
    by_key = {str(row["reference"]).rpartition("/")[2]: row for row in rows}
    assert by_key.keys() == theirs.keys()
    for key, members in theirs.items():
        row, document = by_key[key], json.loads(members["json"])
        assert row["image"] == sha256(members["jpg"])
        assert row["text"] == " ".join(members["txt"].decode().split()) == " ".join(document["caption"].split())
        assert row["url"] == document["url"]
        original = row["document"]["original_data"]
        assert {name: original[name] for name in ("uid", "sha256", "status")} == {
            name: document[name] for name in ("uid", "sha256", "status")
        }
        assert (row["width"], row["height"]) == (document["width"], document["height"])
    originals = sorted(int(str(row["url"]).rpartition("/")[2].partition(".")[0]) for row in rows)
    assert originals == usable
