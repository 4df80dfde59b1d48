"""The parts of a multipart form, as far as an import needs them."""

import re
from typing import NamedTuple

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?').search
_NAME = re.compile(rb'\bname="([^"]*)"').search
_FILE = re.compile(rb'\bfilename="([^"]*)"').search


class Part(NamedTuple):
    """One field of a form; `file_name` is empty for plain ones."""

    name: str
    file_name: str
    content: bytes


def parts_of(content_type: str, body: bytes) -> list[Part]:
    """Split a form. Raises ValueError for what is none."""
    found = _BOUNDARY(content_type)
    if found is None or not content_type.lower().startswith("multipart/form-data"):
        raise ValueError("not multipart/form-data")
    marker = b"\r\n--" + found[1].encode("latin-1")
    pieces = (b"\r\n" + body).split(marker)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ValueError("the form ends too early")
    parts = []
    for piece in pieces[1:-1]:
        head, gap, content = piece.partition(b"\r\n\r\n")
        name, file_name = _NAME(head), _FILE(head)
        if not gap or name is None:
            raise ValueError("a part without a name")
        parts.append(Part(name[1].decode(), "" if file_name is None else file_name[1].decode(), content))
    return parts
