"""target-hubspot's settings."""

from __future__ import annotations

import time

from requests.auth import AuthBase
from singer_sdk import typing as th

from penstock import __version__
from penstock.auth import Bearer, Secret, Unsigned, check_credential, needed
from penstock.errors import Misconfigured
from penstock.http import Asker, Http
from penstock.links import checked_url
from penstock.records import Destination
from penstock.singer import CORE_SETTINGS, PenstockTarget, project_root
from penstock.tokens import RefreshGrant, Refreshing
from target_hubspot.api import HubSpot, Options
from target_hubspot.paths import DEFAULT, VERSIONS

API_URL = "https://api.hubapi.com"
DOMAINS = ("hubapi.com",)
VENDOR = "HubSpot"
OAUTH = ("client_id", "client_secret", "refresh_token")


class TargetHubSpot(PenstockTarget):
    """Singer target for HubSpot."""

    name = "target-hubspot"
    package_name = "penstock"
    config_jsonschema = th.PropertiesList(
        th.Property(
            "token",
            th.StringType(nullable=False),
            secret=True,
            description="Private app token or service key (pat-...). This, or the three settings of an OAuth app.",
        ),
        th.Property("client_id", th.StringType(nullable=False), description="OAuth app: its client id."),
        th.Property(
            "client_secret",
            th.StringType(nullable=False),
            secret=True,
            description="OAuth app: its client secret.",
        ),
        th.Property(
            "refresh_token",
            th.StringType(nullable=False),
            secret=True,
            description="OAuth app: the refresh token of the portal; access tokens are fetched as they expire.",
        ),
        th.Property(
            "api_url",
            th.StringType(nullable=False),
            default=API_URL,
            description="Where HubSpot's API is; another value is for the sandbox on 127.0.0.1.",
        ),
        th.Property(
            "api_version",
            th.StringType(nullable=False),
            default=DEFAULT,
            allowed_values=list(VERSIONS),
            description="Which version of HubSpot's API is used: 2026-03, 2026-09 or v3 (associations: v4).",
        ),
        th.Property(
            "create_properties",
            th.BooleanType(nullable=False),
            default=False,
            description="Make properties that a sync names and the portal lacks, of the types in the stream's schema; "
            "a match property as a unique one. Needs the scopes crm.schemas.*.write.",
        ),
        th.Property(
            "property_group",
            th.StringType(nullable=False),
            default="penstock",
            description="The group in which they are made; it is made as well.",
        ),
        th.Property(
            "create_lists",
            th.BooleanType(nullable=False),
            default=False,
            description="Make lists that a sync names (`list:Name`) and the portal lacks, as manual lists of contacts.",
        ),
        th.Property(
            "gdpr_delete",
            th.BooleanType(nullable=False),
            default=False,
            description="Let `mode: delete` and `removed: delete` purge contacts for good, one call each, instead of "
            "archiving them. Cannot be undone.",
        ),
        *CORE_SETTINGS,
    ).to_dict()

    @property
    def api_url(self) -> str:
        """Return where HubSpot's API is; a setting that is null is none."""
        return str(self.config["api_url"] or API_URL)

    def base_url(self) -> str:
        """Return the API's base URL: HubSpot's own host, or a sandbox on this machine."""
        return checked_url("api_url", self.api_url, DOMAINS)

    def auth(self) -> AuthBase:
        """Sign with the private app's token, or with tokens that an OAuth app's refresh token brings."""
        given = [name for name in OAUTH if self.config.get(name)]
        if not given and self.config.get("token") is None:
            raise Misconfigured(
                needed("token", self.name),
                "set it, or client_id, client_secret and refresh_token of an OAuth app",
            )
        if bool(given) == (self.config.get("token") is not None) or (given and len(given) < len(OAUTH)):
            raise Misconfigured(
                "settings token, client_id, client_secret, refresh_token: give the token alone, or the other three",
                "set TARGET_HUBSPOT_TOKEN, or the three settings of an OAuth app",
            )
        for name in given or ["token"]:
            check_credential(name, f"TARGET_HUBSPOT_{name.upper()}", self.config[name], self.api_url, VENDOR)
        if not given:
            return Bearer(Secret(self.config["token"]))
        ca_file = self.config.get("ca_file")
        # The request that asks for a token goes unsigned, on connections of its own.
        http = Http(
            self.base_url(),
            Unsigned(),
            f"penstock/{__version__} ({self.name})",
            ca_file=project_root() / str(ca_file) if ca_file else None,
        )
        client = {name: Secret(self.config[name]) for name in ("client_id", "client_secret")}
        path = VERSIONS[self.config["api_version"]].token
        return Refreshing(RefreshGrant(Asker(http), path, client, Secret(self.config["refresh_token"])), time.time)

    def destination(self) -> Destination:
        """Return HubSpot, as the settings want it."""
        config = self.config
        return HubSpot(
            Options(
                version=config["api_version"],
                create_properties=bool(config["create_properties"]),
                property_group=config["property_group"] or "penstock",
                create_lists=bool(config["create_lists"]),
                gdpr_delete=bool(config["gdpr_delete"]),
                token=Secret(config["token"]) if config.get("token") else None,
            )
        )

    def secrets(self) -> list[Secret]:
        """Return the token, or the OAuth app's secrets."""
        return [Secret(self.config[name]) for name in ("token", *OAUTH[1:]) if self.config.get(name)]


if __name__ == "__main__":
    TargetHubSpot.cli()
