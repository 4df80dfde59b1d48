"""`penstock retry | drop | settle | forget | purge`: changing a ledger on purpose, while no run is under way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Annotated, Optional

import typer

from penstock.cli import NOT_THERE, LedgerOption, app, check_stream, fail, the_ledger
from penstock.counters import some
from penstock.errors import Misconfigured, Stop
from penstock.ledger import Ledger
from penstock.mapping import NO_KEY
from penstock.places import open_place, read
from penstock.upkeep import Upkeep

__all__ = ["app"]

Stream = Annotated[str, typer.Argument(help="The stream, as `penstock rejects` and `penstock runs` name it.")]
Keys = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
    typer.Argument(help="Row keys, as `penstock rejects` prints them: '[\"C-1\"]', or C-1. Without any: all of them."),
]
Sure = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def retry(stream: Stream, keys: Keys = None, ledger: LedgerOption = None) -> None:
    """Try refused rows again on the next run, also those that wait for tomorrow or are parked."""
    with _upkeep(stream, ledger) as upkeep:
        found, missing = _each(upkeep.retry, stream, keys)
        typer.echo(f"{some(found, 'refused row')} of {stream} will be tried on the next run")
        _check_none(missing, stream)


@app.command()
def drop(stream: Stream, keys: Keys = None, ledger: LedgerOption = None, yes: Sure = False) -> None:
    """Give refused rows up: they are not kept and not tried any more, unless the tap sends them again."""
    if not (yes or keys):
        check_stream(str(the_ledger(ledger)), stream)
        typer.confirm(f"Drop all refused rows of {stream}?", abort=True)
    with _upkeep(stream, ledger) as upkeep:
        found, missing = _each(upkeep.drop, stream, keys)
        typer.echo(f"{some(found, 'refused row')} of {stream} dropped")
        _check_none(missing, stream)


@app.command()
def settle(stream: Stream, ledger: LedgerOption = None) -> None:
    """Say that all rows of a pending sync have been read again; from then on its bookmark is kept."""
    with _upkeep(stream, ledger) as upkeep:
        reason = upkeep.settle(stream)
        typer.echo(f"{stream} was not pending" if reason is None else f"{stream} is pending no more; it was: {reason}")


@app.command()
def forget(stream: Stream, ledger: LedgerOption = None, yes: Sure = False) -> None:
    """Forget what was delivered, for instance after the destination was emptied: every row is sent again as new."""
    if not yes:
        check_stream(str(the_ledger(ledger)), stream)
        typer.confirm(f"Forget everything that was delivered of {stream}, and send all of it again?", abort=True)
    with _upkeep(stream, ledger) as upkeep:
        typer.echo(f"{some(upkeep.forget(stream), 'row')} of {stream} forgotten; its next runs read the whole model")


@app.command()
def purge(
    stream: Stream,
    key: Annotated[str, typer.Argument(help="A row key, as `penstock rejects` prints it.")],
    ledger: LedgerOption = None,
) -> None:
    """Wipe every trace of one row from the ledger. At the destination nothing changes."""
    with _upkeep(stream, ledger) as upkeep:
        wiped = sum(upkeep.purge(stream, each) for each in _spellings(key))
        if not wiped:
            fail(f"the ledger has nothing of the row {key} of {stream}", NOT_THERE)
        typer.echo(f"the row {key} of {stream} is wiped from the ledger")


def _each(
    change: Callable[[str, Sequence[str]], int], stream: str, keys: list[str] | None
) -> tuple[int, Sequence[str]]:
    """Change the rows with these keys, or all. Gives how many there were, and the keys of which there was none."""
    if not keys:
        return change(stream, ()), ()
    found = {key: change(stream, _spellings(key)) for key in keys}
    return sum(found.values()), [key for key, rows in found.items() if not rows]


def _check_none(missing: Sequence[str], stream: str) -> None:
    if missing:
        fail(
            f"{stream} has no refused row {' or '.join(missing)}: `penstock rejects` lists those that it has", NOT_THERE
        )


def _spellings(key: str) -> list[str]:
    """Return the row keys that a person may mean: `C-1` is short for `["C-1"]`, `7` for `[7]` or `["7"]`."""
    if key.startswith(("[", NO_KEY)):
        return [key]
    found = [json.dumps([key], ensure_ascii=False)]
    if key.lstrip("-").isdigit():
        found.append(f"[{key}]")
    return found


@contextmanager
def _upkeep(stream: str, given: str | None) -> Iterator[Upkeep]:
    """Open the one ledger that is meant, and keep runs of the stream out of it."""
    try:
        place = the_ledger(given)
        read(place, "select value from meta", {})  # what is no ledger is not to become one
        ledger = Ledger(open_place(place))
        try:
            try:
                ledger.upkeep.number(stream)
            except Misconfigured as stop:
                fail(f"{stop.message}. What to do: {stop.advice}", NOT_THERE)
            lock = ledger.lock(stream, datetime.now(timezone.utc).isoformat(timespec="seconds"))
            try:
                yield ledger.upkeep
            finally:
                lock.release()
        finally:
            ledger.close()
    except Stop as stop:
        fail(f"{stop.message}. What to do: {stop.advice}")


if __name__ == "__main__":
    app()
