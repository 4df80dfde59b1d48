"""The command line of the storms, and what they measured."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bench.results import Result, save
from storm.judge import Finding

SEED = 4711


class Option(NamedTuple):
    """A number that can be given on the command line."""

    name: str
    default: int
    help: str


def arguments(storm: str, *options: Option) -> dict[str, int]:
    """Read the command line. `save` is 1 where the figures are to be written to the results."""
    parser = argparse.ArgumentParser(prog=f"python -m storm.{storm}")
    for option in (Option("seed", SEED, "the same seed tells the same story"), *options):
        parser.add_argument(f"--{option.name}", type=int, default=option.default, help=option.help)
    parser.add_argument("--save", action="store_const", const=1, default=0, help="write bench/results.json")
    return {name: int(value) for name, value in vars(parser.parse_args()).items()}


def figure(name: str, value: float, unit: str, goal: float | None, **compared: float) -> Result:
    """Make a figure; the command and the number of samples are added when it is saved."""
    return Result(name, value, unit, goal, compared, [value], "", 0)


def save_figures(storm: str, options: Mapping[str, int], *figures: Result) -> None:
    """Save figures, if that was asked for, with the command that gives them again."""
    for each in figures:
        each.command = command(storm, options)
    if options["save"]:
        save(list(figures))


def command(storm: str, options: Mapping[str, int]) -> str:
    """Return the command that does it again."""
    given = [f"--{name} {value}" for name, value in options.items() if name not in ("save", "tell")]
    return " ".join([f"python -m storm.{storm}", *given])


def told(storm: str, options: Mapping[str, int], findings: Sequence[Finding]) -> None:
    """Print what was broken, and how to see it again."""
    for each in findings[:20]:
        print(f"{each.kind}: {each.text}\n  again: {command(storm, options)}")
