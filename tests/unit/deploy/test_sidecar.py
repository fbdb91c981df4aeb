"""The native sidecar: valid for Kubernetes, settings that the gateway takes, and a workflow that shares a socket with it and nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config import load
from gateway.config.loading import SettingsRefused
from gateway.domain.identity import Role

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes" / "sidecar"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
SECRETS = {
    "store/gateway.dsn": "postgres://gateway:not-a-password@db.databases.svc:5432/countersign",
    "credentials/billing-authorization": "x" * 40,
    "credentials/model-key": "x" * 40,
}


def documents() -> dict[str, Any]:
    """Every object, by kind: there is one of each."""
    found = [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return {document["kind"]: document for document in found}


def pod() -> Any:
    return documents()["Deployment"]["spec"]["template"]["spec"]


def container(name: str) -> Any:
    (found,) = [one for one in (*pod()["initContainers"], *pod()["containers"]) if one["name"] == name]
    return found


def settings(tmp_path: Path) -> Path:
    """The file as the pod mounts it, with the pod's folders put somewhere else."""
    for name in ("etc/store", "etc/credentials", "etc/activation", "share/policies", "run", "workflow"):
        (tmp_path / name).mkdir(parents=True)
    for name, secret in SECRETS.items():
        (tmp_path / "etc" / name).write_text(secret + "\n")
        (tmp_path / "etc" / name).chmod(0o600)
    (tmp_path / "etc/store/ca.crt").write_text("a certificate\n")
    (tmp_path / "opa").write_text("")
    text: str = documents()["ConfigMap"]["data"]["settings.yaml"]
    for there, here in (
        ("/etc/countersign", tmp_path / "etc"), ("/usr/share/countersign", tmp_path / "share"), ("/run/countersign", tmp_path / "run"),
        ("/run/workflow", tmp_path / "workflow"), ("/usr/local/bin/opa", tmp_path / "opa"),
    ):  # fmt: skip
        text = text.replace(there, str(here))
    written = tmp_path / "settings.yaml"
    written.write_text(text)
    return written


def test_the_manifests_are_valid() -> None:
    """Strict validation: unknown members are errors."""
    tool = Path(sys.executable).with_name("kubernetes-validate")
    answer = subprocess.run([tool, "--strict", *MANIFESTS], capture_output=True, text=True, check=False, timeout=60)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_gateway_takes_its_settings(tmp_path: Path) -> None:
    """In a pod: one socket for the workflow, two for people, and a store that is shared."""
    taken = load(settings(tmp_path))

    assert [one.role for one in taken.listeners] == [Role.WORKFLOW, Role.OPERATOR, Role.RESOLVER]
    assert taken.store.postgres is not None
    assert taken.store.postgres.ha


def test_with_sqlite_the_gateway_would_not_start(tmp_path: Path) -> None:
    """What the manifest's comment says."""
    written = settings(tmp_path)
    document = yaml.safe_load(written.read_text())
    document["store"] = {"sqlite": {"path": str(tmp_path / "ledger.db")}}
    written.write_text(yaml.safe_dump(document))

    with pytest.raises(SettingsRefused, match="SQLite serves exactly one gateway"):
        load(written, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})


def test_the_gateway_is_a_native_sidecar() -> None:
    """Started before the workflow, which waits for its probe; restarted by itself; ended after it."""
    gateway = container("gateway")

    assert gateway in pod()["initContainers"]
    assert gateway["restartPolicy"] == "Always"
    assert gateway["startupProbe"]["httpGet"] == {"path": "/readyz", "port": "diagnostics"}
    assert [one["name"] for one in pod()["containers"]] == ["workflow"]
    assert pod()["terminationGracePeriodSeconds"] >= 120


def test_the_workflow_shares_a_socket_and_nothing_else() -> None:
    """One volume, read-only; no secret, no process table, another user; and that volume is where its listener is."""
    listeners = yaml.safe_load(documents()["ConfigMap"]["data"]["settings.yaml"])["listeners"]
    (address,) = [one["address"] for one in listeners if one["role"] == "workflow"]
    others = [one["address"] for one in listeners if one["role"] != "workflow"]
    secrets = {one["name"] for one in pod()["volumes"] if "secret" in one}

    assert container("workflow")["volumeMounts"] == [{"name": "socket", "mountPath": "/run/workflow", "readOnly": True}]
    assert address in container("workflow")["args"]
    assert address.startswith("unix:/run/workflow/")
    assert not any(one.startswith("unix:/run/workflow/") for one in others)
    assert secrets == {"store", "credentials"}
    assert pod()["shareProcessNamespace"] is False
    assert container("workflow")["securityContext"]["runAsUser"] != container("gateway")["securityContext"]["runAsUser"]


@pytest.mark.parametrize("name", ["activation", "gateway", "workflow"])
def test_no_container_can_do_much(name: str) -> None:
    """Non-root, read-only root, no capabilities, bounded memory, nothing from the environment."""
    one = container(name)

    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert one["securityContext"]["runAsUser"] > 0
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in one["resources"]["limits"]
    assert "env" not in one
    assert "envFrom" not in one


def test_only_the_migration_is_the_owner() -> None:
    """The owner's DSN is mounted by the job alone, and both run the same image."""
    job = documents()["Job"]["spec"]["template"]["spec"]
    owners = {one["secret"]["secretName"] for one in job["volumes"] if "secret" in one}

    assert "countersign-store-owner" in owners
    assert "countersign-store-owner" not in str(pod())
    assert job["containers"][0]["image"] == container("gateway")["image"]
    assert job["containers"][0]["args"][:2] == ["store", "migrate"]


def test_the_readme_names_every_file() -> None:
    """One row per file of the folder."""
    rows = {line.split("`")[1] for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")}

    assert rows == {path.name for path in MANIFESTS}


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_no_registry_is_named(path: Path) -> None:
    """Images are plain names."""
    named = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip().startswith("image:")]

    assert [line for line in named if "/" in line] == []
