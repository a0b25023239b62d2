"""docs/kubernetes/companies.yaml and docs/airflow/companies_dag.py: Kubernetes and Airflow accept
them, and each pod is that of one company, otherwise like the pod for a single company."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import kubernetes_validate
import pytest
import yaml

from unit_tests.airflow import ANY_OPERATOR, POD_OPERATOR, camel, mapping
from unit_tests.recipes import RECIPES
from unit_tests.test_schedulers import KUBERNETES
from unit_tests.test_schedulers import pod as single_pod
from unit_tests.test_setup_docs import DOCS

MANIFEST = DOCS / "kubernetes" / "companies.yaml"
DAG = DOCS / "airflow" / "companies_dag.py"
PAGE = (RECIPES / "several-companies.md").read_text()


@dataclass(frozen=True)
class Pod:
    """A pod whose variable `variable` says which company is its own."""

    variable: str
    spec: dict[str, Any]

    def resolved(self, text: str, company: str) -> str:
        """A text in which Kubernetes has put the value of the variable; it knows no other."""
        found = text.replace(f"$({self.variable})", company)
        assert "$" not in found, found
        return found

    @property
    def container(self) -> dict[str, Any]:
        (found,) = self.spec["containers"]
        return dict(found)

    def command(self, company: str) -> list[str]:
        words = [*self.container["command"], *self.container["args"]]
        return [self.resolved(word, company) for word in words]

    def mounts(self, company: str) -> list[tuple[str, str, str]]:
        """Each mount: its path, its volume, and the key or folder in it, "" for all of it."""
        return [
            (each["mountPath"], each["name"], self.resolved(each.get("subPathExpr", ""), company))
            for each in self.container["volumeMounts"]
        ]


def manifests() -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}


def job() -> dict[str, Any]:
    return dict(manifests()["CronJob"]["spec"]["jobTemplate"]["spec"])


def indexed() -> Pod:
    """The pod of the indexed Job, to which Kubernetes gives its index."""
    assert job()["completionMode"] == "Indexed"
    return Pod("JOB_COMPLETION_INDEX", job()["template"]["spec"])


def mapped() -> Pod:
    """The pod of the mapped task."""
    partial, expanded = mapping(DAG, variables={"pipedrive_companies": ["acme", "globex"]})
    (variable,) = {name for pod in expanded["env_vars"] for name in pod}
    container = {
        "image": partial["image"],
        "command": partial["cmds"],
        "args": partial["arguments"],
        "volumeMounts": camel(partial["volume_mounts"]),
        "securityContext": camel(partial["container_security_context"]),
        "resources": camel(partial["container_resources"]),
    }
    spec = {
        "containers": [container],
        "volumes": camel(partial["volumes"]),
        "securityContext": camel(partial["security_context"]),
        "terminationGracePeriodSeconds": partial["termination_grace_period"],
        "automountServiceAccountToken": partial["automount_service_account_token"],
    }
    return Pod(variable, spec)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_accepts_the_manifest(version: str) -> None:
    documents = manifests()
    assert documents.keys() == {"PersistentVolumeClaim", "CronJob"}
    for document in documents.values():
        assert kubernetes_validate.validate(document, version, strict=True) == version


def test_a_company_that_fails_stops_no_other() -> None:
    """`backoffLimit` would end the Job at the first failure; it must not be there."""
    assert job()["backoffLimitPerIndex"] == 0
    assert job().keys().isdisjoint({"backoffLimit", "maxFailedIndexes"})
    assert 1 <= job()["parallelism"] <= job()["completions"]
    assert manifests()["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_commands_of_the_page_make_a_key_for_each_pod() -> None:
    (keys,) = [
        re.findall(r"companies/(\d+)\.json", line)
        for line in PAGE.replace("\\\n", "").splitlines()
        if "companies/0.json" in line
    ]
    assert keys == [str(number) for number in range(job()["completions"])]
    claim = manifests()["PersistentVolumeClaim"]["metadata"]["name"]
    volumes = {volume["name"]: volume for volume in indexed().spec["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim
    secret = volumes["config"]["secret"]["secretName"]
    assert PAGE.count(f"kubectl create secret generic {secret} ") == 2
    program = volumes["program"]["configMap"]["name"]
    assert f"kubectl create configmap {program} " in PAGE
    assert f"kubectl patch cronjob {manifests()['CronJob']['metadata']['name']} " in PAGE


@pytest.mark.parametrize("pod", [indexed, mapped])
def test_a_pod_sees_the_token_of_its_own_company_alone(pod: Any) -> None:
    mounts = {path: (volume, key) for path, volume, key in pod().mounts("7")}
    assert mounts.pop("/config/config.json") == ("config", "7.json")
    assert all(volume != "config" for volume, _ in mounts.values())
    command = pod().command("7")
    assert command.count("/data/7") == 1
    assert command[command.index("--state") + 1] == "/data/7/state.json"


@pytest.mark.parametrize("pod", [indexed, mapped])
def test_a_pod_has_the_rights_and_limits_of_the_single_companys(pod: Any) -> None:
    spec, container, single = pod().spec, pod().container, single_pod()
    (other,) = single["containers"]
    for key in ("securityContext", "terminationGracePeriodSeconds", "automountServiceAccountToken"):
        assert spec[key] == single[key], key
    for key in ("image", "securityContext", "resources"):
        assert container[key] == other[key], key
    assert [word.replace("/data/x", "/data") for word in pod().command("x")] == [
        *other["command"],
        *other["args"],
    ]


def test_both_pods_have_the_same_volumes() -> None:
    assert mapped().spec["volumes"] == indexed().spec["volumes"]


def test_airflow_starts_a_pod_for_each_name_in_its_variable() -> None:
    partial, expanded = mapping(DAG, variables={"pipedrive_companies": ["acme", "globex"]})
    assert expanded == {"env_vars": [{"COMPANY": "acme"}, {"COMPANY": "globex"}]}
    of_mapping = {"max_active_tis_per_dagrun", "map_index_template"}
    assert partial.keys() | expanded.keys() <= ANY_OPERATOR | set(POD_OPERATOR.split()) | of_mapping
    assert 'airflow variables set pipedrive_companies \'["acme", "globex"]\'' in PAGE
