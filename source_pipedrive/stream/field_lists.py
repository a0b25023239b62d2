"""The lists that define the fields of each kind of object, and the opt-in fields."""

from __future__ import annotations

from source_pipedrive.stream.lists import (
    RENAMED,
    RENAMED_OF_ACTIVITIES,
    definitions,
    paged,
    whole,
)
from source_pipedrive.stream.needs import NO_PROJECTS, WORKING

# What `include_fields` adds to the records of each list.
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
# Fields that exist only if the company has an app, according to Pipedrive's OpenAPI files.
PERSON_APPS = {"marketing_status": "campaigns", "doi_status": "campaigns"}
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
    v1_fallback=whole("activity_fields", "activityFields", 20, "activities:read", key=("key",),
                      schema_of="lead_fields", renamed=RENAMED_OF_ACTIVITIES,
                      about="Fields of activities"))
PROJECT_FIELDS = definitions("project_fields", "projectFields",
                             "projects:read projects:full project-fields:full", "",
                             v1_fallback=None, means_unavailable=NO_PROJECTS)
LEAD_FIELDS = paged("lead_fields", "leadFields", 20, "leads:read admin", key=("key",),
                    renamed=RENAMED,
                    about="Fields of leads, including those that they inherit from deals")
# fmt: on
