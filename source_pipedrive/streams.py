"""The stream table: one row a stream. README's table, scopes, costs and errors come from here."""

from __future__ import annotations

from typing import Any

from source_pipedrive.stream import Absence, Changes, Kind, Needs, Paging, Stream, table

DEAL_EXTRAS = (
    "next_activity_id,last_activity_id,first_won_time,products_count,files_count,notes_count,"
    "followers_count,email_messages_count,activities_count,done_activities_count,"
    "undone_activities_count,participants_count,last_incoming_mail_time,last_outgoing_mail_time,"
    "smart_bcc_email,source_lead_id"
)
ORGANIZATION_EXTRAS = (
    "next_activity_id,last_activity_id,open_deals_count,related_open_deals_count,"
    "closed_deals_count,related_closed_deals_count,email_messages_count,people_count,"
    "activities_count,done_activities_count,undone_activities_count,files_count,notes_count,"
    "followers_count,won_deals_count,related_won_deals_count,lost_deals_count,"
    "related_lost_deals_count,smart_bcc_email"
)
PERSON_EXTRAS = (
    "next_activity_id,last_activity_id,open_deals_count,related_open_deals_count,"
    "closed_deals_count,related_closed_deals_count,participant_open_deals_count,"
    "participant_closed_deals_count,email_messages_count,activities_count,done_activities_count,"
    "undone_activities_count,files_count,notes_count,followers_count,won_deals_count,"
    "related_won_deals_count,lost_deals_count,related_lost_deals_count,last_incoming_mail_time,"
    "last_outgoing_mail_time,marketing_status,doi_status,smart_bcc_email"
)
# Without `deleted` the answer leaves out what was deleted in the last 30 days.
EVERY_STATUS = "open,won,lost,deleted"

# Without a type Pipedrive lists only the token owner's goals, without is_active only active ones.
GOALS = tuple(
    {"type.name": kind, "is_active": active}
    for kind in (
        "deals_won",
        "deals_progressed",
        "activities_completed",
        "activities_added",
        "deals_started",
    )
    for active in ("true", "false")
)

# Scopes whose `:full` form reads as well (OpenAPI, security of each operation).
WITH_FULL = frozenset(
    f"{area}:read"
    for area in ("deals", "mail", "activities", "contacts", "products", "leads", "goals")
)

TEAMS_GONE = (
    Absence(404, "", "Pipedrive deprecated teams in 2022 (changelog 2022-05-31)"),
    Absence(410, "", "status list of Pipedrive's documentation: gone"),
    Absence(403, r'"code":\s*"feature_', "plan limits carry a feature_ code (changelog 2022-03)"),
    Absence(403, "do not have permissions", "seen by other connectors' maintainers for teams only"),
    Absence(415, "", "status list of Pipedrive's documentation: feature not enabled"),
    Absence(402, "", "teams are a feature of higher plans"),
)
NO_PROJECTS = (
    Absence(403, r'"code":\s*"feature_', "plan limits carry a feature_ code (changelog 2022-03)"),
    Absence(415, "", "status list of Pipedrive's documentation: feature not enabled"),
)

# What the token's user has to be, by the OAuth scope that an app would need (the permissions are
# those of users/{id}/permissions). A row may say otherwise.
EVERYBODY = Needs("that every user has")
SELLING = Needs("to use the sales app (deals and leads)", app="sales")
WORKING = Needs("to use contacts and activities", app="global")
ADMIN = Needs("of an admin of account settings", app="account_settings", admin=True)
COLLEAGUES = Needs("can_see_other_users", permission="can_see_other_users")
PROJECTS = Needs("to use projects", unknown="whether the plan has projects is not told")
MAILBOX = Needs("to a mailbox", unknown="whether the user has connected a mailbox is not told")
CALLS = Needs("to log calls", unknown="whether the user logs calls is not told")
TEAMS = Needs("to see teams", unknown="whether the plan has teams is not told")
NEEDS = {
    "base": EVERYBODY,
    "deals:read": SELLING,
    "leads:read": SELLING,
    "products:read": SELLING,
    "goals:read": SELLING,
    "contacts:read": WORKING,
    "activities:read": WORKING,
    "users:read": COLLEAGUES,
    "admin": ADMIN,
    "mail:read": MAILBOX,
    "phone-integration": CALLS,
    "projects:read": PROJECTS,
}


def _row(name: str, path: str, version: int, cost: int, scope: str, **facts: Any) -> Stream:
    full = [s.replace(":read", ":full") for s in scope.split() if s in WITH_FULL]
    facts = {"needs": NEEDS[scope.split()[0]], **facts}
    return Stream(
        name=name, path=path, version=version, cost=cost, scope=(*scope.split(), *full), **facts
    )


