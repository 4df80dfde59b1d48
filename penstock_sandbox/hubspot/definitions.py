"""The properties that a portal has from the start: HubSpot's own, and those that the demo added to contacts."""

from penstock_sandbox.hubspot.properties import Modification, Option, Property, Type

Table = dict[str, tuple[str, Type]]
_STAGES = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)
_PRIORITIES = (("LOW", "Low"), ("MEDIUM", "Medium"), ("HIGH", "High"), ("URGENT", "Urgent"))

# name: label, type. Options, owners and read-only properties are told apart below.
COMPANY: Table = {
    "name": ("Company name", "string"),
    "domain": ("Company Domain Name", "string"),
    "website": ("Website URL", "string"),
    "phone": ("Phone Number", "string"),
    "city": ("City", "string"),
    "country": ("Country/Region", "string"),
    "description": ("Description", "string"),
    "numberofemployees": ("Number of Employees", "number"),
    "annualrevenue": ("Annual Revenue", "number"),
    "lifecyclestage": ("Lifecycle Stage", "enumeration"),
    "hubspot_owner_id": ("Company owner", "enumeration"),
}
DEAL: Table = {
    "dealname": ("Deal Name", "string"),
    "dealstage": ("Deal Stage", "enumeration"),
    "pipeline": ("Pipeline", "enumeration"),
    "amount": ("Amount", "number"),
    "closedate": ("Close Date", "datetime"),
    "description": ("Deal Description", "string"),
    "hubspot_owner_id": ("Deal owner", "enumeration"),
}
TICKET: Table = {
    "subject": ("Ticket name", "string"),
    "content": ("Ticket description", "string"),
    "hs_pipeline": ("Pipeline", "enumeration"),
    "hs_pipeline_stage": ("Ticket status", "enumeration"),
    "hs_ticket_priority": ("Priority", "enumeration"),
    "hubspot_owner_id": ("Ticket owner", "enumeration"),
}
PRODUCT: Table = {
    "name": ("Name", "string"),
    "price": ("Unit price", "number"),
    "description": ("Product description", "string"),
    "hs_sku": ("SKU", "string"),
}
LINE_ITEM: Table = {
    "name": ("Name", "string"),
    "price": ("Unit price", "number"),
    "quantity": ("Quantity", "number"),
    "amount": ("Net price", "number"),
    "hs_product_id": ("Product ID", "number"),
    "hs_sku": ("SKU", "string"),
}
LEAD: Table = {
    "hs_lead_name": ("Lead Name", "string"),
    "hs_pipeline": ("Pipeline", "enumeration"),
    "hs_pipeline_stage": ("Lead stage", "enumeration"),
    "hubspot_owner_id": ("Lead owner", "enumeration"),
}
ACTIVITY: Table = {
    "hs_timestamp": ("Activity date", "datetime"),
    "hs_title": ("Title", "string"),
    "hs_body": ("Body", "string"),
    "hubspot_owner_id": ("Activity assigned to", "enumeration"),
}
NOTE: Table = {
    "hs_timestamp": ("Activity date", "datetime"),
    "hs_note_body": ("Body preview", "string"),
    "hubspot_owner_id": ("Activity assigned to", "enumeration"),
}
TASK: Table = {
    "hs_timestamp": ("Due date", "datetime"),
    "hs_task_subject": ("Task Title", "string"),
    "hs_task_body": ("Task Notes", "string"),
    "hs_task_status": ("Task Status", "enumeration"),
    "hubspot_owner_id": ("Assigned to", "enumeration"),
}
OTHER: Table = {
    "hs_name": ("Name", "string"),
    "hs_pipeline": ("Pipeline", "enumeration"),
    "hs_pipeline_stage": ("Status", "enumeration"),
    "hubspot_owner_id": ("Owner", "enumeration"),
}
_CHOICES = {
    "lifecyclestage": _STAGES,
    "hs_ticket_priority": _PRIORITIES,
    "hs_task_status": tuple((each, each.replace("_", " ").capitalize()) for each in ("NOT_STARTED", "COMPLETED")),
}


