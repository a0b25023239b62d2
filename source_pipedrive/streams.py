"""The table of streams, one row each. README's table, scopes, costs and errors come from here."""

from __future__ import annotations

from source_pipedrive.stream.children import (
    STAGE_FACTS,
    changed_parents,
    changelog,
    children,
    derived,
    followers,
    followers_changelog,
    mail,
    months,
    of_each,
)
from source_pipedrive.stream.definition import table
from source_pipedrive.stream.field_lists import (
    ACTIVITY_FIELDS,
    DEAL_EXTRAS,
    DEAL_FIELDS,
    LEAD_FIELDS,
    ORGANIZATION_EXTRAS,
    ORGANIZATION_FIELDS,
    PERSON_APPS,
    PERSON_EXTRAS,
    PERSON_FIELDS,
    PRODUCT_FIELDS,
    PROJECT_FIELDS,
)
from source_pipedrive.stream.kinds import Changes, Kind, Paging
from source_pipedrive.stream.lists import (
    EVERY_STATUS,
    GOALS,
    GOALS_OF_TEAMS,
    INACTIVE,
    TOUCHED_BY_ACTIVITIES,
    TOUCHED_BY_FILES,
    TOUCHED_BY_NOTES,
    addon,
    changed,
    core,
    cut,
    deleted,
    inherited_fields,
    labelled,
    own_fields,
    paged,
    primary,
    projects,
    reports,
    short,
    whole,
)
from source_pipedrive.stream.needs import (
    BILLING,
    INSTALLMENTS,
    NO_INSTALLMENTS,
    NO_MAILBOX,
    TEAMS,
    TEAMS_GONE,
)

# fmt: off
FIELDS = (
    DEAL_FIELDS, PERSON_FIELDS, ORGANIZATION_FIELDS, PRODUCT_FIELDS, ACTIVITY_FIELDS,
    PROJECT_FIELDS, LEAD_FIELDS,
    whole("note_fields", "noteFields", 20, "contacts:read deals:read", key=("key",),
          about="Fields of notes"),
)

DEAL_FACTS = own_fields(DEAL_FIELDS, "label_ids visible_to channel") | {
    "params": {"status": EVERY_STATUS, "include_fields": DEAL_EXTRAS}, "deleted_as": "deals"}
DEALS = core("deals", "deals", 10, "deals:read", **cut(), **DEAL_FACTS,
             about="Deals that are not archived, including those deleted in the last 30 days")
DEALS_ARCHIVED = core("deals_archived", "deals/archived", 20, "deals:read", **cut(),
                      read_after="deals", **DEAL_FACTS, about="Archived deals")
PRODUCTS = core("products", "products", 10, "products:read", has_upper_bound=False,
                deleted_as="products", about="Product catalogue",
                **own_fields(PRODUCT_FIELDS, "visible_to category"))
PIPELINES = short("pipelines", "pipelines", "deals:read admin", about="Pipelines")
GOAL_LIST = whole("goals", "goals/find", 20, "goals:read", param_sets=GOALS,
                  optional_params=GOALS_OF_TEAMS, records_path=("data", "goals"),
                  about="Everyone's goals, active and inactive")
LEAD_LABELS = whole("lead_labels", "leadLabels", 10, "leads:read", **changed(Changes.ON_CLIENT),
                    deleted_as="lead_labels", about="Lead labels, with their colours")
STAGES = short("stages", "stages", "deals:read admin", about="Pipeline stages")
OF_LEADS = inherited_fields(LEAD_LABELS, DEAL_FIELDS, LEAD_FIELDS)
SALES = (
    DEALS, DEALS_ARCHIVED, PRODUCTS, PIPELINES, GOAL_LIST, STAGES,
    paged("leads", "leads", 20, "leads:read", **changed(Changes.RESTARTING), **cut(),
          **OF_LEADS, deleted_as="leads", about="Leads in the inbox"),
    paged("leads_archived", "leads/archived", 40, "leads:read", **cut(), read_after="leads",
          **changed(Changes.NEWEST_FIRST), **OF_LEADS, deleted_as="leads",
          about="Archived leads"),
    LEAD_LABELS,
    whole("lead_sources", "leadSources", 2, "leads:read", key=("name",),
          about="Sources that leads can come from"),
    whole("currencies", "currencies", 20, "base", about="Currencies, including the company's own"),
    whole("deals_summary", "deals/summary", 40, "deals:read", key=("status",), single_object=True,
          param_sets=tuple({"status": s} for s in ("open", "won", "lost")),
          param_columns=("status",), counts=("deals", "total_count"),
          about="Number and value of open, won and lost deals"),
    months("goal_results", GOAL_LIST, "goal_id", "goals/{id}/results", 20, "goals:read",
           month_params=("period.start", "period.end"),
           lifetime_fields=("duration.start", "duration.end"),
           about="Progress of each goal, by month"),
    months("pipeline_conversion_statistics", PIPELINES, "pipeline_id",
           "pipelines/{id}/conversion_statistics", 40, "deals:read", only_own_data=True,
           about="Rates at which the user's deals advanced, were won or were lost, by month"),
    months("pipeline_movement_statistics", PIPELINES, "pipeline_id",
           "pipelines/{id}/movement_statistics", 40, "deals:read", only_own_data=True,
           about="The user's deals that were new, moved, won, lost or left open, by month"),
)

