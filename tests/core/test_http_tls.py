"""TLS is verified always, proxies are respected, and nothing in the environment replaces our credential."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests
import trustme

from penstock.errors import Misconfigured, NoAnswer
from penstock.records import Request
from tests.core.faulty import GET, POST, Peer, Server, Story, client, polite, serving
from tests.core.threads import in_threads


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine's own environment says is no part of these tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_side(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def https(server: Server) -> str:
    return f"https://127.0.0.1:{server.port}"


def test_a_certificate_of_ones_own_authority_is_accepted(authority: trustme.CA, ca_file: Path) -> None:
    tls = server_side(authority.issue_cert("127.0.0.1"))
    with serving(polite, tls) as server, client(https(server), ca_file=ca_file) as http:
        for _ in range(3):
            assert http.send(POST).status == 200
        assert (server.connections, len(server.requests)) == (1, 3)


def refused(cert: trustme.LeafCert, ca_file: Path | None) -> None:
    with serving(polite, server_side(cert)) as server:
        with client(https(server), ca_file=ca_file) as http, pytest.raises(NoAnswer) as caught:
            http.send(POST)
        assert (caught.value.sent, caught.value.reason) == (False, "the server's certificate was not accepted")
        assert server.connections == 1
        assert server.requests == []


def test_another_hosts_certificate_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    refused(authority.issue_cert("example.com", "127.0.0.2"), ca_file)


def test_an_expired_certificate_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    refused(authority.issue_cert("127.0.0.1", not_before=long_ago, not_after=long_ago.replace(month=2)), ca_file)


def test_an_unknown_authority_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    refused(trustme.CA().issue_cert("127.0.0.1"), ca_file)
    refused(authority.issue_cert("127.0.0.1"), None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONHTTPSVERIFY", "0"),
        ("CURL_CA_BUNDLE", ""),
        ("REQUESTS_CA_BUNDLE", ""),
        ("GIT_SSL_NO_VERIFY", "1"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
    ],
)
def test_no_variable_switches_verification_off(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    refused(authority.issue_cert("127.0.0.1"), None)


@pytest.mark.parametrize("value", ["False", "0", "no", "/nowhere/ca.pem"])
def test_a_bundle_that_is_none_is_a_mistake_and_not_an_opening(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", value)
    with pytest.raises(Misconfigured, match="certificate authorities"), client("https://127.0.0.1:1"):
        pass


def test_a_file_without_certificates_is_a_mistake(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing\n")
    with pytest.raises(Misconfigured, match="certificate authorities"), client("https://127.0.0.1:1", ca_file=empty):
        pass


def test_a_bundle_from_the_environment_is_used_and_the_setting_goes_before_it(
    authority: trustme.CA, ca_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca_file))
    with serving(polite, server_side(authority.issue_cert("127.0.0.1"))) as server, client(https(server)) as http:
        assert http.send(GET).status == 200
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    refused(authority.issue_cert("127.0.0.1"), other)


def test_requests_own_switch_changes_nothing(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with `verify=False` on its way through the library, the context is ours."""
    send = requests.Session.send

    def careless(self: requests.Session, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:
        self.verify = False
        kwargs["verify"] = False
        return send(self, request, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.Session, "send", careless)
    refused(authority.issue_cert("127.0.0.1"), None)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_tls_1_1_is_refused(authority: trustme.CA, ca_file: Path, newest: ssl.TLSVersion) -> None:
    tls = old_tls(authority, newest)
    with serving(polite, tls) as server:
        lenient = ssl.create_default_context(cafile=str(ca_file))
        lenient.minimum_version = newest
        lenient.set_ciphers("ALL:@SECLEVEL=0")
        if not speaks(server, lenient):
            pytest.skip(f"this OpenSSL ({ssl.OPENSSL_VERSION}) cannot offer {newest.name}")
        with client(https(server), ca_file=ca_file) as http, pytest.raises(NoAnswer) as caught:
            http.send(POST)
        assert (caught.value.sent, caught.value.reason) == (False, "no TLS connection came about")
        assert server.requests == []


def old_tls(authority: trustme.CA, newest: ssl.TLSVersion) -> ssl.SSLContext:
    tls = server_side(authority.issue_cert("127.0.0.1"))
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.maximum_version = newest
    return tls


def speaks(server: Server, context: ssl.SSLContext) -> bool:
    try:
        plain = socket.create_connection(("127.0.0.1", server.port), 5)
        with plain, context.wrap_socket(plain, server_hostname="127.0.0.1"):
            return True
    except OSError:
        return False


def test_tls_1_2_is_accepted(authority: trustme.CA, ca_file: Path) -> None:
    tls = server_side(authority.issue_cert("127.0.0.1"))
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(polite, tls) as server, client(https(server), ca_file=ca_file) as http:
        assert http.send(GET).status == 200


def test_a_deadline_holds_over_tls(authority: trustme.CA, ca_file: Path) -> None:
    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.drip(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5000)

    tls = server_side(authority.issue_cert("127.0.0.1"))
    with serving(story, tls) as server, client(https(server), ca_file=ca_file, deadline=0.5) as http:
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="in time") as caught:
            http.send(POST)
        took = time.monotonic() - begun
    assert caught.value.sent
    assert 0.5 <= took < 0.65


