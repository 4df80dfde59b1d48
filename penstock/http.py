"""Sending requests: with a deadline, a size cap, no redirects, no hidden retries, only to where we were told.

`requests` is asked for one thing at a time: it never follows a redirect (it would turn a redirected PATCH into a
GET and report success), never retries, and its answer is read by us, so that a dripping body ends at the deadline.
"""

from __future__ import annotations

import os
import queue
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from penstock.errors import Fault, Misconfigured, NoAnswer, Stop
from penstock.links import goes_to, is_loopback
from penstock.records import Request, Response
from penstock.retry import RetryPolicy, retry_after
from penstock.tokens import Refreshing
from penstock.wire import Inflate, Line, Session, reason, tls_context

_CHUNK = 1 << 16
_IDLE = 4.0
"""seconds after which a connection is not used again: servers commonly close an idle one after 5, without a word"""
_TOKENS = 3
"""attempts at one request that a token's expiry can cost"""
_DEFECT = "this is a defect of Penstock or of the target: please report it"


class Http:
    """One destination, one set of credentials. Safe to use from several threads; each has its own connection.

    `deadline` is in seconds for one attempt, from its first step to the last byte of the answer; `max_body` in bytes,
    decoded. `ca_file` names the authorities to trust instead of those that come with requests. From the environment
    come a CA bundle (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE) and proxies, never credentials, and nothing that would
    switch verification off. Raises Misconfigured where a CA file cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        auth: AuthBase,
        user_agent: str,
        *,
        ca_file: Path | None = None,
        connect_timeout: float = 10.0,
        deadline: float = 60.0,
        max_body: int = 64 * 2**20,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(base_url)
        loopback = is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise Misconfigured("credentials travel by https alone, or to a sandbox on this machine")
        authorities = str(ca_file) if ca_file else None
        found = requests.Session().merge_environment_settings(base_url, {}, None, authorities, None)
        self._proxies = {} if loopback else found["proxies"]
        self._tls = tls_context(found["verify"] if isinstance(found["verify"], str) else None)
        self.place = parts.netloc.rpartition("@")[2]
        """host and port, for messages"""
        self._base_url = base_url
        self._auth = auth
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Content-Type": "application/json",
        }
        self._connect_timeout = connect_timeout
        self._deadline = deadline
        self._max_body = max_body
        self._clock = clock
        self._local = threading.local()
        self._sessions: list[Session] = []
        self._lost_at = clock() - 2 * _IDLE

    def send(self, request: Request) -> Response:
        """Send one request and read its answer to the end; where a token had expired, fetch one and send it again.

        Raises NoAnswer, or a Stop when there is no token to be had: the request was not applied then.
        """
        refreshing = self._auth if isinstance(self._auth, Refreshing) else None
        for attempt in range(1, _TOKENS + 1):
            if refreshing is not None:
                refreshing.ready()  # before the request's own time begins
            response, used = self._once(request)
            if refreshing is None:
                return response
            if not refreshing.ended(response):
                refreshing.accepted(used)
                return response
            if attempt == _TOKENS or not refreshing.refused(used):
                return response
        raise AssertionError("a request has at least one attempt")

    def close(self) -> None:
        """Close the connections. Only when no thread is sending."""
        while self._sessions:
            self._sessions.pop().close()

    def _once(self, request: Request) -> tuple[Response, str]:
        """Send a request once; return its answer, and the Authorization header that it went with."""
        session, line = self._lane()
        prepared = self._prepared(session, request)
        line.begin(self._deadline)
        try:
            answer = session.send(
                prepared, timeout=self._deadline, allow_redirects=False, stream=True, proxies=self._proxies
            )
            try:
                body = self._read(answer, line)
            finally:
                answer.close()
        except NoAnswer:
            self._lost_at = self._clock()
            raise
        except (requests.RequestException, HTTPError, OSError) as error:
            self._lost_at = self._clock()
            raise NoAnswer(reason(error, line), sent=line.sent) from error
        line.used = self._clock()
        headers = {k.lower(): v for k, v in answer.headers.items()}
        return Response(answer.status_code, headers, body), str(prepared.headers.get("Authorization", ""))

    def _prepared(self, session: Session, request: Request) -> requests.PreparedRequest:
        """Sign a request, and see that it still goes to the same place after the library has written its URL."""
        asked = requests.Request(request.method, self._base_url + request.path, request.headers, data=request.body)
        try:
            prepared = session.prepare_request(asked)
        except ValueError as error:  # which covers what the library has to say about URLs and headers
            raise Fault("a request cannot be written; nothing was sent", _DEFECT) from error
        if not goes_to(prepared.url or "", self._base_url, request.path):
            raise Fault("a path changes on its way into a URL; nothing was sent", _DEFECT)
        return prepared

    def _lane(self) -> tuple[Session, Line]:
        """Return this thread's session, without a connection that may have died in its sleep.

        After a loss, whatever has been idle since before it may be lost as well: the replay must not try one such
        connection after the other.
        """
        lane: tuple[Session, Line] | None = getattr(self._local, "lane", None)
        if lane is None:
            line = Line(self._clock, self._connect_timeout, self._max_body)
            session = Session(line, self._tls)
            session.auth = self._auth
            session.headers.update(self._headers)
            self._sessions.append(session)
            lane = self._local.lane = session, line
        session, line = lane
        if line.used < max(self._lost_at, self._clock() - _IDLE):
            session.close()
        return lane

    def _read(self, answer: requests.Response, line: Line) -> bytes:
        if answer.status_code < 200:
            raise NoAnswer("the server began an answer and did not give it", sent=True)
        try:
            inflate = Inflate(answer.headers.get("Content-Encoding", "").strip().lower())
        except ValueError as error:
            raise NoAnswer("the answer is encoded in a way that was not asked for", sent=True) from error
        body = bytearray()
        raw = 0
        try:
            while part := answer.raw.read1(_CHUNK, decode_content=False):
                raw += len(part)
                body += inflate.feed(part, self._max_body - len(body))
                if len(body) > self._max_body:
                    raise NoAnswer("the answer is larger than any answer should be", sent=True)
                line.left()
        except zlib.error as error:
            raise NoAnswer("the answer cannot be decoded", sent=True) from error
        announced = answer.headers.get("Content-Length", "")
        short = announced.isdecimal() and (announced.lstrip("0") or "0") != str(raw) and answer.status_code != 204
        if short or not inflate.whole:
            raise NoAnswer("the answer is shorter than it announced", sent=True)
        return bytes(body)


class ThreadSender:
    """Sends requests in threads; `fileno` becomes readable when an answer is there to `take`."""

    def __init__(self, http: Http, threads: int) -> None:
        self._http = http
        self._work: queue.SimpleQueue[tuple[int, Request] | None] = queue.SimpleQueue()
        self._answers: deque[tuple[int, Response | NoAnswer | Stop]] = deque()
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(self._writable, False)
        self._threads = [threading.Thread(target=self._run, name=f"sender-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, ticket: int, request: Request) -> None:
        """Start sending a request."""
        self._work.put((ticket, request))

    def take(self) -> list[tuple[int, Response | NoAnswer | Stop]]:
        """Return the answers that came since the last call. A Stop: not applied, and there is no way to send more."""
        with suppress(BlockingIOError):
            os.read(self._readable, 4096)
        return [self._answers.popleft() for _ in range(len(self._answers))]

    def fileno(self) -> int:
        """Return a descriptor to wait on."""
        return self._readable

    def wakeup_fd(self) -> int:
        """Return a descriptor that makes `fileno` readable when something is written to it."""
        return self._writable

    def close(self) -> None:
        """End the threads and close their connections, after the requests that are under way."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()
        self._http.close()
        os.close(self._readable)
        os.close(self._writable)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            ticket, request = work
            try:
                answer: Response | NoAnswer | Stop = self._http.send(request)
            except (NoAnswer, Stop) as no_answer:
                answer = no_answer
            except Exception as error:
                answer = NoAnswer(f"sending failed: {type(error).__name__}", sent=True)
            self._answers.append((ticket, answer))
            with suppress(BlockingIOError):  # a full pipe is readable already
                os.write(self._writable, b".")


