"""The seeds are what their generator writes, small, and about nobody who exists."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

TRANSFORM = Path(__file__).parents[2] / "transform"
SEEDS = TRANSFORM / "seeds"
TABLES = ("accounts", "invoices", "page_views", "people", "signups", "subscriptions")

FICTIONAL_PHONE = re.compile(
    r"\+1 \d{3}-555-01\d\d|\+44 20 7946 0\d{3}|\+44 7700 900\d{3}|\+49 30 23125\d{3}|\+33 1 99 00 \d\d \d\d"
)
RESERVED_DOMAIN = re.compile(r"([a-z0-9-]+\.)*example\.(com|org|net)")

Row = dict[str, str]


def rows(table: str) -> list[Row]:
    with (SEEDS / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema raw")
    for table in TABLES:
        path = (SEEDS / f"{table}.csv").as_posix()
        connection.execute(f"create table raw.{table} as from read_csv('{path}', header = true, sample_size = -1)")
    return connection


def test_the_generator_writes_the_committed_seeds_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(TRANSFORM / "make_seeds.py"), str(tmp_path)], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{table}.csv" for table in TABLES]
    assert sorted(path.name for path in SEEDS.iterdir()) == [f"{table}.csv" for table in TABLES]
    for table in TABLES:
        assert (tmp_path / f"{table}.csv").read_bytes() == (SEEDS / f"{table}.csv").read_bytes(), table


def test_the_seeds_are_of_a_size_to_keep_in_a_repository() -> None:
    sizes = [path.stat().st_size for path in SEEDS.iterdir()]
    assert sum(sizes) < 2_000_000
    assert max(sizes) < 1_048_576, "dbt compares larger seeds by path instead of content"


def test_there_are_as_many_of_each_as_the_readme_says() -> None:
    counts = {table: len(rows(table)) for table in TABLES}
    assert (counts["people"], counts["accounts"], counts["page_views"]) == (2600, 420, 9049)
    assert counts["signups"] < counts["people"]


def test_every_domain_is_reserved_for_examples() -> None:
    addresses = [row["email"] for row in rows("people") if row["email"]]
    domains = {address.partition("@")[2].lower() for address in addresses if "@" in address}
    domains |= {row["domain"] for row in rows("accounts")}
    for view in rows("page_views"):
        domains |= {match.lower() for match in re.findall(r"://([^/?#]+)", view["url"] + view["referrer"])}
    strange = {domain for domain in domains if not RESERVED_DOMAIN.fullmatch(domain)}
    assert strange == {"", "shop.invalid"}, "the two that are wrong on purpose"


def test_every_phone_number_is_kept_for_fiction() -> None:
    changed = re.findall(r"'(\+[^']+)'", (TRANSFORM / "demo_changes.sql").read_text(encoding="utf-8"))
    seeded = [row["phone"] for row in rows("people") if row["phone"]]
    assert changed
    assert seeded
    assert [phone for phone in seeded + changed if not FICTIONAL_PHONE.fullmatch(phone)] == []


def test_the_rows_that_are_wrong_on_purpose_are_where_the_readme_says() -> None:
    people = {int(row["person_id"]): row for row in rows("people")}
    signed_up = {int(row["person_id"]) for row in rows("signups")}
    wrong = {
        77: "priya.raman@post.example.org",
        404: "lena.fischer(at)example.com",
        911: "someone@",
        1208: "farhan.menon@shop.invalid",
        1777: "Priya.Raman@post.example.org",
        2048: "",
    }
    assert {key: people[key]["email"] for key in wrong} == wrong
    assert {*wrong, 1313} <= signed_up
    legacy = [row["account_id"] for row in rows("subscriptions") if row["plan_code"] == "enterprise-legacy"]
    assert [key for key, row in people.items() if row["account_id"] in legacy] == [1313]
    readme = (TRANSFORM / "README.md").read_text(encoding="utf-8")
    assert all(f"C-{key:06}" in readme for key in (*wrong, 1313))


def test_nobody_else_has_a_bad_address_or_shares_one() -> None:
    addresses = [row["email"] for row in rows("people") if row["email"]]
    bad = [address for address in addresses if not re.fullmatch(r"[a-z0-9.-]+@[a-z0-9.-]+", address.lower())]
    folded = [address.lower() for address in addresses]
    assert sorted(bad) == ["lena.fischer(at)example.com", "someone@"]
    assert {address for address in folded if folded.count(address) > 1} == {"priya.raman@post.example.org"}


def test_names_come_from_more_than_one_alphabet() -> None:
    last_names = {row["last_name"] for row in rows("people")}
    assert {"Müller", "Nguyễn", "山田", "O'Brien", "Núñez"} <= last_names


def test_every_reference_leads_somewhere() -> None:
    accounts = {row["account_id"] for row in rows("accounts")}
    people = {row["person_id"] for row in rows("people")}
    for table in ("people", "subscriptions", "invoices"):
        assert {row["account_id"] for row in rows(table) if row["account_id"]} <= accounts, table
    assert {row["person_id"] for row in rows("signups")} <= people


def contents(warehouse: duckdb.DuckDBPyConnection) -> dict[str, set[tuple[object, ...]]]:
    return {table: set(warehouse.execute(f"from raw.{table}").fetchall()) for table in TABLES}


def test_the_next_morning_changes_what_it_says_and_nothing_more(warehouse: duckdb.DuckDBPyConnection) -> None:
    before = contents(warehouse)
    warehouse.execute((TRANSFORM / "demo_changes.sql").read_text(encoding="utf-8"))
    after = contents(warehouse)
    new = {table: len(after[table] - before[table]) for table in TABLES}
    assert new == {
        "accounts": 0,
        "invoices": 10,
        "page_views": 0,
        "people": 17 + 8 + 1 + 3,
        "signups": 3,
        "subscriptions": 10 + 3 + 3,
    }
    ids = [row[0] for row in after["people"]]
    assert len(ids) == len(set(ids)) == 2603


def test_the_next_morning_can_be_applied_twice(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = (TRANSFORM / "demo_changes.sql").read_text(encoding="utf-8")
    warehouse.execute(sql)
    once = contents(warehouse)
    warehouse.execute(sql)
    assert contents(warehouse) == once
