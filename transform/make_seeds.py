"""Write the seeds of a small invented company, the same bytes every time.

The company is Tidewheel, which sells a planning tool by the seat. Nobody in the seeds exists: names are drawn
from lists, every domain belongs to example.com, example.org or example.net (RFC 2606), every phone number to a range
that the numbering plan of its country keeps for fiction. The seven rows that a CRM refuses or confuses are written by
hand in `SPOILED`.

Only `randrange` and `choice` of one seeded generator are used, because those give the same numbers
in every Python version that we support.

    python transform/make_seeds.py [FOLDER]
"""

from __future__ import annotations

import csv
import random
import sys
import unicodedata
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from seed_words import HEADS, NAMES, SPELLING, TAILS, TRADES

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_DAY = date(2024, 3, 4)
LAST_DAY = date(2026, 6, 17)
PEOPLE = 2600
ACCOUNTS = 420
ANONYMOUS_VISITORS = 850
SITE = "https://tidewheel.example.com"

COUNTRIES = tuple(NAMES)
WEBMAIL = ("mail.example.com", "post.example.org", "inbox.example.net")
PRICES = {"starter": 12, "team": 24, "business": 39, "enterprise-legacy": 60}

PAGES = ("/", "/", "/pricing", "/pricing", "/features", "/features/calendar", "/docs", "/blog/shift-plans", "/sign-up")
CAMPAIGNS = ("brand", "planning", "rosters", "spring26")
GCLID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
ADVERT = ("utm_source=google&utm_medium=cpc&utm_campaign={campaign}&gclid={gclid}", "https://search.example.com/")
NEWSLETTER = ("utm_source=newsletter&utm_medium=email&utm_campaign={campaign}", "")
DIRECT = ("", "")
# What brings a visitor, as often as it is listed: query string and referrer. Every click has a gclid of its own.
TOUCHES = (
    *[ADVERT] * 9,
    ("gclid={gclid}", ""),
    *[("", "https://search.example.com/")] * 13,
    *[("", "https://reviews.example.org/planning-tools")] * 3,
    *[("utm_source=partner&utm_medium=referral", "https://blog.example.net/shifts")] * 2,
    *[("utm_source=community&utm_medium=social", "https://social.example.net/")] * 4,
    *[NEWSLETTER] * 5,
    *[DIRECT] * 9,
)
RETURNS = (*[DIRECT] * 16, *[NEWSLETTER] * 2, *[ADVERT] * 2)


class Account(NamedTuple):
    """A customer's company, or one that only tries the tool."""

    account_id: int
    name: str
    domain: str
    country: str
    created_on: date


class Subscription(NamedTuple):
    """What an account was subscribed to, and from when to when."""

    subscription_id: int
    account_id: int
    plan_code: str
    seats: int
    status: str
    started_on: date
    ended_on: date | None


class Invoice(NamedTuple):
    """Thirty days of a paid plan."""

    invoice_id: int
    account_id: int
    amount: str
    currency: str
    status: str
    issued_on: date
    paid_on: date | None


class Person(NamedTuple):
    """Somebody the company knows."""

    person_id: int
    email: str
    first_name: str
    last_name: str
    phone: str
    account_id: int | None
    created_at: datetime


class Signup(NamedTuple):
    """The moment at which a visitor of the site became a person."""

    signup_id: int
    person_id: int
    visitor_id: str
    signed_up_at: datetime


class PageView(NamedTuple):
    """One page seen by one visitor."""

    page_view_id: int
    visitor_id: str
    viewed_at: datetime
    url: str
    referrer: str