class Asker:
    """Asks the questions at start-up (credentials, description): one at a time, again after each of `waits` seconds.

    After an answer that asks for patience it waits for as long as that says, else for `window` seconds at least, in
    which a rate limit is over. A pause longer than `longest` seconds is not waited for.
    """

    def __init__(
        self,
        http: Http,
        window: float = 0.0,
        waits: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
        pause: Callable[[float], None] = time.sleep,
        longest: float = RetryPolicy.longest,
    ) -> None:
        self.calls = 0
        self._longest = longest
        self._http = http
        self._window = window
        self._waits = waits
        self._pause = pause

    @property
    def attempts(self) -> int:
        """Return how often a request is sent at most."""
        return len(self._waits) + 1

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
                asked = retry_after(response.headers, time.time())
                patience = asked if asked is not None else self._window if response.status == 429 else 0.0
            if patience > self._longest:
                raise Fault(
                    f"{request.method} {request.path} was answered with {reason}, which asks for a pause of "
                    f"{patience:.0f} seconds; a run waits for {self._longest:.0f} at most",
                    "run again after that time",
                )
            if wait is not None:
                self._pause(max(wait, patience))
        raise Fault(
            f"{request.method} {request.path} of {self._http.place} failed {self.attempts} times; last: {reason}",
            "check that the destination can be reached from here and is up, then run again",
        )
