"""The ConfigMap's settings are settings: the gateway's own reader takes them."""

from pathlib import Path

import pytest
import yaml

from gateway.config import load
from gateway.domain.identity import Role

MANIFEST = Path(__file__).resolve().parents[3] / "deploy/kubernetes/20-settings.yaml"
SECRETS = ("tls/tls.key", "credentials/billing-authorization", "credentials/model-key")
FILES = ("tls/tls.crt", "tls/ca.crt")


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The file as the pod mounts it, with the pod's folders put somewhere else."""
    for name in ("etc/tls", "etc/credentials", "etc/activation", "share/policies", "var", "run"):
        (tmp_path / name).mkdir(parents=True)
    for name in (*SECRETS, *FILES):
        (tmp_path / "etc" / name).write_text("x" * 40 + "\n")
    for name in SECRETS:
        (tmp_path / "etc" / name).chmod(0o600)
    opa = tmp_path / "opa"
    opa.write_text("")
    text: str = yaml.safe_load(MANIFEST.read_text())["data"]["settings.yaml"]
    for pod, here in (
        ("/etc/countersign", tmp_path / "etc"),
        ("/usr/share/countersign", tmp_path / "share"),
        ("/var/lib/countersign", tmp_path / "var"),
        ("/run/countersign", tmp_path / "run"),
        ("/usr/local/bin/opa", opa),
    ):
        text = text.replace(pod, str(here))
    written = tmp_path / "settings.yaml"
    written.write_text(text)
    return written


def test_the_gateway_takes_them(settings: Path) -> None:
    """Every name in the ConfigMap is a name of `gateway.config`."""
    taken = load(settings)

    assert [one.role for one in taken.listeners] == [Role.WORKFLOW, Role.OPERATOR, Role.RESOLVER]
    assert taken.store.sqlite is not None
    assert taken.store.sqlite.sole_gateway
    assert taken.diagnostics is not None
