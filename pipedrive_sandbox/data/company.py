"""Users, roles, permission sets, legacy teams, and the token's user."""

from __future__ import annotations

from collections.abc import Collection

from ..clock import DAY, plain
from ..permissions import APPS
from ..record import Record, Row, Variant
from ..switches import Switches
from ..table import Table
from .random_values import HISTORY, RandomValues

COMPANY_ID = 7_654_321
COMPANY_DOMAIN = "sandbox"
ME = 1  # the id of the token's user

# Ids and wording from the vendor's example of GET /v1/permissionSets.
PERMISSION_SETS = (
    ("62cc4d7f-4038-4352-abf3-a8c1c822b631", "Deals admin", "sales", "admin"),
    ("f07d229d-088a-4144-a40f-1fe64295d180", "Deals regular user", "sales", "regular"),
    ("233b7976-39bd-43a9-b305-ef3a2b0998e5", "Global admin", "global", "admin"),
    ("ec8a42e5-1842-490d-9113-b3a3b4b1c0a9", "Global regular user", "global", "regular"),
    ("7a6f1c0e-54f1-4b2c-8d3b-1f0f4f6b7c21", "Campaigns admin", "campaigns", "admin"),
    ("c1f7d7a4-9b0e-4a55-a0c8-5b8c4d2e9f32", "Campaigns regular user", "campaigns", "regular"),
    ("982c5ce5-b8ba-4b47-b102-9da024f4b990", "Account settings", "account_settings", "admin"),
    ("0a1f5a5e-35a6-4f7e-9c68-1d2b8b0f7e11", "Read only", "sales", "custom"),
)
_ROLES = ((1, None, "(Unassigned users)"), (2, 1, "Management"), (3, 2, "Sales"))
_MORE_ROLES = ((4, 3, "Sales development"), (5, 2, "Support"))


class Sizes:
    """The number of listed records of each kind. Scale 1 is a company with 12 users."""

    def __init__(self, scale: float, deals: int | None = None) -> None:
        def count(at_scale_1: int, least: int = 1) -> int:
            return max(least, round(at_scale_1 * scale))

        self.users = count(12, least=4)
        self.deals = count(2_000) if deals is None else deals
        self.persons = count(1_500)
        self.organizations = count(600)
        self.activities = count(4_000)
        self.products = count(60)
        self.leads = count(400)
        self.notes = count(800)
        self.files = count(300)
        self.mail_threads = count(60, least=4)
        self.call_logs = count(130)
        self.projects = count(60, least=6)

    @property
    def last(self) -> dict[str, int]:
        """The highest id that a custom field of type user, people or org may contain."""
        return {"user": self.users, "people": self.persons, "org": self.organizations}


def _access(admin: bool, apps: Collection[str] = APPS) -> list[Record]:
    wanted = ["Deals admin", "Campaigns admin", "Global admin", "Account settings"]
    if not admin:
        wanted = ["Deals regular user", "Campaigns regular user", "Global regular user"]
    return [
        {"app": app, "admin": type_ == "admin", "permission_set_id": id_}
        for id_, name, app, type_ in PERMISSION_SETS
        if name in wanted and app in apps
    ]


def _listed_user(row: Row, variant: Variant, switches: Switches) -> Record:
    if row.id != ME:
        return row.record
    return {**row.record, "access": _access(switches.admin, switches.user_apps())}


