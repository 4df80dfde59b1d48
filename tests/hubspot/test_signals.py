"""Signals, deaths and silence, with requests under way: what was printed is true, and a rerun finishes the work."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.hubspot.process import (
    CANARY,
    SCHEMA,
    Ended,
    Line,
    as_bytes,
    at_destination,
    ended,
    mail,
    ran,
    records,
    settings_for,
    started,
    state,
)

ROWS = 450


def lines() -> list[Line]:
    """A STATE after every fifty rows."""
    found: list[Line] = [SCHEMA]
    for start in range(0, ROWS, 50):
        found += [*records(50, start=start), state(start + 50)]
    return found


def until(true: Callable[[], bool]) -> None:
    """Ask the sandbox again and again until something is so."""
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends, "it never came to that"


@contextmanager
def process(folder: Path, sandbox: Sandbox) -> Iterator[subprocess.Popen[bytes]]:
    """Run the target with its input held open, and leave nothing behind."""
    with started(folder, settings_for(sandbox)) as target:
        try:
            yield target
        finally:
            target.kill()


def feed(target: subprocess.Popen[bytes], content: list[Line]) -> None:
    assert target.stdin is not None
    target.stdin.write(as_bytes(content))
    target.stdin.flush()


def next_state(target: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert target.stdout is not None
    found: dict[str, Any] = json.loads(target.stdout.readline())
    return found


def finished(target: subprocess.Popen[bytes]) -> Ended:
    stdout, stderr = target.communicate(timeout=30)
    return ended(target.returncode, stdout, stderr)


def test_a_second_signal_ends_a_run_whose_state_nobody_reads(tmp_path: Path, sandbox: Sandbox) -> None:
    """The pipe is full. What was printed before the end is told by its line end; a rerun prints the rest."""
    with process(tmp_path, sandbox) as target:
        feed(target, [SCHEMA, *records(1), state("x" * 200_000)])
        until(lambda: len(sandbox.history()) == 1)
        until(lambda: Path(f"/proc/{target.pid}/syscall").read_text().startswith("1 "))
        target.send_signal(signal.SIGTERM)
        target.send_signal(signal.SIGINT)  # two of one kind may be delivered as one
        target.wait(20)
        assert target.stdout is not None
        assert target.stderr is not None
        stdout, stderr = target.stdout.read(), target.stderr.read().decode()
    assert target.returncode in (130, 143)
    assert b"\n" not in stdout
    assert f"exit {target.returncode}, ended by a signal" in stderr.splitlines()[-1]
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(1), state(1)])
    assert (run.code, run.states) == (0, [{"position": 1}])


def check_truth(run: Ended, sandbox: Sandbox) -> None:
    assert CANARY not in run.stderr
    printed = run.states[-1]["position"] if run.states else 0
    assert {mail(n) for n in range(printed)} <= set(at_destination(sandbox))


def check_rerun(folder: Path, sandbox: Sandbox) -> None:
    sandbox.configure(latency_ms=0)
    again = ran(folder, settings_for(sandbox), lines())
    assert again.code == 0, again.stderr
    assert again.states[-1] == {"position": ROWS}
    assert set(at_destination(sandbox)) == {mail(n) for n in range(ROWS)}


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_with_requests_under_way_ends_clean(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    with running(latency_ms=300) as sandbox:
        with process(tmp_path, sandbox) as target:
            feed(target, lines())
            until(lambda: sandbox.stats().requests > 3)  # account, scopes and properties were the first three
            target.send_signal(signum)
            run = finished(target)
        assert run.code == code
        assert run.last_line.startswith(f"target-hubspot: exit {code}, ended by a signal")
        assert run.states, "requests under way were not waited for"
        check_truth(run, sandbox)
        check_rerun(tmp_path, sandbox)


def test_a_signal_while_the_tap_is_silent_is_noticed(tmp_path: Path, sandbox: Sandbox) -> None:
    """Half a batch is delivered by its age alone, and its STATE comes while the input is still open."""
    with process(tmp_path, sandbox) as target:
        feed(target, [SCHEMA, *records(7), state(7)])
        assert next_state(target) == {"position": 7}
        assert len(at_destination(sandbox)) == 7
        target.send_signal(signal.SIGTERM)
        assert finished(target).code == 143


def test_a_second_signal_does_not_wait_for_answers(tmp_path: Path) -> None:
    with running() as sandbox:
        with process(tmp_path, sandbox) as target:
            feed(target, [SCHEMA, state(0)])
            assert next_state(target) == {"position": 0}
            sandbox.configure(latency_ms=20_000)
            before = sandbox.stats().requests
            feed(target, [*records(200), state(200)])
            until(lambda: sandbox.stats().requests > before)
            began = time.monotonic()
            target.send_signal(signal.SIGTERM)
            for _ in range(100):
                sandbox.stats()  # two signals at one instant are one: let the first be noticed
            target.send_signal(signal.SIGTERM)
            run = finished(target)
        assert run.code == 143
        assert run.states == []
        assert time.monotonic() - began < 10
        check_rerun(tmp_path, sandbox)


def test_a_death_with_requests_under_way_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with running(latency_ms=100) as sandbox:
        with process(tmp_path, sandbox) as target:
            feed(target, lines())
            until(lambda: sandbox.stats().applied_writes > 0)
            target.kill()
            run = finished(target)
        check_truth(run, sandbox)
        check_rerun(tmp_path, sandbox)
