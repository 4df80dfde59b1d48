"""The proxy, by a client of the standard library: what is struck, what is applied, what is noted."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

import pytest

from penstock.conformance.faults import Fault, Kind, Place
from penstock.conformance.process import parsed
from penstock.conformance.proxy import Proxy
from penstock.conformance.stock import StockAdapter
from penstock.conformance.wire import Response, bomb

ROWS = [{"id": "a", "value": "1"}, {"id": "b", "value": "! no"}]


@pytest.fixture
def adapter() -> StockAdapter:
    return StockAdapter()


@pytest.fixture
def proxy(adapter: StockAdapter) -> Iterator[Proxy]:
    with adapter.upstream() as url, Proxy(adapter, url) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[HTTPConnection]:
    url = urlsplit(proxy.url)
    client = HTTPConnection(url.hostname or "", url.port, timeout=10)
    yield client
    client.close()


def post(client: HTTPConnection, chunked: bool = False) -> HTTPResponse:
    body = json.dumps(ROWS).encode()
    if chunked:
        client.request("POST", "/rows", iter([body[:5], body[5:]]), encode_chunked=True)
    else:
        client.request("POST", "/rows", body)
    return client.getresponse()


@pytest.mark.parametrize("chunked", [False, True])
def test_without_faults_it_only_takes_notes(proxy: Proxy, client: HTTPConnection, chunked: bool) -> None:
    answer = json.loads(post(client, chunked).read())
    assert answer == {"results": [{"id": "a"}], "errors": [{"id": "b", "code": "bad_value"}]}
    (write,) = proxy.writes
    assert (write.write, write.status, write.pairs) == (1, 200, [("a", "1"), ("b", "! no")])


@pytest.mark.parametrize(
    ("place", "kind", "applied"),
    [
        ("before_apply", "reset", False),
        ("before_apply", "close", False),
        ("before_apply", "hang", False),
        ("after_apply", "reset", True),
        ("after_apply", "close", True),
        ("in_answer", "truncate", True),
    ],
)
def test_a_fault_strikes_at_its_place(
    adapter: StockAdapter, proxy: Proxy, client: HTTPConnection, place: Place, kind: Kind, applied: bool
) -> None:
    proxy.strike(Fault(place, kind, on=[1], seconds=0.05))
    with pytest.raises((HTTPException, OSError)):
        post(client).read()
    assert bool(adapter.store.rows) is applied
    client.close()
    assert post(client).status == 200
    assert [bool(write.struck) for write in proxy.writes] == [True, False]


def test_schedules_count_the_writes_that_they_are_about(proxy: Proxy, client: HTTPConnection) -> None:
    proxy.strike(
        Fault("before_apply", "answer", on=[2], answer=Response(429), seconds=7.0),
        Fault("before_apply", "answer", keys={"z"}, answer=Response(400)),
        Fault("in_answer", "shorten", on=[3]),
    )
    answers = []
    for _ in range(3):
        answers.append(post(client))
        answers[-1].read()
    assert [answer.status for answer in answers] == [200, 429, 200]
    assert [write.after for write in proxy.writes] == [None, 7.0, None]
    assert str(proxy.faults[0]) == "before_apply: answer 429 at write 2"


@pytest.mark.parametrize("kind", ["drip_head", "drip_body"])
def test_a_dripping_answer_is_whole_for_who_waits_and_who_leaves_is_noted(
    proxy: Proxy, client: HTTPConnection, kind: Kind
) -> None:
    proxy.strike(Fault("in_answer", kind, on=[1], seconds=0.2), Fault("in_answer", kind, on=[2], seconds=600.0))
    assert json.loads(post(client).read())["results"]
    client.close()
    client.timeout = 0.05
    with pytest.raises(TimeoutError):
        post(client).read()
    client.close()
    left = proxy.writes[1].gone.wait(10)
    assert left


def test_a_redirect_leads_where_nothing_is_applied(adapter: StockAdapter, proxy: Proxy, client: HTTPConnection) -> None:
    path = urlsplit(proxy.astray()).path
    client.request("POST", path, json.dumps(ROWS))
    assert client.getresponse().read() == b"{}"
    assert [exchange.request.path for exchange in proxy.followed] == [path]
    assert not adapter.store.rows
    assert not proxy.writes


def test_a_bomb_is_small_and_unpacks_large() -> None:
    answer = bomb(3)
    assert len(answer.body) < 10_000
    assert len(gzip.decompress(answer.body)) == 3 << 20


def test_a_torn_line_is_no_state() -> None:
    assert parsed(b'{"a": 1}\nnoise\n[1]\n{"a": 2') == ([{"a": 1}], [b"noise", b"[1]"], b'{"a": 2')
