"""Finds the endpoint of a path among patterns like `objects/{type}/{id}`; words go before names."""

from typing import Generic, TypeVar

Endpoint = TypeVar("Endpoint")


class Paths(Generic[Endpoint]):
    """The endpoints of one vendor or area, by method and pattern."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[tuple[str, list[str], Endpoint]]] = {}

    def add(self, method: str, path: str, endpoint: Endpoint) -> None:
        """Make an endpoint known."""
        parts = path.split("/") if path else []
        self._by_length.setdefault(len(parts), []).append((method, parts, endpoint))

    def find(self, method: str, given: list[str]) -> tuple[Endpoint, dict[str, str]] | None:
        """Return the endpoint with the fewest names, and what the path has in their places."""
        best: tuple[Endpoint, dict[str, str]] | None = None
        for wanted, parts, endpoint in self._by_length.get(len(given), ()):
            names = _names(parts, given) if wanted == method else None
            if names is not None and (best is None or len(names) < len(best[1])):
                best = endpoint, names
        return best

    def methods(self, given: list[str]) -> list[str]:
        """Return the methods that a path knows."""
        known = self._by_length.get(len(given), ())
        return sorted({method for method, parts, _ in known if _names(parts, given) is not None})


def _names(parts: list[str], given: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for part, each in zip(parts, given, strict=True):
        if part.startswith("{"):
            names[part[1:-1]] = each
        elif part != each:
            return None
    return names


def label(method: str, path: str, names: dict[str, str], shown: tuple[str, ...]) -> str:
    """Name an endpoint for the counters: the names in `shown` as given, ids and keys blanked."""
    for name in shown:
        if name in names:
            path = path.replace(f"{{{name}}}", names[name])
    for name in names:
        path = path.replace(f"{{{name}}}", "{id}")
    return f"{method} /{path}"
