"""Sending requests: with a deadline, a size cap, no redirects, no hidden retries, only to where we were told.

`requests` is asked for one thing at a time: it never follows a redirect (it would turn a redirected PATCH into a
GET and report success), never retries, and its answer is read by us, so that a dripping body ends at the deadline.
"""

from __future__ import annotations

import ipaddress
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from penstock.errors import Fault, Misconfigured, NoAnswer
from penstock.records import Request, Response

_CHUNK = 1 << 16
NEVER_CONNECTED = frozenset(
    {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ConnectTimeout", "SSLCertVerificationError"}
)
"""errors that come before the first byte of a request; any other may come after the last"""
_PLAIN_URL = re.compile(r"[A-Za-z]+://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~-]*)*").fullmatch


def checked_url(setting: str, url: str, domains: Sequence[str]) -> str:
    """Return a base URL without its trailing slash, if it may receive credentials.

    https and one of the vendor's domains; or plain http to a loopback address, which is the sandbox.
    Raises Misconfigured otherwise.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Misconfigured(f"setting {setting}: not a URL") from error
    host = (parts.hostname or "").lower()
    # Characters that every parser of URLs reads alike: behind a backslash, `@` or `%` another host can hide.
    if not _PLAIN_URL(url):
        raise Misconfigured(f"setting {setting}: give scheme, host and path only, in plain characters")
    if parts.scheme == "http" and _is_loopback(host):
        return url.rstrip("/")
    if parts.scheme != "https":
        raise Misconfigured(f"setting {setting}: must begin with https:// (http:// is for a sandbox on 127.0.0.1 only)")
    if port not in (None, 443) or not any(host == d or host.endswith("." + d) for d in domains):
        raise Misconfigured(f"setting {setting}: the host must be {' or '.join(domains)} or one of its subdomains")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Session(requests.Session):
    """A session that sees no redirects. Even when told not to follow them, requests reads their bodies to the end."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


class Http:
    """One destination, one set of credentials. Safe to use from several threads; each has its own connection."""

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        user_agent: str,
        *,
        connect_timeout: float = 10.0,
        deadline: float = 60.0,
        max_body: int = 64 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base_url = base_url
        self._auth = auth
        self._headers = {"User-Agent": user_agent, "Accept": "application/json", "Content-Type": "application/json"}
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._max_body = max_body
        self._clock = clock
        self._local = threading.local()

    def send(self, request: Request) -> Response:
        """Send one request and read its answer to the end. Raises NoAnswer."""
        ends = self._clock() + self._deadline
        try:
            answer = self._session().request(
                request.method,
                self._base_url + request.path,
                data=request.body,
                headers=dict(request.headers),
                timeout=(self._connect_timeout, self._deadline),
                allow_redirects=False,
                stream=True,
            )
        except requests.ConnectTimeout as error:
            raise NoAnswer("no connection in time", sent=False) from error
        except requests.RequestException as error:
            raise NoAnswer(_reason(error), sent=not _never_connected(error)) from error
        try:
            body = self._read(answer, ends)
        finally:
            answer.close()
        return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = _Session()
            session.auth = self._auth
            session.headers.update(self._headers)
            session.mount("https://", HTTPAdapter(max_retries=0, pool_maxsize=1))
            session.mount("http://", HTTPAdapter(max_retries=0, pool_maxsize=1))
        return session

    def _read(self, answer: requests.Response, ends: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while part := answer.raw.read1(_CHUNK, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > self._max_body:
                    raise NoAnswer("the answer is larger than any answer should be", sent=True)
                if self._clock() > ends:
                    raise NoAnswer("the answer did not end in time", sent=True)
        except (HTTPError, OSError) as error:
            raise NoAnswer("the connection broke in the middle of the answer", sent=True) from error
        body = b"".join(parts)
        announced = answer.headers.get("Content-Length")
        if (
            announced
            and announced.isdigit()
            and not answer.headers.get("Content-Encoding")
            and len(body) != int(announced)
        ):
            raise NoAnswer("the answer is shorter than it announced", sent=True)
        return body


def _never_connected(error: requests.RequestException) -> bool:
    """Tell whether no connection was made at all: then nothing can have been applied."""
    names = {type(cause).__name__ for cause in _causes(error)}
    return bool(names & NEVER_CONNECTED)


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


def _reason(error: requests.RequestException) -> str:
    """Name a failure by its kind alone: the library's text can hold the URL."""
    names = {type(cause).__name__ for cause in _causes(error)}
    if "SSLCertVerificationError" in names:
        return "the server's certificate was not accepted"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "the connection was refused" if names & NEVER_CONNECTED else "the connection was lost"


class ThreadSender:
    """Sends requests in threads; `fileno` becomes readable when an answer is there to `take`."""

    def __init__(self, http: Http, threads: int) -> None:
        self._http = http
        self._work: queue.SimpleQueue[tuple[int, Request]] = queue.SimpleQueue()
        self._answers: deque[tuple[int, Response | NoAnswer]] = deque()
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(self._writable, False)
        for n in range(threads):
            threading.Thread(target=self._run, name=f"sender-{n}", daemon=True).start()

    def submit(self, ticket: int, request: Request) -> None:
        """Start sending a request."""
        self._work.put((ticket, request))

    def take(self) -> list[tuple[int, Response | NoAnswer]]:
        """Return the answers that came since the last call."""
        with suppress(BlockingIOError):
            os.read(self._readable, 4096)
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def fileno(self) -> int:
        """Return a descriptor to wait on."""
        return self._readable

    def wakeup_fd(self) -> int:
        """Return a descriptor that makes `fileno` readable when something is written to it."""
        return self._writable

    def _run(self) -> None:
        while True:
            ticket, request = self._work.get()
            try:
                answer: Response | NoAnswer = self._http.send(request)
            except NoAnswer as no_answer:
                answer = no_answer
            except Exception as error:
                answer = NoAnswer(f"sending failed: {type(error).__name__}", sent=True)
            self._answers.append((ticket, answer))
            with suppress(BlockingIOError):  # a full pipe is readable already
                os.write(self._writable, b".")


class Asker:
    """Asks the questions at start-up (credentials, description): one at a time, again after each of `waits` seconds.

    After an answer that asks for patience it waits for at least `window` seconds, in which a rate limit is over.
    """

    def __init__(
        self,
        http: Http,
        window: float = 0.0,
        waits: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calls = 0
        self._http = http
        self._window = window
        self._waits = waits
        self._pause = pause

    def __call__(self, request: Request) -> Response:
        """Return the answer. Raises Fault when there is none, or none but "later"."""
        reason = ""
        for wait in (*self._waits, None):
            self.calls += 1
            patience = 0.0
            try:
                response = self._http.send(request)
            except NoAnswer as error:
                reason = error.reason
            else:
                if response.status != 429 and response.status < 500:
                    return response
                reason = f"status {response.status}"
                patience = self._window if response.status == 429 else 0.0
            if wait is not None:
                self._pause(max(wait, patience))
        raise Fault(
            f"{request.method} {request.path} failed {len(self._waits) + 1} times; last: {reason}",
            "check that the destination can be reached from here and is up, then run again",
        )
