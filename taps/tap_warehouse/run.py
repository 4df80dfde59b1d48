"""The run: every stream from SCHEMA to its last STATE, with a STATE about every `state_every` records.

Order within a stream: SCHEMA, RECORD..., STATE between them, ACTIVATE_VERSION where the whole model was emitted, STATE.
ACTIVATE_VERSION is the stream's last message but for STATE, so a target may take it as "these were all", which end of
input never says.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tap_warehouse.batches import BatchConfig, Batches, RecordLines
from tap_warehouse.catalog import Stream
from tap_warehouse.errors import ConfigurationError, Guarded, ReadFault
from tap_warehouse.keys import REFUSED
from tap_warehouse.messages import Output, activate_version_line, record_frame, schema_line, state_line
from tap_warehouse.plans import Context, Plan, plan
from tap_warehouse.signals import StopRequest
from tap_warehouse.warehouse import Frame, Lines, Read, Warehouse


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
            if not isinstance(mark, Mapping):
                continue
            full = mark.get("full")
            for before in (mark.get("version"), full.get("version") if isinstance(full, Mapping) else None):
                if isinstance(before, int):
                    version = max(version, before + 1)
        return version

    def line(self) -> bytes:
        """Write the STATE line as of now."""
        return state_line(self._value)

    def of(self, stream: str) -> object:
        """Return a stream's bookmark."""
        return self._bookmarks.get(stream)

    def put(self, stream: str, bookmark: Mapping[str, object], version: int | None) -> bytes:
        """Replace the stream's bookmark, of whatever kind it was, and return the STATE line."""
        before = self._bookmarks.get(stream)
        kept = before.get("version") if isinstance(before, Mapping) else None
        version = kept if version is None and isinstance(kept, int) else version
        self._bookmarks[stream] = {**bookmark, **({} if version is None else {"version": version})}
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
        batches: BatchConfig | None = None,
    ) -> None:
        self._warehouse = warehouse
        self._output = output
        self._stop = stop
        self._log = log
        self._now = now
        self._ticks = ticks
        self._batches = batches
        self._waited = 0.0
        """seconds of this stream in which the warehouse worked and we waited"""

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
        Raises Stopped, OutputClosed, ReadFault; Guarded at the end, when all other models have been emitted.
        """
        progress = Progress(given, configured)
        version = progress.next_version(int(self._now().timestamp() * 1000))
        context = Context(self._warehouse, self._log, self._now, version, check_keys)
        if given:
            self._output.write(progress.line())
        guarded: list[str] = []
        for stream in streams:
            guarded += self._emit_unless_guarded(stream, progress, context, state_every)
        if not streams:
            self._log.warning("no model is selected, nothing was read")
        if guarded:
            raise Guarded(guarded)

    def _emit_unless_guarded(
        self, stream: Stream, progress: Progress, context: Context, state_every: int
    ) -> tuple[str, ...]:
        try:
            self._emit_stream(stream, progress, context, state_every)
        except Guarded as error:
            return error.problems
        except ReadFault as error:
            self._stop.raise_if_set()  # a signal interrupts what the warehouse is doing
            raise type(error)(f"model {stream.model.name!r}: {error}") from error
        return ()

    def _emit_stream(self, stream: Stream, progress: Progress, context: Context, state_every: int) -> None:
        name = stream.model.name
        if stream.model.blocked is not None:
            raise Guarded([stream.model.blocked])
        started = self._ticks()
        self._stop.raise_if_set()
        todo, files = self._carried(stream, plan(stream, progress.of(name), context))
        self._waited = self._ticks() - started
        self._output.write(schema_line(name, todo.columns, stream.model.primary_key))
        extracted = self._now().isoformat(timespec="microseconds")
        frame = record_frame(name, todo.version, extracted)
        refused = sum(self._odd(todo, read, frame) for read in todo.refused)
        rows, last = 0, None
        if todo.read is not None:
            with self._carrier(name, todo, files, state_every) as carrier:
                rows, last = self._counted(name, todo, todo.read, carrier, extracted, progress)
                carrier.cut()
        if todo.version is not None:
            self._output.write(activate_version_line(name, todo.version))
        self._output.write(progress.put(name, todo.at(rows, True, last, None) or {}, todo.version))
        seconds = self._ticks() - started
        self._log.info(
            "%s: %d rows (%s) in %.2f s, %.2f s of it in the warehouse; %.0f rows/s",
            name, rows + refused, _told(todo, refused), seconds, self._waited, rows / seconds if seconds else 0,
        )  # fmt: skip

    def _odd(self, todo: Plan, read: Read, frame: Frame) -> int:
        """Emit rows that a target must refuse. They come at every run until they are gone: no bookmark counts them."""
        rows = 0
        for lines in self._interruptible(todo.warehouse.read(read, frame)):
            self._output.write(lines.part(0, len(lines)))
            rows += len(lines)
        return rows

    def _carried(self, stream: Stream, todo: Plan) -> tuple[Plan, BatchConfig | None]:
        """Decide whether records travel in files. See `batches` for why a version may not.

        A snapshot that is emitted whole has to be closed, or a row that has left would never be removed.
        """
        files = self._batches
        if files is None or files.versions or todo.version is None:
            return todo, files
        if stream.model.change == "snapshot":
            return todo, None
        self._log.warning(
            "%s: in BATCH files without versions: the target is not told which rows have left", stream.model.name
        )
        return replace(todo, version=None), files

    def _carrier(self, name: str, todo: Plan, files: BatchConfig | None, state_every: int) -> RecordLines | Batches:
        if files is None:
            return RecordLines(self._output, name, todo.version, state_every)
        columns = [column for column in todo.columns if column is not REFUSED]
        return Batches(files, self._output, name, columns, todo.version)

    def _counted(
        self, name: str, todo: Plan, read: Read, to: RecordLines | Batches, extracted: str, progress: Progress
    ) -> tuple[int, bytes | None]:
        """Emit the rows with a STATE after about every `to.every`. Returns their number and the last message."""
        rows, since_state, last = 0, 0, None
        for lines in self._interruptible(todo.warehouse.read(read, to.frame(extracted))):
            at = 0
            if last is not None and since_state >= to.every:
                following = to.message(bytes(lines.part(0, 1)))
                since_state = self._state(name, todo, progress, to, rows, since_state, last, following)
            while at < len(lines):
                until = min(len(lines), at + max(1, to.every - since_state))
                to.put(lines.part(at, until), until - at)
                rows, since_state, at = rows + until - at, since_state + until - at, until
                last = to.message(bytes(lines.part(at - 1, at)))
                if since_state >= to.every:
                    next_one = to.message(bytes(lines.part(at, at + 1))) if at < len(lines) else None
                    since_state = self._state(name, todo, progress, to, rows, since_state, last, next_one)
        return rows, last

    def _state(
        self,
        name: str,
        todo: Plan,
        progress: Progress,
        to: RecordLines | Batches,
        rows: int,
        since: int,
        last: bytes,
        following: bytes | None,
    ) -> int:
        """Write a STATE if there can be one between these two lines. Returns the rows since the last one."""
        bookmark = todo.at(rows, False, last, following)
        if bookmark is None:
            return since
        to.cut()
        self._output.write(progress.put(name, bookmark, todo.version))
        return 0

    def _interruptible(self, batches: Iterator[Lines]) -> Iterator[Lines]:
        while True:
            started = self._ticks()
            lines = next(batches, None)
            self._waited += self._ticks() - started
            self._stop.raise_if_set()
            if lines is None:
                return
            yield lines


def _told(todo: Plan, refused: int) -> str:
    """Say for people which rows were emitted, so that the parts add up to their number."""
    told = f"{todo.told}, {refused} with a repeated key" if refused else todo.told
    return told if todo.compared is None else f"{told}; {todo.compared} compared"
