"""The table of a plugin's settings in its README, written from the settings themselves.

`python -m penstock.settings_page MODULE:CLASS README.md` writes it anew between two marks; a test holds it up to date.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

BEGINS, ENDS = "<!-- settings: written by make docs -->", "<!-- end of settings -->"


def table(schema: Mapping[str, object]) -> str:
    """Return the settings of a plugin's JSON schema as a Markdown table, in their order."""
    properties = schema["properties"]
    if not isinstance(properties, dict):
        raise TypeError("a schema of settings has properties")
    lines = ["| setting | default | |", "|---|---|---|"]
    for name, setting in properties.items():
        default = setting.get("default")
        shown = "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        secret = " *(secret)*" if setting.get("secret") else ""
        lines.append(f"| `{name}`{secret} | {shown} | {str(setting.get('description', '')).replace('|', '/')} |")
    return "\n".join(lines)


def with_table(page: str, schema: Mapping[str, object]) -> str:
    """Return a page with the table between its marks."""
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"the page lacks {BEGINS} or {ENDS}")
    return f"{before}{BEGINS}\n{table(schema)}\n{ENDS}{after}"


def main() -> None:
    """Write the table of a plugin into a page."""
    module, _, name = sys.argv[1].partition(":")
    plugin = getattr(importlib.import_module(module), name)
    page = Path(sys.argv[2])
    page.write_text(with_table(page.read_text("utf-8"), plugin.config_jsonschema), "utf-8")


if __name__ == "__main__":
    main()