LEGACY = Account(ACCOUNTS, "Vindrosen Varv AB", "vindrosen.example.com", "SE", FIRST_DAY)
# person_id -> e-mail, first name, last name. These signed up, whatever chance says.
SPOILED = {
    77: ("priya.raman@post.example.org", "Priya", "Raman"),
    404: ("lena.fischer(at)example.com", "Lena", "Fischer"),
    911: ("someone@", "Kyle", "Garner"),
    1208: ("farhan.menon@shop.invalid", "Farhan", "Menon"),
    1313: ("sigrid.ekstrom@vindrosen.example.com", "Sigrid", "Ekström"),
    1777: ("Priya.Raman@post.example.org", "Priya", "Raman"),
    2048: ("", "直樹", "小林"),
}
LEGACY_PERSON = 1313
# Business cards from a fair: a phone number, no address, no sign-up. The activation model leaves them out.
PHONE_ONLY = range(150, PEOPLE, 210)


def pick(rng: random.Random, weighted: tuple[tuple[int, str], ...]) -> str:
    """Draw by weight, without floats, so that no platform rounds differently."""
    ticket = rng.randrange(sum(weight for weight, _ in weighted))
    for weight, value in weighted:
        if ticket < weight:
            return value
        ticket -= weight
    raise AssertionError("the ticket is smaller than the sum of the weights")


