"""What goes wrong between two machines: every attempt ends in time, and says whether it can have been applied."""

from __future__ import annotations

import gzip
import select
import socket
import threading
import time

import pytest

from penstock.errors import NoAnswer
from penstock.http import Http, ThreadSender
from penstock.records import Request, Response
from tests.core.faulty import GET, POST, Peer, Story, client, polite, serving

DEADLINE = 0.4


def seconds(http: Http, request: Request) -> tuple[NoAnswer, float]:
    begun = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        http.send(request)
    return caught.value, time.monotonic() - begun


OK = b"HTTP/1.1 200 OK\r\n"
HEAD = OK + b"Content-Length: 100000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = OK + b"Content-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n"


def says(data: bytes, then: Story = lambda peer: None) -> Story:
    """Read a request, say this at once, and go on."""

    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.sock.sendall(data)
            then(peer)

    return story


def drips(data: bytes, every: float = 0.02) -> Story:
    return lambda peer: peer.drip(data, every)


FOR_EVER: dict[str, Story] = {
    "status line dripped": says(b"", drips(b"HTTP/1.1 200 " + b"O" * 5000)),
    "headers dripped": says(b"", drips(OK + b"X-A: b\r\n" * 5000)),
    "body dripped": says(HEAD, drips(b"x" * 5000)),
    "chunk size dripped": says(CHUNKED, drips(b"0" * 5000)),
    "gzip dripped": says(GZIP, drips(gzip.compress(bytes(range(256)) * 40))),
    "continue without end": says(b"", drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 500, 0.001)),
    "silence after the request": says(b"", Peer.hold),
    "silence in the body": says(HEAD + b"x", Peer.hold),
}


@pytest.mark.parametrize("name", FOR_EVER)
def test_a_server_that_never_ends_is_left_at_the_deadline(name: str) -> None:
    with serving(FOR_EVER[name]) as server, client(server.url, deadline=DEADLINE) as http:
        why, took = seconds(http, POST)
        assert (why.sent, why.reason) == (True, "no answer in time")
        assert DEADLINE <= took < DEADLINE * 1.1 + 0.1, took  # 0.1 s for a busy machine
        assert len(server.requests) == 1


def test_a_server_that_does_not_read_is_left_at_the_deadline() -> None:
    with serving(lambda peer: peer.hold()) as server, client(server.url, deadline=DEADLINE) as http:
        why, took = seconds(http, Request("POST", "/things", bytes(32 * 2**20)))
    assert why.sent
    assert took < DEADLINE * 1.1 + 0.1


def test_a_server_that_reads_a_little_at_a_time_is_left_at_the_deadline() -> None:
    def story(peer: Peer) -> None:
        while peer.sock.recv(65536) and not peer.server.over.wait(0.02):
            pass

    with serving(story) as server, client(server.url, deadline=DEADLINE) as http:
        why, took = seconds(http, Request("POST", "/things", bytes(64 * 2**20)))
    assert why.sent
    assert took < DEADLINE * 1.1 + 0.1


