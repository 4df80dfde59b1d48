"""A plain batch goes the quick way; it must come out as it would row by row."""

from __future__ import annotations

import csv
import io
import time
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock_sandbox.salesforce import ids
from penstock_sandbox.salesforce.bulk import batch, columns, files, quick
from penstock_sandbox.salesforce.bulk.job import Asked, Outcomes
from penstock_sandbox.salesforce.fields import Field
from penstock_sandbox.salesforce.org import Org
from penstock_sandbox.settings import Settings
from penstock_sandbox.store import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

NAMES = ["Ext__c", "LastName", "Company", "Email", "Score__c", "Flag__c", "Born__c", "Race__c", "Other__c"]
CELLS = {
    "Ext__c": st.sampled_from(["a", "A", "b", "c", "d", "", "#N/A", "x" * 21]),
    "LastName": st.sampled_from(["Rivera", "Okafor", "", "#N/A", "y" * 81]),
    "Company": st.sampled_from(["Acme", "", "#N/A"]),
    "Email": st.sampled_from(["A@example.com", "b@example.com", "nope", "", "#N/A", "c@example.com"]),
    "Score__c": st.sampled_from(["1", "1.005", "9e9", "-3", "many", "", "#N/A", "12345678.9"]),
    "Flag__c": st.sampled_from(["true", "FALSE", "1", "maybe", "", "#N/A"]),
    "Born__c": st.sampled_from(["2026-01-01", "2026-02-30", "", "#N/A"]),
    "Race__c": st.sampled_from(["A", "B", "C", "", "#N/A"]),
    "Other__c": st.sampled_from(["1", "2", "3", "4", "5", ""]),
}
ROWS = st.lists(st.tuples(*CELLS.values()), min_size=1, max_size=12)
MADE = [
    Field(name="Ext__c", external_id=True, unique=True, length=20),
    Field(name="Score__c", type="double", precision=10, scale=2),
    Field(name="Flag__c", type="boolean"),
    Field(name="Born__c", type="date"),
    Field(name="Race__c", type="picklist", restricted_picklist=True, picklist_values=["A", "B"]),
    Field(name="Other__c", external_id=True, unique=True),
]


def org() -> Org:
    made = Org(Settings(), History(full=True), 1_700_000_000.0)
    for field in MADE:
        made.catalogue.named("Lead").add(field)
    return made


def run(place: Org, operation: str, rows: Sequence[tuple[str, ...]], names: list[str]) -> Outcomes:
    kind = place.catalogue.named("Lead")
    asked = Asked("Lead", operation, "Ext__c" if operation == "upsert" else None)  # type: ignore[arg-type]
    plan = files.plan(place, kind, asked, names)
    key = kind.field("Ext__c") if operation == "upsert" else None
    about = batch.Batch(place, kind, asked.operation, key, len(rows), 1_700_000_100.0, 1, False, False, None)
    outcomes, _ = batch.write(about, plan, [list(row) for row in rows])
    return outcomes


def content(place: Org) -> list[dict[str, object]]:
    table = place.table("Lead")
    return [dict(table.values(record)) for record in table.listing()]


@settings(max_examples=60, deadline=None)
@given(first=ROWS, second=ROWS)
@example(first=[("a", "R", "A", "", "", "", "", "", "1")], second=[("A", "", "", "", "", "", "", "", "1")])
def test_both_ways_come_out_alike(first: list[tuple[str, ...]], second: list[tuple[str, ...]]) -> None:
    ways = []
    possible = quick.possible
    for allowed in (possible, lambda *_: False):
        quick.possible = allowed
        try:
            place = org()
            outcomes = [run(place, "upsert", rows, NAMES) for rows in (first, second)]
            outcomes.append(run(place, "insert", second, NAMES))
            known = [record.id for record in place.table("Lead").listing()]
            updates = [(known[n] if n < len(known) else "00Q5e000000zzzz", *row[1:]) for n, row in enumerate(first)]
            outcomes.append(run(place, "update", updates, ["Id", *NAMES[1:]]))
        finally:
            quick.possible = possible
        codes = [{row: text.partition(":")[0] for row, text in each.errors.items()} for each in outcomes]
        writes = [(write.action, write.id, write.key, write.properties) for write in place.history.after(0)]
        ways.append((codes, [(each.ids, each.created) for each in outcomes], content(place), writes))
    assert ways[0] == ways[1]


TEXT = st.text(st.sampled_from('ab,"\n\r|é'), max_size=4)


@settings(max_examples=120, deadline=None)
@given(
    rows=st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=6),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    ending=st.sampled_from(["LF", "CRLF"]),
)
def test_files_are_read_as_a_csv_reader_reads_them(rows: list[list[str]], quoting: int, ending: str) -> None:
    if ending == "LF":
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]  # a job of LF refuses them
    text = io.StringIO(newline="")
    lines = "\n" if ending == "LF" else "\r\n"
    csv.writer(text, quoting=quoting, lineterminator=lines).writerows(rows)  # type: ignore[arg-type]
    asked = Asked("Lead", "insert", line_ending=ending)  # type: ignore[arg-type]
    assert list(files.rows_of(text.getvalue().encode(), asked)) == rows


def test_blocks_of_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_BLOCK", 10)
    rows = [[str(n), f"x{n}"] for n in range(50)]
    rows[30] = ["a\nb", 'c"']
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    assert list(files.rows_of(text.getvalue().encode(), Asked("Lead", "insert"))) == rows


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e17, max_value=1e17))
def test_numbers_as_java_writes_them(number: float) -> None:
    assert float(columns.java(number)) == number


def test_known_numbers() -> None:
    assert [columns.java(each) for each in (912260031.0, 10.0, 0.0, 1e7, 0.0001)] == [
        "9.12260031E8",
        "10.0",
        "0.0",
        "1.0E7",
        "1.0E-4",
    ]


@given(st.integers(min_value=0, max_value=62**7))
def test_ids_of_15_and_18(number: int) -> None:
    made = next(ids.sequence("00Q", number))
    assert ids.canonical(made) == ids.canonical(made[:15]) == ids.canonical(made.lower()) == made
    assert made < next(ids.sequence("00Q", number + 1))


def test_what_is_no_id() -> None:
    assert [ids.canonical(each) for each in ("", "x", "00Q5e0000000001", "00Q5e000000000!", "00Q5e0000000001E!A")] == [
        None,
        None,
        "00Q5e0000000001EAA",
        None,
        None,
    ]


def test_many_rows_take_seconds_not_minutes() -> None:
    place = org()
    place.history.full = False
    rows = [
        (f"k{n}", f"n{n}", "b", f"a{n}@example.com", str(n), "true", "2026-01-01", "A", f"o{n}") for n in range(20_000)
    ]
    began = time.process_time()
    assert not run(place, "upsert", rows, NAMES).errors
    again: list[tuple[str, ...]] = [(*row[:8], "") for row in rows]
    assert not run(place, "upsert", again, NAMES).errors
    assert time.process_time() - began < 10
