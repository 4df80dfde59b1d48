"""Answers as they should not be: too large, cut, redirected, encoded, malformed. Never taken for a whole answer."""

from __future__ import annotations

import gzip
import logging
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.auth import Redaction
from penstock.errors import Fault, NoAnswer
from penstock.http import Asker, Http
from penstock.records import Request, Response
from penstock.wire import Inflate
from tests.core.faulty import GET, POST, Peer, Story, client, polite, serving


def ten_gigabytes() -> bytes:
    """One gzip stream of 10 GB of zeros: the same 16 MB, compressed for themselves, 640 times."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    begun = squeeze.compress(bytes(2**24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    block = squeeze.compress(bytes(2**24)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return begun + block * 639 + squeeze.flush()


def test_ten_gigabytes_in_ten_megabytes_are_not_unpacked() -> None:
    packed = ten_gigabytes()
    assert 9 * 2**20 < len(packed) < 12 * 2**20

    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.answer(packed, 200, "Content-Encoding: gzip")

    with serving(story) as server, client(server.url, max_body=16 * 2**20) as http:
        tracemalloc.start()
        try:
            with pytest.raises(NoAnswer, match="larger") as caught:
                http.send(GET)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert caught.value.sent
    assert peak < 80 * 2**20, peak  # the limit, a copy of it, and the server's own copy of the answer


@settings(deadline=None)
@given(st.binary(max_size=3000), st.lists(st.integers(1, 400), max_size=30), st.booleans())
def test_what_is_gzipped_comes_out_as_it_was_however_it_is_cut(data: bytes, cuts: list[int], twice: bool) -> None:
    packed = gzip.compress(data, mtime=0) * (1 + twice)
    inflate = Inflate("gzip")
    out = b""
    rest = packed
    for cut in [*cuts, len(packed)]:
        out += inflate.feed(rest[:cut], 10**6)
        rest = rest[cut:]
    assert out == data * (1 + twice)
    assert inflate.whole
    short = Inflate("gzip")
    short.feed(gzip.compress(data, mtime=0)[:-1], 10**6)
    assert not short.whole


def refuses(answer: bytes, **settings: object) -> NoAnswer:
    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.sock.sendall(answer)

    with serving(story) as server, client(server.url, **settings) as http, pytest.raises(NoAnswer) as caught:
        http.send(POST)
    assert caught.value.sent
    return caught.value


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 5\r\n\r\nabc",
        OK + b"Content-Length: 5\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"abc", mtime=0)[:5],
        OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Content-Encoding: gzip, gzip\r\nContent-Length: 3\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"5" * 70_000,
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_cut_or_malformed_answer_is_no_answer(answer: bytes) -> None:
    refuses(answer)


def test_an_answer_has_a_size_whatever_it_consists_of() -> None:
    megabyte = b"a" * 2**20
    assert "larger" in refuses(OK + b"Content-Length: 2097152\r\n\r\n" + megabyte * 2, max_body=2**20).reason
    refuses(OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + megabyte * 4, max_body=2**20)
    refuses(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 700_000, max_body=2**20)


def test_an_answer_of_exactly_the_limit_is_taken() -> None:
    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.answer(gzip.compress(bytes(2**20), mtime=0), 200, "Content-Encoding: gzip")

    with serving(story) as server, client(server.url, max_body=2**20) as http:
        assert http.send(GET).body == bytes(2**20)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_redirect_is_handed_back_and_not_followed(status: int, method: str) -> None:
    with serving(polite) as other:

        def story(peer: Peer) -> None:
            while peer.read() is not None:
                peer.answer(b"" if status == 304 else b"{}", status, f"Location: {other.url}/stolen")

        with serving(story) as server, client(server.url) as http:
            assert http.send(Request(method, "/things", b"{}")).status == status
            assert server.lines() == [f"{method} /things HTTP/1.1"]
        assert other.connections == 0


def test_an_early_answer_counts_although_the_request_was_not_read() -> None:
    def story(peer: Peer) -> None:
        peer.sock.recv(1000)
        peer.answer(b'{"error": "too large"}', 413, "Connection: close")
        while peer.sock.recv(65536):
            pass

    with serving(story) as server, client(server.url) as http:
        assert http.send(Request("POST", "/things", bytes(2**20))).status == 413


def test_early_hints_are_not_the_answer_and_the_next_request_gets_its_own() -> None:
    """Taken for the answer, they would leave the real one for the next request on the connection."""

    def story(peer: Peer) -> None:
        while peer.read() is not None:
            peer.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2)
            peer.answer(str(len(peer.server.requests)).encode(), 201, "X-Final: yes")

    with serving(story) as server, client(server.url) as http:
        for n in range(1, 5):
            response = http.send(POST)
            assert (response.status, response.body, response.headers["x-final"]) == (201, str(n).encode(), "yes")
            assert "link" not in response.headers
        assert server.connections == 1


def test_no_cookie_is_kept() -> None:
    def story(peer: Peer) -> None:
        while peer.read() is not None:
            peer.answer(b"{}", 200, "Set-Cookie: session=canary; Path=/")

    with serving(story) as server, client(server.url) as http:
        for _ in range(3):
            http.send(GET)
    assert len(server.requests) == 3
    assert not [head for _, head in server.requests if b"canary;" in head or b"ookie" in head]


def test_one_connection_serves_many_requests() -> None:
    with serving(polite) as server, client(server.url) as http:
        for _ in range(20):
            http.send(POST)
    assert (server.connections, len(server.requests)) == (1, 20)


WIRE = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 ",
            b"200",
            b" OK",
            b"\r\n",
            b"\r\n\r\n",
            b"\n",
            b"Content-Length: ",
            b"Transfer-Encoding: chunked",
            b"Content-Encoding: gzip",
            b"Connection: keep-alive",
            b"5",
            b"-1",
            b"\xb2",
            b"1" * 5000,
            b"0\r\n\r\n",
            b"hello",
            b": ",
            b"\x00\xff",
            b"Set-Cookie: a=b",
            b"Location: //\\",
            b"Content-Type: a/b; charset=\xff",
            gzip.compress(b"hello", mtime=0),
        ]
    ),
    max_size=14,
).map(b"".join)


class Told:
    """What the server of a property says next."""

    answer = b""


@settings(max_examples=250, deadline=None)
@given(st.one_of(WIRE, WIRE.map(lambda rest: OK + rest), st.binary(max_size=60)))
def test_whatever_bytes_come_back_it_is_an_answer_or_no_answer(told: tuple[Told, Http], data: bytes) -> None:
    says, http = told
    says.answer = data
    outcome: Response | NoAnswer
    try:
        outcome = http.send(POST)
    except NoAnswer as why:
        outcome = why
    if isinstance(outcome, NoAnswer):
        assert outcome.sent
        assert "canary" not in outcome.reason
    else:
        assert outcome.status >= 200
        assert len(outcome.body) <= len(data)


@pytest.fixture(scope="module")
def told() -> object:
    says = Told()

    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.sock.sendall(says.answer)

    with serving(story) as server, client(server.url, deadline=5.0) as http:
        yield says, http


def test_the_librarys_warnings_hold_neither_path_nor_answer(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 warns of headers that it cannot parse, with the URL and what it could not parse."""

    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.answer(b"{}", 200, "Connection: close", "X: y", "no colon canary-in-answer")

    for noisy in ("urllib3", "requests", "charset_normalizer"):
        caplog.set_level(logging.WARNING, noisy)
    raw = [r for r in _warned(story, caplog) if "canary-in-path" in r and "canary-in-answer" in r]
    assert raw, "the library no longer warns; this test has lost its subject"
    redaction = Redaction([])
    caplog.handler.addFilter(redaction)
    try:
        cleaned = _warned(story, caplog)
    finally:
        caplog.handler.removeFilter(redaction)
    assert cleaned
    assert not [text for text in cleaned if "canary" in text]


