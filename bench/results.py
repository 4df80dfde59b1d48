"""Writes what was measured: `results.json` for programs, `RESULTS.md` made from it for people."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"


@dataclass
class Result:
    """One figure, with everything needed to judge it. `samples` are the single measurements."""

    name: str
    value: float
    unit: str
    goal: float | None
    compared_with: dict[str, float]
    samples: list[float]
    command: str
    rows: int
    date: str = ""
    commit: str = ""
    machine: dict[str, object] = field(default_factory=dict)


def median_of(
    name: str, samples: list[float], unit: str, goal: float | None, rows: int, command: str, **compared: float
) -> Result:
    """Make a result of several samples; the value is their median."""
    return Result(name, round(statistics.median(samples), 3), unit, goal, compared, samples, command, rows)


def save(results: list[Result]) -> None:
    """Put results into the file, in place of older ones of the same name, and write the page."""
    kept = {r["name"]: r for r in json.loads(RESULTS.read_text("utf-8"))} if RESULTS.exists() else {}
    for result in results:
        result.date = datetime.now(timezone.utc).isoformat(timespec="seconds")
        result.commit = _commit()
        result.machine = machine()
        kept[result.name] = asdict(result)
    RESULTS.write_text(json.dumps(sorted(kept.values(), key=lambda r: r["name"]), indent=1) + "\n", "utf-8")
    (HERE / "RESULTS.md").write_text(page(list(kept.values())), "utf-8")


def page(results: list[dict[str, object]]) -> str:
    """Write the readable page."""
    lines = [
        "# Measured",
        "",
        "Made by `make bench` from `results.json`; nothing here is typed in. One machine, so read orders of magnitude.",
        "",
        "| figure | value | goal | beside it, in the same run | samples | rows | date | commit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in sorted(results, key=lambda r: str(r["name"])):
        compared, samples = r["compared_with"], r["samples"]
        assert isinstance(compared, dict)
        assert isinstance(samples, list)
        beside = ", ".join(f"{name.replace('_', ' ')}: {readable(value)}" for name, value in compared.items())
        each = ", ".join(readable(sample) for sample in samples)
        value = readable(float(str(r["value"])))
        goal = "" if r["goal"] is None else readable(float(str(r["goal"])))
        lines.append(
            f"| `{r['name']}` | **{value}** {r['unit']} | {goal} | {beside} | {each} | {r['rows']:,} "
            f"| {str(r['date'])[:10]} | {r['commit']} |"
        )
    machines = {json.dumps(r["machine"], sort_keys=True) for r in results}
    lines += ["", "Machines: " + "; ".join(sorted(machines)), "", "Commands:", ""]
    lines += sorted({f"* `{r['name']}`: `{r['command']}`" for r in results})
    return "\n".join(lines) + "\n"


def readable(value: float) -> str:
    """Write a number for people: whole where it is large, four digits where it is not."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.4g}"


def machine() -> dict[str, object]:
    """Describe the machine: cores, memory, Python; no name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _commit() -> str:
    run = subprocess.run(
        ["git", "-C", str(HERE), "describe", "--always", "--dirty"], check=False, capture_output=True, text=True
    )
    return run.stdout.strip() or "unknown"
