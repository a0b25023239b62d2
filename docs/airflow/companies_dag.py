"""Reads several Pipedrive companies every hour: one mapped task, and so one pod, for each name in
Airflow's variable `pipedrive_companies`. docs/recipes/several-companies.md shows how to create the
variable and the Secret.

For Airflow 3 with the provider `apache-airflow-providers-cncf-kubernetes` 10.
"""

from datetime import UTC, datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG, Variable, task
from kubernetes.client import models as k8s

with DAG(
    dag_id="pipedrive_companies",
    schedule="15 * * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # a sync reads everything that has changed, so missed hours need no run
    max_active_runs=1,  # two syncs at once would pay for everything twice
):

    @task
    def companies() -> list[dict[str, str]]:
        """What differs between the pods: the name of the company, in a variable."""
        return [
            {"COMPANY": name} for name in Variable.get("pipedrive_companies", deserialize_json=True)
        ]

    KubernetesPodOperator.partial(
        task_id="sync",
        name="source-pipedrive",
        namespace="default",
        image="source-pipedrive:0.2.0",
        # Kubernetes puts the company's name in place of $(COMPANY).
        cmds=[
            *("python", "/program/sync.py", "/data/$(COMPANY)"),
            *("python", "/airbyte/integration_code/main.py"),
        ],
        arguments=[
            "read",
            *("--config", "/config/config.json"),
            *("--catalog", "/program/catalog.json"),
            *("--state", "/data/$(COMPANY)/state.json"),
        ],
        volumes=[
            k8s.V1Volume(
                name="config",
                secret=k8s.V1SecretVolumeSource(
                    secret_name="source-pipedrive-companies", default_mode=0o440
                ),
            ),
            k8s.V1Volume(
                name="program",
                config_map=k8s.V1ConfigMapVolumeSource(name="source-pipedrive"),
            ),
            k8s.V1Volume(
                name="data",
                persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                    claim_name="source-pipedrive-companies"
                ),
            ),
        ],
        volume_mounts=[
            k8s.V1VolumeMount(
                name="config",  # of this company alone
                mount_path="/config/config.json",
                sub_path_expr="$(COMPANY).json",
                read_only=True,
            ),
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
        max_active_tis_per_dagrun=2,  # pods at once; each company has limits of its own
        map_index_template="{{ task.env_vars[0].value }}",  # the company, in Airflow's list
    ).expand(env_vars=companies())