PERSONS = core("persons", "persons", 10, "contacts:read", params={"include_fields": PERSON_EXTRAS},
               optional_fields=PERSON_APPS, **own_fields(PERSON_FIELDS), deleted_as="persons",
               **primary("email phone"), about="People")
ORGANIZATIONS = core("organizations", "organizations", 10, "contacts:read", about="Organizations",
                     params={"include_fields": ORGANIZATION_EXTRAS}, deleted_as="organizations",
                     **own_fields(ORGANIZATION_FIELDS, "label_ids visible_to industry"))
NOTES = paged("notes", "notes", 20, "contacts:read deals:read", **changed(Changes.RESTARTING),
              **cut(), touches=TOUCHED_BY_NOTES, deleted_as="notes", **INACTIVE,
              about="Notes on deals, leads, people, organizations, projects and tasks")
MAIL_FOLDERS = tuple({"folder": f} for f in ("inbox", "drafts", "sent", "archive"))
MAIL_THREADS = paged("mail_threads", "mailbox/mailThreads", 20, "mail:read", kind=Kind.MAILBOX,
                     **cut("last_message_timestamp"), only_own_data=True,
                     means_unavailable=NO_MAILBOX, param_sets=MAIL_FOLDERS,
                     about="Mail threads of the token's user, each listed once")
MAIL_MESSAGES = children(
    "mail_messages", (MAIL_THREADS,), "mail_thread_id", "mailbox/mailThreads/{id}/mailMessages",
    1, 20, "mail:read", paging=Paging.WHOLE, own_key="id", counter="message_count",
    changed_fields=("update_time", "last_message_timestamp"), time="mail_thread_update_time",
    only_own_data=True, about="Messages in those threads, without their bodies")
CONTACTS_AND_WORK = (
    PERSONS, ORGANIZATIONS, NOTES, MAIL_THREADS, MAIL_MESSAGES,
    core("activities", "activities", 10, "activities:read", **cut(),
         params={"include_fields": "attendees"}, definitions=(ACTIVITY_FIELDS,),
         labels=labelled("type priority outcome"), as_text=("outcome",),
         touches=TOUCHED_BY_ACTIVITIES, deleted_as="activities",
         about="Calls, meetings and tasks of all users"),
    whole("activity_types", "activityTypes", 20, "activities:read admin",
          **changed(Changes.ON_CLIENT), about="Activity types"),
    paged("files", "files", 20, "contacts:read deals:read activities:read", limit=100, **cut(),
          **changed(Changes.NEWEST_FIRST), touches=TOUCHED_BY_FILES, deleted_as="files", **INACTIVE,
          about="Attached files, without their contents"),
    paged("call_logs", "callLogs", 20, "phone-integration", limit=50, **cut("start_time"),
          only_own_data=True, about="Calls of the token's user"),
    children("mail_message_bodies", (MAIL_MESSAGES,), "mail_message_id",
             "mailbox/mailMessages/{id}", 1, 2, "mail:read", paging=Paging.WHOLE,
             single_object=True, params={"include_body": "1"}, own_key="", counter=None,
             only_own_data=True, changed_fields=("mail_thread_update_time",),
             time="mail_thread_update_time",
             about="The same messages with their bodies, one request each"),
    children("note_comments", (NOTES,), "note_id", "notes/{id}/comments", 1, 20,
             "contacts:read deals:read", paging=Paging.OFFSET, own_key="uuid", counter=None,
             time="note_update_time", about="Comments on notes"),
)

OF_DEALS = changed_parents("deal", DEALS, DEALS_ARCHIVED)
OF_PERSONS = changed_parents("person", PERSONS)
OF_ORGANIZATIONS = changed_parents("organization", ORGANIZATIONS)
OF_PRODUCTS = changed_parents("product", PRODUCTS)

