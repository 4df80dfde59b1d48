"""A Singer target as plain as can be, and correct; with a defect on request. It is what the suite is tested on.

One request at a time: rows are gathered up to a batch or a STATE or a second of silence, sent until the server says
what became of each, and only then is the STATE printed. `--defect` names what it does wrong.

* null: delivers nothing.
* refuses: keeps every row as a reject.
* early: prints a STATE before what was read ahead of it is delivered.
* drops: takes a 429 for an answer like any other, and goes on.
* reorders: sends what it has gathered last first, and an older version of a key after the newer.
* remembers: notes what it is about to send as sent, and skips what it has noted.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BATCH = 10
ATTEMPTS = 8
REJECTS = Path("rejects.json")
LONGEST_BODY = 1 << 20
Row = dict[str, Any]


class Plain:
    """The target; its rejects are in a file in the folder where it runs."""

    def __init__(self, url: str, defect: str) -> None:
        self.url = urlsplit(url)
        self.defect = defect
        self.rows: list[Row] = []
        self.state: bytes | None = None
        self.known: set[str] = set()
        self.noted = Path("noted.json")
        self.rejects: dict[str, str] = json.loads(REJECTS.read_text("utf-8")) if REJECTS.exists() else {}
        self.out = os.dup(1)
        os.dup2(2, 1)

    def stop(self, number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    def run(self) -> None:
        for line in lines():
            if line is None:
                self.flush()
                continue
            self.take(json.loads(line))
        self.flush()

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "SCHEMA":
            self.known.add(message["stream"])
        elif message["type"] == "RECORD":
            if message["stream"] not in self.known:
                raise ValueError("a record before its schema")
            self.add(message["record"])
        elif message["type"] == "STATE":
            self.state = json.dumps(message["value"]).encode() + b"\n"
            if self.defect in ("early", "null"):
                self.print_state()
            elif self.defect != "reorders":
                self.flush()

    def add(self, row: Row) -> None:
        if not isinstance(row["value"], str):
            self.reject(row, "schema")
            return
        if row["id"] in {other["id"] for other in self.rows} and self.defect != "reorders":
            self.flush_rows()
        self.rows.append({"id": row["id"], "value": row["value"]})
        if len(self.rows) == (BATCH if self.defect != "reorders" else 10 * BATCH):
            self.flush_rows()

    def flush(self) -> None:
        self.flush_rows()
        self.print_state()

    def print_state(self) -> None:
        line, self.state = self.state or b"", None
        while line:
            line = line[os.write(self.out, line) :]

    def flush_rows(self) -> None:
        rows, self.rows = self.rows, []
        if self.defect == "refuses":
            for row in rows:
                self.reject(row, "no reason")
        if self.defect in ("null", "refuses"):
            return
        if self.defect == "remembers":
            rows = self.unlike_the_noted(rows)
        if self.defect == "reorders":
            rows.reverse()
        for start in range(0, len(rows), BATCH):
            self.deliver(rows[start : start + BATCH])

    def unlike_the_noted(self, rows: list[Row]) -> list[Row]:
        noted = json.loads(self.noted.read_text("utf-8")) if self.noted.exists() else {}
        new = [row for row in rows if noted.get(row["id"]) != row["value"]]
        self.noted.write_text(json.dumps({**noted, **{row["id"]: row["value"] for row in new}}), "utf-8")
        return new

    def deliver(self, rows: list[Row]) -> None:
        """Send until every row is answered; halve what is refused as a whole."""
        for attempt in range(ATTEMPTS):
            if not rows:
                return
            status, headers, body = self.post(rows)
            if status == 200:
                rows = self.settle(rows, body)
                continue
            if status == 429 and self.defect == "drops":
                return
            if status in (401, 403) or 300 <= status < 400:
                raise SystemExit(f"status {status}")
            if status == 400:
                half = len(rows) // 2
                if half:
                    self.deliver(rows[:half])
                    self.deliver(rows[half:])
                else:
                    self.reject(rows[0], "refused")
                return
            wait_until(time.monotonic() + (told(headers) or 0.05 * 2**attempt))
        if rows:
            raise SystemExit("no success")

    def settle(self, rows: list[Row], body: bytes) -> list[Row]:
        """Return the rows of which the answer says nothing."""
        try:
            answer = json.loads(body)
            written = {result["id"] for result in answer["results"]}
            refused = {error["id"] for error in answer["errors"]}
        except (ValueError, KeyError, TypeError):
            return rows
        for row in rows:
            if row["id"] in refused:
                self.reject(row, "refused")
            elif row["id"] in written and self.rejects.pop(row["id"], ""):
                self.keep_rejects()
        return [row for row in rows if row["id"] not in written | refused]

    def post(self, rows: list[Row]) -> tuple[int, dict[str, str], bytes]:
        body = json.dumps(rows).encode()
        connection = http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=5)
        try:
            connection.request("POST", "/rows", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read(LONGEST_BODY)
        except (OSError, http.client.HTTPException):
            return 0, {}, b""
        finally:
            connection.close()

    def reject(self, row: Row, why: str) -> None:
        self.rejects[row["id"]] = why
        self.keep_rejects()

    def keep_rejects(self) -> None:
        with open("rejects.new", "w", encoding="utf-8") as file:
            json.dump(self.rejects, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace("rejects.new", REJECTS)


def told(headers: dict[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for."""
    text = headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time()) + 0.1
    except ValueError:
        return None


def wait_until(moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        select.select([], [], [], min(left, 60.0))


def lines() -> Iterator[bytes | None]:
    """Yield the lines of standard input, and None after a second of silence."""
    rest = b""
    while True:
        readable, _, _ = select.select([0], [], [], 1.0)
        if not readable:
            yield None
            continue
        chunk = os.read(0, 1 << 16)
        if not chunk:
            break
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        raise ValueError("the last line is cut")


def main(defect: str, config: str) -> None:
    target = Plain(json.loads(Path(config).read_text("utf-8"))["api_url"], defect)
    signal.signal(signal.SIGTERM, target.stop)
    signal.signal(signal.SIGINT, target.stop)
    try:
        target.run()
    except ValueError as error:
        raise SystemExit(type(error).__name__) from None


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[4])
