"""Connections that end at a deadline.

The timeouts of `requests` are per read: a server that drips a byte at a time holds a call for ever. Here each connect,
handshake, send and receive gets what is left of the request's own time, so that the whole of it ends at the deadline,
in the thread that sends. Nothing has to shut a socket from outside, and so nothing can shut the wrong one.

Only the look-up of a host's name is out of reach: it ends when the system's resolver gives up.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from penstock.errors import Misconfigured

if TYPE_CHECKING:
    from requests import PreparedRequest
    from urllib3 import HTTPConnectionPool, ProxyManager

_CHUNK = 1 << 16
_OVERHEAD = 1 << 20
"""bytes of headers and framing that an answer may have besides its body"""


class Line:
    """One thread's way to the destination: until when its present request may take, and how far it got."""

    def __init__(self, clock: Callable[[], float], connect_timeout: float, max_body: int) -> None:
        self.sent = False
        """bytes of the present request may have gone out"""
        self.used = clock()
        """when it last brought a whole answer"""
        self._clock = clock
        self._connect_timeout = connect_timeout
        self._max_bytes = max_body + _OVERHEAD
        self._ends = 0.0
        self._bytes = 0

    def begin(self, deadline: float) -> None:
        """Start a request that may take `deadline` seconds."""
        self._ends = self._clock() + deadline
        self._bytes = 0
        self.sent = False

    @property
    def late(self) -> bool:
        """Tell whether the present request has used up its time."""
        return self._clock() >= self._ends

    def left(self, *, connecting: bool = False) -> float:
        """Return how many seconds the next step may take. Raises TimeoutError when none are left."""
        left = self._ends - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return min(left, self._connect_timeout) if connecting else left

    def received(self, size: int) -> None:
        """Count bytes of an answer: headers, chunk sizes and trailers without end are no answer either."""
        self._bytes += size
        if self._bytes > self._max_bytes:
            raise OSError("the answer is larger than any answer should be")


