"""Where requests may go: base URLs from settings, links from answers, and paths with keys in them.

A credential goes only to the host that a person named, or to a host of the vendor's own domains. A link in an answer
is never followed as it stands: it becomes a path on the host that gave it, or it is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import SplitResult, quote, urlsplit

from penstock.errors import Fault, InvalidRecord, Misconfigured

_PLAIN_URL = re.compile(
    r"[A-Za-z]+://"
    r"([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
    r"(/[A-Za-z0-9._~-]*)*"
).fullmatch
_PLAIN_LINK = re.compile(r"[!$&'()*+,;=:@/?%A-Za-z0-9._~\[\]-]+").fullmatch
"""the characters of RFC 3986 without the fragment's; a backslash, a blank or a letter of another script is none"""
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE).fullmatch


def checked_url(setting: str, url: str, domains: Sequence[str]) -> str:
    """Return a base URL without its trailing slash, if it may receive credentials.

    https and one of the vendor's domains; or plain http to a loopback address, which is the sandbox.
    Raises Misconfigured otherwise.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Misconfigured(f"setting {setting}: not a URL") from error
    host = (parts.hostname or "").lower()
    # Characters that every parser of URLs reads alike: behind a backslash, `@` or `%` another host can hide.
    if not _PLAIN_URL(url) or _has_dots(parts.path):
        raise Misconfigured(f"setting {setting}: give scheme, host and path only, in plain characters")
    if parts.scheme == "http" and is_loopback(host):
        return url.rstrip("/")
    if parts.scheme != "https":
        raise Misconfigured(f"setting {setting}: must begin with https:// (http:// is for a sandbox on 127.0.0.1 only)")
    if port not in (None, 443) or not any(host == d or host.endswith("." + d) for d in domains):
        raise Misconfigured(f"setting {setting}: the host must be {' or '.join(domains)} or one of its subdomains")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_instance(url: str, domains: Sequence[str], asked: str) -> str:
    """Return the base URL that an answer of `asked` names for all further requests, if it may receive credentials.

    The vendor's own login may name any https host of the vendor's domains; a sandbox only itself, and nothing but a
    sandbox may name this machine: whatever listens there must not get a real token. Raises Misconfigured.
    """
    base = checked_url("instance_url", url, domains)
    here, there = urlsplit(asked), urlsplit(base)
    if (is_loopback(here.hostname or "") or is_loopback(there.hostname or "")) and _origin(here) != _origin(there):
        raise Misconfigured(
            "the instance_url in the answer to the log-in is on another host than the log-in",
            "a sandbox answers with its own address; look at the setting that names the log-in's host",
        )
    return base


def path_on(base: str, link: str) -> str:
    """Turn a link from an answer (a next page, a Location, a job's URL) into a path on the host of `base`.

    Takes an absolute URL on the same scheme, host and port, or a path. What is returned is relative to `base`, as
    `Request.path` is: where `base` has a path of its own, an absolute link must lie below it. Raises Fault, whose text
    does not show the link: it can hold keys.
    """
    here = urlsplit(base)
    try:
        there = urlsplit(link)
        plain = bool(_PLAIN_LINK(link)) and not _has_dots(there.path)
        same = _origin(there) == _origin(here) and "@" not in there.netloc if there.netloc else not there.scheme
    except ValueError:
        plain = same = False
    if not plain or not same or link.startswith("//") or not there.path.startswith("/") or "//" in there.path:
        raise Fault(
            "a link in an answer does not stay on the host that was asked; it was not followed",
            "nothing was sent there; look at who answers for the destination, a proxy for instance",
        )
    prefix = here.path.rstrip("/")
    if prefix and there.path.startswith(prefix + "/"):
        path = there.path[len(prefix) :]
    elif prefix and there.netloc:
        raise Fault("a link in an answer leaves the path of the API that was asked; it was not followed")
    else:
        path = there.path
    return f"{path}?{there.query}" if there.query else path


def path(template: str, *segments: str) -> str:
    """Fill each `{}` of a template with one quoted segment.

    Keys belong into bodies; this is for the APIs that leave no choice. Quoting alone does not keep a key in its
    place: `..` quotes to itself, and clients collapse it. Raises InvalidRecord without the value.
    """
    if template.count("{}") != len(segments):
        raise AssertionError("a path template needs one segment for each {}")
    filled = template
    for segment in segments:
        if segment in ("", ".", ".."):
            raise InvalidRecord("not_a_path_segment", "an empty value, `.` or `..` cannot travel in a URL")
        try:
            quoted = quote(segment, safe="")
        except UnicodeEncodeError:
            raise InvalidRecord("not_a_path_segment", "the value is no valid Unicode text") from None
        filled = filled.replace("{}", quoted, 1)
    if filled.count("/") != template.count("/"):
        raise AssertionError("a segment changed the shape of its path")
    return filled


def goes_to(url: str, base: str, asked: str) -> bool:
    """Tell whether a URL, as the HTTP library has prepared it, is the path `asked` on the host of `base`.

    The library takes dot segments out and quotes anew; the host, and how many segments there are, must not change.
    """
    ready, here = urlsplit(url), urlsplit(base)
    same_host = _origin(ready) == _origin(here) and "@" not in ready.netloc
    wanted = here.path + asked.partition("?")[0]
    same_shape = ready.path.count("/") == wanted.count("/") and not _has_dots(ready.path) and not ready.fragment
    return asked.startswith("/") and same_host and same_shape


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    standard = {"https": 443, "http": 80}
    return parts.scheme, (parts.hostname or "").lower(), parts.port or standard.get(parts.scheme)


def _has_dots(path: str) -> bool:
    return any(_DOTS(segment) for segment in path.split("/"))