def test_a_black_hole_is_left_in_time_and_nothing_was_sent() -> None:
    """A listener whose queue is full: its packets go nowhere, as behind a firewall that drops."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            with client(f"http://127.0.0.1:{port}", deadline=5.0, connect_timeout=0.3) as http:
                why, took = seconds(http, POST)
            assert (why.sent, why.reason) == (False, "no connection in time")
            assert took < 0.5
        finally:
            for filler in fillers:
                filler.close()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with client(f"http://127.0.0.1:{port}") as http:
        why, took = seconds(http, POST)
    assert (why.sent, why.reason) == (False, "the connection was refused")
    assert took < 1


def test_a_host_without_an_address() -> None:
    with client("https://nowhere.invalid", deadline=5.0) as http:
        why, _ = seconds(http, POST)
    assert why.sent is False


LOST: dict[str, Story] = {
    "RST on accept": Peer.reset,
    "FIN on accept": lambda peer: peer.sock.close(),
    "FIN after the request": says(b""),
    "RST after the request": says(b"", Peer.reset),
    "FIN in the status line": says(b"HTTP/1.1 20"),
    "FIN in the headers": says(OK + b"X-Answer: ye"),
    "FIN after a header": says(b"HTTP/1.1 204 No\r\nX-Answer: yes\r\n"),
    "FIN in the body": says(HEAD + b"x" * 99999),
    "RST in the body": says(HEAD + b"x", Peer.reset),
    "FIN in a chunk": says(CHUNKED + b"5\r\nab"),
    "FIN between chunks": says(CHUNKED + b"2\r\nab\r\n"),
    "FIN in gzip, length unknown": says(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a" * 999)[:-9]),
    "no HTTP at all": says(b"220 ready for mail\r\n"),
    "an early hint, and no answer": says(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "headers without end": says(OK + b"A: b\r\n" * 200),
}


@pytest.mark.parametrize("name", LOST)
def test_a_lost_connection_is_no_answer_and_is_not_tried_again_behind_our_back(name: str) -> None:
    with serving(LOST[name]) as server, client(server.url, deadline=5.0) as http:
        why, took = seconds(http, POST)
        # A reset can overtake the connect itself: then nothing was sent, and that is known.
        assert why.sent or (name == "RST on accept" and not server.requests)
        assert took < 2
        assert server.connections == 1
        assert len(server.requests) <= 1


def test_the_replay_after_a_loss_has_a_fresh_connection() -> None:
    def story(peer: Peer) -> None:
        for n in range(3):
            if peer.read() is None:
                return
            if peer.number == 1 and n == 2:
                peer.reset()
                return
            peer.answer()

    with serving(story) as server, client(server.url) as http:
        for _ in range(2):
            assert http.send(POST).status == 200
        assert seconds(http, POST)[0].sent
        assert http.send(POST).status == 200
        assert [number for number, _ in server.requests] == [1, 1, 1, 2]


def test_a_connection_that_was_closed_while_idle_costs_no_attempt() -> None:
    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.answer()
            peer.sock.close()
            peer.server.closed.set()

    with serving(story) as server, client(server.url) as http:
        for n in range(1, 6):
            server.closed.clear()
            assert http.send(POST).status == 200
            assert server.closed.wait(5)
            assert server.connections == n


def test_a_connection_that_was_idle_for_long_is_not_used_again() -> None:
    """A balancer that forgets idle connections tells nobody: the next request on one would get no answer at all."""
    ahead = 0.0
    with serving(polite) as server, client(server.url, clock=lambda: time.monotonic() + ahead) as http:
        http.send(GET)
        http.send(GET)
        assert server.connections == 1
        ahead = 5.0
        http.send(GET)
        assert server.connections == 2


def answers_to(sender: ThreadSender, count: int) -> list[object]:
    """Send `count` requests at once and collect what comes back."""
    for ticket in range(count):
        sender.submit(ticket, POST)
    answers: list[object] = []
    while len(answers) < count:
        select.select([sender.fileno()], [], [], 10)
        answers += [answer for _, answer in sender.take()]
    return answers


def test_eight_connections_that_died_idle_cost_one_attempt_not_eight() -> None:
    """Each connection answers one request and then loses the next: after the first loss the others are not tried."""
    all_connected = threading.Barrier(8)

    def story(peer: Peer) -> None:
        if peer.number > 8:
            polite(peer)
            return
        peer.read()
        all_connected.wait(10)
        peer.answer()
        if peer.read() is not None:
            peer.reset()

    with serving(story) as server, client(server.url) as http:
        sender = ThreadSender(http, 8)
        try:
            assert all(isinstance(answer, Response) for answer in answers_to(sender, 8))
            assert server.connections == 8
            lost = [isinstance(answers_to(sender, 1)[0], NoAnswer) for _ in range(16)]
            assert lost == [True] + [False] * 15
        finally:
            sender.close()
