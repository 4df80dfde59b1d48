"""Puts the output of the last `make demo` into the README: `python -m demo.readme`."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
OUTPUT = ROOT / ".demo" / "output.txt"
BLOCK = re.compile(r"(<!-- demo output.*?-->\n```\n)(.*?)(```\n<!-- end of demo output -->)", re.DOTALL)


def tidy(output: str) -> str:
    """Drop what only fills up lines and doubles blank ones."""
    text = "\n".join(line.rstrip() for line in output.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"


def steady(output: str) -> str:
    """Blot out what differs from run to run: ports, seconds, and how links happen to meet in calls."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", tidy(output))
    text = re.sub(r"after \d+\.\d s", "after SECONDS", text)
    return re.sub(r"API calls:? \d+( in \d+\.\d s)?", "API calls SOME", text)


def shown() -> str:
    """Return the block that the README has."""
    found = BLOCK.search(README.read_text("utf-8"))
    assert found is not None, "README.md lost its demo block"
    return found[2]


if __name__ == "__main__":
    block = tidy(OUTPUT.read_text("utf-8"))
    README.write_text(BLOCK.sub(lambda found: found[1] + block + found[3], README.read_text("utf-8")), "utf-8")
