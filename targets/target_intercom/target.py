"""target-intercom's settings."""

from __future__ import annotations

from requests.auth import AuthBase
from singer_sdk import typing as th

from penstock.auth import Bearer, Secret, check_credential, needed
from penstock.errors import Misconfigured
from penstock.links import checked_url
from penstock.records import Destination
from penstock.singer import CORE_SETTINGS, PenstockTarget
from target_intercom.api import Intercom, Options

HOSTS = {"us": "https://api.intercom.io", "eu": "https://api.eu.intercom.io", "au": "https://api.au.intercom.io"}
DOMAINS = ("intercom.io",)
VENDOR = "Intercom"
VERSIONS = ["2.13", "2.14", "2.15", "2.16", "2.17"]
VARIABLE = "TARGET_INTERCOM_ACCESS_TOKEN"


class TargetIntercom(PenstockTarget):
    """Singer target for Intercom."""

    name = "target-intercom"
    package_name = "penstock"
    config_jsonschema = th.PropertiesList(
        th.Property(
            "access_token",
            th.StringType(nullable=False),
            secret=True,
            description="Access token of an app of the workspace, from Intercom's Developer Hub.",
        ),
        th.Property(
            "region",
            th.StringType(nullable=False),
            default="us",
            allowed_values=list(HOSTS),
            description="Where the workspace is: us, eu or au. A token of another region is refused.",
        ),
        th.Property(
            "api_url",
            th.StringType(nullable=False),
            description="Instead of the region's own host: the sandbox on 127.0.0.1.",
        ),
        th.Property(
            "api_version",
            th.StringType(nullable=False),
            default="2.14",
            allowed_values=VERSIONS,
            description="The Intercom-Version that every request asks for, whatever the app's own is.",
        ),
        th.Property(
            "create_attributes",
            th.BooleanType(nullable=False),
            default=False,
            description="Make custom attributes that a sync names and the workspace lacks, of the types in the "
            "stream's schema. Their type can never change.",
        ),
        th.Property(
            "same_email",
            th.StringType(nullable=False),
            default="reject",
            allowed_values=["reject", "newest", "all"],
            description="Where a contact is found by email and several have it: `reject` the row, or write the "
            "`newest`. Users count before leads. `all` is refused: a row stands for one contact.",
        ),
        th.Property(
            "unarchive",
            th.BooleanType(nullable=False),
            default=False,
            description="Bring contacts back from the archive that a sync would write. Syncs that archive what has "
            "left (`mode: mirror`, `removed: archive`) do so without being told.",
        ),
        th.Property(
            "permanent_delete",
            th.BooleanType(nullable=False),
            default=False,
            description="Let `mode: delete` and `removed: delete` delete for good. Without it contacts are archived, "
            "and companies and custom objects, which cannot be, are left. Cannot be undone.",
        ),
        *CORE_SETTINGS,
    ).to_dict()

    def base_url(self) -> str:
        """Return the API's base URL: the host of the workspace's region, or a sandbox on this machine."""
        return checked_url("api_url", str(self.config.get("api_url") or HOSTS[self.config["region"]]), DOMAINS)

    def auth(self) -> AuthBase:
        """Sign with the app's token; it does not expire."""
        token = self.config.get("access_token")
        if token is None:
            raise Misconfigured(needed("access_token", self.name), "set it")
        check_credential("access_token", VARIABLE, token, self.base_url(), VENDOR)
        return Bearer(Secret(token))

    def destination(self) -> Destination:
        """Return Intercom, as the settings want it."""
        config = self.config
        if config["same_email"] == "all":
            raise Misconfigured(
                "setting same_email: `all` is not possible: what a row was delivered to is one contact, which later "
                "changes go to and a removal archives",
                "use `reject` or `newest`, or merge the contacts in Intercom",
            )
        return Intercom(
            Options(
                version=config["api_version"],
                region=config["region"],
                create_attributes=config["create_attributes"],
                permanent_delete=config["permanent_delete"],
                unarchive=config["unarchive"],
                newest=config["same_email"] == "newest",
            )
        )

    def secrets(self) -> list[Secret]:
        """Return the token."""
        return [Secret(self.config["access_token"])] if self.config.get("access_token") else []


if __name__ == "__main__":
    TargetIntercom.cli()
