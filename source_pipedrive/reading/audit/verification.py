"""Asking for single records by their ids: the only thing that a deletion rests on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from source_pipedrive.http.errors import NO_SCOPE, REPORT, SYSTEM, StreamError
from source_pipedrive.http.request import Api, Request
from source_pipedrive.reading.audit.verdicts import Verdicts, is_marked
from source_pipedrive.reading.pages import pages
from source_pipedrive.reading.records import Record
from source_pipedrive.stream import Stream
from source_pipedrive.stream.audited import AUDITOR, Audited, Single

MOST_IDS = 100  # in one request
# Records that are known to exist and are asked for with the others. If not one of them is found, an
# answer says nothing about the others either.
CONTROLS = 3
SAMPLE = 10  # records of a list that are requested to learn which exist
ALONE = 25  # records that are requested one by one between two controls
# A group whose request fails is asked about in groups of ten, and one of these in single requests.
# A failure takes two minutes and eight times the tokens, so a sync stops after a few.
PART, FAILURES = 10, 5
# Answers that concern one record. Any other refusal ends the pass.
OF_ONE = (400, 403, 404, 410)


def verify(
    client: Api,
    audited: Audited,
    ids: Iterable[Any],
    known: Iterable[Any],
    failed: Sequence[Any] = (),
) -> Iterator[Verdicts]:
    """What Pipedrive says about each of these ids, in groups. known: ids of records that should
    exist; failed: those of the ids whose common request failed in an earlier sync. Raises
    StreamError if the endpoint cannot be used at all."""
    controls = list(islice(known, CONTROLS))
    if audited.single is None:
        yield from _in_groups(client, audited, ids, controls, failed)
        return
    remaining, scope = iter(ids), audited.lists[0].access.read_scope
    archive = Sample(client, audited.lists)
    while group := list(islice(remaining, ALONE)):
        verdicts = alone(client, audited.single, scope, group, controls)
        archived = archive.ids if verdicts.absent else []
        # Whether a record that is archived can be requested alone is not documented.
        if archived and not _is_any_alive(client, audited.single, scope, archived):
            verdicts.doubt()
        yield verdicts


def _in_groups(
    client: Api,
    audited: Audited,
    ids: Iterable[Any],
    controls: list[Any],
    failed: Sequence[Any],
) -> Iterator[Verdicts]:
    smaller, apart, failures = deque(parts(failed)), {*failed}, 0
    remaining = (id_ for id_ in ids if id_ not in apart)
    size, archive = group_size(audited, len(controls)), Sample(client, audited.lists)
    while group := smaller.popleft() if smaller else list(islice(remaining, size)):
        try:
            verdicts = _together(client, audited.lists, group, controls, archive)
        except StreamError as error:
            # One record may make each request fail that names it, for ever.
            works = _working(client, audited.lists, controls, archive) if is_failure(error) else []
            if not works:
                raise
            failures += 1
            if works != controls:
                controls = works
                smaller.appendleft(group)
                continue
            if len(group) > 1:
                smaller.extendleft(reversed(parts(group)))
            yield Verdicts(failed=group) if len(group) > 1 else Verdicts(unsure=group)
            if failures >= FAILURES:
                raise
        else:
            yield verdicts


def parts(ids: Sequence[Any]) -> list[list[Any]]:
    """The smaller requests in which ids are asked about whose common one failed."""
    size = PART if len(ids) > PART else 1
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]


def _working(
    client: Api, lists: Sequence[Stream], controls: Iterable[Any], archive: Sample
) -> list[Any]:
    """Those of the controls that are found when each is asked for alone."""
    found = []
    for id_ in controls:
        try:
            found += _together(client, lists, [id_], (), archive).alive
        except StreamError as error:
            if not is_failure(error):
                raise
    return found


def group_size(audited: Audited, controls: int = CONTROLS) -> int:
    """How many records are asked about together with so many controls."""
    archived = CONTROLS if len(audited.lists) > 1 else 0
    return MOST_IDS - controls - archived if audited.by_ids else ALONE


def _together(
    client: Api,
    lists: Sequence[Stream],
    ids: Sequence[Any],
    controls: Sequence[Any],
    archive: Sample,
) -> Verdicts:
    found: dict[Any, Record] = {}
    # What is known comes last: a request may take fewer ids than documented.
    wanted, unknown = [*sorted({*ids} - {*controls}), *controls], set[Any]()
    # A record may move from a list that is asked later to one that was asked before.
    refused: set[Any] = set()
    for stream in (*lists, *lists[: len(lists) - 1]):
        missing = [id_ for id_ in wanted if id_ not in found]
        if not {*ids} & {*missing}:
            break
        known = archive.ids if stream is not lists[0] else []
        asked = [*(id_ for id_ in missing if id_ not in known), *known]
        records = {each["id"]: each for each in listed(client, stream, asked, refused)}
        if known and not any(id_ in records and not is_marked(records[id_]) for id_ in known):
            unknown.update(missing)
        found.update(records)
    if {*ids} - {*found} and lists[1:] and not archive.ids:
        # Nothing shows that the archive answers; what is not found may have been there.
        unknown.update(ids if {*controls} - {*found} else ())
    if controls and not any(id_ in found and not is_marked(found[id_]) for id_ in controls):
        return Verdicts(unsure=list(ids), trusted=False)
    verdicts = Verdicts()
    for id_ in ids:
        if id_ in found:
            verdicts.sort(id_, found[id_])
        else:
            is_unsure = id_ in refused or id_ in unknown
            (verdicts.unsure if is_unsure else verdicts.absent).append(id_)
    return verdicts


class Sample:
    """Some of the records that the archive of an object has now, requested once. Without them, an
    answer of the archive says nothing. lists: those of the object."""

    def __init__(self, client: Api, lists: Sequence[Stream]) -> None:
        self._client, self._archives = client, lists[1:]
        self._ids: list[Any] | None = None

    @property
    def ids(self) -> list[Any]:
        """Their ids; none if the archive is empty, or the object has no archive."""
        if self._ids is None:
            records = [record for each in self._archives for record in self._some(each)]
            self._ids = [each["id"] for each in records if not is_marked(each)][:CONTROLS]
        return self._ids

    def _some(self, archive: Stream) -> Sequence[Record]:
        return next(pages(self._client, archive, {"limit": str(SAMPLE)})).records


def listed(client: Api, stream: Stream, ids: Sequence[Any], refused: set[Any]) -> list[Record]:
    """The records with these ids that a list has. Adds the ids that cannot be asked for to
    `refused`."""
    asked, found = set(ids), []
    try:
        for page in pages(client, stream, {"ids": ",".join(map(str, ids))}):
            found += page.records
            if any(record.get("id") not in asked for record in page.records):
                raise StreamError(
                    f"{AUDITOR}: {stream.endpoint.path} lists records whose ids were not "
                    f"requested, so it cannot verify deletions. {REPORT}",
                    SYSTEM,
                )
    except StreamError as error:
        # Whether an unknown id makes Pipedrive refuse the others is not documented.
        if error.status not in (400, 404):
            raise
        if len(ids) == 1:
            refused.update(ids if error.status == 400 else ())
            return []
        half = len(ids) // 2
        first = listed(client, stream, ids[:half], refused)
        return first + listed(client, stream, ids[half:], refused)
    return found


def alone(
    client: Api,
    single: Single,
    scope: str,
    ids: Sequence[Any],
    controls: Sequence[Any] = (),
    found: Verdicts | None = None,
) -> Verdicts:
    """What Pipedrive says about each of these ids, requested one by one. found: what it is added
    to, also if a request raises."""
    verdicts = found or Verdicts()
    if controls and not _is_any_alive(client, single, scope, controls):
        verdicts.distrust(ids)
        return verdicts
    before = len(verdicts.absent)
    for id_ in ids:
        try:
            verdicts.add(_asked(client, single, scope, id_))
        except StreamError as error:
            # One record may fail for ever, and a pass that waits for it would never end.
            if not is_failure(error) or not _is_any_alive(client, single, scope, controls):
                raise
            verdicts.unsure.append(id_)
    absent = verdicts.absent[before:]
    # What was there before the questions may not be found any more, like everything else.
    if absent and controls and not _is_any_alive(client, single, scope, controls):
        del verdicts.absent[before:]
        verdicts.distrust(absent)
    return verdicts


def _is_any_alive(client: Api, single: Single, scope: str, controls: Sequence[Any]) -> bool:
    """Whether one of these records is found. Raises StreamError if none is, and one has failed."""
    failure: StreamError | None = None
    for id_ in controls:
        try:
            if _asked(client, single, scope, id_).alive:
                return True
        except StreamError as error:
            if not is_failure(error):
                raise
            failure = error
    if failure is not None:
        raise failure
    return False


def is_failure(error: StreamError) -> bool:
    """Whether Pipedrive failed, or did not answer, until the last try."""
    return error.status == 0 or error.status >= 500


def _asked(client: Api, single: Single, scope: str, id_: Any) -> Verdicts:
    path = single.path.format(id=id_)
    request = Request(AUDITOR, path, single.version, single.cost, scope)
    verdicts = Verdicts()
    try:
        record = client.get(request).body.get("data")
    except StreamError as error:
        if error.status not in OF_ONE or NO_SCOPE in error.body:
            raise
        if error.status == 410:
            verdicts.marked[id_] = None
        elif error.status == 404:
            verdicts.absent.append(id_)
        else:
            verdicts.unsure.append(id_)
        return verdicts
    verdicts.sort(id_, record if isinstance(record, dict) else {})
    return verdicts
