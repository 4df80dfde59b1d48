"""D. Input (F20 to F28)."""

from __future__ import annotations

import copy

import pytest

from penstock.conformance.base import Base
from penstock.conformance.faults import Fault
from penstock.conformance.oracle import overtaken
from penstock.conformance.refusals import NO_SINGLE_REFUSALS
from penstock.conformance.trial import Trial

CANARY = "zanzibar"
"""stands in values that no output may repeat"""
TEXTS = {
    "emoji": "a 👩‍👩‍👧 b",
    "rtl": "abc \u202e\u05e4\u05d5\u05e8\u202c \u200fdef",
    "cr": "a\rb",
    "lf": "a\nb\r\nc",
    "csv": 'a,"b";c\td\'e',
    "na": "#N/A",
    "formula": "=1+cmd|' /C calc'!A0",
    "nul": "a\x00b",
    "surrogate": "a\ud83db",
    "composed": "\u00c5 A\u030a \ufb01 \u017f",
    "edges": "  a  ",
    "escape": r"a\u0041\\n",
}
LARGE = 5_000_000


class Inputs(Base):
    """What the tap writes is cut, wrong, large, odd, late, or comes twice."""

    def test_f20_input_that_is_no_singer(self, trial: Trial) -> None:
        """Bad JSON, a line that is no object, a RECORD before its SCHEMA, a last line that is cut.

        The run ends, not with 0; what it acknowledged is true; and it does not repeat the line.
        """
        nobody = b'{"type": "RECORD", "stream": "nobody", "record": {"id": "%s"}}' % CANARY.encode()
        bad_lines = (b'{"type": "RECORD", "record": {"x": "%s"' % CANARY.encode(), b'["%s"]' % CANARY.encode(), nobody)
        for n, line in enumerate(bad_lines):
            trial.rows(10, start=20 * n)
            trial.raw(line)
            trial.rows(10, start=20 * n + 10)
            ended = trial.run()
            trial.claim(ended.code != 0, f"malformed line {n + 1} and the run ended with 0")
            trial.claim(CANARY not in ended.stderr, f"malformed line {n + 1} was repeated on stderr")
            trial.mend(line)
        trial.row("last", CANARY)
        process = trial.start()
        process.feed(trial.input()[:-10])
        ended = trial.finished(process)
        trial.claim(CANARY not in ended.stderr, "a line that was cut was repeated on stderr")
        trial.finish()

    def test_f21_a_record_breaks_its_schema(self, trial: Trial) -> None:
        """That record is kept as a reject, and the run goes on."""
        batch = self.adapter.batch
        trial.rows(batch // 2)
        trial.bad_row("broken", self.adapter.broken_record("broken"))
        trial.rows(batch, start=batch // 2)
        ended = trial.run()
        trial.claim(ended.code == 0, "one invalid record ended the run")
        trial.arrived()
        trial.rejected({"broken"})

    def test_f22_large_records(self, trial: Trial) -> None:
        """A value of 5 MB, a thousand further columns, columns nested a hundred deep.

        They arrive, or are rejects; the others arrive. An endless line is left to the target's own tests.
        """
        nested: object = "leaf"
        for _ in range(100):
            nested = {"a": nested}
        trial.rows(10)
        trial.row("large", "x" * LARGE)
        trial.row("wide", "a", {f"column_{n}": n for n in range(1000)})
        trial.row("deep", "a", {"more": nested})
        trial.rows(10, start=10)
        ended = trial.run()
        trial.claim(ended.peak_mb < 600, f"{LARGE // 10**6} MB in one value, and a peak of {ended.peak_mb:.0f} MB")
        trial.arrived(may={"large", "wide", "deep"})

    def test_f23_odd_text(self, trial: Trial) -> None:
        """Emoji, NUL, a lone surrogate, right-to-left marks, a lone CR, CSV and formula characters.

        Each arrives exactly, or is a reject; never altered, and never the end of the others.
        """
        trial.rows(10)
        for key, value in TEXTS.items():
            trial.row(key, value)
        trial.rows(10, start=10)
        trial.run()
        trial.arrived(may=TEXTS)

    def test_f24_the_same_key_again(self, trial: Trial) -> None:
        """The same keys twice in a batch and again in later batches: the last value stays.

        Sparse records that merge with earlier ones cannot be told from outside.
        """
        batch = self.adapter.batch
        for value in ("a", "b", "c"):
            trial.rows(batch // 4, value)
        trial.rows(batch)
        trial.rows(batch, "d")
        trial.rows(3)
        trial.run()
        trial.arrived()

    def test_f25_a_retry_is_not_overtaken(self, trial: Trial) -> None:
        """Writes fail and are sent again while newer versions of their keys are read: none is overtaken."""
        batch = self.adapter.batch
        for value in ("a", "b", "c", "d"):
            trial.rows(batch, value)
        trial.struck(self.refusal("busy", [1, 4]), Fault("after_apply", "reset", on=[2]))
        trial.finish()
        late = overtaken(trial.read, trial.proxy.applied)
        trial.claim(not late, f"{len(late)} older versions were applied behind newer ones: {late[:5]}")

    def test_f26_the_schema_changes_in_mid_stream(self, trial: Trial) -> None:
        """An old version, a SCHEMA with one column more, a new version, and back: the order of each key is kept."""
        wider = copy.deepcopy(self.adapter.schema())
        wider["schema"]["properties"]["added_later"] = {"type": ["string", "null"]}
        few = self.adapter.batch // 2
        trial.rows(few, "old")
        trial.schema(wider)
        for number in range(3 * few):  # more than a batch, so that it is full before the old rows are
            trial.row(f"k{number}", "new", {"added_later": "x"})
        trial.schema()
        trial.rows(few // 2, "newest")
        trial.run()
        trial.arrived()
        late = overtaken(trial.read, trial.proxy.applied)
        trial.claim(not late, f"{len(late)} older versions were applied behind newer ones: {late[:5]}")

    def test_f27_the_tap_is_silent(self, trial: Trial) -> None:
        """A few rows, less than a batch, and then nothing: they arrive all the same, and their STATE comes."""
        for number in range(7):
            trial.row(f"k{number}")
        trial.state()
        process = trial.start()
        process.feed(trial.input(), close=False)
        came = process.first_state(self.adapter.patience)
        stored = len(self.adapter.stored())
        process.feed(b"")
        trial.finished(process)
        trial.claim(came, f"no STATE in {self.adapter.patience:g} s while the tap was silent")
        trial.claim(stored == 7, f"{stored} of 7 rows had arrived while the tap was silent")
        trial.arrived()

    def test_f28_a_reject_whose_row_has_changed(self, trial: Trial) -> None:
        """A row is refused; its next version is fine; the refused one never comes back over it."""
        refused = self.adapter.refused_record("k3")
        if refused is None:
            pytest.skip(NO_SINGLE_REFUSALS)
        trial.bad_row("k3", refused)
        trial.rows(3)
        trial.run()
        trial.arrived()
        trial.rejected({"k3"})
        trial.may_be_rejects.clear()
        trial.row("k3", "mended")
        trial.rows(3, "b")
        trial.run()
        trial.arrived()
        trial.rejected(())
        trial.rows(3, "c", start=10)
        trial.finish()
