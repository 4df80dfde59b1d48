"""API versions, which a header chooses request by request."""

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, documented

Version = tuple[int, int]
PREVIEW: Version = (99, 0)
OLDEST, NEWEST = (2, 7), (2, 17)
GUIDE = "developers.intercom.com/docs/build-an-integration/learn-more/rest-apis/api-versioning"


@documented("Intercom-Version chooses the version; without it the app's own setting applies", GUIDE)
@assumed("A version that does not exist is 400 intercom_version_invalid", "the code is documented, its status is not")
def read(given: str | None, own: str) -> Version:
    """Return the version of a request, `Preview` above all others."""
    text = (own if given is None else given).strip()
    if text.lower() == "preview":
        return PREVIEW
    major, _, minor = text.partition(".")
    if major.isdecimal() and minor.isdecimal() and text.isascii():
        version = (int(major), int(minor))
        if OLDEST <= version <= NEWEST:
            return version
    raise errors.RefusalError(400, "intercom_version_invalid", "The requested version could not be found")
