"""target-hubspot's settings."""

from __future__ import annotations

from singer_sdk import typing as th

from penstock.auth import Bearer, Secret
from penstock.errors import Misconfigured
from penstock.links import checked_url
from penstock.records import Destination
from penstock.singer import CORE_SETTINGS, PenstockTarget
from target_hubspot.api import HubSpot

API_URL = "https://api.hubapi.com"
DOMAINS = ("hubapi.com",)
SANDBOX_TOKEN = "sandbox-"  # noqa: S105 - the form of one
"""what tokens of a simulated HubSpot begin with; a real one must not be sent to whatever listens on this machine"""


class TargetHubSpot(PenstockTarget):
    """Singer target for HubSpot."""

    name = "target-hubspot"
    package_name = "penstock"
    config_jsonschema = th.PropertiesList(
        th.Property(
            "token",
            th.StringType(nullable=False),
            required=True,
            secret=True,
            description="Private app token or service key (pat-...), with crm.objects.contacts.read and .write.",
        ),
        th.Property(
            "api_url",
            th.StringType(nullable=False),
            default=API_URL,
            description="Where HubSpot's API is; another value is for the sandbox on 127.0.0.1.",
        ),
        *CORE_SETTINGS,
    ).to_dict()

    def base_url(self) -> str:
        """Return the API's base URL: HubSpot's own host, or a sandbox on this machine."""
        return checked_url("api_url", str(self.config["api_url"]), DOMAINS)

    def auth(self) -> Bearer:
        """Sign with the private app's token."""
        token = Secret(self.config["token"])
        if not token or not all("!" <= c <= "~" for c in token):
            raise Misconfigured(
                "setting token: is empty or holds a blank, a line break or a character that no token has",
                "set TARGET_HUBSPOT_TOKEN to the token alone",
            )
        if self.config["api_url"].startswith("http:") and not token.startswith(SANDBOX_TOKEN):
            raise Misconfigured(
                "setting token: is no sandbox token, but api_url is a sandbox on this machine; it was not sent there",
                f"for HubSpot itself leave api_url out; for the sandbox use a token that begins with {SANDBOX_TOKEN}",
            )
        return Bearer(token)

    def destination(self) -> Destination:
        """Return HubSpot."""
        return HubSpot()

    def secrets(self) -> list[Secret]:
        """Return the token."""
        return [Secret(self.config["token"])]


if __name__ == "__main__":
    TargetHubSpot.cli()
