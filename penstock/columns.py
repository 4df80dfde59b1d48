"""Many records mapped at once, column by column: a first load has a million that hold no surprise.

What comes out is what `RecordMapper` makes of each. A record that needs a closer look is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import compress
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple

from penstock.bulk import Columns
from penstock.errors import InvalidRecord
from penstock.lenient import UNREADABLE, is_plain
from penstock.mapping import LONGEST, REFUSED_COLUMN, Field, RecordMapper
from penstock.records import RowKey, Source
from penstock.rows import group_of

_NOTHING = {type(None), UnsetType}
_encode = msgspec.json.Encoder(decimal_format="number").encode


def peek_all(mapper: RecordMapper, texts: Sequence[bytes]) -> list[Source]:
    """Read the keys out of the texts of many records, as `RecordMapper.peek` does it for one."""
    try:
        *columns, removed = zip(*map(astuple, map(mapper.decode_key, texts)), strict=True)
    except UNREADABLE:
        return [mapper.peek(text) for text in texts]
    keys = [RowKey(key.decode()) for key in map(_encode, zip(*columns, strict=True))]
    if (
        any(None in column for column in columns)
        or max(map(len, keys)) * 4 > LONGEST
        or removed.count(None) < len(keys)
    ):
        return [mapper.peek(text) for text in texts]
    marked = blake2b(digest_size=16, person=mapper.version)
    marks: list[bytes] = []
    for text in texts:
        mark = marked.copy()
        mark.update(text)
        marks.append(mark.digest())
    return list(map(Source, keys, marks, texts))


class ColumnMapper:
    """Maps many records of one stream. `fits` tells whether its sync is one for that."""

    def __init__(self, mapper: RecordMapper) -> None:
        form, sync = mapper.form, mapper.sync
        self.mapper = mapper
        self._fields = mapper.fields
        columns = list(dict.fromkeys(column for _, column, *_ in mapper.fields))
        self.fits = (
            form.match in form.fields
            and not (sync.created_only or sync.empty_only or sync.links or mapper.names)
            and REFUSED_COLUMN not in columns
            and all(map(is_plain, [*columns, *mapper.constants, *(name for name, *_ in mapper.fields)]))
        )
        if not self.fits:
            return
        self._places = [columns.index(column) for _, column, *_ in mapper.fields]
        own = [f"column{n}" for n in range(len(columns))]
        self._record = msgspec.defstruct(
            "Record",
            [*((name, Any, UNSET) for name in own), ("refused", Any, None)],
            rename={**dict(zip(own, columns, strict=True)), "refused": REFUSED_COLUMN},
            gc=False,
        )
        self._read = msgspec.json.Decoder(self._record, float_hook=Decimal).decode
        names = [*mapper.constants, *(name for name, *_ in mapper.fields)]
        own = [f"field{n}" for n in range(len(names))]
        self._payload = msgspec.defstruct(
            "Payload", [(name, Any) for name in own], rename=dict(zip(own, names, strict=True)), gc=False
        )

    def map(self, sources: Sequence[Source]) -> tuple[Columns, list[int]]:
        """Map records that have a text and a key; return the mapped rows, and the places of the others."""
        form = self.mapper.form
        odd: set[int] = set()
        texts = [bytes(source.record) for source in sources if isinstance(source.record, bytes)]
        *columns, refused = zip(*map(astuple, self._records(texts, odd)), strict=True)
        odd.update(n for n, why in enumerate(refused) if why is not None)
        payload: dict[str, Sequence[Any]] = {
            name: [value] * len(texts) for name, value in self.mapper.constants.items()
        }
        for field, place in zip(self._fields, self._places, strict=True):
            payload[field[0]] = self._converted(field, columns[place], form.passes.get(field[0]), odd)
        for name in form.required:
            odd.update(n for n, value in enumerate(payload.get(name, ())) if value in (UNSET, form.clear))
        if not form.required <= payload.keys():
            odd.update(range(len(texts)))
        matches = self._matches(payload[form.match or ""], odd)
        bodies = list(map(_encode, map(self._payload, *payload.values())))
        rows = Columns(
            [source.key or RowKey("") for source in sources],
            [source.mark for source in sources],
            texts,
            matches,
            payload,
            bodies,
            [blake2b(body, digest_size=16).digest() for body in bodies],
            [group_of(value or None) for value in payload.get(self.mapper.group or "", ())] or [0] * len(texts),
        )
        if not odd:
            return rows, []
        plain = [n not in odd for n in range(len(texts))]
        return rows.part(lambda values: list(compress(values, plain))), sorted(odd)

    def _records(self, texts: Sequence[bytes], odd: set[int]) -> list[Any]:
        try:
            return list(map(self._read, texts))
        except UNREADABLE:
            return [self._readable(n, text, odd) for n, text in enumerate(texts)]

    def _readable(self, n: int, text: bytes, odd: set[int]) -> Any:
        try:
            return self._read(text)
        except UNREADABLE:
            odd.add(n)
            return self._record()

    def _converted(
        self,
        field: Field,
        column: Sequence[Any],
        passes: Callable[[Sequence[Any], set[type]], bool] | None,
        odd: set[int],
    ) -> Sequence[Any]:
        """Return what becomes of the values of a column; add to `odd` where that is not known."""
        _, _, types, convert, clears = field
        null = self.mapper.form.clear if clears else UNSET
        kinds = set(map(type, column))
        holes = not kinds.isdisjoint(_NOTHING)
        kinds -= _NOTHING
        if passes is not None and (types is None or types >= kinds):
            given = [value for value in column if value is not None and value is not UNSET] if holes else column
            if not given or passes(given, kinds):
                return column if null is None or not holes else [null if v is None else v for v in column]
        found: list[object] = []
        for n, value in enumerate(column):
            if value is None or value is UNSET:
                found.append(null if value is None else value)
            elif types is not None and type(value) not in types:
                odd.add(n)
                found.append(None)
            else:
                try:
                    found.append(convert(value))
                except InvalidRecord:
                    odd.add(n)
                    found.append(None)
        return found

    def _matches(self, values: Sequence[Any], odd: set[int]) -> list[str]:
        """Return the match values, as they are compared."""
        clear = self.mapper.form.clear
        if not all(values) or clear in values:
            odd.update(n for n, value in enumerate(values) if not value or value == clear)
        found = list(map(self.mapper.form.normalise, map(str, values)))
        if max(map(len, found)) * 4 > LONGEST or "\0" in "".join(found):
            odd.update(n for n, match in enumerate(found) if len(match) * 4 > LONGEST or "\0" in match)
        return found
