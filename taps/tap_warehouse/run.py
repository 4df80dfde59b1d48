"""The run: every stream from SCHEMA to ACTIVATE_VERSION, with a STATE about every `state_every` records.

Order within a stream: SCHEMA, RECORD..., STATE between them, ACTIVATE_VERSION, STATE. ACTIVATE_VERSION is the stream's
last message but for STATE, so a target may take it as "these were all", which end of input never says.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from tap_warehouse.catalog import Stream
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.messages import Output, activate_version_line, record_frame, schema_line, state_line
from tap_warehouse.models import Model
from tap_warehouse.signals import StopRequest
from tap_warehouse.warehouse import Lines, Warehouse


class Progress:
    """The state as it grows: what was given, and what this run has emitted.

    Everything given is kept, other streams' bookmarks too, because a STATE replaces the stored one as a whole.
    """

    def __init__(self, given: Mapping[str, object], streams: Iterable[str]) -> None:
        bookmarks = given.get("bookmarks", {})
        if not isinstance(bookmarks, Mapping) or not all(isinstance(mark, Mapping) for mark in bookmarks.values()):
            raise ConfigurationError(["--state: `bookmarks` must be an object, stream name -> object."])
        self._value: dict[str, object] = copy.deepcopy(dict(given))
        self._bookmarks: dict[str, object] = {**{name: {} for name in streams}, **copy.deepcopy(dict(bookmarks))}
        self._value["bookmarks"] = self._bookmarks

    def next_version(self, now_ms: int) -> int:
        """Take now, or one more than the highest version given: a clock set back must not make it an old run."""
        version = now_ms
        for mark in self._bookmarks.values():
            full = mark.get("full") if isinstance(mark, Mapping) else None
            before = full.get("version") if isinstance(full, Mapping) else None
            if isinstance(before, int):
                version = max(version, before + 1)
        return version

    def line(self) -> bytes:
        """Write the STATE line as of now."""
        return state_line(self._value)

    def full(self, stream: str, version: int, rows: int, complete: bool) -> bytes:
        """Replace the stream's bookmark, of whatever kind it was, and return the STATE line."""
        self._bookmarks[stream] = {"full": {"version": version, "rows": rows, "complete": complete}}
        return self.line()


class Run:
    """One process's work. The clock is passed in: `now` in UTC, `ticks` in seconds for durations."""

    def __init__(
        self,
        warehouse: Warehouse,
        output: Output,
        stop: StopRequest,
        log: logging.Logger,
        now: Callable[[], datetime],
        ticks: Callable[[], float],
    ) -> None:
        self._warehouse = warehouse
        self._output = output
        self._stop = stop
        self._log = log
        self._now = now
        self._ticks = ticks

    def emit(
        self,
        streams: Sequence[Stream],
        configured: Iterable[str],
        given: Mapping[str, object],
        state_every: int,
        check_keys: bool,
    ) -> None:
        """Emit `streams` in their order. Returns only when every record of each has been written.

        `configured` are all models, so that the STATE holds the deselected ones as well.
        Raises Stopped, OutputClosed, ReadFault.
        """
        progress = Progress(given, configured)
        version = progress.next_version(int(self._now().timestamp() * 1000))
        if given:
            self._output.write(progress.line())
        for stream in streams:
            if check_keys:
                self._warn_of_keys(stream.model)
            self._emit_stream(stream, progress, version, state_every)
        if not streams:
            self._log.warning("no model is selected, nothing was read")

    def _emit_stream(self, stream: Stream, progress: Progress, version: int, state_every: int) -> None:
        name, key = stream.model.name, stream.model.primary_key
        started, rows = self._ticks(), 0
        self._output.write(schema_line(name, stream.columns, key))
        frame = record_frame(name, version, self._now().isoformat(timespec="microseconds"))
        for lines in self._interruptible(self._warehouse.read(stream.model, stream.columns, *frame)):
            at = 0
            while at < len(lines):
                until = min(len(lines), at + state_every - rows % state_every)
                self._output.write(lines.part(at, until))
                rows += until - at
                at = until
                if rows % state_every == 0:
                    self._output.write(progress.full(name, version, rows, complete=False))
        self._output.write(activate_version_line(name, version))
        self._output.write(progress.full(name, version, rows, complete=True))
        seconds = self._ticks() - started
        self._log.info("%s: %d rows in %.2f s, %.0f rows/s", name, rows, seconds, rows / seconds if seconds else 0)

    def _interruptible(self, batches: Iterator[Lines]) -> Iterator[Lines]:
        """Tell a read that a signal interrupted, which is a stop, from one that failed."""
        try:
            for lines in batches:
                self._stop.raise_if_set()
                yield lines
        except ReadFault:
            self._stop.raise_if_set()
            raise
        self._stop.raise_if_set()

    def _warn_of_keys(self, model: Model) -> None:
        """Say how many rows break the primary key's word. They are emitted all the same: the target decides."""
        try:
            counts = self._warehouse.count_keys(model)
        except ReadFault:
            self._stop.raise_if_set()
            raise
        self._stop.raise_if_set()
        if counts is None:
            self._log.warning("%s: too many keys to count in this much memory, they were not checked", model.name)
            return
        if counts.null:
            self._log.warning("%s: %d of %d rows have a null in the primary key", model.name, counts.null, counts.rows)
        if counts.repeated:
            self._log.warning("%s: %d of %d rows repeat a primary key", model.name, counts.repeated, counts.rows)