def choices(*pairs: tuple[str, str]) -> list[Option]:
    """Return options from pairs of value and label."""
    return [Option(label, value, display_order=place) for place, (value, label) in enumerate(pairs)]


def built_in(name: str, label: str, kind: Type, group: str, read_only: bool = False, field_type: str = "") -> Property:
    """Return one of HubSpot's own properties."""
    fields = {
        "number": "number",
        "date": "date",
        "datetime": "date",
        "enumeration": "select",
        "bool": "booleancheckbox",
    }
    return Property(
        name=name,
        label=label,
        type=kind,
        field_type=field_type or fields.get(kind, "text"),
        group_name=group,
        hubspot_defined=True,
        has_unique_value=name in {"email", "hs_object_id"},
        external_options=name == "hubspot_owner_id",
        options=choices(*_CHOICES.get(name, ())),
        form_field=not read_only,
        modification_metadata=Modification(False, True, read_only),
    )


def system_properties(created: str, modified: str, group: str) -> list[Property]:
    """Return what every object has and nobody writes."""
    return [
        built_in("hs_object_id", "Record ID", "number", group, read_only=True),
        built_in(created, "Create Date", "datetime", group, read_only=True),
        built_in(modified, "Last Modified Date", "datetime", group, read_only=True),
    ]


def properties_of(table: dict[str, tuple[str, Type]], created: str, modified: str, group: str) -> list[Property]:
    """Return an object type's own properties with the system's."""
    own = [built_in(name, label, kind, group) for name, (label, kind) in table.items()]
    return own + system_properties(created, modified, group)


def _custom(name: str, label: str, kind: Type, field_type: str, *pairs: tuple[str, str]) -> Property:
    return Property(
        name=name,
        label=label,
        type=kind,
        field_type=field_type,
        group_name="customer_360",
        options=choices(*pairs),
        has_unique_value=name == "customer_key",
        form_field=False,
    )


def contact_properties() -> list[Property]:
    """Return what a portal has for contacts: HubSpot's own properties and those the demo's portal added."""
    group = "contactinformation"
    channels = ("paid_search", "organic", "referral", "direct", "social", "email")
    plans = ("free", "starter", "team", "business")
    return [
        built_in("email", "Email", "string", group),
        built_in("firstname", "First Name", "string", group),
        built_in("lastname", "Last Name", "string", group),
        built_in("phone", "Phone Number", "string", group, field_type="phonenumber"),
        built_in("company", "Company Name", "string", group),
        built_in("jobtitle", "Job Title", "string", group),
        built_in("lifecyclestage", "Lifecycle Stage", "enumeration", group, field_type="radio"),
        built_in("website", "Website URL", "string", group),
        built_in("city", "City", "string", group),
        built_in("country", "Country/Region", "string", group),
        built_in("hubspot_owner_id", "Contact owner", "enumeration", group),
        built_in("hs_additional_emails", "Additional email addresses", "string", group, read_only=True),
        *system_properties("createdate", "lastmodifieddate", group),
        _custom("customer_key", "Customer key", "string", "text"),
        _custom("lead_score", "Lead score", "number", "number"),
        _custom("gclid", "Google click ID", "string", "text"),
        _custom("plan", "Plan", "enumeration", "select", *((plan, plan.capitalize()) for plan in plans)),
        _custom("signup_date", "Signup date", "date", "date"),
        _custom("last_seen_at", "Last seen at", "datetime", "date"),
        _bool("is_customer", "Is customer"),
        _custom("monthly_spend", "Monthly spend", "number", "number"),
        _custom("seats", "Seats", "number", "number"),
        _custom(
            "first_touch_channel",
            "First touch channel",
            "enumeration",
            "select",
            *((channel, channel.replace("_", " ").capitalize()) for channel in channels),
        ),
        _custom("account_name", "Account name", "string", "text"),
        _custom("page_views_30d", "Page views, 30 days", "number", "number"),
    ]


def _bool(name: str, label: str) -> Property:
    return _custom(name, label, "bool", "booleancheckbox", ("true", "Yes"), ("false", "No"))