def ascii_slug(text: str) -> str:
    """Spell a name as its owner would in an address: letters of ASCII, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", text.translate(SPELLING)).encode("ascii", "ignore").decode().lower()
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def moment(rng: random.Random, day: date) -> datetime:
    """Draw a second of a waking hour of that day, UTC without a zone, as the warehouse has it."""
    return datetime.combine(day, time(6)) + timedelta(seconds=rng.randrange(16 * 3600))


def day_between(rng: random.Random, first: date, last: date) -> date:
    """Draw a day from first to last, the later the likelier, as in a company that grows."""
    span = max(0, (last - first).days)
    return first + timedelta(days=max(rng.randrange(span + 1), rng.randrange(span + 1)))


def draw_name(rng: random.Random, country: str) -> tuple[str, str, str]:
    """First name, last name and the local part of an address."""
    spelled = []
    for names in NAMES[country]:
        name, _, latin = rng.choice(names.split()).partition("=")
        spelled.append((name.replace("_", " "), latin or ascii_slug(name)))
    (first, first_latin), (last, last_latin) = spelled
    return first, last, f"{first_latin}.{last_latin}"


def draw_phone(rng: random.Random, country: str) -> str:
    """Draw from a range kept for fiction, or nothing: a third of the people gave no number."""
    if rng.randrange(3) == 0:
        return ""
    three, two, other = f"{rng.randrange(1000):03}", f"{rng.randrange(100):02}", f"{rng.randrange(100):02}"
    area = rng.choice(("212", "312", "415", "503", "617"))
    by_country = {
        "GB": f"+44 20 7946 0{three}",
        "NG": f"+44 7700 900{three}",
        "DE": f"+49 30 23125{three}",
        "FR": f"+33 1 99 00 {two} {other}",
    }
    return by_country.get(country, f"+1 {area}-555-01{two}")


def make_accounts(rng: random.Random) -> list[Account]:
    """All accounts, each with a domain of its own; the last is the one on a plan that is no longer sold."""
    accounts: list[Account] = []
    domains: set[str] = set()
    days = sorted(day_between(rng, FIRST_DAY, LAST_DAY) for _ in range(ACCOUNTS))
    while len(accounts) < ACCOUNTS - 1:
        country = rng.choice(COUNTRIES)
        name = f"{rng.choice(HEADS)}{rng.choice(TAILS)} {rng.choice(TRADES[country].split(','))}"
        domain = f"{ascii_slug(name)}.example.{rng.choice(('com', 'com', 'org', 'net'))}"
        if domain not in domains:
            domains.add(domain)
            accounts.append(Account(len(accounts) + 1, name, domain, country, days[len(accounts)]))
    return [*accounts, LEGACY]


def make_subscriptions(rng: random.Random, accounts: list[Account]) -> list[Subscription]:
    """Every account starts free; about half go on to pay, and some of those leave."""
    rows: list[tuple[int, str, int, str, date, date | None]] = []
    for account in accounts:
        key, first = account.account_id, account.created_on
        plan = pick(rng, ((46, "free"), (25, "starter"), (20, "team"), (9, "business")))
        seats = {"free": 2, "starter": 2, "team": 6, "business": 15}[plan] + rng.randrange(8)
        paid_from = first + timedelta(days=7 + rng.randrange(60))
        ended_on = paid_from + timedelta(days=90 + rng.randrange(300))
        leaves = rng.randrange(6) == 0 and ended_on <= LAST_DAY
        status = "past_due" if rng.randrange(20) == 0 else "active"
        if account == LEGACY:
            rows.append((key, "enterprise-legacy", 40, "active", first, None))
        elif plan == "free" or paid_from > LAST_DAY:
            rows.append((key, "free", min(seats, 5), "active", first, None))
        else:
            rows.append((key, "free", 3, "ended", first, paid_from))
            rows.append((key, plan, seats, "ended" if leaves else status, paid_from, ended_on if leaves else None))
    return [Subscription(number, *row) for number, row in enumerate(rows, 1)]


def make_invoices(rng: random.Random, subscriptions: list[Subscription]) -> list[Invoice]:
    """One every thirty days for whoever pays, of the last year; the newest of a late payer is open."""
    rows: list[tuple[date, int, str, bool, date]] = []
    for sub in subscriptions:
        day, end = sub.started_on, sub.ended_on or LAST_DAY + timedelta(days=1)
        while sub.plan_code != "free" and day < end:
            paid_on = day + timedelta(days=rng.randrange(9))
            late = paid_on > LAST_DAY or (sub.status == "past_due" and day + timedelta(days=30) >= end)
            if day > LAST_DAY - timedelta(days=365):
                rows.append((day, sub.account_id, f"{PRICES[sub.plan_code] * sub.seats}.00", late, paid_on))
            day += timedelta(days=30)
    return [
        Invoice(number, account_id, amount, "EUR", "open" if late else "paid", day, None if late else paid_on)
        for number, (day, account_id, amount, late, paid_on) in enumerate(sorted(rows), 1)
    ]


def make_people(rng: random.Random, accounts: list[Account]) -> tuple[list[Person], list[Person]]:
    """Everybody, and those of them who signed up; numbered in the order in which they became known."""
    drafts: list[tuple[datetime, Account | None, bool]] = []
    for account in accounts[:-1]:
        size = 1 + min(rng.randrange(12), rng.randrange(12), 2 + rng.randrange(12))
        for member in range(size):
            day = day_between(rng, account.created_on, LAST_DAY) if member else account.created_on
            drafts.append((moment(rng, day), account, member == 0 or rng.randrange(100) < 72))
    while len(drafts) < PEOPLE:
        drafts.append((moment(rng, day_between(rng, FIRST_DAY, LAST_DAY)), None, rng.randrange(100) < 85))
    drafts.sort(key=lambda draft: draft[0])
    people: list[Person] = []
    members: list[Person] = []
    taken: set[str] = set()
    for number, (seen_at, employer, signs_up) in enumerate(drafts, 1):
        person = spoil(draw_person(rng, number, employer, seen_at, taken))
        people.append(person)
        if person.person_id in SPOILED or (signs_up and person.person_id not in PHONE_ONLY):
            members.append(person)
    return people, members


def draw_person(
    rng: random.Random, number: int, employer: Account | None, seen_at: datetime, taken: set[str]
) -> Person:
    """Somebody who works at the account, or has none; no two of them get one address."""
    country = employer.country if employer and rng.randrange(10) < 7 else rng.choice(COUNTRIES)
    first, last, local = draw_name(rng, country)
    domain = employer.domain if employer else rng.choice(WEBMAIL)
    email = f"{local}@{domain}"
    if email in taken:
        email = f"{local}{number}@{domain}"
    taken.add(email)
    account_id = employer.account_id if employer else None
    return Person(number, email, first, last, draw_phone(rng, country), account_id, seen_at)


def spoil(person: Person) -> Person:
    """Put the rows that are wrong on purpose, and those without an address, in their places."""
    if person.person_id in PHONE_ONLY:
        return person._replace(email="", phone=f"+1 415-555-01{person.person_id % 100:02}")
    if person.person_id not in SPOILED:
        return person
    email, first, last = SPOILED[person.person_id]
    account_id = LEGACY.account_id if person.person_id == LEGACY_PERSON else person.account_id
    return person._replace(email=email, first_name=first, last_name=last, account_id=account_id)


def make_signups(rng: random.Random, members: list[Person]) -> list[Signup]:
    """One for each of them, with the cookie by which the web tracker knows the visitor."""
    return [
        Signup(number, person.person_id, f"v{number:04x}{rng.randrange(16**5):05x}", person.created_at)
        for number, person in enumerate(members, 1)
    ]


def visit(rng: random.Random, visitor_id: str, start: datetime, touch: tuple[str, str]) -> list[PageView]:
    """See a landing page that carries what brought the visitor, and perhaps a click or two more."""
    query, referrer = touch
    gclid = "Cj0KCQjw" + "".join(rng.choice(GCLID_LETTERS) for _ in range(28))
    landing = query.format(campaign=rng.choice(CAMPAIGNS), gclid=gclid)
    views = [PageView(0, visitor_id, start, f"{SITE}{rng.choice(PAGES)}{'?' if landing else ''}{landing}", referrer)]
    for _ in range(min(rng.randrange(3), rng.randrange(4))):
        start += timedelta(seconds=9 + rng.randrange(240))
        page = SITE + rng.choice(PAGES)
        views.append(PageView(0, visitor_id, start, page, f"{SITE}/"))
    return views


def make_page_views(rng: random.Random, signups: list[Signup]) -> list[PageView]:
    """Draw views of people from their first touch on, more of late, and views of visitors who never signed up."""
    views: list[PageView] = []
    for signup in signups:
        first = signup.signed_up_at - timedelta(seconds=300 + rng.randrange(1, 20) * 3600 * rng.randrange(20))
        views += visit(rng, signup.visitor_id, first, rng.choice(TOUCHES))
        for _ in range(min(rng.randrange(4), rng.randrange(3))):
            day = day_between(rng, signup.signed_up_at.date() + timedelta(days=1), LAST_DAY)
            views += visit(rng, signup.visitor_id, moment(rng, day), rng.choice(RETURNS))
        if rng.randrange(100) < 22:
            for _ in range(1 + rng.randrange(4)):
                day = day_between(rng, LAST_DAY - timedelta(days=40), LAST_DAY)
                views += visit(rng, signup.visitor_id, moment(rng, day), rng.choice(RETURNS))
    for number in range(ANONYMOUS_VISITORS):
        start = moment(rng, day_between(rng, FIRST_DAY, LAST_DAY))
        views += visit(rng, f"v{0x8000 + number:04x}{rng.randrange(16**5):05x}", start, rng.choice(TOUCHES))
    kept = sorted((view for view in views if view.viewed_at.date() <= LAST_DAY), key=lambda v: (v.viewed_at, *v))
    return [view._replace(page_view_id=number) for number, view in enumerate(kept, 1)]


def write(path: Path, kind: type[NamedTuple], rows: Iterable[tuple[object, ...]]) -> None:
    """Write UTF-8 with line feeds on every platform; an empty cell is a null."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        sheet = csv.writer(stream, lineterminator="\n")
        sheet.writerow(kind._fields)
        sheet.writerows(rows)


def main(folder: Path) -> None:
    """Draw every table from one seed and write them as CSV."""
    rng = random.Random(20260617)
    accounts = make_accounts(rng)
    subscriptions = make_subscriptions(rng, accounts)
    invoices = make_invoices(rng, subscriptions)
    people, members = make_people(rng, accounts)
    signups = make_signups(rng, members)
    page_views = make_page_views(rng, signups)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "accounts.csv", Account, accounts)
    write(folder / "subscriptions.csv", Subscription, subscriptions)
    write(folder / "invoices.csv", Invoice, invoices)
    write(folder / "people.csv", Person, people)
    write(folder / "signups.csv", Signup, signups)
    write(folder / "page_views.csv", PageView, page_views)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "seeds")
