"""Ends requests that would take forever.

The timeout of a socket counts from the last byte, so a server or a proxy that sends a byte now and
then holds a worker for as long as it likes. Here a thread watches all requests under way and shuts
the connections of those that have run out of time. It ends when none is under way.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import requests

LOOK = 1.0  # seconds between two looks


class _Limit:
    """The time that one request has left, and its connection while it waits there."""

    def __init__(self, until: float) -> None:
        self.has_expired = False
        self._until = until
        self._connection: socket.socket | None = None

    def waits_on(self, connection: socket.socket | None) -> None:
        self._connection = connection

    def check(self, now: float) -> None:
        if now < self._until:
            return
        self.has_expired = True
        if self._connection is not None:
            # Not SSLSocket's own method, which would let the reader take encrypted bytes for the
            # answer's. The reader sees the end of the connection.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


class Deadlines:
    """Limits how long requests take, each in its own thread. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[_Limit] = set()
        self._limits: dict[int, _Limit] = {}  # the innermost, by thread
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limits a request that this thread sends, up to the end of its answer. Raises ReadTimeout
        in place of whatever the request raises or returns, if the time was not enough."""
        limit, thread = _Limit(time.monotonic() + seconds), threading.get_ident()
        with self._lock:
            self._open.add(limit)
            outer, self._limits[thread] = self._limits.get(thread), limit
            if self._watcher is None or not self._watcher.is_alive():
                self._watcher = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                with contextlib.suppress(RuntimeError):  # the machine allows no more threads
                    self._watcher.start()
        try:
            yield
        except Exception:
            if not limit.has_expired:
                raise
        finally:
            with self._lock:
                self._open.discard(limit)
                self._limits.pop(thread, None)
                if outer is not None:
                    self._limits[thread] = outer
        if limit.has_expired:
            raise requests.exceptions.ReadTimeout(f"no complete answer within {seconds} s")

    def watched(self, connection_class: type[Any]) -> type[Any]:
        """The class of urllib3's connections, with every request under its deadline, and a proxy's
        answer to CONNECT. (A TLS handshake as a whole is limited by the socket's timeout.)"""
        deadlines = self

        class Watched(connection_class):  # type: ignore[misc]
            limit: _Limit | None = None  # of the latest request

            def putrequest(self, *arguments: Any, **options: Any) -> Any:
                self.limit = deadlines._waits_on(self.sock, self.limit)
                return super().putrequest(*arguments, **options)

            def _tunnel(self) -> None:
                self.limit = deadlines._waits_on(self.sock, self.limit)
                super()._tunnel()
                if self.limit is not None and self.limit.has_expired:
                    raise TimeoutError  # the end of the connection counts as the end of the answer

            def getresponse(self) -> Any:
                self.limit = deadlines._waits_on(self.sock, self.limit)
                return super().getresponse()

        return Watched

    def _waits_on(self, connection: Any, before: _Limit | None) -> _Limit | None:
        """The request of this thread, whose limit is returned, waits on this connection from now
        on. That of `before` no longer does: it has its answer, though it may not have returned."""
        if not isinstance(connection, socket.socket):  # in TLS twice, or not open yet
            connection = getattr(connection, "socket", None)
        with self._lock:
            if before is not None:
                before.waits_on(None)
            limit = self._limits.get(threading.get_ident())
            if limit is not None:
                limit.waits_on(connection)
        return limit

    def forget(self) -> None:
        """Forgets all requests. A process that was forked shares the connections of its parent, and
        would never learn that their requests have ended."""
        self._lock = threading.Lock()
        self._open, self._limits, self._watcher = set(), {}, None

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK)
            with self._lock:
                now = time.monotonic()
                for limit in self._open:
                    limit.check(now)
                if not self._open:
                    self._watcher = None
                    return


DEADLINES = Deadlines()  # all requests of this process share the thread
os.register_at_fork(after_in_child=DEADLINES.forget)