def users(rng: RandomValues, sizes: Sizes) -> Table:
    """The token's user (an admin) first; every sixth is deactivated but still listed."""
    rows = []
    for id_ in range(1, sizes.users + 1):
        first, last = rng.name()
        created = rng.before(rng.now - 300 * DAY, HISTORY / DAY - 300)
        modified = rng.between(created, rng.now)
        deactivated = id_ % 6 == 4
        record: Record = {
            "id": id_,
            "name": f"{first} {last}",
            "default_currency": rng.pick(("EUR", "USD")),
            "locale": rng.pick(("en_US", "et_EE", "de_DE")),
            "lang": 1,
            "email": f"{first}.{last}{id_}@sandbox.example".lower(),
            "phone": rng.some(rng.phone(), 0.7),
            "activated": id_ % 11 != 10,
            "last_login": plain(rng.between(modified, rng.now)),
            "created": plain(created),
            "modified": rng.some(plain(modified), 0.9) if id_ != ME else plain(modified),
            "has_created_company": id_ == ME,
            "access": _access(True) if id_ == ME else _access(False, ("sales", "global")),
            "active_flag": not deactivated,
            "timezone_name": "Europe/Tallinn",
            "timezone_offset": "+02:00",
            "role_id": 2 if id_ == ME else rng.pick((3, 3, 4, 5)),
            "icon_url": rng.some(f"https://icons.sandbox.example/{id_}.png", 0.4),
            "is_you": id_ == ME,
            "is_admin": int(id_ == ME),
            "is_deleted": deactivated,
        }
        rows.append(Row(record))
    return Table("users", rows, updated="modified", stamp=plain, listed=_listed_user)


def roles(people: Table) -> Table:
    all_roles = (*_ROLES, *_MORE_ROLES)
    levels = {1: 1}
    rows = []
    for id_, parent, name in all_roles:
        levels[id_] = levels[id_] if parent is None else levels[parent] + (id_ > 2)
        holders = [row for row in people.rows.values() if row.record["role_id"] == id_]
        record: Record = {
            "id": id_,
            "parent_role_id": parent,
            "name": name,
            "active_flag": True,
            "assignment_count": str(len(holders)),
            "sub_role_count": str(sum(role[1] == id_ for role in all_roles)),
            "level": levels[id_],
        }
        rows.append(Row(record))
    return Table("roles", rows)


def role_assignments(people: Table, all_roles: Table) -> Table:
    """Each user has one role."""
    rows = []
    for user in people.rows.values():
        role = all_roles.rows[user.record["role_id"]].record
        record: Record = {
            "user_id": user.id,
            "role_id": role["id"],
            "parent_role_id": role["parent_role_id"],
            "name": role["name"],
            "active_flag": role["active_flag"],
            "type": "1",
        }
        rows.append(Row(record, id_field="user_id"))
    return Table("role_assignments", rows)


def permission_sets(people: Table) -> Table:
    access = [entry for row in people.rows.values() for entry in row.record["access"]]
    assigned = [entry["permission_set_id"] for entry in access]
    rows = []
    for id_, name, app, type_ in PERMISSION_SETS:
        record: Record = {
            "id": id_,
            "name": name,
            "description": f"What a user with {name!r} may see and do.",
            "app": app,
            "type": type_,
            "assignment_count": assigned.count(id_),
        }
        rows.append(Row(record))
    return Table("permission_sets", rows)


def legacy_teams(rng: RandomValues, people: Table) -> Table:
    ids = list(people.rows)
    rows = []
    for id_, name in enumerate(("Closers", "Coffee"), start=1):
        record: Record = {
            "id": id_,
            "name": name,
            "description": rng.pick(rng.words.phrases),
            "manager_id": rng.pick(ids),
            "users": sorted(rng.random.sample(ids, min(4, len(ids)))),
            "active_flag": int(id_ == 1),
            "deleted_flag": 0,
            "add_time": plain(rng.before(rng.now, 900)),
            "created_by_user_id": ME,
        }
        rows.append(Row(record))
    return Table("legacy_teams", rows)


def me(people: Table, switches: Switches) -> Record:
    """GET /v1/users/me: the token's user with the company that the token belongs to."""
    return {
        **people.rows[ME].record,
        "access": _access(switches.admin, switches.user_apps()),
        "company_id": COMPANY_ID,
        "company_name": "Sandbox Inc.",
        "company_domain": COMPANY_DOMAIN,
        "company_country": "EE",
        "company_industry": "IT Services",
        "language": {"language_code": "en", "country_code": "US"},
    }
