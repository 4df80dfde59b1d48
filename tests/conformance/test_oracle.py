"""The oracle, by plain values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.conformance.oracle import early, judge, over_quota, overtaken, resent, unfounded
from penstock.conformance.proxy import Applied, Exchange
from penstock.conformance.wire import Request

READ = [("a", "1"), ("b", "1"), ("a", "2")]


def write(number: int, at: float, key: str = "a", after: float | None = None) -> Exchange:
    exchange = Exchange(Request("POST", "/", {}, b""), at, write=number, pairs=[(key, "1")], after=after)
    exchange.ended = at + 0.1
    return exchange


def applied(*pairs: tuple[str, str]) -> list[Applied]:
    return [Applied(key, value, 1, 0.0) for key, value in pairs]


def test_what_has_arrived_is_fine() -> None:
    assert not str(judge(READ, [("a", "2"), ("b", "1")], set()))


def test_each_fault_is_named() -> None:
    verdict = judge([*READ, ("c", "1"), ("d", "1")], [("a", "1"), ("a", "1"), ("c", "1")], {"d"})
    assert str(verdict) == "1 lost: b; 1 refused: d; 1 duplicate: a; 1 stale: a"
    assert str(judge([("d", "1")], [], {"d"}, may={"d"})) == ""


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("123"))), st.data())
def test_a_store_that_applied_all_in_order_is_fine_and_one_write_less_is_not(
    read: list[tuple[str, str]], data: st.DataObject
) -> None:
    assert not str(judge(read, list(dict(read).items()), set()))
    if read:
        key = data.draw(st.sampled_from(read))[0]
        assert judge(read, [(k, v) for k, v in dict(read).items() if k != key], set()).lost == [key]


def test_a_state_needs_every_row_before_it_or_a_later_version() -> None:
    assert unfounded(READ, [], [("a", "2"), ("b", "1")], set()) == []
    assert unfounded(READ, [], [("a", "1"), ("b", "1")], set()) == ["a"]
    assert unfounded(READ, [("a", "3")], [("a", "3"), ("b", "1")], set()) == []
    assert unfounded(READ, [("c", "1")], [("a", "2")], {"b"}) == []


def test_sent_again_is_the_same_value_again() -> None:
    assert resent(applied(("a", "1"), ("a", "2"), ("a", "1"))) == 0
    assert resent(applied(("a", "1"), ("b", "1"), ("a", "1"))) == 1


def test_overtaken_is_an_older_version_behind_a_newer_one() -> None:
    assert overtaken(READ, applied(("a", "1"), ("a", "1"), ("a", "2"))) == []
    assert overtaken(READ, applied(("a", "2"), ("b", "1"), ("a", "1"))) == ["a"]


def test_patience() -> None:
    told = write(1, 0.0, after=2.0)
    assert early([told, write(2, 1.5), write(3, 2.2)]) == [2]
    assert early([told, write(2, 1.5, key="b")]) == []
    assert over_quota([told, write(2, 0.3, key="b"), write(3, 1.5, key="b"), write(4, 2.2)]) == [3]
