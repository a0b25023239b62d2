"""The measurements behind the rows. Each is taken once, with the programs taking turns."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

from benchmarks import commands, image
from benchmarks.audit import Figures, measure
from benchmarks.fetching import fetch
from benchmarks.pace import LATENCY, Pace, stream_seconds
from benchmarks.programs import Cost, medians, run
from benchmarks.records import Records, check_same, last_states, records_of
from benchmarks.service import NO_LIMIT, Service, sandbox

DEALS = 200_000
MANY = 10_000  # deals when only tokens are counted
SMALL = 1_000  # deals when only requests are counted
PACED = 28_000  # deals in small pages when the pace is measured
ASKED = 7_000  # deals with one request each
PARENTS = 10_000  # deals with one request each when CPU time is counted
FIELDS = 60_000  # deals with 40 custom fields each
AUDITED, DEALS_A_SCALE = 40_000, 5_000  # with 8 times 1,515 persons, ...
SCALE = 20  # 30,300 persons and 80,800 activities
# Streams of which one record in a hundred changes: together RECORDS.
CHANGING, CHANGING_DEALS, CHANGING_SCALE = "deals persons activities", 189_000, 38
RECORDS = 400_000
REPETITIONS = 3
SHORT = 3  # factor of repetitions for programs of a second or two, whose ratios are noisier
Costs = Mapping[str, Cost]
Programs = Mapping[str, Sequence[str]]


class Bench:
    """One run of the benchmark over `deals` deals, and over half of them.

    Programs take turns, so that a noisy minute affects all of them; a cost is the median of
    `repetitions`. Raises RuntimeError if two compared programs did not read the same records.
    """

    def __init__(self, deals: int = DEALS, repetitions: int = REPETITIONS) -> None:
        self.deals = deals
        self.half_of_deals = deals // 2
        self.records = 0
        # Requests for the deals, by number of workers; None: as many as the connector chose.
        self.requests: dict[int | None, int] = {}
        self._unique = 0  # records that the last program to be compared read
        self._repetitions = repetitions

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._files = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @cached_property
    def service(self) -> Service:
        """The sandbox with all deals."""
        return self._open.enter_context(sandbox(self.deals))

    @cached_property
    def reading(self) -> Costs:
        """Reads of all deals by `floor`, `connector 8` and `connector 1` (the number of workers),
        and the same with ` start` for a list of a few rows, which takes one request."""
        costs = self._reading(self.service, "deals")
        self.records = self._unique
        return costs

    def _reading(self, service: Service, stream: str) -> Costs:
        programs = self._programs(service, stream)
        equal = {name: "floor" for name in programs if name.startswith("connector")}
        return self._in_turns(programs, {**equal, "connector 1 start": "floor start"})

    def _programs(self, service: Service, stream: str, columns: bool = False) -> Programs:
        """The floor sends the parameters of the connector's first request. The reads that show them
        are not measured; they warm up the sandbox's caches."""
        programs: dict[str, Sequence[str]] = {}
        for end, name in ((" start", "lead_sources"), ("", stream)):
            command = commands.read(service, name, 1, self._files, columns)
            self._run(command)
            asked = service.asked(commands.PATHS[name])
            programs[f"floor{end}"] = commands.floor(service, name, asked)
            programs[f"connector 1{end}"] = command
        programs["connector 8"] = commands.read(service, stream, 8, self._files, columns)
        return programs

    @cached_property
    def reading_half(self) -> Cost:
        """A read of half of the deals with 8 workers."""
        with sandbox(self.half_of_deals) as service:
            programs = {"connector 8": commands.read(service, "deals", 8, self._files)}
            return self._in_turns(programs)["connector 8"]

    @cached_property
    def custom_fields(self) -> Costs:
        """As `reading`, for FIELDS deals with 40 custom fields, each of them in a column."""
        with sandbox(min(self.deals, FIELDS), fields="forty") as service:
            return self._in_turns(self._programs(service, "deals", columns=True))

    @cached_property
    def others(self) -> Mapping[str, Costs]:
        """As `reading`, for persons and for activities."""
        with sandbox(SMALL, scale=SCALE) as service:
            return {name: self._reading(service, name) for name in ("persons", "activities")}

    @cached_property
    def start_up(self) -> Costs:
        """The `spec` command, a `read` of a few records, and an `import` of the CDK alone."""
        programs = {
            "spec": [commands.connector(), "spec"],
            "read": commands.read(self.service, "lead_sources", 1, self._files),
            "import": commands.IMPORT,
        }
        return self._in_turns(programs, turns=SHORT * self._repetitions)

    @cached_property
    def asking(self) -> tuple[Costs, int]:
        """A read of the changelogs of PARENTS deals with one worker and its ` start`; and how many
        requests it makes."""
        with sandbox(PARENTS) as service:
            names = {"connector 1": "deal_changelog", "connector 1 start": "lead_sources"}
            programs = {
                name: commands.read(service, stream, 1, self._files)
                for name, stream in names.items()
            }
            costs = self._in_turns(programs)
            service.control("reset-ledger", {})
            self._run(programs["connector 1"])
            spent = service.control("ledger")
            return costs, sum(each["requests"] for each in spent.values())

    @cached_property
    def changed(self) -> tuple[Costs, int]:
        """A sync of CHANGING after one record in a hundred has changed, and its ` start`; and how
        many records it reads."""
        with sandbox(CHANGING_DEALS, scale=CHANGING_SCALE) as service:
            service.control("clock", {"advance_seconds": 3600})
            state = self._files / "changed-state.json"
            command = commands.read(service, CHANGING, None, self._files)
            self._run_for_state(command, state)
            service.control("clock", {"advance_seconds": 3600})
            edits = {"objects": CHANGING.split(), "edits": RECORDS // 100}
            wanted = {**edits, "adds": 0, "deletes": 0}
            service.control("mutate", {"seed": 1, "archives": 0, **wanted})
            service.control("clock", {"advance_seconds": 3600})
            again = [*command, "--state", str(state)]
            start = commands.read(service, "lead_sources", None, self._files)
            costs = self._in_turns({"connector": again, "connector start": start})
            return costs, self._run(again, reads=True)[1].unique

    @cached_property
    def images(self) -> Mapping[str, int]:
        """The sizes in bytes of the connector's image and of one with the CDK alone, by name; empty
        without a Docker engine."""
        if not image.engine():
            return {}
        self._open.callback(image.remove)
        return image.build(self._files)

    @cached_property
    def container_start(self) -> Costs:
        """`spec` in this environment and in a container; empty without a Docker engine."""
        if not self.images:
            return {}
        programs = {"environment": [commands.connector(), "spec"], "image": image.SPEC}
        return self._in_turns(programs, turns=SHORT * self._repetitions)

    @cached_property
    def serving(self) -> Cost:
        """One page of deals for a client that only fetches: the sandbox's CPU time, and the elapsed
        time."""
        self._programs(self.service, "deals")
        params = self.service.asked(commands.PATHS["deals"])
        return medians([fetch(self.service, {**params}) for _ in range(self._repetitions)])

    @cached_property
    def sharing(self) -> Mapping[int | None, Cost]:
        """Reads of all deals with one worker, eight, and as many as the connector chooses (None),
        when a request takes 200 ms and the account has the largest burst limit; 0 is the
        start-up."""
        start = commands.read(self.service, "lead_sources", 1, self._files)
        costs: dict[int | None, Cost] = {0: self._run(start)[0]}
        far = {"latency_ms": 200, "rate_limit": 480}
        near = {"latency_ms": 0, "rate_limit": NO_LIMIT}
        for workers in (1, 8, None):
            command = commands.read(self.service, "deals", workers, self._files)
            self.service.control("switches", far)
            self.service.control("reset-ledger", {})
            try:
                costs[workers], _ = self._run(command)
                self.requests[workers] = self.service.control("ledger")["deals"]["requests"]
            finally:
                self.service.control("switches", near)
        return costs

    def pace(self, rate_limit: int, rows: int, stream: str = "deals") -> Pace:
        """One read of `stream`, with as many concurrent requests as the connector chooses, from an
        account that allows `rate_limit` of them in two seconds. rows: the size of a page of deals,
        or 0 for full pages; full pages of deals use all deals."""
        deals = ASKED if stream != "deals" else PACED if rows else self.deals
        print(f"pace at {rate_limit}, {stream}", file=sys.stderr, flush=True)
        with (
            sandbox(deals, rate_limit, page_limit=rows, latency_ms=LATENCY) as service,
            tempfile.TemporaryFile(dir=self._files) as output,
        ):
            before = service.cpu()
            cost = run(commands.read(service, stream, None, self._files), output)
            output.seek(0)
            seconds = stream_seconds(output)
            counted = service.control("ledger")
            counted.pop("users_me")  # requested before the stream starts
            return Pace(
                rate_limit=rate_limit,
                requests=sum(each["requests"] for each in counted.values()),
                refused=sum(each["refused"] for each in counted.values()),
                seconds=seconds,
                connector=cost.cpu / cost.wall,
                cpu=cost.cpu,
                sandbox=(service.cpu() - before) / seconds,
            )

    @cached_property
    def unchanged(self) -> Mapping[str, tuple[int, int]]:
        """Requests and tokens by object of an incremental sync of LISTS when nothing has changed
        since the last one."""
        with sandbox(SMALL) as service:
            state = self._files / "unchanged-state.json"
            command = commands.read_all(service, self._files)
            for _ in range(2):
                self._run_for_state([*command, *(["--state", str(state)] * state.exists())], state)
                service.control("clock", {"advance_seconds": 3600})
                service.control("reset-ledger", {})
            self._run_for_state([*command, "--state", str(state)], state)
            spent = service.control("ledger")
            return {name: (each["requests"], each["tokens"]) for name, each in spent.items()}

    @cached_property
    def child_tokens(self) -> tuple[int, int]:
        """The API tokens for the products of 10,000 deals, including the list of deals: of a first
        sync, and of the next one after a hundred deals changed."""
        with sandbox(MANY) as service:
            service.control("clock", {"advance_seconds": 3600})
            state = self._files / "products-state.json"
            command = commands.read(service, "deal_products", None, self._files)
            spent = []
            for more in ([], ["--state", str(state)]):
                service.control("reset-ledger", {})
                self._run_for_state([*command, *more], state)
                spent.append(sum(each["tokens"] for each in service.control("ledger").values()))
                service.control("clock", {"advance_seconds": 3600})
                wanted = {"objects": ["deals"], "edits": MANY // 100, "adds": 0, "deletes": 0}
                service.control("mutate", {"seed": 1, "archives": 0, **wanted})
                service.control("clock", {"advance_seconds": 3600})
            return spent[0], spent[1]

    @cached_property
    def audit(self) -> Figures:
        """The second audit of AUDITED deals and about as many other records as there are deals and
        their products."""
        with sandbox(AUDITED, scale=AUDITED / DEALS_A_SCALE) as service:
            return measure(service, self._files)

    def _run_for_state(self, command: Sequence[str], state: Path) -> None:
        with tempfile.TemporaryFile(dir=self._files) as output:
            run(command, output)
            output.seek(0)
            states = last_states(map(json.loads, output))
        state.write_text(json.dumps(states), encoding="utf-8")

    def _in_turns(
        self,
        programs: Programs,
        equal: Mapping[str, str] | None = None,
        turns: int | None = None,
    ) -> Costs:
        """The costs by name. equal: {program: the one that must have read the same records}."""
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        turns = turns or self._repetitions
        for turn in range(turns):
            names = ", ".join(programs)
            print(f"{names}: {turn + 1} of {turns}", file=sys.stderr, flush=True)
            read: dict[str, Records] = {}
            for name, command in programs.items():
                cost, read[name] = self._run(command, reads=bool(equal))
                costs[name].append(cost)
            for name, other in (equal or {}).items():
                check_same(name, read[name], read[other])
            self._unique = max(each.unique for each in read.values())
        return {name: medians(each) for name, each in costs.items()}

    def _run(self, command: Sequence[str], reads: bool = False) -> tuple[Cost, Records]:
        with tempfile.TemporaryFile(dir=self._files) as output:
            cost = run(command, output)
            output.seek(0)
            return cost, records_of(output if reads else ())
