"""One trial of a target: an input, runs over it that go on from the last STATE printed, and the verdict."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.conformance.adapter import Adapter, Json, Pair
from penstock.conformance.faults import Fault
from penstock.conformance.oracle import judge, unfounded
from penstock.conformance.process import Ended, Process
from penstock.conformance.proxy import Proxy


@dataclass(frozen=True)
class Entry:
    """One line of input; `pair` is the row it stands for, if it is a good one."""

    line: bytes
    pair: Pair | None = None


class Trial:
    """The input grows by `row`, `state`, `schema` and `raw`; runs read it from the last STATE on."""

    def __init__(self, adapter: Adapter, proxy: Proxy, folder: Path) -> None:
        self.adapter = adapter
        self.proxy = proxy
        self.folder = folder
        self.entries: list[Entry] = []
        self.position = 0
        """how many entries the last STATE acknowledges"""
        self.runs = 0
        self.may_be_rejects: set[str] = set()
        self.limit = adapter.limit
        self._story: list[str] = []
        self._stream = str(adapter.schema()["stream"])

    # -- input --------------------------------------------------------------------------------------------

    def row(self, key: str, value: str = "a", more: Json | None = None) -> None:
        """Add a row; `more` are further columns."""
        content = {**self.adapter.record(key, value), **(more or {})}
        self._message({"type": "RECORD", "stream": self._stream, "record": content}, (key, value))

    def rows(self, count: int, value: str = "a", start: int = 0) -> None:
        """Add rows of the keys `k0`, `k1`, …, and a STATE after two thirds of a batch each time, and at the end.

        Most of the STATEs come while a batch is half full: what is gathered then must not be acknowledged.
        """
        every = max(1, self.adapter.batch * 2 // 3)
        for number in range(start, start + count):
            self.row(f"k{number}", value)
            if (number + 1 - start) % every == 0:
                self.state()
        self.state()

    def bad_row(self, key: str, record: Json) -> None:
        """Add a row that cannot arrive: it must end as a reject."""
        self._message({"type": "RECORD", "stream": self._stream, "record": record}, None)
        self.may_be_rejects.add(key)

    def state(self, padding: int = 0) -> None:
        """Add a STATE; its value says how many entries it acknowledges."""
        self._message({"type": "STATE", "value": {"position": len(self.entries) + 1, "padding": "x" * padding}})

    def schema(self, schema: Json | None = None) -> None:
        """Add a SCHEMA in mid-stream."""
        self._message(schema or self.adapter.schema())

    def raw(self, line: bytes) -> None:
        """Add a line as it is, which must not end with a line end."""
        self.entries.append(Entry(line))

    def mend(self, line: bytes) -> None:
        """Put a repeated SCHEMA in the place of a raw line: the input is sound, and the STATEs keep their numbers."""
        self.entries[self.entries.index(Entry(line))] = Entry(json.dumps(self.adapter.schema()).encode())

    def _message(self, message: Mapping[str, Any], pair: Pair | None = None) -> None:
        self.entries.append(Entry(json.dumps(message).encode(), pair))

    def input(self) -> bytes:
        """Return what the next run reads: the SCHEMA, and the entries behind the last STATE."""
        schema = Entry(json.dumps(self.adapter.schema()).encode())
        return b"".join(entry.line + b"\n" for entry in [schema, *self.entries[self.position :]])

    # -- runs ---------------------------------------------------------------------------------------------

    def start(self, environment: Mapping[str, str] | None = None, **options: Any) -> Process:
        """Start the target; `options` are those of Process."""
        self.runs += 1
        faults = "; ".join(str(fault) for fault in self.proxy.faults) or "none"
        self._story.append(f"run {self.runs}: from entry {self.position} of {len(self.entries)}; faults: {faults}")
        command = self.adapter.command(self.folder, self.proxy.url)
        return Process(command, self.folder, {**self.adapter.environment(), **(environment or {})}, **options)

    def finished(self, process: Process, limit: float | None = None) -> Ended:
        """Wait for the end of a run, go to the STATE that it printed, and hold that this STATE is true."""
        __tracebackhide__ = True
        ended = process.end(limit or self.limit)
        positions = [s["position"] for s in ended.states if isinstance(s.get("position"), int)]
        acknowledged = positions[-1] if positions else self.position
        killed = f", killed after {ended.seconds:.0f} s because it did not end" if ended.killed_by_us else ""
        self._story.append(f"  ended with {ended.code} after {ended.seconds:.1f} s{killed}; STATE {acknowledged}")
        self.position = acknowledged
        self.check_state()
        self.claim(not ended.killed_by_us, f"the run did not end within {limit or self.limit:g} s")
        return ended

    def run(self, environment: Mapping[str, str] | None = None, **options: Any) -> Ended:
        """Run over all that is left."""
        __tracebackhide__ = True
        process = self.start(environment, **options)
        process.feed(self.input())
        return self.finished(process)

    def struck(self, *faults: Fault, **options: Any) -> Ended:
        """Run with faults, which end with the run."""
        __tracebackhide__ = True
        self.proxy.strike(*faults)
        try:
            return self.run(**options)
        finally:
            self.proxy.calm()

    def killed(self, *faults: Fault) -> Ended:
        """Run until the first of the faults kills the target at its place."""
        __tracebackhide__ = True
        process: list[Process] = []
        for fault in faults:
            fault.do = lambda: process[0].kill()  # noqa: PLW0108 - it is not there yet
            fault.said = f"kill -9 ({fault.place})"
        self.proxy.strike(*faults)
        process.append(self.start())
        process[0].feed(self.input())
        ended = self.finished(process[0])
        struck = any(fault.struck for fault in faults)
        self.claim(struck, "the target sent fewer writes than that, so it was not killed")
        self.proxy.calm()
        return ended

    # -- the verdict --------------------------------------------------------------------------------------

    @property
    def read(self) -> list[Pair]:
        """Return every good row of the input, in its order."""
        return [entry.pair for entry in self.entries if entry.pair]

    def check_state(self) -> None:
        """Hold that everything before the last STATE is in the store or a reject."""
        __tracebackhide__ = True
        before = [entry.pair for entry in self.entries[: self.position] if entry.pair]
        after = [entry.pair for entry in self.entries[self.position :] if entry.pair]
        false = unfounded(before, after, self.adapter.stored(), self.adapter.rejects(self.folder))
        self.claim(not false, f"STATE {self.position} acknowledges {len(false)} rows that are nowhere: {false[:5]}")

    def finish(self) -> None:
        """Let the faults end, run what is left as a scheduler would, and hold that all has arrived."""
        __tracebackhide__ = True
        self.proxy.calm()
        ended = self.run()
        self.claim(ended.code == 0, f"without any fault the run ended with {ended.code}")
        self.arrived()

    def arrived(self, may: Iterable[str] = ()) -> None:
        """Hold that every row is stored once with its last value; those of `may` may be rejects instead."""
        __tracebackhide__ = True
        rejects = self.adapter.rejects(self.folder)
        verdict = judge(self.read, self.adapter.stored(), rejects - self.may_be_rejects, set(may))
        self.claim(not str(verdict), str(verdict))

    def rejected(self, keys: Collection[str]) -> None:
        """Hold that exactly these rows are kept as rejects."""
        __tracebackhide__ = True
        found = self.adapter.rejects(self.folder)
        self.claim(found == set(keys), f"rejects are {sorted(found)[:5]}, expected {sorted(keys)[:5]}")

    def claim(self, true: bool, problem: str) -> None:
        """Fail with the problem and all that is needed to see it again."""
        __tracebackhide__ = True
        if not true:
            raise AssertionError(f"{self.adapter.name}: {problem}\n{self.story()}")

    def story(self) -> str:
        """Return what was done and what came, for a failure's message: the schedule to replay."""
        lines = ["what happened:", *(f"  {line}" for line in self._story), f"  input: {self._told_input()}"]
        writes = self.proxy.writes
        for write in writes[:15]:
            fate = f"{len(write.applied)} applied; {'answered ' + str(write.status) if write.status else 'no answer'}"
            struck = f"; struck: {', '.join(write.struck)}" if write.struck else ""
            lines.append(f"  write {write.write}: {len(write.pairs)} rows, {fate}{struck}")
        lines += [f"  and {len(writes) - 15} writes more"] * (len(writes) > 15) + ["  no write came"] * (not writes)
        return "\n".join(lines)

    def _told_input(self) -> str:
        rows = sum(entry.pair is not None for entry in self.entries)
        return f"{len(self.entries)} entries, {rows} rows"
