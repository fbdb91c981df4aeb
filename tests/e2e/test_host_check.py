"""`countersign host check` against the example's billing service, as a host team would run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from examples.subscription.theatre import Theatre

ORDER = {"account": "harbour", "plan": "team_pro", "seats": 12, "amount_micros": 99_000_000, "currency": "USD"}
PATH = "/accounts/harbour/subscriptions"
SETTINGS = """\
listeners: [{{name: workflow, address: "unix:run/workflow/gateway.sock", tenant: acme, caller: orders, role: workflow}}]
store: {{sqlite: {{path: var/store.db}}}}
activation: {{path: .}}
targets:
  billing:
    base_url: {url}
    mode: query
    query: {{path: "/operations/{{key}}", enforces_not_after: true}}
    networks: [127.0.0.1/32]
    authorization_file: credential
    replays_refusals: {replays}
"""


def ran(folder: Path, url: str, token: str, *words: str, replays: str = "false") -> subprocess.CompletedProcess[str]:
    credential = folder / "credential"
    credential.write_text(f"Bearer {token}\n")
    credential.chmod(0o600)
    (folder / "settings.yaml").write_text(SETTINGS.format(url=url, replays=replays))
    (folder / "order.json").write_text(json.dumps(ORDER))
    command = [sys.executable, "-m", "gateway", "host", "check", "billing", "--settings", str(folder / "settings.yaml")]
    command += ["--payload", str(folder / "order.json"), "--path", PATH, "--idle", "0.1", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, input="n\n")


def test_billing_keeps_what_it_declares(stage: Theatre, tmp_path: Path) -> None:
    """Each promise in a row, each key told; exit code 0; and billing's own book has one order a key at most."""
    stage.start_billing()

    done = ran(tmp_path, stage.billing, stage.token, "--yes", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    kept = {one["promise"]: one["kept"] for one in report["advice"]}
    assert kept["mode: query"] == kept["query.enforces_not_after"] == "YES"
    assert kept["mode: dedupe"] == kept["dedupe.retention"] == "ASK"
    keys = {key for one in report["seen"] for key in one["keys"]}
    assert len(keys) >= 5
    assert all(key.startswith("cs-check-") for key in keys)


def test_a_promise_it_does_not_keep_is_told(stage: Theatre, tmp_path: Path) -> None:
    """Billing forgets what it refused as no order: declaring that it replays refusals is wrong, and exits 1."""
    stage.start_billing()

    done = ran(tmp_path, stage.billing, stage.token, "--yes", replays="true")

    assert done.returncode == 1, done.stdout + done.stderr
    [line] = [line for line in done.stdout.splitlines() if "replays_refusals" in line]
    assert line.endswith("WRONG")


def test_nothing_is_sent_before_somebody_says_yes(stage: Theatre, tmp_path: Path) -> None:
    """It writes, so it asks."""
    stage.start_billing()

    done = ran(tmp_path, stage.billing, stage.token)

    assert done.returncode == 1
    assert "Is it a staging service?" in done.stdout
    assert "nothing was sent" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody", "--payload", "order.json", "--path", "/x"], "the settings name no target nobody"),
        (["billing", "--payload", "missing.json", "--path", "/x"], "cannot be read"),
        (["billing", "--payload", "order.json"], "no path is given"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, words: list[str], says: str) -> None:
    """With what to write; nothing is sent."""
    ran(tmp_path, "http://127.0.0.1:1", "t", "--help")

    command = [sys.executable, "-m", "gateway", "host", "check", *words, "--settings", "settings.yaml", "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    assert done.returncode == 2
    assert says in done.stderr
