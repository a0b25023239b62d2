"""A company of persons and notes, and audits of it without a server: any number of syncs, each as
of its own time, and a hook before each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from source_pipedrive.http.errors import SYSTEM, StreamError
from source_pipedrive.http.request import Answer, Request
from source_pipedrive.reading.audit.audit import Audit
from source_pipedrive.reading.audit.ledger import Kept
from source_pipedrive.reading.audit.lists import WholeLists
from source_pipedrive.reading.audit.settings import DAY, AuditSettings
from source_pipedrive.reading.batch import Batch
from source_pipedrive.reading.progress import Progress
from source_pipedrive.reading.reader import ReadContext
from source_pipedrive.stream.audited import AUDITED
from unit_tests.fakes import ACME, NOW, FakeApi, v1_list, v2_list
from unit_tests.single import LOWER, UNTIL

BY_NAME = {each.name: each for each in AUDITED}
OLD = "2026-11-01T08:00:00Z"
Record = dict[str, Any]


class Firm(FakeApi):
    """Its user sees every record as an admin, and all but `hidden` otherwise. before: called with
    each request; it may raise."""

    def __init__(self, persons: Iterable[int] = (), notes: Iterable[int] = ()) -> None:
        super().__init__()
        self.ids = {"persons": {*persons}, "notes": {*notes}}
        self.hidden: set[int] = set()
        self.admin = True
        self.before: Callable[[Request], None] = lambda request: None
        self.asked: list[Request] = []

    def get(self, request: Request) -> Answer:
        """The answer, or the error."""
        self.before(request)
        self.asked.append(request)
        self.usage.charge(request.stream, request.cost, {})
        return Answer(self._answer(request), NOW)

    def _answer(self, request: Request) -> Record:
        if request.path == "users/me":
            access = [{"app": app, "admin": self.admin} for app in ("sales", "global")]
            return {"data": {"id": ACME.user_id, "company_id": ACME.id, "access": access}}
        if request.path.endswith("/permissions"):
            return {"data": {"can_use_api": True}}
        name, _, id_ = request.path.partition("/")
        visible = self.ids.get(name, set()) - (set() if self.admin else self.hidden)
        if id_.isdigit() and name in self.ids:
            if int(id_) not in visible:
                raise StreamError("not found", SYSTEM, 404, "{}")
            return {"data": record(int(id_))}
        if "ids" in request.params:
            visible &= {int(each) for each in request.params["ids"].split(",")}
        rows = [record(each) for each in sorted(visible)]
        return (v1_list if request.version == 1 else v2_list)(rows, 500)(
            {"start": "0", **request.params}
        )

    @property
    def questions(self) -> list[Request]:
        """Requests for records by their ids."""
        return [each for each in self.asked if is_question(each)]


def is_question(request: Request) -> bool:
    """Whether it asks for records by their ids."""
    return "ids" in request.params or request.path.split("/")[-1].isdigit()


def record(id_: int) -> Record:
    """A person or a note."""
    return {"id": id_, "update_time": OLD}


def row(name: str, id_: Any, evidence: str = "", **facts: Any) -> Record:
    """A row of deleted_records."""
    return {"object": name, "id": id_, "evidence": evidence, **facts}


def audit_of(
    firm: FakeApi, state: Record, day: int = 0, lists: WholeLists | None = None, **settings: Any
) -> Audit:
    """The audit of a sync, so many days later. lists: the short ones that it has read whole."""
    until = UNTIL + day * DAY
    read = lists or WholeLists()
    context = ReadContext(client=firm, company=ACME, lower=LOWER, until=until, lists=read)
    return Audit(context, AuditSettings(**{"share": 100, **settings}), state, row)


def carried_out(audit: Audit, stop: Callable[[], bool] = lambda: False) -> list[Record]:
    """The rows that it has written at its end, or when `stop` says so."""
    rows: list[Record] = []
    while audit.pending:
        task = audit.take()
        assert task is not None, "nothing is under way, so the sync would wait for ever"
        for step in task:
            if isinstance(step, Batch):
                rows += step.records
                if step.moved is not None:
                    step.moved(Progress(0, 0))
            if stop():
                task.close()
                return rows
    return rows


def sync(firm: FakeApi, state: Record, day: int = 0, **settings: Any) -> tuple[list[Record], Any]:
    """The rows and the state of a sync."""
    audit = audit_of(firm, state, day, **settings)
    rows = carried_out(audit)
    return rows, audit.dump()


def kept(state: Record, name: str) -> Kept:
    """What a state has of one object."""
    return Kept(BY_NAME[name], state["objects"][name])


def deleted(rows: Iterable[Record], evidence: str = "audit") -> set[int]:
    """Ids in the rows with this evidence."""
    return {each["id"] for each in rows if each["evidence"] == evidence}


def restored(rows: Iterable[Record]) -> set[int]:
    """Ids in the rows of what came back."""
    return {each["id"] for each in rows if each.get("restored")}
