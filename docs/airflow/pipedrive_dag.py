"""Reads Pipedrive every hour in a pod, with the Secret, ConfigMap and volume of docs/kubernetes.
docs/setup.md shows how to create them.

For Airflow 3 with the provider `apache-airflow-providers-cncf-kubernetes` 10. In Airflow 2, write
`from airflow import DAG`.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

with DAG(
    dag_id="pipedrive",
    schedule="15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a sync reads everything that has changed, so missed hours need no run
    max_active_runs=1,  # two syncs at once would pay for everything twice
):
    KubernetesPodOperator(
        task_id="sync",
        name="source-pipedrive",
        namespace="default",
        image="source-pipedrive:0.2.0",
        cmds=["python", "/program/sync.py", "/data", "python", "/airbyte/integration_code/main.py"],
        arguments=[
            "read",
            *("--config", "/config/config.json"),
            *("--catalog", "/program/catalog.json"),
            *("--state", "/data/state.json"),
        ],
        volumes=[
            k8s.V1Volume(
                name="config",
                secret=k8s.V1SecretVolumeSource(secret_name="source-pipedrive", default_mode=0o440),
            ),
            k8s.V1Volume(
                name="program",
                config_map=k8s.V1ConfigMapVolumeSource(name="source-pipedrive"),
            ),
            k8s.V1Volume(
                name="data",
                persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                    claim_name="source-pipedrive"
                ),
            ),
        ],
        volume_mounts=[
            k8s.V1VolumeMount(name="config", mount_path="/config", read_only=True),
            k8s.V1VolumeMount(name="program", mount_path="/program", read_only=True),
            k8s.V1VolumeMount(name="data", mount_path="/data"),
        ],
        security_context=k8s.V1PodSecurityContext(
            run_as_non_root=True,
            run_as_user=1000,
            run_as_group=1000,
            fs_group=1000,
            seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
        ),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.V1Capabilities(drop=["ALL"]),
        ),
        container_resources=k8s.V1ResourceRequirements(
            requests={"cpu": "500m", "memory": "256Mi"},
            limits={"memory": "512Mi"},
        ),
        automount_service_account_token=False,
        # The connector stops within 10 seconds of SIGTERM, with a state for what it has read.
        termination_grace_period=30,
        execution_timeout=timedelta(hours=6),
        retries=0,  # the next hour resumes where this one ended
        get_logs=True,
    )
