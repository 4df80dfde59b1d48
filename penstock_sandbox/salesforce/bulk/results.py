"""The three result files of a Bulk 2.0 job."""

from __future__ import annotations

from contextlib import suppress
from itertools import compress
from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce.bulk.files import FileError
from penstock_sandbox.salesforce.bulk.job import DELIMITERS, Job, Outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from penstock_sandbox.salesforce.bulk.columns import Filled
    from penstock_sandbox.salesforce.org import Org

GUIDE = "Bulk API 2.0 Developer Guide: Get Job Successful, Failed, Unprocessed Record Results"
_NULL = "#N/A"


@documented("Successes and failures are apart, values are written anew, the order is not the upload's", GUIDE)
@documented("sf__Id of a failed row is filled from v53 on, if the row had an id", GUIDE)
@assumed("The order is turned and reversed within each batch", "only that it differs is documented")
def add(org: Org, job: Job, outcomes: Outcomes, filled: Sequence[Filled]) -> None:
    """Write down what became of a batch."""
    columns = [_written(each.shown) for each in filled]
    same = {True: "true", False: "false"}
    created = list(map(same.__getitem__, outcomes.created))
    rows = list(zip(outcomes.ids, created, *columns, strict=True))
    if not outcomes.errors:
        job.results.successes.append(_text(job, _turned(org, rows)))
        return
    good = [number not in outcomes.errors for number in range(len(rows))]
    successes = list(compress(rows, good))
    if successes:
        job.results.successes.append(_text(job, _turned(org, successes)))
    ids: Sequence[str] = [""] * len(rows)
    if float(job.version) >= 53:
        ids = next((each.shown for each in filled if each.column.field.type == "id"), ids)
    failures = [
        (ids[number], error.replace('"', '""'), *rows[number][2:]) for number, error in sorted(outcomes.errors.items())
    ]
    job.results.failures.append(_text(job, _turned(org, failures)))


def _written(cells: Sequence[str]) -> Sequence[str]:
    """Return cells as they stand between quotes; a null is empty."""
    together = "".join(cells)
    if _NULL in together:
        cells = ["" if cell == _NULL else cell for cell in cells]
    return [cell.replace('"', '""') for cell in cells] if '"' in together else cells


def _turned(org: Org, rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if not org.settings.salesforce.shuffle or len(rows) < 2:
        return rows
    turn = org.chance.randrange(len(rows))
    return (rows[turn:] + rows[:turn])[::-1]


def leave(job: Job, rows: Iterable[list[str]]) -> None:
    """Write down rows that were not reached; what cannot be read is left out."""
    left: list[tuple[str, ...]] = []
    with suppress(FileError):
        left.extend(tuple([cell.replace('"', '""') for cell in row]) for row in rows if row)
    if left:
        job.results.unprocessed.append(_text(job, left))


def _text(job: Job, rows: list[tuple[str, ...]]) -> bytes:
    """Return rows of written cells with every one quoted. Joining is much quicker than a CSV writer."""
    ending = "\r\n" if job.asked.line_ending == "CRLF" else "\n"
    between = f'"{DELIMITERS[job.asked.column_delimiter]}"'
    joined = f'"{ending}"'.join(map(between.join, rows))
    return f'"{joined}"{ending}'.encode()


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
