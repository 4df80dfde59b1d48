"""The permissions of an app that requests need, by the names that Intercom's Developer Hub has for them.

The names and what they allow are documented; which of them a request needs is concluded from that, so what is said of
one that was refused is what it most probably lacks.
"""

from __future__ import annotations

from penstock.records import Request

READ_ONE, READ_ALL = "Read one user and one company", "Read and list users and companies"
WRITE = "Write users and companies"


def needed(request: Request) -> str:
    """Name the permission that a request needs; nothing where that is not known."""
    place = request.path.partition("?")[0].strip("/").split("/")
    reads = request.method == "GET"
    if "tags" in place:
        return "Read tags" if reads else "Write tags"
    by_head = {
        "events": "Write events",
        "custom_object_instances": "Read and write custom object instances",
        "data_attributes": READ_ALL if reads else "Write data attributes",
        "subscription_types": READ_ALL,
        "admins": "Read admins",
    }
    if place[0] not in ("contacts", "companies"):
        return by_head.get(place[0], "")
    return READ_ALL if place[-1] == "search" else READ_ONE if reads else WRITE
