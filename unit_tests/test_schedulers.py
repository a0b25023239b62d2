"""The scheduler examples: Kubernetes accepts the CronJob, Airflow the DAG, and both run what
docs/setup.md has prepared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from unit_tests.airflow import ANY_OPERATOR, POD_OPERATOR, arguments, camel
from unit_tests.test_setup_docs import DOCS, blocks

MANIFEST = DOCS / "kubernetes" / "cronjob.yaml"
DAG = DOCS / "airflow" / "pipedrive_dag.py"
KUBERNETES = ("1.30", "1.37")  # the oldest and newest versions that the manifest is checked against


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


@pytest.fixture
def operator() -> dict[str, Any]:
    """The arguments that the DAG passes to KubernetesPodOperator."""
    (only,) = arguments(DAG)
    return only


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
