"""`make bench`: runs the benchmarks, or the one named, and writes results.json and RESULTS.md."""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench.core import core
from bench.hubspot import hubspot
from bench.intercom import intercom
from bench.pipe import pipe_unchanged
from bench.postgres import postgres
from bench.results import Result, readable, save
from bench.salesforce import salesforce
from bench.tap import taps

BENCHMARKS: dict[str, Callable[[], list[Result]]] = {
    "pipe_unchanged_rows_per_s": pipe_unchanged,
    "core": core,
    "tap": taps,
    "postgres": postgres,
    "hubspot": hubspot,
    "intercom": intercom,
    "salesforce": salesforce,
}


def main(names: list[str]) -> int:
    """Run the benchmarks with these names, or all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        results = BENCHMARKS[name]()
        save(results)
        for result in results:
            goal = f", goal {readable(result.goal)}" if result.goal is not None else ""
            print(f"{result.name}: {readable(result.value)} {result.unit}{goal}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
