import time
from dataclasses import replace

import pytest

from pipelines.samples import Modality
from pipelines.sources.downloading import DownloadPolicy, Outcome, failure_of, fetch_all
from pipelines.sources.downloading.consent import read_consent
from tests.web import Reply

POLICY = DownloadPolicy()
NOW = 1_700_000_000.0  # 14 November 2023


def consent(*values, policy=POLICY):
    return read_consent([("x-robots-tag", value) for value in values], policy, now=NOW)


@pytest.mark.parametrize("directive", ["noai", "noimageai", "noindex", "noimageindex", "noml", "none"])
def test_each_directive_binds(directive):
    assert consent(directive) == f"x-robots-tag: {directive}"
    assert consent(f"nofollow, {directive.upper()} ") == f"x-robots-tag: {directive}"
    assert consent("nofollow", f"max-snippet:5 , {directive}") == f"x-robots-tag: {directive}"


@pytest.mark.parametrize(
    "value", ["", "all", "nofollow", "index, follow", "max-image-preview: large", "noaim", "noarchive"]
)
def test_other_directives_do_not(value):
    assert consent(value) == "allowed"


@pytest.mark.parametrize(
    ("value", "binds"),
    [
        ("trivium: noai", True),
        ("Trivium : nofollow, noai", True),
        ("TRIVIUM/2.0: noai", True),
        ("*: noai", True),
        ("googlebot: noai", False),
        ("googlebot: nofollow, noindex, noai", False),
        ("triviumbot: noai", False),
        ("googlebot: noindex, trivium: noai", True),
        ("noai, googlebot: noindex", True),
        ("googlebot: noindex, trivium: nofollow", False),
        ("trivium: unavailable_after: 2020-01-01", True),
        ("googlebot: unavailable_after: 2020-01-01", False),
    ],
)
def test_a_scope_binds_its_agent_alone(value, binds):
    assert (consent(value) != "allowed") is binds


@pytest.mark.parametrize(
    ("date", "is_past"),
    [
        ("25 Jun 2010 15:00:00 PST", True),
        ("Fri, 25 Jun 2010 15:00:00 GMT", True),
        ("Friday, 25-Jun-10 15:00:00 UTC", True),
        ("2010-06-25T15:00:00Z", True),
        ("2010-06-25", True),
        ("25 Jun 2050 15:00:00 PST", False),
        ("Sat, 25 Jun 2050 15:00:00 GMT", False),
        ("2050-06-25T15:00:00+02:00", False),
        ("soon", True),  # an end was meant
        ("", True),
    ],
)
def test_a_date_binds_once_it_is_past(date, is_past):
    assert (consent(f"unavailable_after: {date}") != "allowed") is is_past
    assert consent(f"unavailable_after: {date}, noai") != "allowed"
    assert (consent(f"nofollow, unavailable_after: {date}, nofollow") != "allowed") is is_past


def test_directives_on_images_do_not_bind_audio():
    audio = replace(POLICY, modality=Modality.AUDIO)
    assert consent("noimageai, noimageindex", policy=audio) == "allowed"
    assert consent("noai", policy=audio) == "x-robots-tag: noai"
    assert consent("noimageai", policy=replace(POLICY, modality=Modality.IMAGE)) == "x-robots-tag: noimageai"


def test_a_reserved_text_and_data_mining_right_binds():
    assert read_consent([("tdm-reservation", "1")], POLICY, now=NOW) == "tdm-reservation: 1"
    assert read_consent([("tdm-reservation", "0")], POLICY, now=NOW) == "allowed"


def test_opted_out_is_one_request_and_no_body(server, policy):
    sent = []

    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\nX-Robots-Tag: otherbot: all\r\n")
        writer.write(b"x-robots-tag: noai\r\n\r\n")
        while True:
            writer.write(bytes(1 << 16))
            await writer.drain()
            sent.append(1)

    server.routes |= {"/a": endless, "/b": Reply(body=b"b", headers=(("X-Robots-Tag", "googlebot: noai"),))}
    found = list(fetch_all(server.urls(["/a", "/b"]), policy, state_folder=None))
    (download, body), (other, kept) = found
    assert (download.outcome, download.consent, body) == (Outcome.OPTED_OUT, "x-robots-tag: noai", None)
    assert (other.outcome, other.consent, kept) == (Outcome.FETCHED, "allowed", b"b")
    assert server.counts == {"/a": 1, "/b": 1}
    assert failure_of(download).status == "refused"
    assert not failure_of(download).transient
    time.sleep(0.2)
    assert len(sent) < 200  # what the sockets hold, of 15,000


def test_a_hop_that_opts_out_is_not_followed(server, policy):
    headers = (("Location", "/b"), ("X-Robots-Tag", "noindex"))
    server.routes |= {"/a": Reply(302, headers=headers), "/b": Reply(body=b"b")}
    [(download, _)] = fetch_all([server.url + "/a"], policy, state_folder=None)
    assert (download.outcome, server.counts) == (Outcome.OPTED_OUT, {"/a": 1})


def test_an_error_page_that_is_not_to_be_indexed_is_no_opt_out(server, policy):
    headers = (("X-Robots-Tag", "noindex"),)
    server.routes |= {"/gone": Reply(404, headers=headers), "/busy": [Reply(503, headers=headers), Reply(body=b"ok")]}
    gone, busy = fetch_all(server.urls(["/gone", "/busy"]), policy, state_folder=None)
    assert gone[0].outcome == Outcome.NOT_FOUND
    assert busy[0].outcome == Outcome.FETCHED


def test_an_opt_out_is_recorded_where_the_policy_does_not_obey(server, policy):
    server.routes["/a"] = Reply(body=b"a", headers=(("X-Robots-Tag", "noai"),))
    [(download, body)] = fetch_all([server.url + "/a"], replace(policy, respect_opt_out=False), state_folder=None)
    assert (download.outcome, download.consent, body) == (Outcome.FETCHED, "x-robots-tag: noai", b"a")
