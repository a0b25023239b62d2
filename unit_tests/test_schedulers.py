"""The scheduler examples: Kubernetes accepts the CronJob, Airflow the DAG, and both run what
docs/setup.md has prepared."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import kubernetes_validate
import pytest
import yaml

from unit_tests.test_setup_docs import DOCS, blocks

MANIFEST = DOCS / "kubernetes" / "cronjob.yaml"
DAG = DOCS / "airflow" / "pipedrive_dag.py"
KUBERNETES = ("1.30", "1.37")  # the oldest and newest versions that the manifest is checked against

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


def manifests() -> dict[str, dict[str, Any]]:
    """The documents of the manifest, by kind."""
    return {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}


def pod() -> dict[str, Any]:
    """The CronJob's pod."""
    job = manifests()["CronJob"]["spec"]["jobTemplate"]["spec"]
    return dict(job["template"]["spec"])


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_the_manifest(version: str) -> None:
    documents = manifests()
    assert documents.keys() == {"PersistentVolumeClaim", "CronJob"}
    for document in documents.values():
        assert kubernetes_validate.validate(document, version, strict=True) == version


def test_the_schema_rejects_a_misspelt_key() -> None:
    job = manifests()["CronJob"]
    job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, KUBERNETES[-1], strict=True)


def test_the_cronjob_has_no_more_rights_than_it_needs() -> None:
    """Clusters with the restricted pod security standard would reject the pod otherwise."""
    spec = pod()
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["data"]


def test_the_cronjob_runs_one_sync_at_a_time_and_lets_it_finish() -> None:
    job = manifests()["CronJob"]["spec"]
    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert pod()["restartPolicy"] == "Never"
    assert pod()["terminationGracePeriodSeconds"] >= 2 * 10  # seconds that a stop may take


def test_the_examples_have_the_version_and_memory_of_the_metadata() -> None:
    data = yaml.safe_load((DOCS.parent / "metadata.yaml").read_text())["data"]
    (container,) = pod()["containers"]
    assert container["image"] == f"{data['dockerRepository']}:{data['dockerImageTag']}"
    (needs,) = [
        job["resourceRequirements"]
        for job in data["resourceRequirements"]["jobSpecific"]
        if job["jobType"] == "sync"
    ]
    resources = container["resources"]
    assert resources["requests"]["memory"] == needs["memory_request"]
    assert resources["limits"]["memory"] == needs["memory_limit"]


def test_the_commands_create_what_the_manifest_mounts() -> None:
    """With a different name the pod would wait forever."""
    text = "".join(block.text for block in blocks()).replace("\\\n", "")
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    secret = volumes["config"]["secret"]["secretName"]
    program = volumes["program"]["configMap"]["name"]
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == manifests()["PersistentVolumeClaim"]["metadata"]["name"]
    made = {
        f"/{folder}/{Path(file).name}"
        for folder, kind, name in (
            ("config", "secret generic", secret),
            ("program", "configmap", program),
        )
        for line in re.findall(rf"^kubectl create {kind} {name} (.*)$", text, re.MULTILINE)
        for file in re.findall(r"--from-file=\"?([^\s\"]+)", line)
    }
    (container,) = pod()["containers"]
    words = [*container["command"], *container["args"]]
    assert {word for word in words if word.startswith(("/config/", "/program/"))} == made


class Strict:
    """Replaces a class of Airflow or the Kubernetes client and stores its arguments."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def __enter__(self) -> Strict:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the DAG passes to KubernetesPodOperator. Airflow itself is not installed,
    because it is far larger than this project with all its tests."""
    given: list[dict[str, Any]] = []

    class Operator(Strict):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            given.append(kwargs)

    models = ModuleType("models")
    models.__getattr__ = lambda name: type(name, (Strict,), {})  # type: ignore[method-assign]
    contents: dict[str, dict[str, Any]] = {
        "airflow.providers.cncf.kubernetes.operators.pod": {"KubernetesPodOperator": Operator},
        "airflow.sdk": {"DAG": Strict},
        "kubernetes.client": {"models": models},
    }
    for name, members in contents.items():
        module = ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
        for parent in parents(name):
            monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
    runpy.run_path(str(DAG))
    (only,) = given
    return only


def parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


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


def test_airflow_accepts_the_operators_arguments(operator: dict[str, Any]) -> None:
    assert operator.keys() <= ANY_OPERATOR | set(POD_OPERATOR.split())


def test_airflow_runs_the_same_pod_as_the_cronjob(operator: dict[str, Any]) -> None:
    """So it is valid for Kubernetes too."""
    spec = pod()
    (container,) = spec["containers"]
    assert operator["image"] == container["image"]
    assert operator["cmds"] == container["command"]
    assert operator["arguments"] == container["args"]
    assert camel(operator["volumes"]) == spec["volumes"]
    assert camel(operator["volume_mounts"]) == container["volumeMounts"]
    assert camel(operator["security_context"]) == spec["securityContext"]
    assert camel(operator["container_security_context"]) == container["securityContext"]
    assert camel(operator["container_resources"]) == container["resources"]
    assert operator["termination_grace_period"] == spec["terminationGracePeriodSeconds"]
    assert operator["automount_service_account_token"] is False
