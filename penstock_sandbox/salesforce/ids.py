"""Record ids: 15 characters that differ by case, 18 with a suffix that says which are capitals."""

from collections.abc import Iterator
from itertools import islice

from penstock_sandbox.provenance import documented

LOGIN = "developer.salesforce.com/docs, Object Reference: ID field type"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_INSTANCE = "5e0"
"""What follows the three characters of the object: the sandbox's own."""
PREFIXES = {
    "Account": "001",
    "Contact": "003",
    "Lead": "00Q",
    "Opportunity": "006",
    "Case": "500",
    "Campaign": "701",
    "CampaignMember": "00v",
    "Task": "00T",
    "User": "005",
    "Group": "00G",
    "Organization": "00D",
    "RecordType": "012",
}
JOB, BATCH, QUERY = "750", "751", "01g"


def _capitals(five: str) -> int:
    return sum(1 << place for place, letter in enumerate(five) if "A" <= letter <= "Z")


_PAIRS = [(one + two, _capitals(one + two)) for one in DIGITS for two in DIGITS]
_BITS = dict(_PAIRS) | {one: _capitals(one) for one in DIGITS}


def _mark(five: str) -> str:
    return _SUFFIX[_BITS[five[:2]] | _BITS[five[2:4]] << 2 | _BITS[five[4]] << 4]


@documented("The suffix has a letter per five characters, by which of them are capitals", LOGIN)
def suffixed(short: str) -> str:
    """Return the 18 characters of an id of 15."""
    return short + _mark(short[:5]) + _mark(short[5:10]) + _mark(short[10:])


@documented("Ids of 15 and of 18 characters are accepted, answers have 18", LOGIN)
@documented("In 18 characters case does not matter", LOGIN)
def canonical(text: str) -> str | None:
    """Return an id with 18 characters, or None for what is no id."""
    if len(text) not in {15, 18} or not (text.isascii() and text.isalnum()):
        return None
    if len(text) == 15:
        return suffixed(text)
    if suffixed(text[:15]) == text:
        return text
    return _restored(text)


def _restored(text: str) -> str | None:
    """Return the id whose capitals were lost on the way, which its suffix can tell."""
    letters: list[str] = []
    for group, mark in enumerate(text[15:].upper()):
        bits = _SUFFIX.find(mark)
        if bits < 0:
            return None
        for place, letter in enumerate(text[group * 5 : group * 5 + 5]):
            letters.append(letter.upper() if bits >> place & 1 else letter.lower())
    return "".join(letters) + text[15:].upper()


def sequence(prefix: str, start: int = 1) -> Iterator[str]:
    """Yield the ids of one object, as many as it can ever have; they sort in the order in which they are given."""
    head = prefix + _INSTANCE
    middle, number = divmod(start, 62**5)
    while True:
        ten = head + _base62(middle, 4)
        yield from _block(ten, number)
        middle, number = middle + 1, 0


def _block(ten: str, start: int) -> Iterator[str]:
    """Yield the ids that begin with ten characters."""
    fixed = _SUFFIX[_capitals(ten[:5])] + _SUFFIX[_capitals(ten[5:])]
    first, rest = divmod(start, 62**4)
    for place in range(first, 62):
        lead, low = ten + DIGITS[place], _capitals(DIGITS[place])
        outer, inner = divmod(rest if place == first else 0, 62**2)
        for four, bits in islice(_PAIRS, outer, None):
            begun, mask = lead + four, low | bits << 1
            for two, more in islice(_PAIRS, inner, None):
                yield begun + two + fixed + _SUFFIX[mask | more << 3]
            inner = 0


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = DIGITS[digit] + digits
    return digits
