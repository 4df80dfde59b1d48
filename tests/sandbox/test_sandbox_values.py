"""Property checks with plain values."""

import pytest

from penstock_sandbox.hubspot import values
from penstock_sandbox.hubspot.definitions import contact_properties
from penstock_sandbox.hubspot.values import InvalidError, check_for

CHECKS = {definition.name: check_for(definition) for definition in contact_properties()}


@pytest.mark.parametrize(
    ("name", "sent", "stored"),
    [
        ("email", " Ana@Example.COM ", "ana@example.com"),
        ("firstname", "  Ana\n", "  Ana\n"),
        ("lead_score", "-12.50", "-12.50"),
        ("signup_date", "2026-10-17", "2026-10-17"),
        ("signup_date", "1792195200000", "2026-10-17"),
        ("last_seen_at", "2026-10-17T09:00:00Z", "2026-10-17T09:00:00Z"),
        ("last_seen_at", "1792227600123", "2026-10-17T09:00:00.123Z"),
        ("plan", "team", "team"),
        ("is_customer", "true", "true"),
        ("hubspot_owner_id", "12", "12"),
    ],
)
def test_accepted(name: str, sent: str, stored: str) -> None:
    assert CHECKS[name](sent) == stored


@pytest.mark.parametrize(
    ("name", "sent", "code"),
    [
        ("email", "ana", "INVALID_EMAIL"),
        ("email", "a@b@example.com", "INVALID_EMAIL"),
        ("email", "ana@example", "INVALID_EMAIL"),
        ("email", "an a@example.com", "INVALID_EMAIL"),
        ("email", "name@domain.invalid", "INVALID_EMAIL"),
        ("firstname", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG"),
        ("lead_score", "1e5", "INVALID_INTEGER"),
        ("lead_score", "1,000", "INVALID_INTEGER"),
        ("signup_date", "2026-02-30", "INVALID_DATE"),
        ("signup_date", "17/10/2026", "INVALID_DATE"),
        ("signup_date", "999999999999999", "INVALID_DATE"),
        ("last_seen_at", "2026-10-17", "INVALID_LONG"),
        ("last_seen_at", "2026-10-17T25:00:00Z", "INVALID_LONG"),
        ("last_seen_at", "2026-10-17T09:00:00+02:00", "INVALID_LONG"),
        ("plan", "Team", "INVALID_OPTION"),
        ("is_customer", "yes", "INVALID_OPTION"),
        ("hubspot_owner_id", "ana", "INVALID_OPTION"),
        ("hs_object_id", "1", "READ_ONLY_VALUE"),
    ],
)
def test_refused(name: str, sent: str, code: str) -> None:
    with pytest.raises(InvalidError) as caught:
        CHECKS[name](sent)
    assert caught.value.code == code


def test_the_longest_text_is_accepted() -> None:
    assert CHECKS["firstname"]("x" * 65_536) == "x" * 65_536


def test_milliseconds_off_midnight_are_told_their_time() -> None:
    with pytest.raises(InvalidError, match=r"1635535865 is at 22:18:55\.865 UTC, not midnight!"):
        CHECKS["signup_date"]("1635535865")


def test_a_multiple_choice_takes_several_values() -> None:
    check = values.some_of(["a", "b"])
    assert check("a;b") == "a;b"
    assert check(";b") == ";b"
    with pytest.raises(InvalidError):
        check("a;c")
