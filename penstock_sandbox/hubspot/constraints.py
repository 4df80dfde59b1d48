"""What a write must satisfy beyond each value's own check: required properties, stages, lifecycle, an admin's rules."""

from penstock_sandbox.hubspot.errors import Problem
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.store import Record

OBJECTS_GUIDE = "developers.hubspot.com/docs/api-reference/latest/crm/using-object-apis"
LIFECYCLE = "lifecyclestage"


@documented("Companies need name or domain, deals name and stage, tickets subject and stage", OBJECTS_GUIDE)
@documented("Custom objects need the requiredProperties of their schema", OBJECTS_GUIDE)
@documented("A deal needs its pipeline where there are several", OBJECTS_GUIDE)
def required(visit: Visit) -> list[tuple[str, ...]]:
    """Return what a new object must have: of each group one at least."""
    kind = visit.shelf.kind
    groups = list(kind.required)
    if kind.name == "deals" and len(visit.shelf.pipelines) > 1:
        groups.append(("pipeline",))
    if visit.rules_hold:
        groups += [(name,) for name in visit.settings.hubspot.required_on_form.get(kind.name, [])]
    return groups


@assumed("What is missing is MISSING_REQUIRED_PROPERTY", "the code is recorded, not for which call")
def missing(groups: list[tuple[str, ...]], written: dict[str, str]) -> list[Problem]:
    """Return what a new object lacks."""
    return [
        Problem(group[0], "MISSING_REQUIRED_PROPERTY", f"Required property {' or '.join(group)} was not set")
        for group in groups
        if not any(written.get(name) for name in group)
    ]


@documented(
    "A conditional required property is MISSING_CONDITIONAL_REQUIRED_PROPERTY",
    "HubSpot changelog, crm-api-write-validation-enforcement",
)
@assumed("Older paths enforce an admin's rules too", "disputed; the stricter reading, `rules_on_older_paths`")
def conditional(visit: Visit, record: Record, written: dict[str, str]) -> list[Problem]:
    """Return what an admin's conditional rules ask for and the record would not have."""
    if not visit.rules_hold:
        return []
    found = []
    for rule in visit.settings.hubspot.conditional:
        if rule.type != visit.shelf.kind.name or not written.keys() & {rule.property, rule.required}:
            continue
        after = {**record.properties, **written}
        if after.get(rule.property) == rule.value and not after.get(rule.required):
            message = f"Property {rule.required} is required when {rule.property} is {rule.value}"
            found.append(Problem(rule.required, "MISSING_CONDITIONAL_REQUIRED_PROPERTY", message))
    return found


@documented("A stage is one of its pipeline's", "developers.hubspot.com/docs/api-reference/crm-pipelines-v3")
@assumed("A stage of another pipeline is INVALID_OPTION", "the code for values that are no option")
def misplaced(visit: Visit, record: Record, written: dict[str, str]) -> list[Problem]:
    """Return the problem of a stage that does not belong to the record's pipeline."""
    if visit.shelf.kind.stage is None or not visit.shelf.pipelines:
        return []
    pipeline_name, stage_name = visit.shelf.kind.stage
    if not written.get(stage_name):
        return []
    first = visit.shelf.pipelines[0].id
    chosen = written.get(pipeline_name) or record.properties.get(pipeline_name) or first
    stages = [stage.id for each in visit.shelf.pipelines if each.id == chosen for stage in each.stages]
    if written[stage_name] in stages:
        return []
    message = f"{written[stage_name]} was not one of the allowed options: [{', '.join(stages)}]"
    return [Problem(stage_name, "INVALID_OPTION", message)]


@assumed(
    "A new object without a pipeline goes to the first one", "the guide lets a deal do without where there is but one"
)
def choose_pipeline(visit: Visit, written: dict[str, str]) -> None:
    """Put a new object that has a stage into the first pipeline, if it names none."""
    stage = visit.shelf.kind.stage
    if stage is not None and visit.shelf.pipelines and written.get(stage[1]):
        written.setdefault(stage[0], visit.shelf.pipelines[0].id)


@documented("The lifecycle stage only moves forward, unless it is cleared first", OBJECTS_GUIDE)
@assumed("A stage that would move backward is left out in silence", "no error is described")
def hold_back(visit: Visit, record: Record, written: dict[str, str]) -> None:
    """Leave a lifecycle stage out that would move the record backward."""
    new, old = written.get(LIFECYCLE), record.properties.get(LIFECYCLE)
    if not new or not old or LIFECYCLE not in visit.catalogue.checks:
        return
    order = [option.value for option in visit.catalogue.get(LIFECYCLE).options]
    if old in order and new in order and order.index(new) < order.index(old):
        del written[LIFECYCLE]
