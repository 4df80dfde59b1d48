"""Tokens that expire: one refresh per expiry, whatever the number of threads; none after a refusal."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.auth import Secret, Unsigned, redact_logs
from penstock.errors import Fault, Misconfigured, Stop
from penstock.http import Asker, Http, ThreadSender
from penstock.records import Request, Response
from penstock.tokens import RefreshGrant, Refreshing, Token, token_request
from tests.core.faulty import POST, Peer, Server, polite, serving
from tests.core.test_urls_and_secrets import root_handler
from tests.core.threads import in_threads


@dataclass
class Issuer:
    """Hands out tokens, and takes each for `good_for` requests."""

    good_for: int = 10**9
    fetched: int = 0
    used: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    accepted: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self) -> Token:
        with self.lock:
            self.fetched += 1
            return Token(Secret(f"token-{self.fetched}"))

    def story(self, peer: Peer) -> None:
        """Answer 401 to every token but the newest, and to that after `good_for` requests."""
        while (head := peer.read()) is not None:
            token = next(h for h in head.decode().split("\r\n") if h.startswith("Authorization")).split()[-1]
            with self.lock:
                good = token == f"token-{self.fetched}" and self.used[token] < self.good_for
                self.used[token] += good
                self.accepted += good
                self.refused += not good
            peer.answer(b"{}", 200 if good else 401)


def no_learning(_: Secret) -> None:
    """Tests have no log handlers of their own."""


def refreshing(fetch: Callable[[], Token], now: Callable[[], float] = lambda: 0.0) -> Refreshing:
    return Refreshing(fetch, now, learn=no_learning)


@contextmanager
def signed(server: Server, auth: Refreshing, **settings: float) -> Iterator[Http]:
    http = Http(server.url, auth, "tests", **settings)  # type: ignore[arg-type]
    try:
        yield http
    finally:
        http.close()


def test_an_expiry_every_fifty_requests_with_eight_lanes() -> None:
    issuer = Issuer(good_for=50)
    auth = refreshing(issuer.fetch)
    statuses: list[int] = []

    with serving(issuer.story) as server, signed(server, auth) as http:

        def lane() -> None:
            statuses.extend([http.send(POST).status for _ in range(60)])

        in_threads(8, lane)
    assert statuses == [200] * 480
    expiries = (480 - 1) // 50
    assert auth.refreshes == issuer.fetched - 1 == expiries
    assert issuer.refused <= 8 * expiries  # at most one request more per lane and expiry
    assert issuer.accepted == 480


def test_lanes_that_were_refused_together_wait_for_one_refresh() -> None:
    issuer = Issuer()
    all_refused = threading.Barrier(8)
    fetching = threading.Event()

    def fetch() -> Token:
        if issuer.fetched:
            fetching.set()
        return issuer.fetch()

    auth = refreshing(fetch)
    auth.ready()
    auth.accepted("Bearer token-1")
    issuer.used["token-1"] = issuer.good_for  # it has expired

    def story(peer: Peer) -> None:
        old = peer.read()
        assert old is not None
        assert b"token-1" in old
        all_refused.wait(10)
        peer.answer(b"{}", 401)
        issuer.story(peer)

    statuses: list[int] = []
    with serving(story) as server, signed(server, auth) as http:
        in_threads(8, lambda: statuses.append(http.send(POST).status))
        assert statuses == [200] * 8
        assert len(server.requests) == 16
    assert fetching.is_set()
    assert auth.refreshes == 1


def test_a_new_token_that_is_refused_is_the_answer_and_is_not_replaced() -> None:
    """The credentials are good and yet not for this: asking again and again would lock the user out."""
    issuer = Issuer(good_for=0)
    auth = refreshing(issuer.fetch)
    statuses: list[int] = []
    with serving(issuer.story) as server, signed(server, auth) as http:
        assert http.send(POST).status == 401
        in_threads(8, lambda: statuses.append(http.send(POST).status))
    assert statuses == [401] * 8
    assert (issuer.fetched, auth.refreshes, len(server.requests)) == (1, 0, 9)


def test_a_token_that_has_slept_is_replaced_although_it_was_never_used() -> None:
    now = 0.0
    auth = refreshing(Issuer().fetch, lambda: now)
    auth.ready()
    assert auth.refused("Bearer token-1") is False
    now = 3600.0
    assert auth.refused("Bearer token-1") is True
    assert auth.refreshes == 1


def test_a_known_expiry_is_met_before_it_comes() -> None:
    now = 0.0
    issuer = Issuer()

    def fetch() -> Token:
        return Token(issuer.fetch().secret, 3600.0)

    auth = refreshing(fetch, lambda: now)
    with serving(issuer.story) as server, signed(server, auth) as http:
        for now in (0.0, 10.0, 3500.0, 3539.0, 3541.0, 3600.0, 7000.0, 7080.0, 7082.0):  # noqa: B007 - read above
            assert http.send(POST).status == 200
    assert auth.refreshes == 2
    assert issuer.refused == 0


def test_whoever_fetches_a_token_it_is_made_known_as_a_secret() -> None:
    learnt: list[str] = []
    Refreshing(Issuer().fetch, lambda: 0.0, learn=learnt.append).ready()
    assert learnt == ["token-1"]


def test_a_short_life_is_not_refreshed_all_the_time() -> None:
    now = 0.0
    issuer = Issuer()
    auth = refreshing(lambda: Token(issuer.fetch().secret, 30.0), lambda: now)
    for now in (0.0, 1.0, 20.0, 26.0):  # noqa: B007 - read by the clock
        auth.ready()
    assert auth.refreshes == 0
    now = 27.5
    auth.ready()
    assert auth.refreshes == 1


def test_refused_credentials_end_every_thread_and_are_never_tried_again() -> None:
    issuer = Issuer()
    tried = 0

    def fetch() -> Token:
        nonlocal tried
        if not issuer.fetched:
            return issuer.fetch()
        tried += 1
        raise Misconfigured("the log-in was refused (invalid_grant)")

    auth = refreshing(fetch)
    ends: list[Stop] = []
    with serving(issuer.story) as server, signed(server, auth) as http:
        http.send(POST)
        issuer.good_for = 0  # revoked

        def lane() -> None:
            with pytest.raises(Misconfigured) as caught:
                http.send(POST)
            ends.append(caught.value)

        in_threads(8, lane)
        seen = len(server.requests)
        in_threads(8, lane)
        assert len(server.requests) == seen
    assert len(ends) == 16
    assert {stop.exit_code for stop in ends} == {2}
    assert (tried, auth.refreshes) == (1, 0)


def test_the_sender_hands_on_why_there_is_no_token() -> None:
    def fetch() -> Token:
        raise Misconfigured("the log-in was refused (invalid_grant)")

    with serving(polite) as server, signed(server, refreshing(fetch)) as http:
        sender = ThreadSender(http, 2)
        try:
            for ticket in range(4):
                sender.submit(ticket, POST)
            answers: list[object] = []
            while len(answers) < 4:
                answers += [answer for _, answer in sender.take()]
        finally:
            sender.close()
        assert server.requests == []
    assert all(isinstance(answer, Misconfigured) for answer in answers)


# -- the token endpoint -------------------------------------------------------------------------------------


def ask_of(http: Http) -> Asker:
    return Asker(http, waits=(0.0, 0.0), pause=lambda _: None)


@contextmanager
def endpoint(*answers: tuple[int, object]) -> Iterator[tuple[Asker, Server, list[dict[str, str]]]]:
    """A token endpoint that gives these answers in turn, and the last one from then on."""
    forms: list[dict[str, str]] = []

    def story(peer: Peer) -> None:
        while peer.read() is not None:
            n = min(len(peer.server.requests), len(answers)) - 1
            status, answer = answers[n]
            forms.append(dict(parse_qsl(peer.body.decode())))
            peer.answer(answer if isinstance(answer, bytes) else json.dumps(answer).encode(), status)

    with serving(story) as server:
        http = Http(server.url, Unsigned(), "tests", deadline=0.5)
        try:
            yield ask_of(http), server, forms
        finally:
            http.close()


CLIENT = {"client_id": "me", "client_secret": "canary-secret"}
GOOD = {"access_token": "a-1", "expires_in": 1800, "refresh_token": "r-2", "instance_url": "https://x.vendor.com"}


def test_the_refresh_grant_sends_a_form_and_takes_a_newer_refresh_token() -> None:
    learnt: list[str] = []
    with endpoint((200, GOOD), (200, {"access_token": "a-2"})) as (ask, server, forms):
        fetch = RefreshGrant(ask, "/oauth/token", CLIENT, Secret("r&1 é"), learn=learnt.append)
        first, second = fetch(), fetch()
        heads = [head.lower() for _, head in server.requests]
    assert (first.secret, first.expires_in, first.answer["instance_url"]) == ("a-1", 1800.0, "https://x.vendor.com")
    assert (second.secret, second.expires_in) == ("a-2", None)
    assert forms == [{"grant_type": "refresh_token", **CLIENT, "refresh_token": r} for r in ("r&1 é", "r-2")]
    assert all(b"content-type: application/x-www-form-urlencoded" in head for head in heads)
    assert not [head for head in heads if b"authorization" in head]
    assert learnt == ["a-1", "r-2", "a-2"]
    assert "a-1" not in repr(first)
    assert "r-2" not in repr(first)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "canary@example.com", None, 5])
def test_a_refusal_is_final_and_asked_once(status: int, error: object) -> None:
    with endpoint((status, {"error": error, "error_description": "canary@example.com"})) as (ask, server, _):
        with pytest.raises(Misconfigured) as caught:
            token_request(ask, "/oauth/token", CLIENT, no_learning)
        assert len(server.requests) == 1
    assert "canary" not in f"{caught.value} {caught.value.advice}"
    assert caught.value.exit_code == 2
    named = error in ("invalid_grant", "invalid_client")
    assert (f"({error})" in str(caught.value)) == named


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b"<html>"),
        (200, b""),
        (200, []),
        (200, {}),
        (200, {"access_token": ""}),
        (200, {"access_token": 5}),
        (200, {"access_token": "a b"}),
        (200, {"access_token": "a\r\nHost: evil"}),
        (204, b""),
        (302, b""),
        (500, b"oops"),
        (503, {"access_token": "a-1"}),
    ],
)
def test_an_endpoint_without_a_token_is_a_fault(status: int, answer: object) -> None:
    with endpoint((status, answer)) as (ask, server, _):
        with pytest.raises(Fault):
            token_request(ask, "/oauth/token", CLIENT, no_learning)
        assert len(server.requests) == (3 if status >= 500 else 1)


def test_an_endpoint_that_is_in_trouble_is_asked_again_within_a_budget() -> None:
    with endpoint((500, b""), (429, b""), (200, GOOD)) as (ask, server, _):
        assert token_request(ask, "/oauth/token", CLIENT, no_learning).secret == "a-1"
        assert len(server.requests) == 3


def test_an_endpoint_that_says_nothing_ends_all_lanes_with_one_budget() -> None:
    def silent(peer: Peer) -> None:
        if peer.read() is not None:
            peer.hold()

    ends: list[Stop] = []
    with serving(silent) as login, serving(polite) as server:
        token_http = Http(login.url, Unsigned(), "tests", deadline=0.2)
        auth = refreshing(RefreshGrant(ask_of(token_http), "/t", CLIENT, Secret("r-1"), no_learning))
        with signed(server, auth) as http:

            def lane() -> None:
                with pytest.raises(Fault) as caught:
                    http.send(POST)
                ends.append(caught.value)

            in_threads(8, lane)
        token_http.close()
        assert len(login.requests) == 3
        assert server.requests == []
    assert [stop.exit_code for stop in ends] == [1] * 8


@settings(deadline=None)
@given(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.just("9" * 400),
        st.lists(st.none()),
    )
)
def test_any_expires_in_is_a_number_of_seconds_or_unknown(value: object) -> None:
    def ask(_: Request) -> Response:
        return Response(200, {}, json.dumps({"access_token": "a-1", "expires_in": value}).encode())

    life = token_request(ask, "/t", {}, no_learning).expires_in
    assert life is None or 0 < life < 10**9


# -- what is learnt later is redacted too -------------------------------------------------------------------


def test_a_token_that_was_fetched_in_mid_run_shows_in_no_log() -> None:
    with root_handler() as lines:
        redact_logs([Secret("canary-config")])
        issued = {"access_token": "00D!canary/1=", "refresh_token": "canary-refresh"}
        with endpoint((200, issued)) as (ask, _, _):
            auth = Refreshing(RefreshGrant(ask, "/t", CLIENT, Secret("canary-config")), lambda: 0.0)
            token = auth.ready().secret
        logging.getLogger("penstock").warning("%s, %s", f"{token} 00D%21canary%2F1%3D", "canary-refresh canary-config")
        logging.getLogger("elsewhere").error("client_secret=%s", "canary-secret")
    assert lines == ["••• •••, ••• •••", "client_secret=•••"]
