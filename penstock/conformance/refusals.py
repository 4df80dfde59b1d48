"""C. The API says no (F11 to F19)."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter
from email.utils import formatdate

import pytest

from penstock.conformance.base import FROM_THE_SECOND, Base
from penstock.conformance.faults import Fault
from penstock.conformance.oracle import early, over_quota
from penstock.conformance.process import Ended, Process
from penstock.conformance.trial import Trial
from penstock.conformance.wire import Response

NO_SINGLE_REFUSALS = "the adapter says that this server refuses no single row"


class Refusals(Base):
    """The server is busy, over its limits, or does not want the rows."""

    def test_f11_too_many_requests(self, trial: Trial) -> None:
        """429 with Retry-After in seconds, as a date, as nonsense, without, and as 10^9 seconds.

        The target waits as it is told, and sends nothing while the window is spent. What nobody can wait for is cut
        short by a signal: the run ends, and its STATE is true.
        """
        trial.rows(5 * self.adapter.batch)
        date = self.refusal("throttled", [2])

        def set_date() -> None:
            ends = math.ceil(time.time()) + 2
            date.seconds = ends - time.time()
            assert date.answer is not None  # noqa: S101 - it was just made
            date.answer = Response(
                date.answer.status,
                date.answer.body,
                {**date.answer.headers, "Retry-After": formatdate(ends, usegmt=True)},
            )

        date.do = set_date
        ended = trial.struck(
            self.refusal("throttled", [1], 2.0, Retry_After="2"),
            date,
            self.refusal("throttled", [3], Retry_After="soon"),
            self.refusal("throttled", [4]),
        )
        self._patient(trial)
        trial.claim(ended.code == 0, "answers that ask for patience ended the run")
        trial.rows(self.adapter.batch, value="b")
        self._cut_short(trial, self.refusal("throttled", [1], 2.0, Retry_After="1000000000"))
        self._patient(trial)
        trial.finish()

    def test_f12_a_server_in_trouble(self, trial: Trial) -> None:
        """A burst of 503 is survived within the run; 503 without end is no reason to knock without pause, or to drop.

        The budget of a whole run is longer than a test may last, so a signal ends the second run.
        """
        trial.rows(4 * self.adapter.batch)
        ended = trial.struck(self.refusal("busy", [1, 2, 4]))
        trial.claim(ended.code == 0, "three answers of 503 ended the run")
        trial.arrived()
        first = len(trial.proxy.writes)
        trial.rows(self.adapter.batch, value="b")
        ended = self._cut_short(trial, self.refusal("busy", ()))
        trial.claim(ended.code != 0, "the server refused everything and the run ended with 0")
        sent = Counter(key for write in trial.proxy.writes[first:] for key, _ in write.pairs)
        most = max(sent.values(), default=0)
        trial.claim(most <= 10, f"one row was sent {most} times in two seconds of 503")
        trial.finish()

    def test_f13_some_rows_are_refused(self, trial: Trial) -> None:
        """The server takes most rows of a request: the others are kept as rejects, and none it took comes again."""
        bad = {f"bad{n}": self.adapter.refused_record(f"bad{n}") for n in range(3)}
        trial.rows(self.adapter.batch // 2)
        for key, record in bad.items():
            if record is None:
                pytest.skip(NO_SINGLE_REFUSALS)
            trial.bad_row(key, record)
        trial.rows(self.adapter.batch // 2, start=self.adapter.batch // 2)
        trial.run()
        trial.arrived()
        trial.rejected(bad)
        sent = Counter(key for write in trial.proxy.writes for key, _ in write.pairs)
        again = [key for key, count in sent.items() if count > 1 and key not in bad]
        trial.claim(not again, f"{len(again)} rows that the server had taken were sent again")

    def test_f14_one_row_spoils_the_request(self, trial: Trial) -> None:
        """The server refuses the whole request for one row: that row alone is rejected, at the price of a bisection."""
        batch = self.adapter.batch
        trial.rows(batch // 3)
        trial.bad_row("spoilt", self.adapter.record("spoilt", "a"))
        trial.rows(batch - batch // 3 - 1, start=batch // 3)
        spoils = self.refusal("row", ())
        spoils.keys = {"spoilt"}
        trial.struck(spoils)
        trial.arrived()
        trial.rejected({"spoilt"})
        allowed = 2 + 2 * math.ceil(math.log2(batch))
        sent = len(trial.proxy.writes)
        trial.claim(sent <= allowed, f"{sent} requests for one bad row of {batch}, allowed {allowed}")

    def test_f15_accepted_is_not_done(self, trial: Trial) -> None:
        """202, and nothing is applied: an answer that promises is no receipt.

        Of bulk jobs (which fail, end half way or never end) this is what can be told of any target; a target with a
        job API tests the states of its jobs itself.
        """
        trial.rows(3 * self.adapter.batch)
        trial.struck(Fault("before_apply", "answer", on=[1, 2], answer=Response(202, b"{}")))
        trial.finish()

    def test_f16_a_write_that_outlives_its_run(self, trial: Trial) -> None:
        """Old values are there; new ones are applied while the run dies; then the source has the old or newer ones.

        The next run must not believe that the old ones are there still. The orphan of a request ends with it; jobs
        that go on writing by themselves are for a target with a job API to test.
        """
        batch = self.adapter.batch
        trial.rows(batch, "old")
        trial.run()
        kept = len(trial.entries)
        trial.rows(batch, "new")
        trial.killed(Fault("after_apply", "reset", on=[1]))
        trial.position = min(trial.position, kept)
        del trial.entries[kept:]  # the source has changed meanwhile: half is as it was, half is newer still
        trial.rows(batch // 2, "old")
        trial.rows(batch // 2, "newer", start=batch // 2)
        trial.finish()

    def test_f17_credentials_expire(self, trial: Trial) -> None:
        """401 in mid-run: refreshed once and sent again; or, where there is nothing to refresh, the end at once."""
        trial.rows((self.lanes + 3) * self.adapter.batch)
        if self.adapter.refreshes:
            ended = trial.struck(self.refusal("credentials", [2]))
            trial.claim(ended.code == 0, "an expired token ended the run")
        else:
            fault = self.refusal("credentials", FROM_THE_SECOND)
            ended = trial.struck(fault)
            trial.claim(ended.code != 0, "the server refused the credentials and the run ended with 0")
            allowed = self.lanes + 1
            trial.claim(fault.struck <= allowed, f"{fault.struck} requests with refused credentials, allowed {allowed}")
        trial.finish()

    def test_f18_a_field_goes_in_mid_run(self, trial: Trial) -> None:
        """From the second write on, every row is refused for a field: the run says so, and nothing goes in silence.

        What is kept as a reject meanwhile may stay one. A renamed field or a lost option look the same from outside.
        """
        batch = self.adapter.batch
        trial.rows(batch)
        trial.rows(batch // 4, start=batch)
        ended = trial.struck(self.refusal("field", FROM_THE_SECOND))
        kept = self.adapter.rejects(trial.folder)
        trial.claim(ended.code != 0 or len(kept) > 0, "rows were refused, and nobody was told")
        trial.run()
        written = {key for write in trial.proxy.writes[:1] for key, _ in write.applied}
        trial.claim(len(written) > 0, "nothing of the first write arrived, before any row was refused")
        trial.arrived(may=kept - written)

    def test_f19_the_quota_of_the_day_is_gone(self, trial: Trial) -> None:
        """Every write is refused until tomorrow: no knocking, a true STATE, not 0; and the rerun completes.

        Whether the run ends by itself or waits until it is asked to end is left open.
        """
        trial.rows((self.lanes + 3) * self.adapter.batch)
        fault = self.refusal("quota", FROM_THE_SECOND, 3600.0, Retry_After="3600")
        ended = self._cut_short(trial, fault)
        trial.claim(ended.code != 0, "the quota was gone and the run ended with 0")
        allowed = self.lanes + 1
        trial.claim(fault.struck <= allowed, f"{fault.struck} requests without quota, allowed {allowed}")
        trial.finish()

    def _patient(self, trial: Trial) -> None:
        writes = trial.proxy.writes
        trial.claim(not early(writes), f"early retry: writes {early(writes)} came before the time that was named")
        trial.claim(not over_quota(writes), f"over quota: writes {over_quota(writes)} came while nothing was allowed")

    def _cut_short(self, trial: Trial, fault: Fault) -> Ended:
        """Run with a fault that no run outlives, and ask the run to end two seconds after it struck first."""
        process: list[Process] = []
        timer = threading.Timer(2.5, lambda: process[0].signal(signal.SIGTERM))

        def start_timer() -> None:
            fault.do = None
            timer.start()

        fault.do = start_timer
        trial.proxy.strike(fault)
        process.append(trial.start())
        process[0].feed(trial.input())
        try:
            return trial.finished(process[0])
        finally:
            timer.cancel()
            trial.proxy.calm()