def _warned(story: object, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with serving(story) as server, client(server.url) as http:  # type: ignore[arg-type]
        http.send(Request("GET", "/things/canary-in-path"))
    return [caplog.handler.format(record) for record in caplog.records]


@pytest.mark.parametrize(
    ("answers", "waited"),
    [
        ([(429, "Retry-After: 25")], [25.0]),
        ([(429, "X-Other: 1"), (503, "X-Other: 1")], [10.0, 1.0]),
        ([(503, "Retry-After: 3"), (429, "Retry-After: 0")], [3.0, 1.0]),
    ],
)
def test_a_question_is_asked_again_no_sooner_than_the_answer_says(
    answers: list[tuple[int, str]], waited: list[float]
) -> None:
    pauses: list[float] = []
    with serving(_telling(answers)) as server, client(server.url) as http:
        assert Asker(http, 10.0, pause=pauses.append)(GET).status == 200
    assert pauses == waited


def test_a_question_is_not_asked_again_when_that_would_take_too_long() -> None:
    with serving(_telling([(429, "Retry-After: 30000")])) as server, client(server.url) as http:
        with pytest.raises(Fault, match="asks for a pause of 30000 seconds; a run waits for 120 at most"):
            Asker(http, 10.0, pause=lambda _: None)(GET)
        assert len(server.requests) == 1


def _telling(answers: list[tuple[int, str]]) -> Story:
    def story(peer: Peer) -> None:
        while peer.read() is not None:
            n = len(peer.server.requests)
            status, header = answers[n - 1] if n <= len(answers) else (200, "X-Other: 1")
            peer.answer(b"{}", status, header)

    return story