DEAL_PRODUCTS = children(
    "deal_products", path="deals/products", version=2, cost=10, scope="deals:read products:read",
    ids_param="deal_ids", batch=100, own_key="id", counter="products_count", **OF_DEALS,
    deleted_as="deal_products", about="Products on deals")
DEAL_INSTALLMENTS = children(
    "deal_installments", path="deals/installments", version=2, cost=10, scope="deals:read",
    ids_param="deal_ids", batch=100, own_key="id", counter=None, extra_fields=("currency",),
    **OF_DEALS, means_unavailable=NO_INSTALLMENTS, needs=INSTALLMENTS,
    deleted_as="deal_installments",
    about="Payments of deals that are paid in installments")
DEAL_CHANGELOG = changelog("deal_changelog", "deals", OF_DEALS, extra_fields=STAGE_FACTS)

CHILDREN = (
    DEAL_PRODUCTS, DEAL_INSTALLMENTS, DEAL_CHANGELOG,
    derived("subscriptions", "deals:read", DEAL_PRODUCTS, DEAL_INSTALLMENTS,
            key=("deal_id", "kind", "id"),
            about="Recurring products and installment plans of deals"),
    derived("deal_stage_history", "recents:read", DEAL_CHANGELOG, key=("deal_id", "number"),
            lookup=STAGES, about="Each period that a deal spent in a stage"),
    children("deal_participants", path="deals/{id}/participants", version=1, cost=10,
             scope="deals:read", paging=Paging.OFFSET, own_key="id",
             counter="participants_count", **OF_DEALS, about="People who take part in deals"),
    children("deal_participants_changelog", path="deals/{id}/participantsChangelog", version=1,
             cost=10, scope="deals:read", own_key="time person_id action number", counter=None,
             number_by=("time", "person_id", "action"), **OF_DEALS,
             about="Who joined and left deals, and when"),
    children("deal_discounts", path="deals/{id}/discounts", version=2, cost=10, scope="deals:read",
             paging=Paging.WHOLE, own_key="id", counter=None, **OF_DEALS,
             about="Additional discounts on deals"),
    followers("deal_followers", "deals", "deals:read", OF_DEALS),
    followers_changelog("deal_followers_changelog", "deals", "deals:read", OF_DEALS),
    mail("deal_mail_messages", "deals", OF_DEALS),
    changelog("person_changelog", "persons", OF_PERSONS),
    followers("person_followers", "persons", "contacts:read", OF_PERSONS),
    followers_changelog("person_followers_changelog", "persons", "contacts:read", OF_PERSONS),
    mail("person_mail_messages", "persons", OF_PERSONS),
    changelog("organization_changelog", "organizations", OF_ORGANIZATIONS),
    followers("organization_followers", "organizations", "contacts:read", OF_ORGANIZATIONS),
    followers_changelog("organization_followers_changelog", "organizations", "contacts:read",
                        OF_ORGANIZATIONS),
    mail("organization_mail_messages", "organizations", OF_ORGANIZATIONS),
    children("organization_relationships", path="organizationRelationships", version=1, cost=20,
             scope="contacts:read", paging=Paging.WHOLE, ids_param="org_id", own_key="id",
             counter=None, **OF_ORGANIZATIONS, about="How organizations are related"),
    followers("product_followers", "products", "products:read", OF_PRODUCTS),
    followers_changelog("product_followers_changelog", "products", "products:read", OF_PRODUCTS),
    children("product_variations", path="products/{id}/variations", version=2, cost=10,
             scope="products:read", own_key="id", counter=None, **OF_PRODUCTS,
             about="Variations of products"),
    children("product_images", path="products/{id}/images", version=2, cost=10,
             scope="products:read", paging=Paging.WHOLE, single_object=True, empty_status=404,
             own_key="id", counter=None, **OF_PRODUCTS,
             about="Images of products, without their contents"),
)

PROJECTS = projects("projects", "projects", **own_fields(PROJECT_FIELDS, "label_ids"),
                    about="Projects that are not archived, including recently deleted ones")
PROJECTS_ARCHIVED = projects("projects_archived", "projects/archived", schema_of="projects",
                             read_after="projects", **own_fields(PROJECT_FIELDS, "label_ids"),
                             about="Archived projects")
BOARDS = addon("project_boards", "boards", Paging.WHOLE, about="Project boards")
OF_PROJECTS = {**changed_parents("project", PROJECTS, PROJECTS_ARCHIVED),
               "counter": None, "scope": "projects:read projects:full"}
