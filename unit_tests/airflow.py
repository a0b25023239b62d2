"""Runs the DAGs of docs/airflow without Airflow, which is far larger than this project with all its
tests, and hands back what they pass to KubernetesPodOperator."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

# The parameters of KubernetesPodOperator (apache-airflow-providers-cncf-kubernetes 10.25.0) that
# the example may use, in addition to those of every operator.
POD_OPERATOR = """
    kubernetes_conn_id namespace image name random_name_suffix cmds arguments ports volume_mounts
    volumes env_vars env_from secrets in_cluster cluster_context labels reattach_on_restart
    startup_timeout_seconds get_logs image_pull_policy annotations container_resources affinity
    node_selector image_pull_secrets service_account_name automount_service_account_token
    tolerations security_context container_security_context full_pod_spec init_containers
    do_xcom_push pod_template_file pod_template_dict priority_class_name termination_grace_period
    deferrable poll_interval on_finish_action on_kill_action active_deadline_seconds
"""
ANY_OPERATOR = frozenset({"task_id", "retries", "retry_delay", "execution_timeout"})

Given = dict[str, Any]


class Strict:
    """Replaces a class of Airflow or the Kubernetes client and stores its arguments."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def __enter__(self) -> Strict:
        return self

    def __exit__(self, *_: object) -> None: ...


def arguments(dag: Path) -> list[Given]:
    """The arguments of each operator that the DAG makes."""
    return [given for given, _ in _made(dag, {})]


def mapping(dag: Path, variables: Mapping[str, Any]) -> tuple[Given, Given]:
    """The constant arguments of the one mapped operator, and those that it is mapped over, for
    values of Airflow's variables."""
    (only,) = _made(dag, variables)
    return only


def _made(dag: Path, variables: Mapping[str, Any]) -> list[tuple[Given, Given]]:
    made: list[tuple[Given, Given]] = []

    class Partial(Strict):
        def expand(self, **mapped: Any) -> None:
            made.append((self.given, mapped))

    class Operator(Strict):
        def __init__(self, **given: Any) -> None:
            made.append((given, {}))

        partial = Partial

    class Variable:
        @staticmethod
        def get(name: str, *, deserialize_json: bool) -> Any:
            assert deserialize_json
            return variables[name]

    def task(function: Callable[[], Any]) -> Callable[[], Any]:
        return function

    models = ModuleType("models")
    models.__getattr__ = lambda name: type(name, (Strict,), {})  # type: ignore[method-assign]
    contents: dict[str, Given] = {
        "airflow.providers.cncf.kubernetes.operators.pod": {"KubernetesPodOperator": Operator},
        "airflow.sdk": {"DAG": Strict, "Variable": Variable, "task": task},
        "kubernetes.client": {"models": models},
    }
    with _modules(contents):
        runpy.run_path(str(dag))
    return made


@contextmanager
def _modules(contents: Mapping[str, Given]) -> Iterator[None]:
    """Modules of these names can be imported, with their members."""
    found: dict[str, ModuleType] = {}
    for name, members in contents.items():
        parts = name.split(".")
        for depth in range(1, len(parts)):
            parent = ".".join(parts[:depth])
            found.setdefault(parent, ModuleType(parent))
        found[name] = ModuleType(name)
        vars(found[name]).update(members)
    with patch.dict(sys.modules, found):
        yield


def camel(value: Any) -> Any:
    """A model in the form that the Kubernetes client sends."""
    if isinstance(value, Strict):
        return {
            re.sub(r"_(\w)", lambda match: match[1].upper(), name): camel(part)
            for name, part in value.given.items()
        }
    if isinstance(value, list):
        return [camel(item) for item in value]
    return value
