"""What HubSpot does with one record, and with a listing of them."""

from penstock_sandbox.hubspot import errors, rules
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.hubspot.rows import OBJECTS_GUIDE, Batch, Result, Row, Value, describe
from penstock_sandbox.provenance import assumed, documented, recorded

LARGEST_PAGE = 100


@documented("POST on the type makes one object, 201", OBJECTS_GUIDE)
@recorded("A contact that exists is a 409 that names its id", "recorded body in the fact sheet")
def create_one(visit: Visit, properties: dict[str, Value]) -> Result:
    """Create one object."""
    try:
        return rules.create(visit, [Row(properties=properties)]).results[0]
    except errors.RefusalError as refusal:
        address = properties.get("email")
        owner = visit.table.find("email", str(address).strip().lower()) if refusal.status == 409 else None
        if owner is None:
            raise
        raise errors.conflict(f"Contact already exists. Existing ID: {owner.id}") from refusal


@documented("PATCH changes one object, found by id or by a unique property", OBJECTS_GUIDE)
@recorded("An unknown id is a 404", "recorded body in the fact sheet")
@assumed("PATCH follows a merged id to the survivor", "GET does; only batch/update is reported not to")
def update_one(visit: Visit, record_id: str, id_property: str | None, properties: dict[str, Value]) -> Result:
    """Change one object."""
    found = rules.read(visit, [record_id], id_property, []).results
    if not found:
        raise errors.object_not_found(record_id)
    return rules.update(visit, [Row(id=found[0].id, properties=properties)]).results[0]


@documented("GET finds one object by id or by a unique property", OBJECTS_GUIDE)
@recorded("An unknown id is a 404", "recorded body in the fact sheet")
def read_one(visit: Visit, record_id: str, id_property: str | None, names: list[str]) -> Result:
    """Return one object."""
    done: Batch = rules.read(visit, [record_id], id_property, names)
    if not done.results:
        raise errors.object_not_found(record_id)
    return done.results[0]


@documented("A listing is paged by `after`, at most 100 a page", OBJECTS_GUIDE)
@assumed("Pages are in order of id and `after` is the first id not yet shown", "the sample's cursor looks like an id")
def page(visit: Visit, limit: str, after: str, names: list[str], archived: bool) -> tuple[list[Result], str | None]:
    """Return one page and the cursor of the next."""
    if not limit.isdecimal() or not 1 <= int(limit) <= LARGEST_PAGE:
        raise errors.invalid_request(f"limit must be between 1 and {LARGEST_PAGE}")
    if after and not after.isdecimal():
        raise errors.invalid_request("after is not a cursor of this listing")
    known = [name for name in names if name in visit.catalogue.checks] or list(visit.shelf.kind.shown)
    results: list[Result] = []
    for record in visit.table.listing(after, archived):
        if len(results) == int(limit):
            return results, record.id
        results.append(describe(visit, record, known))
    return results, None
