"""A small keyed store behind HTTP, for targets that post rows as JSON.

`POST /rows` with a list of `{"id": ..., "value": ...}` writes each row under its id and answers with one result per
row. A row whose value begins with `!` is refused, and it alone: it is in `errors`, the others are in `results`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LONGEST_VALUE = 10_000_000


class Store:
    """The rows by id, in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self._lock = threading.Lock()

    def write(self, rows: list[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
        """Write the rows that are fit to be stored, and say what became of each."""
        answer: dict[str, list[dict[str, str]]] = {"results": [], "errors": []}
        with self._lock:
            for row in rows:
                key, value = row["id"], row["value"]
                if value.startswith("!") or len(value) > LONGEST_VALUE:
                    answer["errors"].append({"id": key, "code": "bad_value"})
                else:
                    self.rows[key] = value
                    answer["results"].append({"id": key})
        return answer

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free loopback port and give the URL."""
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                try:
                    status, answer = 200, json.dumps(store.write(json.loads(body)))
                except (ValueError, KeyError, TypeError, AttributeError):
                    status, answer = 400, '{"code": "bad_request"}'
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.encode())))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join(10)