PROJECTS_AND_TASKS = (
    PROJECTS, PROJECTS_ARCHIVED, BOARDS,
    addon("tasks", "tasks", about="Tasks in projects", **changed(Changes.ON_CLIENT),
          deleted_as="tasks"),
    addon("project_templates", "projectTemplates", about="Project templates",
          **changed(Changes.ON_CLIENT), deleted_as="project_templates"),
    children("project_phases", (BOARDS,), "board_id", "phases", 2, 10,
             "projects:read projects:full", paging=Paging.WHOLE, ids_param="board_id", own_key="id",
             counter=None, about="Phases of those boards"),
    children("project_changelog", path="projects/{id}/changelog", version=2, cost=10,
             own_key="time number", number_by=("time",), **OF_PROJECTS,
             about="Changes to projects"),
    children("project_plan", path="projects/{id}/plan", version=1, cost=20, paging=Paging.WHOLE,
             own_key="item_type item_id", **OF_PROJECTS,
             about="Tasks and activities in the phases and groups of projects"),
    children("project_groups", path="projects/{id}/groups", version=1, cost=20,
             paging=Paging.WHOLE, own_key="id", **OF_PROJECTS, about="Groups within projects"),
)

ROLES = paged("roles", "roles", 20, "admin", about="Roles")
USERS = whole("users", "users", 20, "users:read", **changed(Changes.ON_CLIENT, "modified"),
              never_empty=True, about="Users, including deactivated ones")
PERMISSION_SETS = whole("permission_sets", "permissionSets", 20, "admin", about="Permission sets")
FILTERS = whole("filters", "filters", 20, "contacts:read deals:read activities:read",
                about="Saved filters, without their conditions")
COMPANY = (
    USERS, ROLES, PERMISSION_SETS, FILTERS,
    children("role_assignments", (ROLES,), "role_id", "roles/{id}/assignments", 1, 10, "admin",
             paging=Paging.OFFSET, counter=None, own_key="user_id",
             about="Which users have which role"),
    of_each("role_settings", ROLES, "role_id", "roles/{id}/settings", 20, "admin",
            about="Default visibility settings, by role"),
    of_each("role_pipelines", ROLES, "role_id", "roles/{id}/pipelines", 20, "admin",
            own_key="visible", param_sets=({"visible": "true"}, {"visible": "false"}),
            about="Pipelines that each role can and cannot see"),
    children("permission_set_assignments", (PERMISSION_SETS,), "permission_set_id",
             "permissionSets/{id}/assignments", 1, 20, "admin", paging=Paging.OFFSET,
             own_key="user_id", counter=None, about="Which users have which permission set"),
    of_each("user_permissions", USERS, "user_id", "users/{id}/permissions", 10, "users:read",
            about="What each user is allowed to do"),
    of_each("user_role_settings", USERS, "user_id", "users/{id}/roleSettings", 10, "users:read",
            about="Default visibility settings, by user"),
    children("user_followers", (USERS,), "followed_user_id", "users/{id}/followers", 2, 10,
             "users:read", own_key="user_id", counter=None, about="Who follows which user"),
    of_each("filter_conditions", FILTERS, "filter_id", "filters/{id}", 2,
            "contacts:read deals:read activities:read", time="filter_update_time",
            about="Saved filters with their conditions"),
    whole("webhooks", "webhooks", 10, "admin webhooks:read",
          secret_keys=("http_auth_user", "http_auth_password"),
          about="Webhooks, without their passwords; an app sees only its own"),
    whole("billing_addons", "billing/subscriptions/addons", 20, "users:read",
          key=("code",), needs=BILLING, about="Add-ons that the company pays for"),
    deleted("deleted_records", "Deleted records that Pipedrive reports or an audit finds"),
    whole("legacy_teams", "legacyTeams", 20, "users:read", means_unavailable=TEAMS_GONE,
          needs=TEAMS, about="Teams, deprecated by Pipedrive; empty if the account has none"),
    whole("user_connections", "userConnections", 20, "base", key=("user_id",), only_own_data=True,
          kind=Kind.SINGLE, about="Third-party accounts the token's user has connected"),
    whole("user_settings", "userSettings", 2, "base", key=("user_id",), only_own_data=True,
          kind=Kind.SINGLE, about="Settings of the token's user"),
    whole("global_messages", "globalMessages", 0, "base", kind=Kind.REMOVED,
          about="Always empty: Pipedrive removed the endpoint on 2022-08-21"),
    reports("sync_reports", "What each sync read, what it cost, and what it could not read"),
)

GROUPS = {
    "Sales": SALES, "Contacts and work": CONTACTS_AND_WORK,
    "Details of deals, contacts and products": CHILDREN,
    "Projects and tasks": PROJECTS_AND_TASKS, "Company": COMPANY, "Fields": FIELDS,
}
# fmt: on
STREAMS = table(*(stream for group in GROUPS.values() for stream in group))
