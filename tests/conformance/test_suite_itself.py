"""The suite's test of itself: targets that are wrong on purpose fail the tests meant for them, a correct one passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.conformance import outcomes, table
from penstock.conformance.adapter import Adapter
from penstock.conformance.outcomes import Outcomes
from penstock.conformance.suite import TargetConformance
from tests.conformance import test_target_hubspot, test_target_intercom, test_target_salesforce

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECK = str(HERE / "check_plain.py")
OURS: dict[str, type[TargetConformance]] = {
    "target-hubspot": test_target_hubspot.TestTargetHubSpot,
    "target-intercom": test_target_intercom.TestTargetIntercom,
    "target-salesforce": test_target_salesforce.TestTargetSalesforce,
}
TESTS = sorted(name for name in dir(TargetConformance) if name.startswith("test_"))
MEANT = {
    "TestEarly": ["f01", "f02", "f04", "f17", "f19"],
    "TestDrops": ["f11", "f19"],
    "TestReorders": ["f24", "f25", "f26"],
    "TestRemembers": ["f01", "f09", "f17"],
    "TestClaims": ["f03", "f07"],
}
"""what each broken target must fail; what it does wrong is said in plain.py"""


def named(numbers: list[str]) -> list[str]:
    return [test for test in TESTS if test.split("_")[1] in numbers]


@pytest.fixture(scope="session")
def null() -> Outcomes:
    return outcomes.run([f"{CHECK}::TestNull"])


def test_there_is_a_test_for_every_fault() -> None:
    assert [int(test.split("_")[1][1:]) for test in TESTS] == list(range(1, 34))


def test_a_target_that_delivers_nothing_fails_every_test(null: Outcomes) -> None:
    assert null == dict.fromkeys(TESTS, "failed")


def test_a_failure_says_what_is_missing_and_how_to_see_it_again(null: Outcomes) -> None:
    message = null.messages["test_f05_lost_before_the_server_applied"]
    for words in (
        "STATE 47 acknowledges 40 rows that are nowhere",
        "reset at write 1, 3",
        "ended with 0",
        "no write came",
    ):
        assert words in message


@pytest.mark.parametrize("target", MEANT)
def test_a_broken_target_fails_the_tests_meant_for_it(target: str) -> None:
    meant = named(MEANT[target])
    found = outcomes.run([f"{CHECK}::{target}::{test}" for test in meant])
    assert found == dict.fromkeys(meant, "failed")


def test_a_target_that_refuses_every_row_fails_every_test() -> None:
    assert outcomes.run([f"{CHECK}::TestRefuses"]) == dict.fromkeys(TESTS, "failed")


@pytest.mark.parametrize("part", range(3))
def test_a_correct_target_passes(part: int) -> None:
    tests = TESTS[part::3]
    found = outcomes.run([f"{CHECK}::TestPlain::{test}" for test in tests])
    assert found == dict.fromkeys(tests, "passed"), found.messages


def committed() -> dict[str, dict[str, str]]:
    return table.read((ROOT / "docs" / "promise.md").read_text("utf-8"))


def test_the_published_table_has_the_suites_tests() -> None:
    numbers = [table.title(test)[0] for test in TESTS]
    assert all(list(column) == numbers for column in committed().values())
    assert set(committed()) == {*OURS, "stock singer-sdk", "null target"}


def test_the_published_table_says_what_the_null_target_does(null: Outcomes) -> None:
    assert committed()["null target"] == {table.title(test)[0]: outcome for test, outcome in sorted(null.items())}


@pytest.mark.parametrize("name", OURS)
def test_the_published_table_says_what_our_target_does(name: str) -> None:
    """Its own test class has just been run: what is known to fail must fail, and all else must pass."""
    known = OURS[name].known_failures
    expected = {table.title(test)[0]: "failed" if test in known else "passed" for test in TESTS}
    assert committed()[name] == expected


def test_nothing_of_the_suite_is_needed_by_penstock_and_nothing_of_penstock_by_the_suite() -> None:
    code = "import sys, penstock, penstock.run, penstock.conformance.table; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    imports = re.compile(r"^\s*(?:from|import) penstock(?!\.conformance\b)", re.MULTILINE)
    files = list((ROOT / "penstock" / "conformance").glob("*.py"))
    assert files
    assert not [file.name for file in files if imports.search(file.read_text("utf-8"))]


def test_the_guide_names_what_an_adapter_has() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    named = {*re.findall(r"^\| `(\w+)", text, re.MULTILINE), *re.findall(r"^    def (\w+)", text, re.MULTILINE)}
    assert len(named) > 15
    assert not [name for name in named if not hasattr(Adapter, name)]


def test_the_guide_shows_a_real_failure() -> None:
    found = outcomes.run([f"{HERE / 'check_stock.py'}::TestStock::test_f15_accepted_is_not_done"])
    printed = re.findall(r"^E +(.*)$", found.messages["test_f15_accepted_is_not_done"], re.MULTILINE)
    shown = re.search(
        r"```\n(AssertionError.*?)\n```", (ROOT / "docs" / "conformance.md").read_text("utf-8"), re.DOTALL
    )
    assert shown is not None
    assert [untimed(line) for line in printed] == [untimed(line) for line in shown[1].splitlines()]


def untimed(line: str) -> str:
    return re.sub(r"\d+\.\d s", "… s", line.strip())