def core(name: str, path: str, cost: int, scope: str, **facts: Any) -> Stream:
    """A v2 object read in order of its update_time; each page is a checkpoint."""
    facts = {"limit": 500, "cursor_field": "update_time", "changes": Changes.ASCENDING, **facts}
    return _row(name, path, 2, cost, scope, paging=Paging.CURSOR, **facts)


def short(name: str, path: str, scope: str, **facts: Any) -> Stream:
    """A v2 list without a filter that is one request in nearly every company."""
    facts = {"limit": 500, "cursor_field": "update_time", "changes": Changes.ON_CLIENT, **facts}
    return _row(name, path, 2, 5, scope, paging=Paging.CURSOR, **facts)


def paged(name: str, path: str, cost: int, scope: str, limit: int = 500, **facts: Any) -> Stream:
    """A v1 list in pages of `start` and `limit`."""
    return _row(name, path, 1, cost, scope, paging=Paging.OFFSET, limit=limit, **facts)


def whole(name: str, path: str, cost: int, scope: str, **facts: Any) -> Stream:
    """A v1 list that comes in one answer."""
    return _row(name, path, 1, cost, scope, **facts)


def each(of: Stream, parent_key: str, **facts: Any) -> dict[str, Any]:
    """A list that is asked for once for each record of `of`."""
    return {"kind": Kind.EACH_PARENT, "of": of, "parent_key": parent_key, **facts}


def changed(changes: Changes, field: str = "update_time") -> dict[str, Any]:
    """How a v1 list is read incrementally."""
    return {"changes": changes, "cursor_field": field}


def cut(field: str = "update_time") -> dict[str, Any]:
    """The configured history cuts this stream by `field`."""
    return {"history": field}


def definitions(name: str, path: str, scope: str, shows: str, **facts: Any) -> Stream:
    """The fields that Pipedrive and the account define for one kind of object. Only v1, which costs
    twice as much, tells in which order they were created."""
    about = f"Fields of {name.split('_')[0]}s, the account's own included, with their options"
    older = paged(name, path, 20, scope, key=("key",), like="lead_fields", about=about)
    facts = {"key": ("field_code",), "kind": Kind.FIELDS, "older": older, "about": about, **facts}
    return _row(
        name,
        path,
        2,
        10,
        scope,
        paging=Paging.CURSOR,
        limit=500,
        params={"include_fields": shows} if shows else {},
        **facts,
    )


def own_fields(fields: Stream) -> dict[str, Any]:
    """The account defines fields of its own for these records of v2."""
    labels = {} if fields.name == "product_fields" else {"label_ids": "label_names"}
    return {
        "custom_fields": "object",
        "fields": (fields,),
        "labels": {**labels, "visible_to": "visible_to_name"},
    }


def inherited_fields(*fields: Stream) -> dict[str, Any]:
    """Records of v1 that hold the account's fields for other objects, inline."""
    return {
        "custom_fields": "inline",
        "fields": fields,
        "labels": {"visible_to": "visible_to_name"},
    }


# fmt: off
SHOWN = "ui_visibility,important_fields,required_fields"
DEAL_FIELDS = definitions("deal_fields", "dealFields", "deals:read admin deal-fields:full", SHOWN)
PERSON_FIELDS = definitions("person_fields", "personFields",
                            "contacts:read admin contact-fields:full", SHOWN)
ORGANIZATION_FIELDS = definitions("organization_fields", "organizationFields",
                                  "contacts:read admin contact-fields:full", SHOWN)
PRODUCT_FIELDS = definitions("product_fields", "productFields",
                             "products:read product-fields:full", "ui_visibility")
ACTIVITY_FIELDS = definitions(
    "activity_fields", "activityFields", "admin", "ui_visibility", needs=WORKING,
    about="Fields of activities with their options",
    older=whole("activity_fields", "activityFields", 20, "activities:read", key=("key",),
                like="lead_fields", about="Fields of activities"))
PROJECT_FIELDS = definitions("project_fields", "projectFields",
                             "projects:read projects:full project-fields:full", "", older=None,
                             absent=NO_PROJECTS)
LEAD_FIELDS = paged("lead_fields", "leadFields", 20, "leads:read admin", key=("key",),
                    about="Fields of leads, those that they inherit from deals included")

FIELDS = (
    DEAL_FIELDS, PERSON_FIELDS, ORGANIZATION_FIELDS, PRODUCT_FIELDS, ACTIVITY_FIELDS,
    PROJECT_FIELDS, LEAD_FIELDS,
    whole("note_fields", "noteFields", 20, "contacts:read deals:read", key=("key",),
          about="Fields of notes"),
)

