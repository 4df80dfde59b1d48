"""`penstock`: looking into a ledger, for people (tables) and programs (`--json`)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer

from penstock import __version__
from penstock.counters import told
from penstock.errors import Stop
from penstock.places import is_url, read

app = typer.Typer(
    help="Look into Penstock's ledgers: what runs did, which rows were refused and why; and put them right.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
LedgerOption = Annotated[
    Optional[str],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
    typer.Option(
        "--ledger",
        envvar="PENSTOCK_LEDGER_URL",
        help="A ledger file, or the URL of a ledger in PostgreSQL. Default: all in the project's .penstock folder.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]

NOT_THERE = 1
"""exit code: the ledger was read, and has nothing of that name"""
_RUNS = (
    "select run, started_at, ended_at, exit_code, ending, calls, counts, pid from runs order by run desc limit :limit"
)
_REJECTS = (
    "select s.stream, s.object, r.row_key, r.kind, r.code, r.field, r.message, r.attempts, r.first_at, r.last_at,"
    " r.next_at, r.record from rejects r join syncs s using (sync) where s.stream = coalesce(:stream, s.stream)"
    " order by s.stream, r.last_at desc, r.row_key limit :limit"
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Look into Penstock's ledgers, and put them right."""


@app.command()
def runs(
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
) -> None:
    """List runs: when, how they ended, what became of the rows, how many API calls."""
    found = _found(ledger, _RUNS, {"limit": limit})
    if as_json:
        for name, row in found:
            fact = {**row, "ledger": name, "counts": json.loads(row["counts"])}
            fact |= {at: _iso(row[at]) for at in ("started_at", "ended_at")}
            fact["seconds"] = round(row["ended_at"] - row["started_at"], 3) if row["ended_at"] else None
            typer.echo(json.dumps(fact))
        return
    for name, row in found:
        typer.echo(_run_line(name, row))
        counts: dict[str, dict[str, int]] = json.loads(row["counts"])
        for stream, numbers in sorted(counts.items()):
            typer.echo(f"  {stream}: {told(numbers)}")
        if row["ending"] not in (None, "delivered"):
            typer.echo(f"  {row['ending']}")
    if not found:
        typer.echo("no runs yet")


@app.command()
def rejects(
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    stream: Annotated[Optional[str], typer.Option(help="Only this stream.")] = None,  # noqa: UP045
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    show_record: Annotated[bool, typer.Option("--record", help="With --json: the source record too.")] = False,
) -> None:
    """List rows that were refused, with the reason. `invalid` was refused by us, `rejected` by the destination.

    With `--json --record` each comes with its source record.
    """
    if show_record and not as_json:
        raise typer.BadParameter("goes with --json only", param_hint="--record")
    if stream is not None:
        check_stream(ledger, stream)
    found = _found(ledger, _REJECTS, {"stream": stream, "limit": limit})
    if as_json:
        for name, row in found:
            fact = {**row, "ledger": name, "record": json.loads(row["record"])}
            fact |= {at: _iso(row[at]) for at in ("first_at", "last_at", "next_at")} | {
                "parked": row["next_at"] is None
            }
            if not show_record:
                del fact["record"]
            typer.echo(json.dumps(fact))
        return
    for _, row in found:
        where = f" on {row['field']}" if row["field"] else ""
        tries = "once" if row["attempts"] == 1 else f"{row['attempts']} times"
        typer.echo(f"{row['stream']} {row['row_key']}  {row['kind']}{where}: {row['message']} ({row['code']})")
        typer.echo(f"  {tries}, last {_iso(row['last_at'])}{_next(row)}")
    if not found:
        typer.echo("no rejects")


def check_stream(ledger: str | None, stream: str) -> None:
    """End with the streams that there are, where the ledgers have none of this name."""
    known = {row["stream"]: None for _, row in _found(ledger, "select stream from syncs order by stream", {})}
    if stream not in known:
        fail(f"no stream is named {stream}; there is {', '.join(known) or 'none yet'}", NOT_THERE)


def _next(row: dict[str, Any]) -> str:
    """Say when a refused row is tried again, unless that is on the next run."""
    if row["next_at"] is None:
        return "; parked until it changes or `penstock retry`"
    return f"; waits until {_iso(row['next_at'])}" if row["next_at"] > row["last_at"] else ""


def _run_line(name: str, row: dict[str, Any]) -> str:
    started = _iso(row["started_at"])
    if row["ended_at"] is None:
        return f"run {row['run']}  {started}  still running, or killed (pid {row['pid']})  {name}"
    seconds = row["ended_at"] - row["started_at"]
    return f"run {row['run']}  {started}  {seconds:.1f} s  exit {row['exit_code']}  API calls {row['calls']:,}  {name}"


def _iso(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")


def _ledgers(given: str | None) -> Sequence[Path | str]:
    if given is not None:
        if is_url(given):
            return [given]
        if Path(given).is_file():
            return [Path(given)]
        fail("the ledger given is no postgresql:// URL" if "://" in given else f"{given} is no file")
    here = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd()).resolve()
    found = next((f for p in [here, *here.parents] if (f := sorted((p / ".penstock").glob("*.db")))), None)
    if found is None:
        fail(f"no ledger found: {here} and the folders above have none in .penstock; name a file with --ledger")
    return found


def the_ledger(given: str | None) -> Path | str:
    """Return the one ledger that is meant."""
    found = _ledgers(given)
    if len(found) > 1:
        fail(f"there are {len(found)} ledgers: {', '.join(map(str, found))}; name one with --ledger")
    return found[0]


def _found(given: str | None, sql: str, values: dict[str, object]) -> list[tuple[str, dict[str, Any]]]:
    """Return what a statement gives for every ledger meant, each row with what to call its ledger."""
    found = []
    for place in _ledgers(given):
        try:
            name, rows = read(place, sql, values)
        except Stop as stop:
            fail(f"{stop.message}; {stop.advice}" if stop.advice else stop.message)
        found += [(name, row) for row in rows]
    return found


def fail(message: str, code: int = 2) -> NoReturn:
    """End with a message for people."""
    typer.echo(f"penstock: {message}", err=True)
    raise typer.Exit(code)
