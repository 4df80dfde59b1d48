"""`penstock`: looking into a ledger, for people (tables) and programs (`--json`)."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock import __version__

app = typer.Typer(
    help="Look into Penstock's ledgers: what runs did, which rows were refused and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
LedgerOption = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
    typer.Option("--ledger", help="A ledger file. Default: all in the project's .penstock folder."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")]

_RUNS = "select run, started_at, ended_at, exit_code, ending, calls, counts, pid from runs order by run desc limit ?"
_REJECTS = (
    "select s.stream, s.object, r.row_key, r.kind, r.code, r.field, r.message, r.attempts, r.first_at, r.last_at,"
    " r.record from rejects r join syncs s using (sync) where (?1 is null or s.stream = ?1)"
    " order by s.stream, r.last_at desc, r.row_key limit ?2"
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Look into Penstock's ledgers."""


@app.command()
def runs(
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
) -> None:
    """List runs: when, how they ended, what became of the rows, how many API calls."""
    found = [(path, row) for path in _ledgers(ledger) for row in _query(path, _RUNS, (limit,))]
    if as_json:
        for path, row in found:
            fact = {**row, "ledger": str(path), "counts": json.loads(row["counts"])}
            fact |= {name: _iso(row[name]) for name in ("started_at", "ended_at")}
            typer.echo(json.dumps(fact))
        return
    table = Table("ledger", "run", "started", "seconds", "exit", "stream", "rows", "calls", "ending")
    for path, row in found:
        counts: dict[str, dict[str, int]] = json.loads(row["counts"])
        seconds = f"{row['ended_at'] - row['started_at']:.1f}" if row["ended_at"] else ""
        ending = row["ending"] or "still running, or killed"
        for n, (stream, numbers) in enumerate(sorted(counts.items()) or [("", {})]):
            told = ", ".join(f"{name} {count:,}" for name, count in numbers.items() if count)
            first = [path.stem, str(row["run"]), _iso(row["started_at"]), seconds, _blank(row["exit_code"])]
            last = [str(row["calls"]), ending]
            _add_row(table, *(first if n == 0 else [""] * 5), stream, told, *(last if n == 0 else ["", ""]))
    _show(table, "no runs yet")


@app.command()
def rejects(
    ledger: LedgerOption = None,
    as_json: JsonOption = False,
    stream: Annotated[Optional[str], typer.Option(help="Only this stream.")] = None,  # noqa: UP045
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    show_record: Annotated[bool, typer.Option("--record", help="With --json: the source record too.")] = False,
) -> None:
    """List rows that were refused, with the reason. `invalid` was refused by us, `rejected` by the destination."""
    found = [(path, row) for path in _ledgers(ledger) for row in _query(path, _REJECTS, (stream, limit))]
    if as_json:
        for path, row in found:
            fact = {**row, "ledger": str(path), "record": json.loads(row["record"])}
            fact |= {name: _iso(row[name]) for name in ("first_at", "last_at")}
            if not show_record:
                del fact["record"]
            typer.echo(json.dumps(fact))
        return
    table = Table("stream", "row key", "kind", "field", "code", "reason", "attempts", "last")
    for _, row in found:
        cells = (row["stream"], row["row_key"], row["kind"], row["field"] or "", row["code"], row["message"])
        _add_row(table, *cells, str(row["attempts"]), _iso(row["last_at"]))
    _show(table, "no rejects")


def _add_row(table: Table, *cells: str) -> None:
    """Add cells as they are: a row key may look like rich's markup."""
    table.add_row(*(Text(cell) for cell in cells))


def _show(table: Table, nothing: str) -> None:
    console = Console()
    console.print(table if table.row_count else nothing)


def _blank(number: int | None) -> str:
    return "" if number is None else str(number)


def _iso(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")


def _ledgers(given: Path | None) -> list[Path]:
    if given is not None:
        if given.is_file():
            return [given]
        _fail(f"{given} is no file")
    here = Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd()).resolve()
    found = next((f for p in [here, *here.parents] if (f := sorted((p / ".penstock").glob("*.db")))), None)
    if found is None:
        _fail("no ledger found: no .penstock folder here or above; name a file with --ledger")
    return found


def _query(path: Path, sql: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]
    except sqlite3.DatabaseError as error:
        _fail(f"{path} cannot be read as a ledger: {error}")


def _fail(message: str) -> NoReturn:
    typer.echo(f"penstock: {message}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
