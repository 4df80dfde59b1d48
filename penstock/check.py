"""A check of settings, credentials and syncs against the live destination, for `--test`: nothing is read or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from penstock import __version__
from penstock.bulk import by_job, job_options
from penstock.errors import Misconfigured
from penstock.http import Asker, Http
from penstock.modes import Sync
from penstock.records import Ask, Destination, Gauge, Request, Response
from penstock.run import Settings
from penstock.syncs import check_abilities, check_overlaps, load_syncs


def check(settings: Settings, root: Path, say: Callable[[str], None]) -> None:
    """Ask what a run asks before it begins, and say what was found. Raises a Stop; Misconfigured has every mistake."""
    config = settings.config
    file, timeout, ca_file = config.get("syncs_file"), config.get("request_timeout"), config.get("ca_file")
    syncs = load_syncs(config.get("syncs"), str(file) if file else None, root)
    check_overlaps(syncs.values())
    destination = settings.destination()
    http = Http(
        settings.base_url(),
        settings.auth(),
        f"penstock/{__version__} ({settings.name})",
        ca_file=root / str(ca_file) if ca_file else None,
        deadline=float(str(timeout)) if timeout else 60.0,
    )
    asker = Asker(http, destination.limits.window)
    gauges: list[Gauge] = []

    def ask(request: Request) -> Response:
        response = asker(request)
        gauge = destination.gauge(response)
        gauges.extend([gauge] if gauge is not None else [])
        return response

    say(f"account {destination.account(ask)}")
    mistakes = [mistake for sync in syncs.values() for mistake in _sync_mistakes(sync, destination, ask, say)]
    if mistakes:
        raise Misconfigured(mistakes)
    if not syncs:
        say("no syncs: each stream goes to the object of its name, its fields by the columns' names")
    _say_limits(gauges[0] if gauges else None, say)  # later ones may be of limits that some routes have


def _sync_mistakes(sync: Sync, destination: Destination, ask: Ask, say: Callable[[str], None]) -> list[str]:
    try:
        check_abilities(sync, destination.abilities, by_job(destination), job_options=job_options(destination))
        if sync.fields is None:
            say(
                f"sync {sync.stream}: {sync.object}; its fields are those of the stream, so they are checked in the run"
            )
            return []
        form = destination.form(sync, None, (), ask)
    except Misconfigured as error:
        return error.mistakes
    by = f" by {form.match}" if form.match else ""
    links = f", {len(sync.links)} links" if sync.links else ""
    say(f"sync {sync.stream}: {form.object or sync.object}{by}, {len(form.fields)} fields{links}")
    if form.note:
        say(f"sync {sync.stream}: {form.note}")
    return []


def _say_limits(gauge: Gauge | None, say: Callable[[str], None]) -> None:
    if gauge is None:
        return
    if gauge.remaining is not None:  # else the limit is the target's own
        say(f"limit {gauge.requests:,} calls in {gauge.window:g} seconds")
    if gauge.daily_remaining is not None:
        of = f" of {gauge.daily_limit:,}" if gauge.daily_limit else ""
        say(f"quota {gauge.daily_remaining:,}{of} calls left today")
