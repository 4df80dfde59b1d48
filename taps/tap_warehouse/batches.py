"""BATCH: records in files instead of RECORD lines, as singer-sdk's taps write them.

A file is complete, and on disk, before a message names it: it is written under another name and renamed. The setting
`batch_config` is singer-sdk's, with `versions` besides.

A record in a file carries no version, and what a target makes of an ACTIVATE_VERSION after files is its own affair: one
of singer-sdk's removes rows that carry an older version from a time before there were files. So none is sent, unless
`versions` says that the target takes the version of the BATCH message itself, as penstock's does.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import unquote, urlsplit

from tap_warehouse.catalog import Stream
from tap_warehouse.errors import ConfigurationError, OutputFault
from tap_warehouse.messages import Output, encode, record_frame
from tap_warehouse.warehouse import Column, Frame, JsonSchema

ROWS = 10_000
"""in a file, unless said otherwise"""

BATCH_SETTING: dict[str, JsonSchema] = {
    "batch_config": {
        "type": "object",
        "title": "Batch files",
        "description": (
            "Write records to files that BATCH messages name, for a target that reads such: encoding {format: jsonl | "
            "parquet, compression: gzip | none}, storage {root: file:///folder, prefix}, batch_size, and versions: "
            "true for a target of penstock's, which then learns which rows have left."
        ),
        "properties": {
            "encoding": {
                "type": "object",
                "properties": {
                    "format": {"type": "string", "enum": ["jsonl", "parquet"]},
                    "compression": {"type": ["string", "null"], "enum": ["gzip", "none", None]},
                },
                "required": ["format"],
                "additionalProperties": False,
            },
            "storage": {
                "type": "object",
                "properties": {"root": {"type": "string", "minLength": 1}, "prefix": {"type": ["string", "null"]}},
                "required": ["root"],
                "additionalProperties": False,
            },
            "batch_size": {"type": "integer", "minimum": 1},
            "versions": {"type": "boolean"},
        },
        "required": ["encoding", "storage"],
        "additionalProperties": False,
    }
}


@dataclass(frozen=True)
class BatchConfig:
    """The setting, read, for the tap of a name."""

    tap: str
    kind: str
    compression: str
    folder: Path
    prefix: str
    size: int
    versions: bool

    @classmethod
    def of(cls, given: object, tap: str, rooted: Path) -> BatchConfig | None:
        """Read the setting, which its schema has checked. Relative folders start at `rooted`."""
        if not isinstance(given, Mapping):
            return None
        encoding, storage = given["encoding"], given["storage"]
        kind = str(encoding["format"])
        compression = str(encoding.get("compression") or ("gzip" if kind == "jsonl" else "none"))
        root, prefix = str(storage["root"]), str(storage.get("prefix") or "")
        if ("://" in root and not root.startswith("file://")) or "/" in prefix or "\0" in root + prefix:
            raise ConfigurationError(
                ["batch_config.storage: root must be a folder, file:///... or a path, and prefix must hold no slash."]
            )
        where = unquote(urlsplit(root).netloc + urlsplit(root).path) if root.startswith("file://") else root
        size = int(given.get("batch_size") or ROWS)
        return cls(tap, kind, compression, rooted / where, prefix, size, given.get("versions") is True)

    def check(self, streams: Sequence[Stream]) -> None:
        """Refuse columns that a file could not give back as they are. Raises ConfigurationError naming all of them."""
        if self.kind == "parquet":
            from tap_warehouse.parquet import refused  # noqa: PLC0415 pyarrow, only for those who need it

            problems = [problem for stream in streams for problem in refused(stream.model.name, stream.columns)]
            if problems:
                raise ConfigurationError(problems)


class Writer(Protocol):
    """Writes lines of records into one file."""

    def write(self, lines: memoryview) -> None:
        """Add records, each a line of JSON. Raises ReadFault where one cannot be written as it is."""

    def finish(self) -> None:
        """Write what is still to be written; the file itself stays open."""

    def give_up(self) -> None:
        """Let go of a file that will be removed."""


class JsonLines:
    """JSON lines, gzip or not."""

    def __init__(self, file: IO[bytes], compression: str) -> None:
        self._to = gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) if compression == "gzip" else file

    def write(self, lines: memoryview) -> None:
        """Write them as they are."""
        self._to.write(lines)

    def finish(self) -> None:
        """End the gzip stream."""
        if isinstance(self._to, gzip.GzipFile):
            self._to.close()

    def give_up(self) -> None:
        """End the gzip stream all the same: it would do so later."""
        self.finish()


class RecordLines:
    """Records as RECORD lines. A context, as files are."""

    def __init__(self, output: Output, stream: str, version: int | None, every: int) -> None:
        self._output, self._stream, self._version = output, stream, version
        self.every = every
        """rows between two STATE messages"""

    def frame(self, extracted: str) -> Frame:
        """Say what stands around a record."""
        return record_frame(self._stream, self._version, extracted)

    def put(self, lines: memoryview, rows: int) -> None:  # noqa: ARG002 files count them
        """Write lines."""
        self._output.write(lines)

    def cut(self) -> None:
        """Make sure that all rows are out; they are."""

    def message(self, line: bytes) -> bytes:
        """Make the RECORD message of a line."""
        return line

    def __enter__(self) -> RecordLines:
        """Begin nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """End nothing."""


