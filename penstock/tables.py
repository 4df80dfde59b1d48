"""The ledger's tables, and the values that go into them."""

from __future__ import annotations

import msgspec

from penstock.records import Record, RowKey

SCHEMA_VERSION = 5
SCHEMA = """
create table if not exists meta(name text primary key, value text not null) without rowid;
create table if not exists syncs(
  sync integer primary key, stream text not null unique, object text not null, mapping blob, version integer,
  rules blob, pending text);
create table if not exists records(
  sync integer not null, row_key text not null, seq integer not null,
  match_value text, fingerprint blob, source_mark blob, destination_id text, delivered_at real, left_at real,
  primary key(sync, row_key)) without rowid;
create index if not exists records_match on records(sync, match_value);
create index if not exists records_id on records(sync, destination_id);
create table if not exists rejects(
  sync integer not null, row_key text not null, kind text not null, code text not null, field text,
  message text not null, record blob not null, attempts integer not null default 1,
  first_at real not null, last_at real not null, run integer not null,
  mark blob, next_at real,
  primary key(sync, row_key)) without rowid;
create table if not exists links(
  sync integer not null, row_key text not null, link text not null, other_id text not null, certain integer not null,
  primary key(sync, row_key, link, other_id)) without rowid;
create index if not exists links_other on links(other_id);
create table if not exists doubts(
  sync integer not null, row_key text not null, match_value text not null,
  primary key(sync, row_key, match_value)) without rowid;
create table if not exists intents(
  intent integer primary key, sync integer not null, run integer not null, action text not null,
  keys text not null, matches text not null, fingerprints blob not null, at real not null);
create table if not exists jobs(
  job integer primary key, sync integer not null, run integer not null, action text not null, by_id integer not null,
  name text not null, head text not null, step text not null, remote_id text, row_count integer not null,
  at real not null);
create table if not exists job_rows(
  job integer not null, first integer not null, entries blob not null, primary key(job, first));
create table if not exists runs(
  run integer primary key, started_at real not null, ended_at real, pid integer not null, version text not null,
  exit_code integer, ending text, calls integer not null default 0, counts text not null default '{}');
create table if not exists throttle(
  run integer primary key, beat integer not null, at real not null, granted integer not null, hungry integer not null,
  pause real not null);
"""
UPGRADES = {
    1: (
        "alter table syncs add column rules blob",
        "alter table syncs add column pending text",
        "alter table rejects add column mark blob",
        "alter table rejects add column next_at real",
        "update rejects set next_at=last_at",
    ),
    2: (),  # the table of links, which is made with the others
    3: (),  # those of jobs
    4: (),  # indexes: links by the other object, records by their id
}
"""what brings a ledger from one version of the schema to the next"""


class Seen:
    """Which rows of a sync were met in this run: one bit per ledger row, not a write per row."""

    def __init__(self, first_new: int) -> None:
        self.first_new = first_new
        """rows numbered from here on were added in this run"""
        self.count = 0
        self._bits = bytearray((first_new >> 3) + 1)

    def mark(self, seq: int, present: bool = True) -> None:
        """Note a row as met. One that had left before is not `present` in the ledger, so it is not counted."""
        if seq < self.first_new and not self._bits[seq >> 3] & (1 << (seq & 7)):
            self._bits[seq >> 3] |= 1 << (seq & 7)
            self.count += present

    def left(self, seq: int) -> None:
        """Note that a row that was met has left: it is no longer one of those present."""
        self.count -= seq < self.first_new

    def has(self, seq: int) -> bool:
        """Tell whether a row was met or added in this run."""
        return seq >= self.first_new or bool(self._bits[seq >> 3] & (1 << (seq & 7)))


_encode = msgspec.json.Encoder(decimal_format="number").encode
Settled = tuple[RowKey, str, bytes, bytes | None, str | None]
"""row key, match value, fingerprint, source mark, destination id"""
Refused = tuple[RowKey, str, str, str | None, str, Record | bytes, bytes]
"""row key, kind (`invalid` or `rejected`), code, field, message, source record, what stands for record and mapping"""


def as_text(text: str) -> str:
    """Return text that any database keeps: without NUL, and with no half of a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def as_json(record: Record | bytes) -> bytes:
    """Write a source record for keeping; text that nobody could read is kept as text."""
    if isinstance(record, bytes):
        return _encode({"unreadable": record.decode(errors="backslashreplace")})
    return _encode(record)