def test_a_handshake_that_never_ends_is_left_and_nothing_was_sent(ca_file: Path) -> None:
    with serving(Peer.hold) as server, client(https(server), ca_file=ca_file, deadline=0.5) as http:
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="no connection in time") as caught:
            http.send(POST)
        took = time.monotonic() - begun
    assert caught.value.sent is False
    assert took < 0.65


def test_a_body_larger_than_a_tls_record_arrives_whole(authority: trustme.CA, ca_file: Path) -> None:
    got: list[int] = []

    def story(peer: Peer) -> None:
        head = peer.read()
        if head is not None:
            got.append(len(head))
            peer.answer(b"x" * 300_000)

    tls = server_side(authority.issue_cert("127.0.0.1"))
    with serving(story, tls) as server, client(https(server), ca_file=ca_file) as http:
        assert http.send(Request("POST", "/things", bytes(3 * 2**20))).body == b"x" * 300_000
    assert len(got) == 1


# -- the environment ---------------------------------------------------------------------------------------


def proxy_story(peer: Peer) -> None:
    if peer.read() is not None:
        peer.answer(b"", 502, "Connection: close")


def test_a_proxy_of_the_environment_is_asked_for_a_tunnel_and_sees_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(proxy_story) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with client("https://api.example.com") as http, pytest.raises(NoAnswer) as caught:
            http.send(POST)
        assert caught.value.sent is False
        assert proxy.lines() == ["CONNECT api.example.com:443 HTTP/1.0"] or proxy.lines() == [
            "CONNECT api.example.com:443 HTTP/1.1"
        ]
        assert b"canary" not in proxy.requests[0][1]


def tunnel_to(server: Server) -> Story:
    """A proxy that opens every tunnel to the same server, whatever host was asked for."""

    def copy(source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                to.sendall(part)
            to.shutdown(socket.SHUT_WR)

    def story(peer: Peer) -> None:
        if peer.read() is None:
            return
        with socket.create_connection(("127.0.0.1", server.port), 10) as onward:
            peer.sock.sendall(b"HTTP/1.1 200 Open\r\n\r\n")
            back = threading.Thread(target=copy, args=(onward, peer.sock))
            back.start()
            copy(peer.sock, onward)
            back.join()

    return story


@pytest.mark.parametrize("host", ["api.vendor.test", "other.vendor.test"])
def test_through_a_tunnel_the_certificate_is_verified_all_the_same(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    tls = server_side(authority.issue_cert("api.vendor.test"))
    with serving(polite, tls) as server, serving(tunnel_to(server)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with client(f"https://{host}", ca_file=ca_file) as http:
            if host == "api.vendor.test":
                assert [http.send(POST).status for _ in range(3)] == [200] * 3
                assert (proxy.connections, server.connections) == (1, 1)
            else:
                with pytest.raises(NoAnswer, match="certificate") as caught:
                    http.send(POST)
                assert caught.value.sent is False
        assert len(server.requests) == (3 if host == "api.vendor.test" else 0)
        assert b"canary" not in b"".join(head for _, head in proxy.requests)


def test_a_tunnel_that_is_never_opened_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def story(peer: Peer) -> None:
        if peer.read() is not None:
            peer.drip(b"HTTP/1.1 200 " + b"O" * 5000)

    with serving(story) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with client("https://api.example.com", deadline=0.5) as http:
            begun = time.monotonic()
            with pytest.raises(NoAnswer) as caught:
                http.send(POST)
            took = time.monotonic() - begun
    assert caught.value.sent is False
    assert took < 0.65


def test_no_proxy_stands_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(proxy_story) as proxy, serving(polite) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        with client(server.url) as http:
            assert http.send(GET).status == 200
        assert proxy.connections == 0


def test_a_netrc_does_not_replace_our_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password canary-netrc\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(polite) as server, client(server.url) as http:
        http.send(GET)
        (_, head), *_ = server.requests
    assert b"Authorization: Bearer canary-token" in head
    assert b"Basic" not in head


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://api.example.com", "ftp://127.0.0.1", "", "//x"])
def test_nothing_but_https_leaves_this_machine(url: str) -> None:
    with pytest.raises(Misconfigured, match="https"), client(url):
        pass


def test_a_pool_is_as_large_as_the_lanes() -> None:
    """Each thread has its own connection, used again for each of its requests."""
    with serving(polite) as server, client(server.url) as http:
        ready = threading.Barrier(8)

        def lane() -> None:
            ready.wait(10)
            for _ in range(10):
                http.send(POST)

        in_threads(8, lane)
    assert server.connections == 8
    assert len(server.requests) == 80
