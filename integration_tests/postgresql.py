"""A PostgreSQL server for the tests, in a temporary folder that holds its socket as well.

Programs that cannot use the socket, such as PyAirbyte, connect to a port, with a password.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration_tests.attached import attached

NO_SERVER = "did not run: PostgreSQL is not installed (on Debian: apt-get install postgresql)"
PATIENCE = 60  # seconds to wait for the server, and for each command
# A server's time zone must not show in any result.
SETTINGS = ("listen_addresses=", "fsync=off", "TimeZone=America/New_York")


@dataclass(frozen=True)
class PostgreSQL:
    """A running server. Its superuser needs no password, but only this machine's user and root
    can reach the socket in `folder`. `port`: on loopback, if it has one."""

    folder: Path
    port: int | None = None

    def environment(self) -> dict[str, str]:
        """This process's, with the place of the server, for programs that connect to it."""
        place = {"PGHOST": str(self.folder), "PGUSER": "postgres", "PGDATABASE": "postgres"}
        port = {"PGPORT": str(self.port)} if self.port else {}
        return {**os.environ, **place, **port}

    def run(self, sql: str, copied: str = "") -> str:
        """Run statements in the schema `crm`; `copied` is what a COPY FROM STDIN reads."""
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql],
            env={**self.environment(), "PGOPTIONS": "-c search_path=crm"},
            input=copied,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def query(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        found = self.run(f"SELECT COALESCE(JSON_AGG(answer), '[]') FROM ({sql}) AS answer")
        return list(json.loads(found))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server with an empty schema `crm`."""
    with temporary() as server:
        yield server


@contextmanager
def temporary(port: int | None = None) -> Iterator[PostgreSQL]:
    """A new server with an empty schema `crm`, in a folder that goes with it."""
    found = programs()
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        with running(found, folder, port) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def on_a_port() -> Iterator[dict[str, str]]:
    """A new, empty database that needs a password: the variables with which psql finds it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with temporary(port) as server:
        password = "p@ss/:% " + secrets.token_hex(8)  # a URL would read these as its own
        server.run(f"ALTER USER postgres PASSWORD '{password}'")
        server.run("CREATE DATABASE warehouse")
        yield {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGDATABASE": "warehouse",
            "PGUSER": "postgres",
            "PGPASSWORD": password,
        }


def programs() -> Path:
    """The folder of `initdb` and `postgres`, which Debian does not put on the path.

    Where PostgreSQL is missing, the test is skipped, or fails if REQUIRE_POSTGRESQL_TESTS is set.
    """
    on_path = shutil.which("initdb")
    debians = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(debians, key=lambda path: float(path.parts[-3]), default=None)
    found = Path(on_path) if on_path else newest
    if found and shutil.which("psql"):
        return found.parent
    if os.environ.get("REQUIRE_POSTGRESQL_TESTS"):
        pytest.fail(NO_SERVER, pytrace=False)
    pytest.skip(NO_SERVER)


@contextmanager
def running(found: Path, folder: Path, port: int | None = None) -> Iterator[PostgreSQL]:
    """Run a new server, as another user if this one is root: the server refuses to run as root."""
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        other = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data, log = folder / "data", folder / "log.txt"
    trust = ["--auth-local=trust", "--auth-host=scram-sha-256"]
    initdb = [found / "initdb", *trust, "--username=postgres", "--encoding=UTF8"]
    done = subprocess.run(
        [*initdb, "--no-locale", "--no-sync", "-D", data],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        **other,
    )
    assert done.returncode == 0, done.stderr
    listen = (f"port={port}", "listen_addresses=127.0.0.1") if port else ()
    settings = [word for setting in (*SETTINGS, *listen) for word in ("-c", setting)]
    program = [found / "postgres", "-D", data, "-k", folder, *settings]
    with log.open("w") as output:
        shell = attached(*program, output=output, ends_at="INT", cwd=folder, **other)
    assert shell.stdin is not None
    try:
        _wait_for(server := PostgreSQL(folder, port), log)
        yield server
    finally:
        shell.stdin.close()
        try:
            shell.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.kill(int((data / "postmaster.pid").read_text().split()[0]), 9)
            shell.wait(timeout=PATIENCE)


def _wait_for(server: PostgreSQL, log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            server.run("CREATE SCHEMA IF NOT EXISTS crm")
            return
        except AssertionError as error:
            if time.monotonic() > give_up:
                raise AssertionError(f"{error}\n{log.read_text()}") from None
            time.sleep(0.1)
