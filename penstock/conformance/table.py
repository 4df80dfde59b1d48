"""Writes the outcomes of some targets as a table: `python -m penstock.conformance.table [--into FILE] NAME=TESTS ...`.

`TESTS` is what pytest takes, for instance `tests/test_mine.py::TestMine`. With `--into` the table replaces what stands
between the two markers of a Markdown file; without, it is printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from penstock.conformance.outcomes import Outcomes, run

BEGIN = "<!-- conformance: written by `python -m penstock.conformance.table` -->"
END = "<!-- end of conformance -->"


def title(test: str) -> tuple[str, str]:
    """Return number and words of a test: `test_f01_killed_at_any_point` is `F1`, `killed at any point`."""
    number, _, words = test.removeprefix("test_f").partition("_")
    return f"F{int(number)}", words.replace("_", " ")


def table(columns: Mapping[str, Outcomes]) -> str:
    """Return a Markdown table, one line per test and one column per target, with the sums below.

    A target that stops early is struck by fewer faults.
    """
    tests = sorted({test for outcomes in columns.values() for test in outcomes})
    lines = ["| | fault | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for test in tests:
        cells = [outcomes.get(test, "not run") for outcomes in columns.values()]
        lines.append("| " + " | ".join([*title(test), *cells]) + " |")
    sums = [f"{sum(o == 'passed' for o in outcomes.values())} of {len(tests)}" for outcomes in columns.values()]
    lines.append("| | passed | " + " | ".join(sums) + " |")
    lines.append("| | faults that struck | " + " | ".join(str(each.faults) for each in columns.values()) + " |")
    return "\n".join(lines)


def circumstances() -> str:
    """Return when and where the outcomes were seen."""
    today = datetime.now(timezone.utc).date().isoformat()
    return f"Run on {today}, {platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}."


def read(text: str) -> dict[str, dict[str, str]]:
    """Return the outcomes in a file's table: by column, then by number of the fault."""
    between = text.partition(BEGIN)[2].partition(END)[0].split("\n")
    lines = [line.strip("|").split("|") for line in between if line.startswith("|")]
    names = [cell.strip() for cell in lines[0][2:]]
    rows = [[cell.strip() for cell in line] for line in lines[2:] if line[0].strip()]
    return {name: {row[0]: row[2 + n] for row in rows} for n, name in enumerate(names)}


def put(text: str, content: str) -> str:
    """Return a file's text with another table between the markers. Raises ValueError when they are missing."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"the file has no line {BEGIN} with a line {END} below it")
    return text.partition(BEGIN)[0] + f"{BEGIN}\n\n{content}\n\n{END}" + text.partition(END)[2]


def main(arguments: list[str] | None = None) -> None:
    """Run the suite on each target and write the table."""
    parser = argparse.ArgumentParser(prog="python -m penstock.conformance.table", description=__doc__)
    parser.add_argument("targets", nargs="+", metavar="NAME=TESTS")
    parser.add_argument("--into", type=Path, metavar="FILE")
    parser.add_argument("--pytest", action="append", default=[], metavar="OPTION", help="an option for pytest")
    given = parser.parse_args(arguments)
    columns = {name: run([tests], *given.pytest) for name, _, tests in (each.partition("=") for each in given.targets)}
    content = f"{table(columns)}\n\n{circumstances()}"
    if given.into:
        given.into.write_text(put(given.into.read_text("utf-8"), content), "utf-8")
    else:
        sys.stdout.write(content + "\n")


if __name__ == "__main__":
    main()
