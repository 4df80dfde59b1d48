"""When a STATE may be printed: against a model of five lines, and by example."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.checkpoint import Checkpoint, Epoch


def test_a_state_waits_for_every_record_before_it() -> None:
    checkpoint = Checkpoint()
    first, second = checkpoint.read(), checkpoint.read(2)
    checkpoint.close(b"1")
    checkpoint.settle(first)
    assert checkpoint.release() is None
    checkpoint.settle(second, 2)
    assert checkpoint.release() == b"1"
    assert checkpoint.release() is None


def test_only_the_newest_earned_state_is_released() -> None:
    checkpoint = Checkpoint()
    checkpoint.close(b"0")
    checkpoint.close(b"1")
    late = checkpoint.read()
    checkpoint.close(b"2")
    assert checkpoint.release() == b"1"
    checkpoint.settle(late)
    assert checkpoint.release() == b"2"


def test_records_after_the_last_state_hold_nothing_back() -> None:
    checkpoint = Checkpoint()
    checkpoint.close(b"0")
    checkpoint.read()
    assert checkpoint.release() == b"0"
    assert checkpoint.unsettled == 1


def test_settling_more_than_was_read_is_a_defect() -> None:
    checkpoint = Checkpoint()
    epoch = checkpoint.read()
    checkpoint.settle(epoch)
    with pytest.raises(AssertionError, match="settled more"):
        checkpoint.settle(epoch)


STEPS = st.lists(st.sampled_from(["read", "state", "settle", "release"]), max_size=60)


@given(STEPS, st.randoms(use_true_random=False))
def test_no_state_is_released_before_its_records(steps: list[str], chance: Random) -> None:
    checkpoint, printed = Checkpoint(), -1
    receipts: list[bool] = []  # per record, whether it is settled
    states: list[int] = []  # how many records were read before each STATE
    open_receipts: list[tuple[int, Epoch]] = []
    for step in steps:
        if step == "read":
            open_receipts.append((len(receipts), checkpoint.read()))
            receipts.append(False)
        elif step == "state":
            checkpoint.close(str(len(states)).encode())
            states.append(len(receipts))
        elif step == "settle" and open_receipts:
            number, epoch = open_receipts.pop(chance.randrange(len(open_receipts)))
            receipts[number] = True
            checkpoint.settle(epoch)
        elif step == "release":
            earned = [n for n, before in enumerate(states) if all(receipts[:before])]
            newest = max(earned, default=-1)
            released = checkpoint.release()
            assert released == (str(newest).encode() if newest > printed else None)
            printed = max(printed, newest)
    assert checkpoint.unsettled == len(open_receipts)
