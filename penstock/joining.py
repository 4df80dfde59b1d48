"""Rows on the short way into a job: those of which none waits for another, and which need no closer look."""

from __future__ import annotations

from collections.abc import Callable

from penstock.ledger import Ledger
from penstock.opensync import OpenSync
from penstock.records import Limits, Row
from penstock.rows import claims_its_match
from penstock.steps import dress, next_step, want


def join(
    opened: OpenSync, rows: list[Row], into_job: Callable[[Row], bool], ledger: Ledger, limits: Limits
) -> list[Row]:
    """Let rows join the job that is being formed, while no lane is occupied; return the others."""
    if ledger.rejects.has_any(opened.number):
        return rows
    claims = [row.match for row in rows if claims_its_match(row)]
    owners = ledger.owners(opened.number, claims) if claims else {}
    others: list[Row] = []
    for row in rows:
        if row.invalid or row.removed or (owners and row.match in owners) or len(row.body) > limits.body_bytes:
            others.append(row)
            continue
        row.wanted = want(row)
        row.action = next_step(row, opened.can)
        dress(row, row.action)
        if not into_job(row):
            others.append(row)
        elif row.known is not None:
            opened.seen.mark(row.known.seq, present=not row.known.left)
    return others
