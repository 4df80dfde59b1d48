"""How much of its speed target-hubspot keeps while the network fails: `python -m storm.goodput --rows 60000`.

Against the sandbox, over real connections and in real time: 5 % of the write requests are reset before the sandbox has
applied them and 5 % after. Goodput is rows per second from the first applied write to the last new one, by the
sandbox's history. The target keeps to the quota of the API, which is what limits it in both runs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from storm.figures import Option, arguments, figure, save_figures
from storm.process import configure, sandbox_process, started
from storm.source import Reading, Version

LATENCY_MS = 100
SECONDS = 600


def goodput(rows: int, share: float, seed: int) -> float:
    """Return the rows per second of a first load, while a share of requests is reset before and after they apply."""
    reading = Reading()
    reading.schema("people")
    for n in range(rows):
        reading.record(Version("people", n, 0, "a"))
    reading.state(rows)
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.configure(latency_ms=LATENCY_MS)
        for place in ("before_apply", "after_apply"):
            seed += 1
            if share:
                sandbox.fault(place, "reset", share=share, seed=seed)
        with started(configure(Path(folder), sandbox), Path(folder), reading.lines) as process:
            try:
                _, log = process.communicate(timeout=SECONDS)
            finally:
                process.kill()
        assert process.returncode == 0, log.decode()[-1500:]
        first: dict[str, float] = {}
        for write in sandbox.history():
            first.setdefault(write.id, write.time)
        assert len(first) == len(sandbox.objects()) == rows, "lost or doubled"
        return rows / (max(first.values()) - min(first.values()))


def main() -> int:
    """Measure with and without faults, print and save the share."""
    options = arguments("goodput", Option("rows", 60_000, "rows to load"))
    free = goodput(options["rows"], 0.0, options["seed"])
    faulty = goodput(options["rows"], 0.05, options["seed"])
    print(f"{faulty:.0f} rows/s with 10 % of the requests reset, {free:.0f} without: {faulty / free:.3f}")
    share = figure("goodput_share_under_faults", round(faulty / free, 3), "of fault-free", 0.85, rows_per_s=round(free))
    share.rows = options["rows"]
    save_figures("goodput", options, share)
    return 0


if __name__ == "__main__":
    sys.exit(main())
