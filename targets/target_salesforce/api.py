"""The destination that Salesforce is: what a sync's object means there, and which module's functions see to its rows.

Pure functions, but for what the org was told at start. Rows that travel by requests are in `rows`, those that travel by
a bulk job in `ingest`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.bulk import Jobs, by_job
from penstock.errors import Misconfigured
from penstock.modes import Action, Json, Sync
from penstock.records import Ask, Batch, Form, Gauge, Kind, Limits, Outcome, Request, Response
from penstock.syncs import check_abilities
from target_salesforce.forms import EVERYTHING, Former
from target_salesforce.ingest import ABOVE
from target_salesforce.org import Org
from target_salesforce.plans import ID, Plan
from target_salesforce.rows import Collections
from target_salesforce.serial import Bulk

VERSION = "66.0"
MOST = 200
"""rows of one request (documented)"""
LIMITS = Limits(
    rows=MOST,
    body_bytes=6 * 2**20,
    concurrency=8,
    requests=100,
    window=1.0,
    asked_bytes=11_000,
)
"""Salesforce limits no rate: it counts calls by the day, and refuses more than 25 that take 20 seconds. These are ours;
a URI may have 16,384 bytes with its headers (documented)."""
_USAGE = re.compile(r"(?:^|[;,\s])(?:per-app-)?api-usage=([0-9]{1,12})/([0-9]{1,12})")


@dataclass(frozen=True)
class Options:
    """What the settings allow and choose."""

    version: str = VERSION
    client: str = "Penstock"
    assignment: str = "FALSE"
    """FALSE, TRUE, or the id of an assignment rule"""
    duplicates_pass: bool = False
    all_or_none: bool = False
    truncate: bool = False
    hard_delete: bool = False
    batch_size: int = MOST


class Salesforce:
    """The destination that Salesforce is. Remembers nothing but what the org said of itself."""

    abilities = EVERYTHING

    def __init__(self, options: Options | None = None) -> None:
        self._options = chosen = options or Options()
        self._headers = {"Sforce-Call-Options": f"client={chosen.client}"}
        self._writing = {
            **self._headers,
            "Sforce-Auto-Assign": chosen.assignment,
            "Sforce-Mru": "updateMru=false",
            **({"Sforce-Duplicate-Rule-Header": "allowSave=true"} if chosen.duplicates_pass else {}),
        }
        self._org = Org(chosen.version, self._headers)
        self._rows: dict[str, Collections] = {}
        rule = chosen.assignment if chosen.assignment not in ("TRUE", "FALSE") else None
        self.jobs: Jobs = Bulk(
            lambda sync: self._rows[sync.stream].plan,
            chosen.version,
            self._headers,
            rule,
            hard_delete=chosen.hard_delete,
        )
        size = min(max(1, chosen.batch_size), MOST)
        looks: dict[Kind, int] = {Action.FIND: MOST, Action.READ: MOST, Action.RESOLVE: MOST}
        self.limits = replace(LIMITS, rows=size, rows_of=looks)

    def account(self, ask: Ask) -> str:
        """Name the org behind the session. Raises Misconfigured when it is refused."""
        return f"salesforce:{self._org.identify(ask)}"

    def form(self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask) -> Form:
        """Check a sync against the org. Raises Misconfigured with every mistake."""
        form, plan = Former(self._org, sync, ask, truncate=self._options.truncate).make(columns, key_properties)
        jobs = _by_job(plan) and all(link.match is None or link.name in form.by_key for link in sync.links)
        check_abilities(
            sync,
            form.abilities or EVERYTHING,
            by_job(self) if jobs else (),
            job_options=self.jobs.options if jobs else (),
        )
        options = self._options
        hard = options.hard_delete and Action.DELETE in sync.strategy.actions
        if hard:
            _check_hard_delete(sync, plan)
        self._rows[sync.stream] = Collections(
            plan, self._org.path, self._headers, self._writing, all_or_none=options.all_or_none
        )
        above = 0 if hard else ABOVE if jobs and self._org.bulk_left != 0 else None
        return replace(form, bulk_above=above, group=plan.group)

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""
        return self._rows[batch.sync.stream].encode(batch)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        return self._rows[batch.sync.stream].decode(response, batch)

    def gauge(self, response: Response) -> Gauge | None:
        """Read the day's quota off an answer: the org's, or the app's own where less of that is left."""
        found = _USAGE.findall(response.headers.get("sforce-limit-info", ""))
        if not found:
            return None
        left, limit = min((max(0, int(most) - int(used)), int(most)) for used, most in found)
        return Gauge(LIMITS.requests, LIMITS.window, None, left, limit)


def _by_job(plan: Plan) -> bool:
    """Tell whether a job can write the rows of a sync: it finds them by an external id or by their id."""
    return (plan.native or plan.match == ID) and len(plan.things) == 1


def _check_hard_delete(sync: Sync, plan: Plan) -> None:
    """Hold that a deletion for good is meant: only rows that name the record by its id, only by a job of its own."""
    if sync.strategy.added is not Action.DELETE or plan.match != ID or sync.bulk_above not in (None, 0):
        raise Misconfigured(
            f"sync {sync.stream}: hard_delete is on, and deletes for good only in `mode: delete` with `match: Id`",
            "use `removed: archive` here, or leave hard_delete out",
        )
