"""The end of rows that a job has taken, a piece of the job at a time."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.ledger import Ledger
from penstock.modes import REMOVALS
from penstock.openjobs import CREATED, PIECE, OpenJob, Results
from penstock.records import Delivered
from penstock.settlement import Settlement


def settle_new(
    job: OpenJob, first: int, taken: Results, ledger: Ledger, settlement: Settlement
) -> Sequence[tuple[int, Delivered]]:
    """End rows of a piece that the ledger did not know, all together; return the ends of the others, by their number.

    Where one of the piece was known, or has links, or was purged meanwhile, that is every row of it.
    """
    entries, ends, ids = job.entries(first), taken.ends[first : first + PIECE], taken.ids[first : first + PIECE]
    places = [n for n, end in enumerate(ends) if end]
    if len(places) < len(entries):
        entries = [entries[n] for n in places]
    if job.job.by_id or job.job.action in REMOVALS or any(e.known or e.links or not e.key for e in entries):
        return [(first + n, Delivered(ids[n], ends[n] == CREATED)) for n in places]
    ledger.deliver_entries(job.opened.number, entries, [ids[n] for n in places])
    counts, rows, created = job.opened.counts, len(places), ends.count(CREATED)
    if job.adopted:
        counts["adopted"] += rows
    else:
        counts.update(created=created, updated=rows - created, by_job=rows)
    settlement.received(job.receipts(first + n for n in places))
    job.unsettled -= rows
    settlement.elsewhere -= rows
    return []
