"""Redshift's types: the JSON schema of each, how it is asked for, and what becomes of it.

Its driver rounds long decimals to 28 digits, turns days before Christ into year 1 and widens REAL. So all of these are
asked for as text, and the text becomes JSON here.
"""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass

import msgspec

from tap_warehouse.encoding import Convert, number, stored_json
from tap_warehouse.warehouse import JsonSchema

_INSTANT: JsonSchema = {"type": "string", "format": "date-time"}
_NAMES = {
    16: "boolean",
    18: "char",
    19: "name",
    20: "bigint",
    21: "smallint",
    23: "integer",
    25: "text",
    26: "oid",
    700: "real",
    701: "double precision",
    1042: "character",
    1043: "character varying",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamp with time zone",
    1186: "interval",
    1188: "interval year to month",
    1190: "interval day to second",
    1266: "time with time zone",
    1700: "numeric",
    2935: "hllsketch",
    3000: "geometry",
    3001: "geography",
    3999: "geometry",
    4000: "super",
    6551: "varbyte",
}
"""the server's numbers of them"""
_SCHEMAS: dict[str, JsonSchema] = {
    **{name: {"type": "integer"} for name in ("bigint", "smallint", "integer", "oid")},
    **{name: {"type": "number"} for name in ("real", "double precision", "numeric")},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "timestamp": _INSTANT,
    "timestamp with time zone": _INSTANT,
    "super": {"type": ["object", "array", "string", "number", "boolean", "null"]},
    "varbyte": {"type": "string", "contentEncoding": "base64"},
}
REFUSED = frozenset(("geometry", "geography", "hllsketch"))
"""types without a text that we could promise anything of"""
INCOMPARABLE = frozenset(("super", "varbyte"))
_TEXTS = frozenset(("char", "name", "text", "character", "character varying"))
_AS_IT_IS = _TEXTS | {"boolean", "bigint", "smallint", "integer", "oid", "real", "double precision", "super"}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00(?::00)?)?")
_NUMERAL = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True)
class RedshiftType:
    """A type as the server describes a result's column. `id` is empty where it is not one of Redshift's own."""

    id: str
    modifier: int = -1

    @classmethod
    def of(cls, oid: int, modifier: int) -> RedshiftType:
        """Name it by its number."""
        return cls(_NAMES.get(oid, ""), modifier)

    @property
    def shown(self) -> str:
        """Write it as SQL does."""
        size = self.modifier - 4
        if size < 0 or self.id not in {"numeric", "character", "character varying"}:
            return self.id or "text"
        return f"numeric({size >> 16},{size & 0xFFFF})" if self.id == "numeric" else f"{self.id}({size})"

    @property
    def schema(self) -> JsonSchema:
        """Describe the values."""
        if self.id == "numeric" and self.modifier >= 4 and not (self.modifier - 4) & 0xFFFF:
            return {"type": "integer"}
        return _SCHEMAS.get(self.id, {"type": "string"})

    @property
    def convert(self) -> Convert | None:
        """Tell what becomes of what the driver gives for `asked`."""
        return _CONVERTS.get(self.id)


def asked(kind: RedshiftType, x: str) -> str:
    """Write how a value is asked for."""
    if kind.id in _AS_IT_IS:
        return x
    return f"from_varbyte({x}, 'hex')" if kind.id == "varbyte" else f"cast({x} as varchar)"


def hashed(kind: str, x: str) -> str:
    """Write a value as text for the hash, never null, so that no two lists of values give one text.

    A null is `-`. A number or a time is its length, a colon and its text. A text is its own hash, because Redshift
    holds no more than 65,535 bytes of the whole.
    """
    name = kind.partition("(")[0]
    if name == "boolean":
        return f"case when {x} then 't' when not {x} then 'f' else '-' end"
    if name in _TEXTS:
        return f"coalesce(md5({x}), '-')"
    if name == "super":
        return f"coalesce(md5(json_serialize({x})), '-')"
    if name == "varbyte":
        return f"coalesce(md5(from_varbyte({x}, 'hex')), '-')"
    written = f"cast({x} as varchar)"
    return f"coalesce(cast(length({written}) as varchar) || ':' || {written}, '-')"


def _numeral(value: str) -> object:
    """Keep every digit."""
    return msgspec.Raw(value.encode()) if _NUMERAL.fullmatch(value) else value


def _real(value: float) -> object:
    """Write the shortest number that is this REAL: 0.1, and not 0.10000000149011612."""
    written = number(value)
    if written is not value or not value:
        return written
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.unpack("f", struct.pack("f", short))[0] == value:
            return short
    return value


def _instant(value: str) -> str:
    """Write a timestamp; one that ISO 8601 has no plain form for stays as it is, a reject and not another day."""
    parts = _TIMESTAMP.fullmatch(value)
    return f"{parts[1]}T{parts[2]}.{(parts[3] or '').ljust(6, '0')}+00:00" if parts else value


def _bytes(value: str) -> str:
    return base64.b64encode(bytes.fromhex(value)).decode()


_CONVERTS: dict[str, Convert] = {
    "numeric": _numeral,
    "real": _real,
    "double precision": number,
    "timestamp": _instant,
    "timestamp with time zone": _instant,
    "super": stored_json,
    "varbyte": _bytes,
}
