"""Runs the image like an orchestrator: with read-only files, reading the output line by line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from integration_tests.program import Message, Outcome

UNPRIVILEGED = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "network_mode": "host",  # the sandbox listens on the host
}
PATIENCE = 60  # seconds that a container may take


class Orchestrator:
    """Runs containers of `image`, which mount the files in `folder` and nothing else."""

    def __init__(self, engine: Any, image: str, folder: Path) -> None:
        self._engine = engine
        self._image = image
        self._folder = folder
        folder.chmod(0o755)  # for the image's user

    def run(
        self,
        command: str,
        while_running: Callable[[Any, Message], None] = lambda container, message: None,
        environment: dict[str, str] | None = None,
        **files: Any,
    ) -> Outcome:
        """Run a command with `files`, such as config={...}; `while_running` gets the container and
        each message as it arrives."""
        arguments = [command]
        for kind, content in files.items():
            path = self._folder / f"{kind}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{kind}", f"/files/{path.name}"]
        container = self._engine.containers.create(
            self._image,
            arguments,
            environment=environment,
            volumes={os.fspath(self._folder): {"bind": "/files", "mode": "ro"}},
            **UNPRIVILEGED,
        )
        try:
            output, rest = b"", b""
            container.start()
            for piece in container.logs(stream=True, follow=True, stdout=True, stderr=False):
                output += piece
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    while_running(container, json.loads(line))
            code = container.wait(timeout=PATIENCE)["StatusCode"]
            complaints = container.logs(stdout=False, stderr=True)
        finally:
            container.remove(force=True)
        assert not rest, "the output ends with an incomplete line"
        assert not complaints, complaints.decode()
        return Outcome(code, output)
