"""From bytes on standard input to Singer messages, and from there to the delivery.

Records are taken in groups: those of one stream between two other messages, at most GROUP of them, so that the
ledger is asked once for many rows. A group never crosses a STATE, a SCHEMA or another stream, which keeps the order
of reading and gives all its records one receipt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Annotated, Any, Protocol

import msgspec

from penstock.batchfiles import read_batch
from penstock.bookmarks import Bookmarks
from penstock.checkpoint import Checkpoint
from penstock.columns import peek_all
from penstock.delivery import Delivery
from penstock.errors import InvalidRecord, MalformedInput
from penstock.lenient import BOM, LONGEST_LINE, UNREADABLE, members, read_odd
from penstock.mapping import RecordMapper, decode_record
from penstock.modes import Json, Sync
from penstock.opensync import OpenSync
from penstock.records import Record, Source
from penstock.relations import generations

GROUP = 1_000
"""records handed over together, at most"""
GROUP_BYTES = 4 * 2**20
log = logging.getLogger("penstock")


class Message(msgspec.Struct, gc=False):
    """Any Singer message: one struct, because its type is known only once it has been parsed."""

    type: str
    stream: str | None = None
    record: msgspec.Raw = msgspec.Raw()
    value: msgspec.Raw = msgspec.Raw()
    schema: dict[str, Any] | None = None
    key_properties: list[str] | None = None
    version: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    encoding: Any = None
    manifest: Any = None


_decode = msgspec.json.Decoder(Message).decode
_HEAD = ("type", "stream", "version")


class StreamMap(Protocol):
    """What we use of a stream map of singer-sdk."""

    stream_alias: str
    transformed_schema: dict[str, Json]
    transformed_key_properties: list[str] | None

    def transform(self, record: Record) -> Record | None:
        """Return the mapped record, or None to leave it out."""


RegisterStream = Callable[[str, dict[str, Json], list[str] | None], list[StreamMap] | None]
"""Tells the stream maps of a SCHEMA: None where the user configured none, an empty list for a stream left out."""
MakeMapper = Callable[[Sync, Mapping[str, Json], list[str]], RecordMapper]


@dataclass(eq=False)
class Stream:
    """One stream of the input: where its records go, and what is known of its completeness."""

    opened: OpenSync
    mapper: RecordMapper
    transform: StreamMap | None = None
    versions: dict[int, bool] = field(default_factory=dict)
    """versions of the records read in this run, and whether no earlier run had begun them"""
    complete: bool = False
    """the last message was the ACTIVATE_VERSION of records read in this run"""
    blurred: bool = False
    """a stream map failed on a record, which may be any row: which rows are gone cannot be told"""


class Reader:
    """Feeds a delivery with the messages of one input. `counts` has the messages by type."""

    def __init__(
        self,
        delivery: Delivery,
        checkpoint: Checkpoint,
        sync_for: Callable[[str, list[str]], Sync],
        make_mapper: MakeMapper,
        register: RegisterStream,
        clock: Callable[[], float],
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.bookmarks = Bookmarks()
        self.lines = 0
        self._delivery = delivery
        self._checkpoint = checkpoint
        self._sync_for = sync_for
        self._make_mapper = make_mapper
        self._register = register
        self._clock = clock
        self._streams: dict[str, list[Stream]] = {}
        self.bookmarks.streams = self._streams.keys()
        self._rest: list[bytes] = []
        """what has come of the line that has not ended yet"""
        self._group: list[bytes] = []
        self._group_bytes = 0
        self._group_stream = ""
        self._lines: Iterator[bytes] = iter(())
        """whole lines that have come and were not looked at yet"""
        self._files: Iterator[bytes] | None = None
        """the records that are left of a BATCH: the lines after it wait"""
        self._handlers: dict[str, Callable[[Message], None]] = {
            "SCHEMA": self._schema,
            "STATE": self._state,
            "ACTIVATE_VERSION": self._activate_version,
            "BATCH": self._batch,
        }

    def feed(self, chunk: bytes) -> None:
        """Take some bytes of input. Raises MalformedInput, after handing over everything that came before."""
        head, newline, tail = chunk.partition(b"\n")
        self._rest.append(head)
        if not newline:
            self._check_length()
            return
        first = b"".join(self._rest)
        *lines, rest = tail.split(b"\n")
        self._rest = [rest]
        self._lines = chain((first,), lines)
        self._go_on()

    @property
    def busy(self) -> bool:
        """Tell whether a BATCH is being read: `advance` goes on with it; until then nothing may be fed."""
        return self._files is not None

    def advance(self) -> None:
        """Take some more records of the BATCH that is being read, and after its last one the lines that came with it.

        Raises MalformedInput, after handing over everything that came before.
        """
        if self._files is None:
            return
        try:
            for text in islice(self._files, GROUP):
                self._group.append(text)
                self._group_bytes += len(text)
                if self._group_bytes >= GROUP_BYTES:
                    break
        finally:
            ended = not self._group
            self.flush()
        if ended:
            self._files = None
            self._go_on()

    def end(self) -> bool:
        """Take the end of input, and tell whether it is one: after a BATCH on the last line there is more to read.

        The end proves nothing, but a stream that was closed by its version is complete.
        """
        rest, self._rest = b"".join(self._rest), []
        if rest.strip():
            if self._decoded(rest, self.lines + 1) is None:
                self.flush()
                raise MalformedInput(self.lines + 1, "the input ends in the middle of a line; the tap was cut off")
            self._line(rest)
        self.flush()
        if self.busy:
            return False
        for stream in {id(stream.opened): stream for stream in self._outputs()}.values():
            # A sync that several streams feed is complete when all of them are.
            outputs = [other for other in self._outputs() if other.opened is stream.opened]
            complete = all(other.complete and not other.blurred for other in outputs)
            names = [name for name, outs in self._streams.items() if any(o.opened is stream.opened for o in outs)]
            whole = all(self.bookmarks.began_without(name) for name in names)
            self._delivery.end(stream.opened, stream.mapper, complete=complete, whole=whole)
        linked = {id(stream.opened): stream for stream in self._outputs() if stream.opened.sync.links}.values()
        syncs = {stream.opened.sync.stream: stream.opened.sync for stream in linked}
        for stream in sorted(linked, key=lambda stream: generations(stream.opened.sync, syncs)):  # parents first
            self._delivery.retry_links(stream.opened, stream.mapper)
        return True

    def look_at_pending(self) -> None:
        """Withhold the bookmarks of the syncs that are pending now, and of no others that were read."""
        for name, outputs in self._streams.items():
            for stream in outputs:
                opened = stream.opened
                if opened.new and not opened.pending and self.bookmarks.began_with(name):
                    log.warning("stream %s: the ledger knows nothing of it, so the whole model is to be read", name)
                    self._delivery.set_pending(opened, "its ledger is new")
                    opened.new = False
            if any(stream.opened.pending for stream in outputs):
                self.bookmarks.withheld.add(name)
            else:
                self.bookmarks.withheld.discard(name)

    def flush(self) -> None:
        """Hand the group of records over."""
        if not self._group:
            return
        group, self._group, self._group_bytes = self._group, [], 0
        for stream in self._streams[self._group_stream]:
            self._hand_over(stream, group)

    def _check_length(self) -> None:
        if sum(map(len, self._rest)) > LONGEST_LINE:
            self.flush()
            raise MalformedInput(self.lines + 1, f"the line is longer than {LONGEST_LINE} bytes")

    def _outputs(self) -> Iterator[Stream]:
        for streams in self._streams.values():
            yield from streams

    def _go_on(self) -> None:
        for line in self._lines:
            self._line(line)
            if self._files is not None:
                return

    @staticmethod
    def _decoded(line: bytes, number: int) -> Message | None:
        """Parse a line; None where it is no Singer message. A mark of the byte order may open the first one."""
        if number == 1:
            line = line.removeprefix(BOM)
        try:
            return _decode(line)
        except UNREADABLE:
            return _odd_message(line)

    def _line(self, line: bytes) -> None:
        self.lines += 1
        try:
            message = _decode(line)
        except UNREADABLE:
            if not line.strip() or (self.lines == 1 and not line.removeprefix(BOM).strip()):
                return
            odd = self._decoded(line, self.lines)
            if odd is None:
                self.flush()
                raise MalformedInput(self.lines, "not a Singer message") from None
            message = odd
        if message.type == "RECORD":
            if self._group and message.stream == self._group_stream and message.version is None:
                text = bytes(message.record)  # as the one before it, about which nothing is to be noted
                if text[:1] == b"{" and len(self._group) < GROUP and self._group_bytes < GROUP_BYTES:
                    self._group.append(text)
                    self._group_bytes += len(text)
                    return
            self._record(message)
            return
        self.flush()
        handler = self._handlers.get(message.type)
        if handler is None:
            raise MalformedInput(self.lines, "unknown message type")
        self.counts[message.type] += 1
        handler(message)

    def _record(self, message: Message) -> None:
        name, record = message.stream, message.record
        if name != self._group_stream or len(self._group) >= GROUP or self._group_bytes >= GROUP_BYTES:
            self.flush()
        text = bytes(record)
        if name is None or not text.startswith(b"{"):
            self.flush()
            raise MalformedInput(self.lines, "a RECORD without a stream, or whose record is no object")
        self._of_stream(name, message)
        self._group.append(text)
        self._group_bytes += len(text)

    def _of_stream(self, name: str, message: Message) -> None:
        """Note that the records which follow are of this stream, and of the version that the message carries."""
        streams = self._streams.get(name)
        if streams is None:
            raise MalformedInput(self.lines, f"a {message.type} of stream {name} before its SCHEMA")
        self._group_stream = name
        for stream in streams:
            if message.version is not None and message.version not in stream.versions:
                stream.versions[message.version] = self._delivery.new_version(stream.opened, message.version)
            stream.complete = False

    def _hand_over(self, stream: Stream, group: list[bytes]) -> None:
        opened, mapper = stream.opened, stream.mapper
        opened.counts["read"] += len(group)
        epoch = self._checkpoint.read(len(group))
        if stream.transform is None:
            rows = peek_all(mapper, group)
        else:
            rows = [row for text in group if (row := self._transformed(stream, stream.transform, text)) is not None]
            left_out = len(group) - len(rows)
            opened.counts["filtered"] += left_out
            self._checkpoint.settle(epoch, left_out)
        self._delivery.offer(opened, mapper, epoch, rows, self._clock())

    @staticmethod
    def _transformed(stream: Stream, transform: StreamMap, text: bytes) -> Source | None:
        mapper = stream.mapper
        try:
            record = transform.transform(decode_record(text))
        except InvalidRecord:
            return mapper.peek(text)  # mapping it will tell why
        except Exception as error:  # an expression of the user's, over a value that it was not made for
            stream.blurred = True  # the map may have made another key of it
            why = InvalidRecord("stream_map", f"the stream map failed on the record with {type(error).__name__}")
            return Source(mapper.peek(text).key, None, text, why)
        return None if record is None else mapper.peek_record(record)

    def _schema(self, message: Message) -> None:
        if not message.stream or message.schema is None:
            raise MalformedInput(self.lines, "a SCHEMA without stream or schema")
        keys = list(dict.fromkeys(message.key_properties or []))
        maps = self._register(message.stream, message.schema, message.key_properties)
        if maps is None:
            self._streams[message.stream] = [self._open(message.stream, message.schema, keys, None)]
        else:
            self._streams[message.stream] = [
                self._open(m.stream_alias, m.transformed_schema, m.transformed_key_properties or [], m) for m in maps
            ]
        self.look_at_pending()

    def _open(self, name: str, schema: Mapping[str, Json], keys: list[str], transform: StreamMap | None) -> Stream:
        columns = schema.get("properties")
        if not isinstance(columns, dict):
            raise MalformedInput(self.lines, f"the SCHEMA of stream {name} has no properties")
        sync = self._sync_for(name, keys)
        mapper = self._make_mapper(sync, columns, keys)
        before = next((s for s in self._outputs() if s.opened.sync.stream == name), None)
        opened = self._delivery.open(sync, mapper)
        stream = Stream(opened, mapper, transform)
        if before:
            stream.versions, stream.blurred = before.versions, before.blurred
        return stream

    def _state(self, message: Message) -> None:
        value = bytes(message.value)
        if not value.lstrip().startswith(b"{"):
            raise MalformedInput(self.lines, "a STATE whose value is no object")
        self.bookmarks.read(value, before_records=not any(s.opened.counts["read"] for s in self._outputs()))
        self.look_at_pending()
        self._checkpoint.close(value)

    def _activate_version(self, message: Message) -> None:
        if message.stream is None or message.version is None:
            raise MalformedInput(self.lines, "an ACTIVATE_VERSION without stream or version")
        for stream in self._streams.get(message.stream, []):
            # One that comes first, as the SDK's taps send it, only opens a version: it proves nothing.
            stream.complete = stream.versions.get(message.version, False)

    def _batch(self, message: Message) -> None:
        """Begin to read the files of a BATCH. It proves that its stream is complete only where it carries a version."""
        if message.stream is None:
            raise MalformedInput(self.lines, "a BATCH without stream")
        self._of_stream(message.stream, message)
        if self._streams[message.stream]:  # none where the stream maps leave the stream out
            self._files = read_batch(self.lines, message.encoding, message.manifest)


def _odd_message(line: bytes) -> Message | None:
    """Read a RECORD line that holds values which cannot be represented; None for anything else."""
    try:
        parts = members(line)
        if parts.get("type") != b'"RECORD"':
            return None
        record = parts["record"]
        read_odd(record)  # it may be odd, but it must be JSON
        message = _decode(b"{%b}" % b",".join(b'"%b":%b' % (n.encode(), parts[n]) for n in _HEAD if n in parts))
    except (ValueError, KeyError, *UNREADABLE):
        return None
    message.record = msgspec.Raw(record)
    return message
