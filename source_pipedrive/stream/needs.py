"""What users need to see streams, and the answers that mean "not available"."""

from __future__ import annotations

from source_pipedrive.http.errors import EDGE_NAME, EDGE_START
from source_pipedrive.stream.access import Needs, UnavailableAnswer

# Scopes whose `:full` form allows reading, too (OpenAPI, security of each operation).
WITH_FULL = frozenset(
    f"{area}:read"
    for area in (
        *("deals", "mail", "activities", "contacts", "products", "leads", "goals"),
        "webhooks",  # changelog of 2024-02-01; the OpenAPI file only has admin
    )
)

# A 403 that concerns neither a scope nor a permission and is not from the edge (http/errors.py).
# For streams that depend on a plan it means that the plan lacks them. No such body has been
# recorded.
OF_THE_PLAN = (
    rf"(?is)\A(?!{EDGE_START})"
    rf"(?!.*(?:{EDGE_NAME}|scope and url mismatch|do not have permission))"
)
STATUS_LIST = "status list of Pipedrive's documentation"
ADD_ON = "projects are an add-on; seen by other connectors' maintainers"
# What the user reads; the last argument of each answer says how its meaning is known.
NOT_IN_PLAN = "not part of this Pipedrive plan"
SWITCHED_OFF = "not switched on in this company"
RETIRED = "retired by Pipedrive"
TEAMS_GONE = (
    UnavailableAnswer(
        404, "", RETIRED, "Pipedrive deprecated teams in 2022 (changelog 2022-05-31)"
    ),
    UnavailableAnswer(410, "", RETIRED, f"{STATUS_LIST}: gone"),
    UnavailableAnswer(
        403,
        r'"code":\s*"feature_',
        NOT_IN_PLAN,
        "plan limits have a feature_ code (changelog 2022-03)",
    ),
    UnavailableAnswer(
        403,
        "do not have permissions",
        "not available to this user",
        "seen by other connectors' maintainers, for teams only",
    ),
    UnavailableAnswer(415, "", SWITCHED_OFF, f"{STATUS_LIST}: feature not enabled"),
    UnavailableAnswer(402, "", NOT_IN_PLAN, "teams are a feature of higher plans"),
)
NO_INSTALLMENTS = (
    UnavailableAnswer(
        402,
        "",
        NOT_IN_PLAN,
        "installments need the Growth plan or a higher one; seen by other connectors",
    ),
    UnavailableAnswer(
        403,
        OF_THE_PLAN,
        NOT_IN_PLAN,
        "below Growth, installments answer 403; the body was not recorded",
    ),
)
# For children of projects and boards, where a 404 may concern only one parent.
NO_ADD_ON = (
    UnavailableAnswer(402, "", NOT_IN_PLAN, ADD_ON),
    UnavailableAnswer(403, OF_THE_PLAN, NOT_IN_PLAN, ADD_ON),
    UnavailableAnswer(415, "", SWITCHED_OFF, f"{STATUS_LIST}: feature not enabled"),
)
NO_PROJECTS = (*NO_ADD_ON, UnavailableAnswer(404, "", NOT_IN_PLAN, ADD_ON))
NO_MAILBOX = (
    UnavailableAnswer(
        404,
        "",
        "this user has no mailbox",
        "the token's user may have no mailbox; not documented",
    ),
)
# The default, by the first scope of a stream.
UNAVAILABLE = {"projects:read": NO_ADD_ON}

# What the token's user needs (the permissions are those of users/{id}/permissions).
EVERYBODY = Needs("that every user has")
SELLING = Needs("to use the sales app (deals and leads)", app="sales")
WORKING = Needs("to use contacts and activities", app="global")
ADMIN = Needs("to administer account settings", app="account_settings", admin=True)
COLLEAGUES = Needs("to see other users", permission="can_see_other_users")
INSTALLMENTS = Needs(
    SELLING.words,
    app="sales",
    unknown="Pipedrive does not report whether the plan includes installments",
)
PROJECTS = Needs(
    "to use projects", unknown="Pipedrive does not report whether the plan includes projects"
)
MAILBOX = Needs(
    "to use a mailbox",
    unknown="Pipedrive does not report whether the user has connected a mailbox",
)
CALLS = Needs("to log calls", unknown="Pipedrive does not report whether the user logs calls")
CHANGES = Needs(
    "to see changes", unknown="Pipedrive does not report which changes the user may see"
)
BILLING = Needs(
    "to see what the company pays for",
    unknown="Pipedrive does not report who may see the add-ons",
)
TEAMS = Needs("to see teams", unknown="Pipedrive does not report whether the plan includes teams")
# The default, by the first scope of a stream.
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
    "recents:read": CHANGES,
}
