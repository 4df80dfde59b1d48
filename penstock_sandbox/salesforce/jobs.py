"""Bulk jobs."""

import msgspec


class Job(msgspec.Struct):
    """One job."""

    id: str
