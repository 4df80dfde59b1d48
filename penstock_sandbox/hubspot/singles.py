"""What HubSpot does with one record, and with a listing of them."""

from penstock_sandbox.hubspot import associations, errors, rules
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.hubspot.rows import OBJECTS_GUIDE, Batch, Result, Rider, Row, Value, describe
from penstock_sandbox.provenance import assumed, documented, recorded

LARGEST_PAGE = 100


@documented("POST on the type makes one object, 201", OBJECTS_GUIDE)
@recorded("A contact that exists is a 409 that names its id", "recorded body in the fact sheet")
@recorded("Its older form, with identityProfile and vid", "community.hubspot.com m-p/951534; `create_conflict: old`")
def create_one(visit: Visit, properties: dict[str, Value], riders: list[Rider]) -> Result:
    """Create one object."""
    try:
        return rules.create(visit, [Row(properties=properties, associations=riders)]).results[0]
    except errors.RefusalError as refusal:
        address = properties.get("email")
        conflict = refusal.status == 409 and "email" in visit.table.unique
        owner = visit.table.find("email", str(address).strip().lower()) if conflict else None
        if owner is None:
            raise
        if visit.settings.hubspot.create_conflict == "old":
            raise errors.old_conflict(str(address), owner.id) from refusal
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
def read_one(visit: Visit, record_id: str, id_property: str | None, names: list[str], archived: bool = False) -> Result:
    """Return one object."""
    done: Batch = rules.read(visit, [record_id], id_property, names, archived)
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


@documented(
    "A merge folds one record into another, which answers to both ids", "HubSpot changelog, updated merge functionality"
)
@documented("The survivor gets a new id, unless the portal is in a beta", "HubSpot changelog; `merge_new_id`")
@assumed("The survivor keeps its values, and takes those it lacks", "the primary record's values win")
def merge(visit: Visit, primary_id: str, other_id: str) -> Result:
    """Merge two objects and return the survivor."""
    survivor, other = visit.table.resolve(primary_id), visit.table.resolve(other_id)
    if survivor is None or other is None:
        raise errors.object_not_found(primary_id if survivor is None else other_id)
    if survivor is other:
        raise errors.invalid_request("An object cannot be merged with itself")
    values = dict(other.properties)
    heir = visit.portal.merge(visit.shelf, survivor, other, visit.now, visit.settings.hubspot.merge_new_id)
    unique = {*visit.table.unique, *visit.shelf.kind.aliases.values()}
    lacking = {name: value for name, value in values.items() if name not in heir.properties and name not in unique}
    visit.table.write(heir, lacking, visit.now)
    rules.note(visit, "merge", heir, None, {"primaryObjectId": primary_id, "objectIdToMerge": other_id})
    return describe(visit, heir, list(visit.shelf.kind.shown))


@documented("A purged contact is gone for good, 204", "developers.hubspot.com gdpr-delete")
@documented(
    "Its address is then refused by imports, not by the API", "knowledge.hubspot.com, permanently delete contacts"
)
@assumed("It is gone at once, and an id that names nothing is a 204 as well", "HubSpot takes up to 30 days")
def purge(visit: Visit, record_id: str, id_property: str | None) -> None:
    """Delete a contact and every value of it."""
    name = rules.key_property(visit, id_property)
    if name is None:
        record = visit.table.resolve(record_id) or visit.table.records.get(record_id)
    else:
        record = visit.table.find(name, rules.stored_key(visit, name, record_id))
    addresses = [record_id.strip().lower()] if name == "email" else []
    if record is not None:
        for alias in (*visit.shelf.kind.aliases, *visit.shelf.kind.aliases.values()):
            addresses += record.properties.get(alias, "").split(";")
        visit.table.purge(record, visit.now)
        rules.note(visit, "purge", record, None, {})
    visit.portal.purged.update(address for address in addresses if address)


@documented("A record can be shown with its associates", OBJECTS_GUIDE)
@assumed("Their entry is named by the type, `type` by both ends", "as the guide's example shows")
def with_associates(visit: Visit, result: Result, names: list[str]) -> Result:
    """Add a record's associates of some types."""
    found: dict[str, object] = {}
    for name in names:
        other = visit.portal.shelf(name)
        ends = associations.Ends(visit.portal, visit.shelf, other, visit)
        kind = f"{visit.shelf.kind.singular}_to_{other.kind.singular}"
        listed = [{"id": str(each["toObjectId"]), "type": kind} for each in associations.associates(ends, result.id)]
        if listed:
            found[other.kind.name] = {"results": listed}
    if found:
        result.associations = found
    return result
