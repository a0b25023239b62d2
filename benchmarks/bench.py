"""The measurements that the rows are made of, each taken once, the programs in turns."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Self

import urllib3

from benchmarks import commands, image
from benchmarks.pace import LATENCY, Pace, seconds_of
from benchmarks.programs import RSS_UNIT, Cost, middle, run
from benchmarks.records import Records, records_of, same
from benchmarks.service import NO_LIMIT, Service, sandbox

DEALS = 200_000
MANY = 10_000  # deals, where only tokens count
SMALL = 1_000  # deals, where only requests count
PACED = 28_000  # deals in small pages, where only the pace counts
ASKED = 7_000  # deals that are asked for one by one
REPETITIONS = 3
SHORT = 3  # times as many turns for programs that take a second or two, whose ratio is noisier
Costs = Mapping[str, Cost]


class Bench:
    """One run of the benchmark over `deals` deals, and over half of them.

    Programs take turns, so that a noisy minute hits all alike; a cost is the median of
    `repetitions`. Raises RuntimeError where two programs that are compared did not read the same.
    """

    def __init__(self, deals: int = DEALS, repetitions: int = REPETITIONS) -> None:
        self.deals = deals
        self.few = deals // 2
        self.records = 0
        # Of the deals, by number of workers that shared them; None: as many as the connector chose.
        self.requests: dict[int | None, int] = {}
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
    def asked(self) -> dict[str, dict[str, str]]:
        """By stream, the parameters of the connector's first request, which the floor has to send.

        What is read for it is not counted; it fills the sandbox's caches.
        """
        for stream in commands.PATHS:
            self._run(commands.read(self.service, stream, 1, self._files))
        return {stream: self.service.asked(path) for stream, path in commands.PATHS.items()}

    @cached_property
    def reading(self) -> Costs:
        """`floor`, `connector 8` and `connector 1`, by number of workers, over all deals; with
        ` start` over a list of a few rows, which is one request."""
        programs = {}
        for end, stream in ((" start", "lead_sources"), ("", "deals")):
            asked = self.asked[stream]
            programs[f"floor{end}"] = commands.floor(self.service, stream, asked)
            programs[f"connector 1{end}"] = commands.read(self.service, stream, 1, self._files)
        programs["connector 8"] = commands.read(self.service, "deals", 8, self._files)
        equal = {name: "floor" for name in programs if name.startswith("connector")}
        return self._in_turns(programs, {**equal, "connector 1 start": "floor start"})

    @cached_property
    def reading_few(self) -> Cost:
        """The connector with 8 workers over half of the deals."""
        with sandbox(self.few) as service:
            programs = {"connector 8": commands.read(service, "deals", 8, self._files)}
            return self._in_turns(programs)["connector 8"]

    @cached_property
    def filling(self) -> Costs:
        """One worker over all deals, each with 40 custom fields of every type: `raw`, and with a
        `columns` for each."""
        with sandbox(self.deals, fields="forty") as service:
            programs = {
                name: commands.read(service, "deals", 1, self._files, columns=name == "columns")
                for name in ("raw", "columns")
            }
            return self._in_turns(programs)

    @cached_property
    def starting(self) -> Costs:
        """`spec`, and `import` of the CDK alone."""
        programs = {"spec": [commands.connector(), "spec"], "import": commands.IMPORT}
        return self._in_turns(programs, turns=SHORT * self._repetitions)

    @cached_property
    def images(self) -> Mapping[str, int]:
        """Bytes of the connector's image and of one with the CDK alone, by name; none where no
        Docker engine answers."""
        if not image.engine():
            return {}
        self._open.callback(image.remove)
        return image.build(self._files)

    @cached_property
    def containing(self) -> Costs:
        """`spec` in this environment and in a container of the image; none without an engine."""
        if not self.images:
            return {}
        programs = {"environment": [commands.connector(), "spec"], "image": image.SPEC}
        return self._in_turns(programs, turns=SHORT * self._repetitions)

    @cached_property
    def serving(self) -> Cost:
        """One page of deals for a client that does nothing but fetch: seconds of the sandbox's CPU
        and of the clock."""
        params = self.asked["deals"]
        return middle([self._fetch({**params}) for _ in range(self._repetitions)])

    @cached_property
    def sharing(self) -> Mapping[int | None, Cost]:
        """All deals with one worker, with eight and with as many as the connector chooses (None),
        where a request takes 200 ms and the account has the largest burst there is; 0 is the
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
        """One read of `stream`, as many requests side by side as the connector chooses, at an
        account that takes `rate_limit` of them in two seconds. rows: of a page of deals, or 0 for
        full ones; of the deals themselves these are then all there are."""
        deals = ASKED if stream != "deals" else PACED if rows else self.deals
        print(f"pace at {rate_limit}, {stream}", file=sys.stderr, flush=True)
        with (
            sandbox(deals, rate_limit, page_limit=rows, latency_ms=LATENCY) as service,
            tempfile.TemporaryFile(dir=self._files) as output,
        ):
            before = service.cpu()
            cost = run(commands.read(service, stream, None, self._files), output)
            output.seek(0)
            seconds = seconds_of(output)
            counted = service.control("ledger")
            counted.pop("users_me")  # before the stream begins
            return Pace(
                rate_limit=rate_limit,
                requests=sum(each["requests"] for each in counted.values()),
                refused=sum(each["refused"] for each in counted.values()),
                seconds=seconds,
                connector=cost.cpu / cost.wall,
                sandbox=(service.cpu() - before) / seconds,
            )

    @cached_property
    def quiet(self) -> Mapping[str, tuple[int, int]]:
        """Requests and tokens by object of a sync of the lists that tell what changed, after which
        and before which nothing did."""
        with sandbox(SMALL) as service:
            state = self._files / "quiet-state.json"
            command = commands.read_all(service, self._files)
            for _ in range(2):
                self._run_for_state([*command, *(["--state", str(state)] * state.exists())], state)
                service.control("clock", {"advance_seconds": 3600})
                service.control("reset-ledger", {})
            self._run_for_state([*command, "--state", str(state)], state)
            spent = service.control("ledger")
            return {name: (each["requests"], each["tokens"]) for name, each in spent.items()}

    @cached_property
    def hanging(self) -> tuple[int, int]:
        """API tokens that the products of 10,000 deals cost, the list of deals included: all of
        them, and then those of the hundred deals that changed."""
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

    def _run_for_state(self, command: Sequence[str], state: Path) -> None:
        with tempfile.TemporaryFile(dir=self._files) as output:
            run(command, output)
            output.seek(0)
            last = {}
            for message in map(json.loads, output):
                if message["type"] == "STATE":
                    stream = message["state"]["stream"]["stream_descriptor"]["name"]
                    last[stream] = message["state"]
        state.write_text(json.dumps(list(last.values())), encoding="utf-8")

    def _fetch(self, asked: dict[str, str]) -> Cost:
        url = self.service.url + commands.PATHS["deals"]
        headers = {"x-api-token": self.service.token}
        cpu, began, pages = self.service.cpu(), time.perf_counter(), 0
        with urllib3.PoolManager() as pool:
            while asked.get("cursor") != "":
                body = pool.request("GET", url, fields=asked, headers=headers).data
                asked["cursor"] = next_cursor(body)
                pages += 1
        wall = time.perf_counter() - began
        return Cost((self.service.cpu() - cpu) / pages, wall / pages, 0.0)

    def _in_turns(
        self,
        programs: Mapping[str, Sequence[str]],
        equal: Mapping[str, str] | None = None,
        turns: int | None = None,
    ) -> Costs:
        """The costs by name. equal: which program has to have read the same as which other."""
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
                same(name, read[name], read[other])
            self.records = max(self.records, *(each.unique for each in read.values()), 0)
        return {name: middle(each) for name, each in costs.items()}

    def _run(self, command: Sequence[str], reads: bool = False) -> tuple[Cost, Records]:
        with tempfile.TemporaryFile(dir=self._files) as output:
            cost = run(command, output)
            output.seek(0)
            return cost, records_of(output if reads else ())


def next_cursor(body: bytes) -> str:
    """The cursor of a page, "" on the last; the rows are not decoded, which takes the most time."""
    end = b"{" + body[body.rindex(b'"additional_data"') :]
    return str(json.loads(end)["additional_data"].get("next_cursor") or "")


def own_peak() -> float:
    """This process's own resident memory at its highest, MB: a child's figure begins with it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / 1e6