class _Incoming(io.RawIOBase):
    """The bytes of one answer. `ended` once the server has closed its side."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, line: Line) -> None:
        self.ended = False
        self._raw = raw
        self._sock = sock
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        self._sock.settimeout(self._line.left())
        size = self._raw.readinto(buffer) or 0
        self._line.received(size)
        self.ended = size == 0
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, *, line: Line) -> None:
        super().__init__(sock, debuglevel, method)
        self._incoming = _Incoming(self.fp.detach(), sock, line)
        self.fp = io.BufferedReader(self._incoming)

    def begin(self) -> None:
        """Read status and headers: the final ones, and whole ones.

        The library takes an early hint for the answer, and would hand the answer to the next request on the same
        connection. It also takes headers that the end of the connection cut short for whole.
        """
        super().begin()
        while 101 < self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()
        if self._incoming.ended:
            raise http.client.IncompleteRead(b"")


class _Plain(HTTPConnection):
    line: Line

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; all of them together get what is left."""
        try:
            found = socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror()) from error
        last: OSError | None = None
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self.line.left(connecting=True))
                sock.connect(address)
                sock.settimeout(self.line.left(connecting=True))  # for the handshake, which keeps it as a total
            except OSError as error:
                sock.close()
                last = error
            else:
                # A proxy that we tunnel through is spoken to before the request: its answer is an answer too.
                self.response_class = partial(_Answer, line=self.line)  # type: ignore[assignment]
                return sock
        if isinstance(last, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time") from last
        raise NewConnectionError(self, "no connection") from last

    def request(self, *args: object, **kwargs: object) -> None:
        if self.is_closed:
            self.connect()
        self.line.sent = True
        super().request(*args, **kwargs)  # type: ignore[arg-type]

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Send all of it, a piece at a time: over TLS, `sendall` gives each piece the whole timeout again."""
        sock = self.sock
        if sock is None:
            raise http.client.NotConnected
        rest = memoryview(data)
        while rest:
            sock.settimeout(self.line.left())
            rest = rest[sock.send(rest[:_CHUNK]) :]


class _Secure(_Plain, HTTPSConnection):
    pass


class _Adapter(HTTPAdapter):
    """One connection, no retries, our TLS settings whatever the caller or the environment say."""

    def __init__(self, line: Line, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._plain = type("Plain", (_Plain,), {"line": line})
        self._secure = type("Secure", (_Secure,), {"line": line})
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def build_connection_pool_key_attributes(  # type: ignore[override]
        self, request: PreparedRequest, *_: object
    ) -> tuple[Mapping[str, object], Mapping[str, object]]:
        host, _pool = super().build_connection_pool_key_attributes(request, True)
        return host, {"ssl_context": self._tls, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, *_: object) -> None:
        """Leave the pool as it is: its context verifies."""

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: object) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, proxy_ssl_context=self._tls, **proxy_kwargs)
        return manager

    def get_connection_with_tls_context(self, *args: object, **kwargs: object) -> HTTPConnectionPool:
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*args, **kwargs)  # type: ignore[arg-type, assignment]
        pool.ConnectionCls = self._secure if pool.scheme == "https" else self._plain
        return pool


class Session(requests.Session):
    """A session that sees no redirects, keeps no cookies, and takes nothing from the environment.

    Even when told not to follow redirects, requests reads their bodies to the end.
    """

    def __init__(self, line: Line, tls: ssl.SSLContext) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(line, tls))

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Find none, ever."""
        return None


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return TLS settings that verify certificate and host name, for TLS 1.2 or later.

    `ca_file` (or a folder of hashed certificates) replaces the authorities that come with requests.
    Raises Misconfigured when it cannot be read as such.
    """
    place = ca_file or DEFAULT_CA_BUNDLE_PATH
    folder = Path(place).is_dir()
    try:
        context = ssl.create_default_context(cafile=None if folder else place, capath=place if folder else None)
    except OSError as error:
        raise Misconfigured(
            "the file of certificate authorities cannot be read, or holds none",
            "look at the setting ca_file, or at REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE in the environment",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def reason(error: BaseException, line: Line) -> str:
    """Name a failure by its kind alone: the library's text can hold the URL."""
    if line.late or isinstance(error, requests.Timeout):
        return "no answer in time" if line.sent else "no connection in time"
    if line.sent:
        return "the connection was lost"
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return "the server's certificate was not accepted"
    if isinstance(error, requests.exceptions.SSLError):
        return "no TLS connection came about"
    return "the connection was refused"


def _causes(error: BaseException) -> list[BaseException]:
    """List an error and what it wraps, as requests and urllib3 wrap: in arguments, reasons and contexts."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo and len(found) < 20:
        cause = todo.pop()
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            todo += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
    return found


class Inflate:
    """Undoes Content-Encoding a bounded piece at a time, and knows whether the end was reached."""

    def __init__(self, encoding: str) -> None:
        """Raise ValueError for an encoding that was not asked for."""
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise ValueError("unknown encoding")
        self._gzip = zlib.decompressobj(31) if encoding.endswith("gzip") else None
        self._fed = False

    def feed(self, data: bytes, limit: int) -> bytes:
        """Return what `data` decodes to, or the first `limit` + 1 bytes of that. Raises zlib.error."""
        if self._gzip is None:
            return data
        self._fed = self._fed or bool(data)
        out = bytearray()
        while data and len(out) <= limit:
            if self._gzip.eof:
                self._gzip = zlib.decompressobj(31)  # a gzip file can have several members
            out += self._gzip.decompress(data, limit + 1 - len(out))
            data = self._gzip.unused_data
        return bytes(out)

    @property
    def whole(self) -> bool:
        """Tell whether the encoded text ended where it should."""
        return self._gzip is None or self._gzip.eof or not self._fed
