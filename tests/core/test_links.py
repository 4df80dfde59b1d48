"""Links in answers and keys in paths: whatever the text, a request keeps its host and its shape."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Fault, InvalidRecord, Misconfigured, Stop
from penstock.http import Http
from penstock.links import checked_instance, goes_to, path, path_on
from penstock.records import Request
from tests.core.faulty import Server, client, polite, serving

DOMAINS = ("vendor.com", "vendor-gov.com")
BASE = "https://api.vendor.com"
SANDBOX = "http://127.0.0.1:8099/vendor"


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        (BASE, "https://api.vendor.com/v3/things?after=17", "/v3/things?after=17"),
        (BASE, "https://API.vendor.com:443/v3/things", "/v3/things"),
        (BASE, "/services/query/01g-2000", "/services/query/01g-2000"),
        (BASE, "/v3/things?after=a%2Fb&x=a/../b", "/v3/things?after=a%2Fb&x=a/../b"),
        (SANDBOX, "http://127.0.0.1:8099/vendor/v3/things?after=1", "/v3/things?after=1"),
        (SANDBOX, "/vendor/v3/things", "/v3/things"),
        (SANDBOX, "/v3/things", "/v3/things"),
    ],
)
def test_a_link_on_the_same_host_becomes_a_path(base: str, link: str, expected: str) -> None:
    assert path_on(base, link) == expected


FOREIGN = [
    "https://evil.example/v3/things",
    "http://api.vendor.com/v3/things",
    "https://other.vendor.com/v3/things",
    "https://api.vendor.com:8443/v3",
    "https://api.vendor.com@evil.example/v3",
    "https://user:canary@api.vendor.com/v3",
    "https://@api.vendor.com/v3",
    "https://api.vendor.com.evil.example/v3",
    "https://api.vendor.com\\@evil.example/v3",
    "https:\\\\evil.example/v3",
    "https:/\\evil.example/v3",
    "https:///evil.example/v3",
    "https://evil.example\\.api.vendor.com/v3",
    "https://xn--pi-6kc.vendor.com/v3",
    "https://аpi.vendor.com/v3",  # noqa: RUF001 - a Cyrillic letter, on purpose
    "https://api.vendor。com/v3",
    "https://104.18.0.1/v3",
    "https://[::1]/v3",
    "https://127.0.0.1/v3",
    "https://[::1",
    "https://api.vendor.com:port/v3",
    "https://api.vendor.com",
    "//evil.example/v3",
    "///evil.example/v3",
    "/\\evil.example/v3",
    "/v3//evil.example",
    "/../v3",
    "/v3/..",
    "/v3/%2e%2e/x",
    "/v3/./x",
    "/v3/.%2E/x",
    "v3/things",
    "?after=1",
    "@evil.example/v3",
    ".evil.example/v3",
    ":8443/v3",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "/v3/x#fragment",
    "/v3/x y",
    "/v3/x\r\nHost: evil.example",
    "/v3/x\t",
    "",
]


@pytest.mark.parametrize("link", FOREIGN)
def test_a_link_that_leads_elsewhere_is_refused_and_not_shown(link: str) -> None:
    with pytest.raises(Fault) as caught:
        path_on(BASE, link)
    assert "canary" not in f"{caught.value} {caught.value.advice}"


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:8099/other/v3", "http://127.0.0.1:8099/vendor", "http://127.0.0.1:8098/vendor/v3"]
)
def test_a_link_of_a_sandbox_stays_below_its_path(link: str) -> None:
    with pytest.raises(Fault):
        path_on(SANDBOX, link)


@pytest.fixture(scope="module")
def http_and_server() -> Iterator[tuple[Http, Server]]:
    with serving(polite) as server, client(f"{server.url}/base") as http:
        yield http, server


TRICKY = st.text(st.one_of(st.sampled_from("/\\.@:?#%&=[]{}~;+ \t\r\n2eE5cCfFx-\u2025\uff0f\u0000"), st.characters()))


@settings(deadline=None, max_examples=200)
@given(TRICKY, st.sampled_from(["", "/", "//", "http://127.0.0.1", "HOST", "HOST/base/"]))
def test_for_any_link_it_raises_or_the_request_goes_to_the_host(
    http_and_server: tuple[Http, Server], text: str, before: str
) -> None:
    http, server = http_and_server
    seen, others = len(server.requests), server.connections
    link = before.replace("HOST", server.url) + text
    try:
        response = http.send(Request("GET", path_on(f"{server.url}/base", link)))
    except Stop:
        assert len(server.requests) == seen
        return
    assert response.status == 200
    _, head = server.requests[seen]
    assert head.startswith(b"GET /base/")
    assert f"Host: 127.0.0.1:{server.port}\r\n".encode() in head
    assert server.connections <= others + 1


@settings(deadline=None, max_examples=200)
@given(TRICKY)
def test_for_any_path_of_a_request_it_raises_or_goes_to_the_host(
    http_and_server: tuple[Http, Server], text: str
) -> None:
    """The last line of defence: what a target wrote by hand."""
    http, server = http_and_server
    seen = len(server.requests)
    try:
        http.send(Request("GET", text))
    except Stop:
        assert len(server.requests) == seen
        return
    _, head = server.requests[seen]
    target = head.split(b" ")[1]
    assert target.startswith(b"/base/")
    assert target.partition(b"?")[0].count(b"/") == 1 + text.partition("?")[0].count("/")
    assert not {b".", b".."} & set(target.partition(b"?")[0].split(b"/"))


@pytest.mark.parametrize(
    "text",
    [
        "/a/../b",
        "/a/..",
        "/./a",
        "/a/%2e%2e/b",
        "/a/%2E%2e",
        "/a/.%2e/b",
        "/%2e/a",
        "/a#b",
        "a",
        "",
        ".evil.example/a",
        "@evil.example/a",
        ":1/a",
        "\\evil.example/a",
        "?a",
    ],
)
def test_a_path_that_would_change_on_its_way_is_not_sent(http_and_server: tuple[Http, Server], text: str) -> None:
    http, server = http_and_server
    seen = len(server.requests)
    with pytest.raises(Fault, match="nothing was sent"):
        http.send(Request("GET", text))
    assert len(server.requests) == seen


@settings(deadline=None, max_examples=300)
@given(TRICKY, TRICKY)
def test_keys_in_a_path_keep_its_shape_and_arrive_as_they_are(
    http_and_server: tuple[Http, Server], first: str, second: str
) -> None:
    http, server = http_and_server
    seen = len(server.requests)
    try:
        written = path("/things/{}/parts/{}?full=a/b", first, second)
    except InvalidRecord:
        assert any(s in ("", ".", "..") or not encodable(s) for s in (first, second))
        return
    http.send(Request("GET", written))
    target = server.requests[seen][1].split(b" ")[1]
    place, _, query = target.partition(b"?")
    segments = place.split(b"/")
    assert (len(segments), segments[1:3], segments[4], query) == (6, [b"base", b"things"], b"parts", b"full=a/b")
    assert unquote_to_bytes(segments[3]) == first.encode()
    assert unquote_to_bytes(segments[5]) == second.encode()


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.parametrize("segment", ["", ".", "..", "canary\ud800"])
def test_segments_that_change_a_path_are_refused_without_being_shown(segment: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        path("/things/{}", segment)
    assert caught.value.code == "not_a_path_segment"
    assert "canary" not in str(caught.value)


def test_a_template_has_as_many_places_as_there_are_segments() -> None:
    with pytest.raises(AssertionError):
        path("/things/{}", "a", "b")
    assert path("/things/{}/{}", "{}", "a/../b") == "/things/%7B%7D/a%2F..%2Fb"


# -- instance_url -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "asked", "base"),
    [
        ("https://acme.my.vendor.com", "https://login.vendor.com", "https://acme.my.vendor.com"),
        ("https://acme.vendor-gov.com/", "https://login.vendor.com", "https://acme.vendor-gov.com"),
        ("http://127.0.0.1:8099/vendor", "http://127.0.0.1:8099/login", "http://127.0.0.1:8099/vendor"),
    ],
)
def test_an_instance_of_the_vendor_is_taken(url: str, asked: str, base: str) -> None:
    assert checked_instance(url, DOMAINS, asked) == base


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://evil.example", "https://login.vendor.com"),
        ("https://evilvendor.com", "https://login.vendor.com"),
        ("http://acme.vendor.com", "https://login.vendor.com"),
        ("https://acme.vendor.com:8443", "https://login.vendor.com"),
        ("https://acme.vendor.com@evil.example", "https://login.vendor.com"),
        ("https://acme.vendor.com/../x", "https://login.vendor.com"),
        ("https://10.0.0.1", "https://login.vendor.com"),
        ("http://127.0.0.1:8099", "https://login.vendor.com"),
        ("http://127.0.0.1:8098", "http://127.0.0.1:8099"),
        ("http://localhost:8099", "http://127.0.0.1:8099"),
        ("https://acme.vendor.com", "http://127.0.0.1:8099"),
    ],
)
def test_an_instance_elsewhere_is_refused(url: str, asked: str) -> None:
    with pytest.raises(Misconfigured, match="instance_url"):
        checked_instance(url, DOMAINS, asked)


@settings(deadline=None)
@given(TRICKY)
def test_for_any_instance_it_raises_or_is_the_vendors(text: str) -> None:
    for url in (f"https://{text}", f"https://{text}.vendor.com", f"https://acme.vendor.com{text}", text):
        try:
            base = checked_instance(url, DOMAINS, "https://login.vendor.com")
        except Misconfigured:
            continue
        prepared = requests.Request("GET", base + "/v3").prepare()
        host = (prepared.url or "").split("/")[2].removesuffix(":443")
        assert host.lower().endswith(("vendor.com", "vendor-gov.com"))
        assert goes_to(prepared.url or "", base, "/v3")
