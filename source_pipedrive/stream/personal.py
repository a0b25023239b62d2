"""Which columns hold personal data: the table behind the presets of the privacy setting.

A path leads from a column to a value: `person.name`; lists on the way do not count. `emails/value`:
the column `emails` is removed whole, but if it is hashed, it keeps its shape, and each `value` in
it is hashed. `/*` stands for all texts inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache

Rows = Sequence[tuple[str, str]]  # streams, paths


class Personal(StrEnum):
    """A kind of personal data, which has a preset."""

    EMAIL = "email_addresses"
    PHONE = "phone_numbers"
    NAME = "names"
    ADDRESS = "postal_addresses"
    TITLE = "titles"
    NOTE = "notes"
    MAIL = "mail_bodies"


_DEALS = "deals deals_archived"
_LEADS = "leads leads_archived"
_PROJECTS = "projects projects_archived"
_MESSAGES = (
    "mail_messages mail_message_bodies deal_mail_messages person_mail_messages "
    "organization_mail_messages"
)
_COPIES = "deal_mail_messages person_mail_messages organization_mail_messages"
_FIELDS = (
    "deal_fields person_fields organization_fields product_fields activity_fields project_fields"
)

# fmt: off
PERSONAL: dict[Personal, Rows] = {
    Personal.EMAIL: (
        ("persons", "emails/value primary_email smart_bcc_email"),
        (f"{_DEALS} organizations", "smart_bcc_email"),
        (_LEADS, "cc_email"),
        ("activities", "attendees.email"),
        ("notes", "user.email"),
        ("users", "email"),
        ("mail_threads", "parties.from.email_address parties.to.email_address "
                         "drafts_parties.email_address"),
        (_MESSAGES, "from.email_address to.email_address cc.email_address bcc.email_address"),
        ("deal_participants", "person_id.email/value person.email/value person.cc_email "
                              "person.owner_id.email person.org_id.cc_email "
                              "added_by_user_id.email added_by_user_id.data.email"),
        ("organization_relationships", "rel_owner_org_id.cc_email rel_linked_org_id.cc_email"),
        ("user_connections", "google"),
        ("global_messages", "user_data.email"),
        # Mail programs make it of the sender's domain, or of the address.
        (_COPIES, "mua_message_id"),
    ),
    Personal.PHONE: (
        ("persons", "phones/value primary_phone im/value"),
        ("users", "phone"),
        ("call_logs", "from_phone_number to_phone_number"),
        ("global_messages", "user_data.phone"),
        ("deal_participants", "person_id.phone/value person.phone/value "
                              "added_by_user_id.data.phone"),
    ),
    Personal.NAME: (
        ("persons", "name first_name last_name"),
        ("organizations", "name"),
        ("users", "name icon_url"),
        ("global_messages", "user_data.name html"),
        ("activities", "attendees.name"),
        ("notes", "organization.name person.name user.name user.icon_url"),
        ("files", "org_name people_name person_name"),
        ("mail_threads", "parties.from.name parties.from.linked_person_name "
                         "parties.to.name parties.to.linked_person_name "
                         "drafts_parties.name drafts_parties.linked_person_name"),
        (_MESSAGES, "from.name from.linked_person_name to.name to.linked_person_name "
                    "cc.name cc.linked_person_name bcc.name bcc.linked_person_name"),
        ("deal_participants", "person_id.name person.name person.first_name person.last_name "
                              "person.first_char person.org_name person.owner_name "
                              "person.owner_id.name person.owner_id.pic_hash person.org_id.name "
                              "person.picture_id.pictures/* added_by_user_id.name "
                              "added_by_user_id.pic_hash added_by_user_id.data.name "
                              "added_by_user_id.data.icon_url"),
        ("organization_relationships", "rel_owner_org_id.name rel_linked_org_id.name "
                                       "related_organization_name"),
        # What a filter looks for is often a name.
        ("filter_conditions", "conditions.conditions.conditions.value "
                              "conditions.conditions.conditions.extra_value"),
    ),
    Personal.ADDRESS: (
        ("persons", "postal_address/*"),
        ("organizations", "address/*"),
        ("activities", "location/*"),
        ("deal_participants", "person.org_id.address"),
        ("organization_relationships", "rel_owner_org_id.address rel_linked_org_id.address"),
    ),
    # Pipedrive suggests the contact's name as the title of a deal or lead.
    Personal.TITLE: (
        (f"{_DEALS} {_LEADS} {_PROJECTS} tasks", "title"),
        ("activities call_logs", "subject"),
        ("notes", "deal.title lead.title project.title task.title"),
        ("files", "name file_name deal_name lead_name project_name"),
        ("deal_participants", "related_item_data.title"),
    ),
    Personal.NOTE: (
        ("notes note_comments", "content"),
        ("persons", "notes"),
        ("activities", "note public_description"),
        ("call_logs", "note"),
        (_DEALS, "lost_reason"),
        ("deal_products", "comments"),
        ("deal_discounts deal_installments files", "description"),
        ("products product_variations", "prices.notes"),
        ("subscriptions", "payments.description"),
        (f"{_PROJECTS} tasks", "description"),
    ),
    Personal.MAIL: (
        ("mail_message_bodies", "body"),
        (_COPIES, "body"),
        (_MESSAGES, "subject snippet draft body_url"),
        ("mail_threads", "subject snippet snippet_draft snippet_sent"),
    ),
}

# Columns whose names suggest personal data, and which hold none.
KEPT: Rows = (
    # names of what the company sells, and of how it works
    ("products product_variations deal_products subscriptions", "name"),
    ("products", "description"),
    ("product_images", "name public_url"),
    ("files", "product_name url"),
    ("pipelines stages activity_types lead_labels lead_sources currencies", "name"),
    ("filters filter_conditions webhooks", "name"),
    (_LEADS, "source_name"),
    ("project_boards project_groups project_phases", "name"),
    ("project_templates", "title description"),
    ("goals", "title type.name"),
    ("goal_results", "goal.title goal.type.name"),
    ("legacy_teams", "name description"),
    # Kinds of contacts, such as work or home.
    ("persons", "emails.label phones.label im.label"),
    ("deal_participants", "person_id.email.label person_id.phone.label person.email.label "
                          "person.phone.label added_by_user_id.data.timezone_name"),
    # roles and rights, not the people who have them
    ("roles role_assignments permission_set_assignments", "name"),
    ("permission_sets", "name description"),
    ("users", "timezone_name"),
    # a position, not the person who has it
    ("persons", "job_title"),
    # fields of the account, and their options
    (_FIELDS, "field_name options.label subfields.field_name"),
    ("deal_fields person_fields organization_fields product_fields activity_fields", "description"),
    ("lead_fields", "name options.label options_deleted.label"),
    ("note_fields", "name options.label"),
    # addresses of programs and companies
    ("organizations", "website linkedin"),
    ("activities", "conference_meeting_url"),
    ("webhooks", "subscription_url"),
    # Protected by the key of the field whose change an entry reports (privacy/changelogs.py).
    ("deal_changelog person_changelog organization_changelog", "old_value new_value"),
    ("project_changelog", "old_values new_values"),
    # sums by currency, and settings of fields
    ("deals_summary", "values_total weighted_values_total"),
    ("pipeline_movement_statistics",
     "new_deals.values new_deals.formatted_values "
     "deals_left_open.values deals_left_open.formatted_values "
     "won_deals.values won_deals.formatted_values lost_deals.values lost_deals.formatted_values"),
    ("lead_fields", "subfields"),
    ("deal_fields", "required_fields.statuses"),
    # types of messages, and texts of this connector
    ("global_messages", "type_info.message_type"),
)
# fmt: on


@cache
def personal_columns(stream: str) -> dict[str, Personal]:
    """The kind of each path of a stream that holds personal data."""
    return {path: kind for kind, rows in PERSONAL.items() for path in _paths(rows, stream)}


def _paths(rows: Rows, stream: str) -> Iterator[str]:
    for streams, paths in rows:
        if stream in streams.split():
            yield from paths.split()
