"""A. Process death and signals (F1 to F4)."""

from __future__ import annotations

import shutil
import signal
import threading

from penstock.conformance.base import Base
from penstock.conformance.faults import Fault, Place
from penstock.conformance.oracle import resent
from penstock.conformance.process import Ended, Process
from penstock.conformance.trial import Trial

HELD = 0.5
"""seconds that a write waits for a STATE that should not come before it"""


class Deaths(Base):
    """The process dies, is asked to end, runs twice."""

    def test_f01_killed_at_any_point(self, trial: Trial) -> None:
        """Kill -9: sent and not applied, applied and not answered, answered and not settled; early and late in a run.

        Each run goes on where the last STATE says. No more is sent again than was in flight. Points inside the target
        (a transaction open, a STATE half printed: F31) are its own tests' business.
        """
        batch = self.adapter.batch
        trial.rows(12 * batch)
        points: list[tuple[Place, int]] = [("in_answer", 8), ("before_apply", 1), ("after_apply", 1), ("in_answer", 1)]
        for place, number in points:
            trial.killed(Fault(place, "leave" if place == "in_answer" else "reset", on=[number]))
        trial.finish()
        again = resent(trial.proxy.applied)
        allowed = len(points) * self.adapter.in_flight
        trial.claim(again <= allowed, f"{again} rows were applied again after {len(points)} deaths, allowed {allowed}")

    def test_f02_signals(self, trial: Trial) -> None:
        """SIGTERM and SIGINT with requests under way, and twice during an answer that does not come.

        The run ends in time, not with 0, and has printed a STATE that it earned. Which instants are hit is chosen
        by write number; signals at random instants are the target's own tests' business.
        """
        for number, at in ((signal.SIGTERM, self.lanes + 2), (signal.SIGINT, 2)):
            before = trial.position
            trial.rows((self.lanes + 4) * self.adapter.batch, number.name)
            ended = self._signalled(trial, number, at)
            done = trial.position == len(trial.entries)
            trial.claim(done or ended.code != 0, f"{number.name} ended the run with 0, but it was not at its end")
            earned = trial.position > before or number is signal.SIGINT
            trial.claim(earned, f"{number.name}: the run printed none of the STATEs that it had earned")
        self._twice(trial)
        trial.finish()

    def _signalled(self, trial: Trial, number: signal.Signals, at: int) -> Ended:
        process: list[Process] = []
        signalling = Fault("before_apply", "none", on=[at], do=lambda: process[0].signal(number), said=number.name)
        trial.proxy.strike(signalling)
        process.append(trial.start())
        process[0].feed(trial.input())
        ended = trial.finished(process[0])
        trial.claim(signalling.struck > 0, f"the target sent fewer than {at} writes, so it was not signalled")
        trial.proxy.calm()
        return ended

    def _twice(self, trial: Trial) -> None:
        trial.rows(self.adapter.batch, value="b")
        process: list[Process] = []

        def twice() -> None:
            process[0].signal(signal.SIGTERM)
            process[0].ended.wait(0.5)  # two signals at one instant are one
            process[0].signal(signal.SIGTERM)

        trial.proxy.strike(Fault("before_apply", "hang", on=[1], seconds=60.0, do=twice, said="SIGTERM twice, silence"))
        process.append(trial.start())
        process[0].feed(trial.input())
        ended = trial.finished(process[0], 25.0)
        trial.claim(ended.code != 0, "two signals ended the run with 0")
        trial.proxy.calm()

    def test_f03_two_runs_at_once(self, trial: Trial) -> None:
        """A second run starts while the first has sent its first write and waits for more input.

        It is refused at once, where the adapter says that the target is exclusive; else both converge: nothing is
        lost, doubled or stale. That its message names the first run is the target's own tests' business.
        """
        trial.rows(3 * self.adapter.batch)
        sent = threading.Event()
        trial.proxy.strike(Fault("before_apply", "none", on=[1], do=sent.set, said="a second run starts"))
        first = trial.start()
        first.feed(trial.input(), close=False)
        waited = 0.0
        while not sent.wait(0.1) and not first.first_state(0.0) and waited < self.adapter.patience:
            waited += 0.1
        second = trial.start()
        second.feed(trial.input())
        ended = second.end(trial.limit)
        first.feed(b"")
        trial.finished(first)
        if self.adapter.exclusive:
            trial.claim(ended.code != 0, "the second run of the same stream was not refused")
            trial.claim(not ended.states, "the second run was refused and printed a STATE")
        trial.finish()

    def test_f04_power_loss(self, trial: Trial) -> None:
        """The machine dies just when a STATE is out: what it acknowledges is in the files as they are at that moment.

        From outside, the files are copied after a kill -9 and the copy is what the next run finds. What the disk's
        cache would have lost cannot be told here: that takes a file system that drops what was not synced.
        Every write is held for a moment: a STATE ahead of it is out, and the machine dead, before it is applied.
        """
        batch = self.adapter.batch
        trial.rows(batch)
        refused = self.adapter.refused_record("refused")
        if refused:
            trial.bad_row("refused", refused)
        acknowledging = len(trial.entries)
        trial.rows(batch, start=batch)
        process: list[Process] = []

        def held() -> None:
            if process[0].first_state(HELD):
                process[0].kill()

        trial.proxy.strike(Fault("before_apply", "none", do=held, said="held for a STATE that is too early"))
        process.append(trial.start())
        process[0].feed(trial.input())
        process[0].first_state(trial.limit)
        process[0].kill()
        trial.proxy.calm()
        trial.folder = shutil.copytree(trial.folder, trial.folder.with_name("copy"))
        trial.finished(process[0])
        if refused and trial.position > acknowledging:
            trial.rejected({"refused"})
        trial.finish()
