"""The three result files of a Bulk 2.0 job."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce.bulk.files import FileError
from penstock_sandbox.salesforce.bulk.job import DELIMITERS, Job, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock_sandbox.salesforce.bulk.columns import Filled
    from penstock_sandbox.salesforce.org import Org

GUIDE = "Bulk API 2.0 Developer Guide: Get Job Successful, Failed, Unprocessed Record Results"
_NULL = "#N/A"


@documented("Successes and failures are apart, values are written anew, the order is not the upload's", GUIDE)
@documented("sf__Id of a failed row is filled from v53 on, if the row had an id", GUIDE)
@assumed("The order is turned and reversed within each batch", "only that it differs is documented")
def add(org: Org, job: Job, outcomes: list[Outcome], filled: Sequence[Filled]) -> None:
    """Write down what became of a batch."""
    good = [not each.error for each in outcomes]
    columns = [_without_nulls(each.shown) for each in filled]
    created = ["true" if each.created else "false" for each in outcomes]
    successes = list(compress(zip([each.id for each in outcomes], created, *columns, strict=True), good))
    if successes:
        job.results.successes.append(_text(job, _turned(org, successes)))
    if len(successes) == len(outcomes):
        return
    ids: Sequence[str] = [""] * len(outcomes)
    if float(job.version) >= 53:
        ids = next((each.shown for each in filled if each.column.field.type == "id"), ids)
    errors = [each.error for each in outcomes]
    failures = list(compress(zip(ids, errors, *columns, strict=True), [not each for each in good]))
    job.results.failures.append(_text(job, _turned(org, failures)))


def _without_nulls(cells: Sequence[str]) -> Sequence[str]:
    return ["" if cell == _NULL else cell for cell in cells] if _NULL in cells else cells


def _turned(org: Org, rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if not org.settings.salesforce.shuffle or len(rows) < 2:
        return rows
    turn = org.chance.randrange(len(rows))
    return (rows[turn:] + rows[:turn])[::-1]


def leave(job: Job, rows: Iterable[list[str]]) -> None:
    """Write down rows that were not reached; what cannot be read is left out."""
    left: list[tuple[str, ...]] = []
    with suppress(FileError):
        left.extend(tuple(row) for row in rows if row)
    if left:
        job.results.unprocessed.append(_text(job, left))


def _text(job: Job, rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    ending = "\r\n" if job.asked.line_ending == "CRLF" else "\n"
    delimiter = DELIMITERS[job.asked.column_delimiter]
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator=ending).writerows(rows)
    return text.getvalue().encode()


@documented("sf__ headers are quoted, the others are not; delimiter and line ending are the job's", GUIDE)
def file(org: Org, job: Job, which: str) -> bytes:
    """Return a whole result file."""
    pieces, extra = {
        "successfulResults": (job.results.successes, ['"sf__Id"', '"sf__Created"']),
        "failedResults": (job.results.failures, ['"sf__Id"', '"sf__Error"']),
        "unprocessedrecords": (job.results.unprocessed, []),
    }[which]
    ending = "\r\n" if job.asked.line_ending == "CRLF" else "\n"
    header = DELIMITERS[job.asked.column_delimiter].join([*extra, *job.header]) + ending
    shuffled = pieces[::-1] if org.settings.salesforce.shuffle else pieces
    return header.encode() + b"".join(shuffled)
