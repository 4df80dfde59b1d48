"""The files of a BATCH message: JSON lines, plain or gzip, and Parquet, as singer-sdk's taps write them.

Files are read where they lie, a piece at a time. They are not deleted: they are the tap's, a rerun may name them
again, and the targets of singer-sdk leave them too.
"""

from __future__ import annotations

import gzip
import json
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import msgspec

from penstock.errors import MalformedInput, Misconfigured
from penstock.lenient import BOM, LONGEST_LINE, NO_NUMBER, is_object, unreadable

_GZIP = b"\x1f\x8b"
_ROWS = 1_000
_BUFFER = 1 << 20
_PIECE = 8 * 2**20
"""bytes of rows of a Parquet file that are read together, about"""
_encode = msgspec.json.Encoder(decimal_format="number").encode


def read_batch(line: int, encoding: object, manifest: object) -> Iterator[bytes]:
    """Return the records of a BATCH message as JSON texts, read while they are taken.

    Raises MalformedInput with the number of the message's line, at once for the message and later for its files;
    Misconfigured where the tap writes what is not read here.
    """
    if not isinstance(encoding, dict) or not isinstance(manifest, list):
        raise MalformedInput(line, "a BATCH without encoding or manifest")
    kind, compression = encoding.get("format"), encoding.get("compression")
    if kind not in ("jsonl", "parquet") or (kind == "jsonl" and compression not in ("gzip", "none", None)):
        raise Misconfigured(
            f"input line {line}: a BATCH of an encoding that is not read; read are jsonl, plain or gzip, and parquet",
            "set batch_config.encoding in the tap's settings to one of these",
        )
    paths = [_path(line, url) for url in manifest]
    if kind == "parquet":
        _parquet_module()
    return _records(line, kind, compression == "gzip", paths)


def _records(line: int, kind: str, zipped: bool, paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        at = f"BATCH file {path.name!r}"
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise MalformedInput(line, f"{at} is no file")
            yield from _parquet(line, at, path) if kind == "parquet" else _jsonl(line, at, path, zipped)
        except OSError as error:
            why = error.strerror or "it is cut off or damaged"
            raise MalformedInput(line, f"{at} cannot be read: {why}") from None
        except (EOFError, zlib.error):
            raise MalformedInput(line, f"{at} cannot be read: it is cut off or damaged") from None


def _path(line: int, url: object) -> Path:
    """Find the file of a URL, which may be relative, as singer-sdk's may: `file://folder/name` is below here."""
    if not isinstance(url, str) or not url or "\0" in url:
        raise MalformedInput(line, "a BATCH whose manifest holds something else than file names")
    if url.startswith("file:"):
        name = url.removeprefix("file:").removeprefix("//")
        for host in ("localhost/", "/localhost/"):
            name = "/" + name.removeprefix(host) if url.startswith("file://") and name.startswith(host) else name
    elif "://" in url:
        raise Misconfigured(
            f"input line {line}: a BATCH whose files lie elsewhere; only file: is read",
            "set batch_config.storage.root in the tap's settings to a folder: file:///...",
        )
    else:
        name = url
    plain = Path(name)  # not every writer quotes what should be quoted in a URL
    return plain if name == unquote(name) or _exists(plain) else Path(unquote(name).replace("\0", ""))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _jsonl(line: int, at: str, path: Path, zipped: bool) -> Iterator[bytes]:
    with path.open("rb") as file:
        # singer-sdk writes gzip whatever compression it was told, so it is looked at; no JSON begins like it.
        is_gzip = file.read(2) == _GZIP
        file.seek(0)
        if is_gzip:
            with gzip.GzipFile(fileobj=file) as content:
                yield from _lines(line, at, content)
        elif zipped:
            raise MalformedInput(line, f"{at} cannot be read: it is no gzip file")
        else:
            yield from _lines(line, at, file)


def _lines(line: int, at: str, file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    number = 0
    while text := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(text) > LONGEST_LINE:
            raise MalformedInput(line, f"{at}, line {number}: longer than {LONGEST_LINE} bytes")
        text = text.removeprefix(BOM).strip() if number == 1 else text.strip()
        if text:
            if not is_object(text):
                raise MalformedInput(line, f"{at}, line {number}: no record")
            yield text


def _parquet_module() -> Any:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - only where somebody needs it
    except ImportError:
        raise Misconfigured(
            "a BATCH of Parquet files needs pyarrow, which is not installed",
            "install the extra `penstock[parquet]`, or set batch_config.encoding.format in the tap's settings to jsonl",
        ) from None
    return parquet


def _parquet(line: int, at: str, path: Path) -> Iterator[bytes]:
    """Read a Parquet file by pieces of rows; a buffer for each column chunk instead of the whole row group."""
    arrow = _parquet_module()
    try:
        with arrow.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            for piece in file.iter_batches(batch_size=_rows_at_once(file)):
                for row in piece.to_pylist():
                    yield _encode({name: _written(value) for name, value in row.items()})
    except OSError as error:
        if error.errno is not None:
            raise
        raise MalformedInput(line, f"{at} cannot be read as Parquet: it is cut off or damaged") from None
    except (ValueError, TypeError, ArithmeticError, NotImplementedError, LookupError):
        # pyarrow's own errors derive from these; their texts may hold values.
        raise MalformedInput(line, f"{at} cannot be read as Parquet: it is cut off, damaged or no Parquet") from None


def _rows_at_once(file: Any) -> int:
    """Return how many rows to read together, so that wide rows do not fill the memory."""
    groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
    widest = max((g.total_byte_size // g.num_rows for g in groups if g.num_rows), default=0)
    return max(1, min(_ROWS, _PIECE // (widest + 1)))


def _written(value: object) -> object:
    """Return what the encoder writes exactly. It would write NaN as null, which clears a field."""
    if isinstance(value, bytes):  # text of a writer that did not say that it is text
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {name: _written(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_written(part) for part in value]
    if (why := unreadable(value)) is not None:
        return msgspec.Raw(b"NaN" if why is NO_NUMBER else json.dumps(value).encode())
    return value