class Batches:
    """The files of one stream in one run. A context: what is unfinished when it ends is removed."""

    def __init__(
        self, config: BatchConfig, output: Output, stream: str, columns: Sequence[Column], version: int | None
    ) -> None:
        self._config, self._output, self._stream, self._columns = config, output, stream, columns
        self._version = version
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", stream)
        self._name = f"{config.prefix}{config.tap}--{safe}-{secrets.token_hex(8)}"
        self._number = 0
        self._rows = 0
        self._open: tuple[Path, IO[bytes], Writer] | None = None

    @property
    def every(self) -> int:
        """Rows between two STATE messages: those of a file."""
        return self._config.size

    def frame(self, extracted: str) -> Frame:
        """Put nothing around a record."""
        return Frame("", "\n", extracted)

    def message(self, line: bytes) -> bytes:
        """Make a message of a line, for those who look into one."""
        return b'{"record":' + line + b"}"

    def put(self, lines: memoryview, rows: int) -> None:
        """Add records; a file that is full is named. Raises OutputFault where files cannot be written."""
        with _written(self._config.folder):
            if self._open is None:
                self._open = self._begun()
            self._open[2].write(lines)
        self._rows += rows
        if self._rows >= self._config.size:
            self.cut()

    def cut(self) -> None:
        """Finish the file, and name it."""
        if self._open is None:
            return
        part, file, writer = self._open
        done = part.with_name(part.name.removeprefix(".").removesuffix(".part"))
        with _written(self._config.folder):
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            part.rename(done)
            _fsync(done.parent)
        self._open, self._rows = None, 0
        url = f"file://{done}"  # unquoted: singer-sdk's targets take it as it is
        encoding = {"format": self._config.kind, "compression": self._config.compression}
        message = {"type": "BATCH", "stream": self._stream, "encoding": encoding, "manifest": [url]}
        self._output.write(encode(message if self._version is None else {**message, "version": self._version}))

    def _begun(self) -> tuple[Path, IO[bytes], Writer]:
        folder = self._config.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._number += 1
        ending = "parquet" if self._config.kind == "parquet" else "jsonl"
        ending += ".gz" if ending == "jsonl" and self._config.compression == "gzip" else ""
        part = folder.resolve() / f".{self._name}-{self._number}.{ending}.part"
        file = os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        return part, file, self._writer(file)

    def _writer(self, file: IO[bytes]) -> Writer:
        if self._config.kind == "jsonl":
            return JsonLines(file, self._config.compression)
        from tap_warehouse.parquet import Parquet  # noqa: PLC0415 pyarrow, only for those who need it

        return Parquet(file, self._columns, self._config.compression)

    def __enter__(self) -> Batches:
        """Begin nothing: a stream without rows has no file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what no message has named."""
        if self._open is not None:
            part, file, writer = self._open
            with contextlib.suppress(OSError, ValueError):
                writer.give_up()
            with contextlib.suppress(OSError):
                file.close()
            part.unlink(missing_ok=True)
            self._open = None


def _fsync(folder: Path) -> None:
    """Make the renaming last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputFault(f"batch_config.storage: {str(folder)!r}: {error.strerror or 'cannot be written'}") from error
