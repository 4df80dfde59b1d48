"""The ledger's tests once more, on PostgreSQL: the same functions, each path standing for a schema of a server."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

import pytest
from hypothesis import given, is_hypothesis_test, settings
from hypothesis import strategies as st

from demo.postgres_server import Server
from tests.core import places, test_promise, test_upkeep
from tests.core.test_promise import HISTORIES

pytestmark = pytest.mark.usefixtures("on_postgres")
AREAS = (
    "budget",
    "jobs",
    "ledger",
    "modes",
    "odd_input",
    "order_across",
    "pending",
    "promise",
    "rejects",
    "relations",
    "upkeep",
)
OF_FILES = {
    "test_what_somebody_else_keeps_in_the_file_is_left_alone",
    "test_files_are_private_whatever_the_umask",
    "test_what_is_no_file_is_refused_and_left_as_it_is",
    "test_a_file_that_is_locked_is_a_fault_of_the_moment",
    "test_a_lock_that_cannot_be_opened_is_named",
    "test_a_ledger_that_is_reached_by_a_link_has_the_same_locks",
    "test_what_is_no_ledger_does_not_become_one",
    "test_a_ledger_that_others_could_read_is_closed_to_them",
    "test_a_file_that_is_no_ledger_is_refused",
    "test_a_file_whose_tables_are_not_ours_is_refused",
    "test_the_lock_of_a_sync_is_one_run_wide",
    "test_a_sqlite_that_is_too_old_is_named",
    "test_a_file_that_sqlite_cannot_open_is_refused",
    "test_a_purged_row_leaves_no_byte",
}
"""tests that are about files"""
SLOW = {
    "test_a_creation_in_doubt_is_looked_for_before_it_is_repeated",
    "test_a_match_value_that_changes_while_a_creation_is_in_doubt_makes_no_second_object",
    "test_events_that_may_have_been_repeated_are_counted",
    "test_a_death_at_every_point_loses_nothing_and_doubles_nothing",
}
"""many seeds of what other tests here do as well"""


@pytest.fixture(scope="module")
def on_postgres(postgres: Server) -> Iterator[None]:
    with places.on(postgres):
        yield


ledger = test_upkeep.ledger
SHARED = [
    (name, test)
    for area in AREAS
    for name, test in vars(import_module(f"tests.core.test_{area}")).items()
    if name.startswith("test_") and {"tmp_path", "ledger"} & set(inspect.signature(test).parameters)
    if name not in OF_FILES | SLOW and not is_hypothesis_test(test)
]
globals().update(SHARED)


def test_every_shared_test_is_here() -> None:
    assert len(SHARED) > 50
    assert len({name for name, _ in SHARED}) == len(SHARED)


every_history = test_promise.test_every_history_ends_right_under_faults.hypothesis.inner_test  # type: ignore[attr-defined]
any_crash = test_promise.test_a_crash_at_any_point_loses_nothing.hypothesis.inner_test  # type: ignore[attr-defined]

test_every_history_ends_right_under_faults = settings(max_examples=20, deadline=None)(
    given(HISTORIES, st.integers(0, 2**32), st.floats(0, 0.4))(every_history)
)
test_a_crash_at_any_point_loses_nothing = settings(max_examples=25, deadline=None)(
    given(HISTORIES, st.integers(0, 2**32), st.floats(0, 0.3), st.integers(1, 120), st.booleans())(any_crash)
)
