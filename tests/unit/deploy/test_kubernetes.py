"""The manifests are valid for Kubernetes, and keep the promises their comments make."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
WRITABLE = {"/var/lib/countersign", "/run/countersign"}


def documents() -> dict[tuple[str, str], Any]:
    """Every object, by kind and name."""
    found = [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return {(document["kind"], document["metadata"]["name"]): document for document in found}


def stateful_set() -> Any:
    return documents()["StatefulSet", "countersign"]["spec"]


def pod() -> Any:
    return stateful_set()["template"]["spec"]


def gateway() -> Any:
    (container,) = pod()["containers"]
    return container


def validate(*paths: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("kubernetes-validate")
    return subprocess.run([tool, "--strict", *paths], capture_output=True, text=True, check=False, timeout=60)


def test_the_manifests_are_valid() -> None:
    """Strict validation: unknown members are errors, as a typo would be."""
    answer = validate(*MANIFESTS)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr.count(" passed ") + answer.stdout.count(" passed ") == len(documents())


def test_the_validation_can_fail(tmp_path: Path) -> None:
    """A misspelt member is refused."""
    typo = tmp_path / "typo.yaml"
    typo.write_text((FOLDER / "40-statefulset.yaml").read_text(encoding="utf-8").replace("replicas: 1", "replica: 1"), encoding="utf-8")
    answer = validate(typo)

    assert answer.returncode != 0


def test_two_gateways_never_run() -> None:
    """One replica, old before new, and a volume that one pod of the cluster may mount."""
    spec = stateful_set()
    (claim,) = spec["volumeClaimTemplates"]

    assert spec["replicas"] == 1
    assert spec["podManagementPolicy"] == "OrderedReady"
    assert spec["updateStrategy"] == {"type": "RollingUpdate"}
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}


def test_the_pod_can_do_little() -> None:
    """Non-root, read-only root, no capabilities, no privilege, the default seccomp profile, no token."""
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["runAsUser"] == pod()["securityContext"]["fsGroup"] == 65532
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    assert documents()["ServiceAccount", pod()["serviceAccountName"]]["automountServiceAccountToken"] is False
    for container in (*pod()["initContainers"], *pod()["containers"]):
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        assert set(container["resources"]["requests"]) == {"cpu", "memory", "ephemeral-storage"}
        assert "memory" in container["resources"]["limits"]


def test_only_two_folders_are_writable() -> None:
    """Every other mount of the gateway is read-only, and each mount has its volume."""
    mounts = gateway()["volumeMounts"]
    volumes = {volume["name"] for volume in pod()["volumes"]} | {claim["metadata"]["name"] for claim in stateful_set()["volumeClaimTemplates"]}

    assert {mount["mountPath"] for mount in mounts if not mount.get("readOnly")} == WRITABLE
    assert {mount["name"] for mount in mounts} == volumes


def test_secrets_are_files() -> None:
    """No environment at all, no secret in this folder, and mounted ones readable by the gateway's group only."""
    secrets = [volume["secret"] for volume in pod()["volumes"] if "secret" in volume]

    assert "env" not in gateway()
    assert "envFrom" not in gateway()
    assert "Secret" not in {kind for kind, _ in documents()}
    assert {secret["secretName"]: secret["defaultMode"] for secret in secrets} == {"countersign-tls": 0o440, "countersign-credentials": 0o440}


def test_probes_and_services_name_declared_ports() -> None:
    """All three probes ask the diagnostic port; workflows are sent to the other one and to no more."""
    ports = {port["name"]: port["containerPort"] for port in gateway()["ports"]}
    probes = [gateway()[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
    called = documents()["Service", "countersign"]["spec"]["ports"]

    assert probes == ["diagnostics"] * 3
    assert [port["targetPort"] for port in called] == ["workflows"]
    assert set(ports) == {"workflows", "diagnostics"}


def test_everything_selects_the_pod() -> None:
    """Services, policy and disruption budget have the pod's own labels."""
    labels = stateful_set()["template"]["metadata"]["labels"]
    selectors = [
        stateful_set()["selector"]["matchLabels"],
        documents()["Service", "countersign"]["spec"]["selector"],
        documents()["Service", stateful_set()["serviceName"]]["spec"]["selector"],
        documents()["NetworkPolicy", "countersign"]["spec"]["podSelector"]["matchLabels"],
        documents()["PodDisruptionBudget", "countersign"]["spec"]["selector"]["matchLabels"],
    ]

    assert [selector.items() <= labels.items() for selector in selectors] == [True] * 5


def test_the_network_is_closed_both_ways() -> None:
    """Ingress and egress are governed, and no rule is open to everybody or to every port."""
    spec = documents()["NetworkPolicy", "countersign"]["spec"]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["from"] and rule["ports"] for rule in spec["ingress"])
    assert all(rule["to"] and rule["ports"] for rule in spec["egress"])


def test_a_drain_is_never_blocked() -> None:
    """With one replica, a budget that forbids evictions would hold a node up for ever."""
    spec = documents()["PodDisruptionBudget", "countersign"]["spec"]

    assert spec["maxUnavailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_settings_fit_the_pod() -> None:
    """The settings are YAML, say that this is the sole gateway, and name only ports and paths that are there."""
    settings = yaml.safe_load(documents()["ConfigMap", "countersign-settings"]["data"]["settings.yaml"])
    ports = {port["containerPort"] for port in gateway()["ports"]}
    addresses = [listener["address"] for listener in settings["listeners"]] + [settings["diagnostics"]["address"]]

    assert settings["store"]["sqlite"]["sole_gateway"] is True
    assert {int(address.rsplit(":", 1)[1]) for address in addresses if not address.startswith("unix:")} == ports
    assert gateway()["args"] == ["serve", "--settings", "/etc/countersign/settings.yaml"]


def test_the_readme_names_every_file() -> None:
    """One row per file of the folder."""
    rows = {line.split("`")[1] for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")}

    assert rows == {path.name for path in FOLDER.iterdir()} - {"README.md"}


@pytest.mark.parametrize("path", [*MANIFESTS, FOLDER / "activation.Dockerfile", ROOT / "Dockerfile"], ids=lambda path: path.name)
def test_no_registry_is_named(path: Path) -> None:
    """Images are plain names: which registry they come from is the cluster's business."""
    named = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip().startswith(("image:", "FROM ", "ARG BASE", "ARG GO_BASE"))]

    assert [line for line in named if "/" in line] == []