SALES = (
    core("deals", "deals", 10, "deals:read", **cut(), **own_fields(DEAL_FIELDS),
         params={"status": EVERY_STATUS, "include_fields": DEAL_EXTRAS},
         about="Deals that are not archived, with those deleted in the last 30 days"),
    core("deals_archived", "deals/archived", 20, "deals:read", **cut(), after="deals",
         **own_fields(DEAL_FIELDS),
         params={"status": EVERY_STATUS, "include_fields": DEAL_EXTRAS},
         about="Archived deals"),
    core("products", "products", 10, "products:read", until=False, **own_fields(PRODUCT_FIELDS),
         about="The product catalogue with its prices"),
    short("pipelines", "pipelines", "deals:read admin", about="Pipelines"),
    short("stages", "stages", "deals:read admin", about="Stages of the pipelines"),
    paged("leads", "leads", 20, "leads:read", **changed(Changes.RESTARTING), **cut(),
          **inherited_fields(DEAL_FIELDS, LEAD_FIELDS), about="Leads in the inbox"),
    paged("leads_archived", "leads/archived", 40, "leads:read", **cut(), after="leads",
          **changed(Changes.NEWEST_FIRST), **inherited_fields(DEAL_FIELDS, LEAD_FIELDS),
          about="Archived leads"),
    whole("lead_sources", "leadSources", 2, "leads:read", key=("name",),
          about="Where leads can come from"),
    whole("currencies", "currencies", 20, "base", about="Currencies, the company's own included"),
    whole("goals", "goals/find", 20, "goals:read", each=GOALS, rows=("data", "goals"),
          about="Goals of everybody, active and inactive"),
)

CONTACTS_AND_WORK = (
    core("persons", "persons", 10, "contacts:read", params={"include_fields": PERSON_EXTRAS},
         **own_fields(PERSON_FIELDS), about="People"),
    core("organizations", "organizations", 10, "contacts:read",
         params={"include_fields": ORGANIZATION_EXTRAS}, **own_fields(ORGANIZATION_FIELDS),
         about="Organizations"),
    core("activities", "activities", 10, "activities:read", **cut(),
         params={"include_fields": "attendees"}, fields=(ACTIVITY_FIELDS,),
         labels={"type": "type_name"}, about="Calls, meetings, tasks of all users"),
    whole("activity_types", "activityTypes", 20, "activities:read admin",
          **changed(Changes.ON_CLIENT), about="Kinds of activities"),
    paged("notes", "notes", 20, "contacts:read deals:read", **changed(Changes.RESTARTING), **cut(),
          about="Notes on deals, leads, people, organizations, projects and tasks"),
    paged("files", "files", 20, "contacts:read deals:read activities:read", limit=100, **cut(),
          **changed(Changes.NEWEST_FIRST), about="Attached files, without their contents"),
    paged("call_logs", "callLogs", 20, "phone-integration", limit=50, **cut("start_time"),
          own=True, about="Calls of the token's user"),
    paged("mail_threads", "mailbox/mailThreads", 20, "mail:read", **cut("last_message_timestamp"),
          kind=Kind.MAILBOX, own=True, about="Mail threads of the token's user, each once",
          each=tuple({"folder": f} for f in ("inbox", "drafts", "sent", "archive"))),
)

ROLES = paged("roles", "roles", 20, "admin", about="Roles")

COMPANY = (
    whole("users", "users", 20, "users:read", **changed(Changes.ON_CLIENT, "modified"),
          about="Users, deactivated ones included"),
    ROLES,
    paged("role_assignments", "roles/{id}/assignments", 10, "admin", key=("role_id", "user_id"),
          **each(ROLES, "role_id"), about="Which users have which role"),
    whole("permission_sets", "permissionSets", 20, "admin", about="Permission sets"),
    whole("filters", "filters", 20, "contacts:read deals:read activities:read",
          about="Saved filters, without their conditions"),
    whole("legacy_teams", "legacyTeams", 20, "users:read", absent=TEAMS_GONE, needs=TEAMS,
          about="Teams; deprecated by Pipedrive, empty where the account has none"),
    whole("user_connections", "userConnections", 20, "base", key=("user_id",), own=True,
          kind=Kind.SINGLE, about="Third-party accounts the token's user has connected"),
    whole("user_settings", "userSettings", 2, "base", key=("user_id",), own=True,
          kind=Kind.SINGLE, about="Settings of the token's user"),
    whole("global_messages", "globalMessages", 0, "base", kind=Kind.REMOVED,
          about="Always empty: Pipedrive removed the endpoint on 2022-08-21"),
)
# fmt: on

STREAMS = table(*SALES, *CONTACTS_AND_WORK, *COMPANY, *FIELDS)
