"""Arrow columns become the lines that rows of the same values become."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_warehouse.arrow_lines import ROWS, ArrowEncoder, json_texts
from tap_warehouse.encoding import Encoder, number, plain, stored_json, timestamp
from tap_warehouse.messages import record_frame
from tap_warehouse.warehouse import Column, Read
from tests.tap.helpers import parsed

TYPES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], Any]] = {
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1), None),
    "money": (pa.decimal128(38, 9), st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(f"{n}E-9")), number),
    "number": (pa.float64(), st.floats(), number),
    "words": (pa.string(), st.text(), None),
    "flag": (pa.bool_(), st.booleans(), None),
    "day": (pa.date32(), st.dates(), plain),
    "clock": (pa.time64("us"), st.times(), lambda value: value.isoformat(timespec="microseconds")),
    "moment": (pa.timestamp("us"), st.datetimes(), timestamp),
    "bytes": (pa.binary(), st.binary(), lambda value: base64.b64encode(value).decode()),
    "stored": (
        pa.string(),
        st.sampled_from(['{"a":\n1.50}', "[1,null]", "null", "NaN", "[undefined]", '"x"']),
        stored_json,
    ),
    "id'\"ż": (pa.large_string(), st.text(), None),
}
READ = Read("t", tuple((Column(name, {}), f"m.{name}") for name in TYPES))
FRAME = record_frame('s"ż', 3, "2026-01-01T00:00:00.000000+00:00")


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, (kind, _, _) in TYPES.items()})


def raw(encoder: ArrowEncoder, given: pa.Table) -> bytes:
    return b"".join(bytes(lines.part(0, len(lines))) for lines in encoder.lines(given))


@given(st.lists(st.fixed_dictionaries({name: st.none() | kind for name, (_, kind, _) in TYPES.items()}), max_size=4))
def test_columns_and_rows_make_the_same_lines(rows: list[dict[str, Any]]) -> None:
    by_column = raw(ArrowEncoder(READ, FRAME, {"stored": "json"}), table(rows))
    lines = Encoder(READ, FRAME, [convert for _, _, convert in TYPES.values()]).lines(
        [row[name] for name in TYPES] for row in rows
    )
    by_row = bytes(lines.part(0, len(lines)))
    messages = parsed(by_column)
    assert messages == parsed(by_row)
    for message in messages:
        assert list(message["record"]) == list(TYPES)
        assert isinstance(message["record"]["number"], Decimal | str | None)  # 1.0 is no integer


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([Decimal("1.50"), Decimal("0E-9"), Decimal("1E-9")], pa.decimal128(20, 9)), None),
        (pa.array([1, -0.0, 1e300, 0.1]), ["1.0", "-0.0", "1e+300", "0.1"]),
        (pa.array([253402300800000000, -62135596800000001], pa.timestamp("us")), None),
        (pa.array(["\x00\x1f \x7f\u2028"]), ['"\\u0000\\u001f \x7f\u2028"']),
        (pa.array([None, None]), [None, None]),
        (pa.array([{"a": [1, Decimal("1.50")]}, None]), ['{"a":[1.00,1.50]}', None]),
        (pa.array([1, 2], pa.timestamp("ns", "Europe/Warsaw")), None),
    ],
)
def test_odd_values(column: pa.Array, expected: list[str] | None) -> None:
    texts = json_texts(column).to_pylist()
    if expected is not None:
        assert texts == expected
    for text in texts:
        assert text is None or json.loads(text) is not None


def test_years_that_have_no_plain_form_are_not_other_days() -> None:
    moments = json_texts(pa.array([253402300800000000, -62135596800000001], pa.int64()), "microseconds").to_pylist()
    assert moments == ['"10000-01-01T00:00:00.000000+00:00"', '"0000-12-31T23:59:59.999999+00:00"']
    assert json_texts(pa.array([2932897], pa.int32()).cast(pa.date32())).to_pylist() == ['"10000-01-01"']


def test_decimals_keep_their_digits_however_small() -> None:
    column = pa.array([Decimal("0E-37"), Decimal("1E-37"), Decimal("1.5")], pa.decimal128(38, 37))
    assert json_texts(column).to_pylist() == [f"0.{37 * '0'}", f"0.{36 * '0'}1", f"1.5{36 * '0'}"]


def test_a_row_that_has_left_is_its_key_and_when() -> None:
    read = Read("d", ((Column("v", {}), "m.c0"), (Column("id", {}), "m.c1")), ("id",), gone="m.op = 'removed'")
    given = pa.table({"f0": [0, 1], "f1": [1, 2], "f2": ["a", None], "f3": [1, None]})
    first, second = parsed(raw(ArrowEncoder(read, FRAME, {}), given))
    assert first["record"] == {"v": "a", "id": 1}
    assert second["record"] == {"id": 2, "_sdc_deleted_at": FRAME.gone_at}
    assert second["version"] == 3


def test_pieces_stay_small() -> None:
    read = Read("t", ((Column("id", {}), "m.id"),))
    pieces = list(ArrowEncoder(read, FRAME, {}).lines(pa.table({"id": range(ROWS + 1)})))
    assert [len(piece) for piece in pieces] == [ROWS, 1]
    assert parsed(bytes(pieces[1].part(0, 1)))[0]["record"] == {"id": ROWS}


def test_nothing_is_no_line() -> None:
    assert raw(ArrowEncoder(READ, FRAME, {}), table([])) == b""
