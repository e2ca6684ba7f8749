"""The lock is proven only by a refusal of our own policy in the name of this very switch."""

import pytest

from detour_operator.adapters import lock_proof
from detour_operator.adapters.lock_proof import LockProof
from detour_operator.errors import Unreachable
from unit.operator.api_server import serving, status

# As API server 1.36 answered.
DENIED = (
    'virtualmachineinstancemigrations.kubevirt.io "x" is forbidden: ValidatingAdmissionPolicy'
    " 'detour-lock-live-migrations' with binding 'detour-lock-live-migrations' denied request:"
    " VirtualMachine web cannot be live-migrated: its disk data is being moved by AttachmentSwitch"
    " move (of the VolumeMigration of that name, if Detour made it). Wait until that has ended."
)
RIGHTS = 'virtualmachineinstancemigrations.kubevirt.io is forbidden: User "x" cannot create'
WEBHOOK = (
    'admission webhook "migration-create-validator.kubevirt.io" denied the request: in-flight'
)

ANSWERS = {
    "our policy": (status(403, "Forbidden", DENIED), ""),
    "our policy, for another switch": (
        status(403, "Forbidden", DENIED.replace("Switch move ", "Switch move-2 ")),
        "LockNotProven",
    ),
    "a policy of another name": (
        status(403, "Forbidden", DENIED.replace("'detour-lock-", "'other-lock-")),
        "LockNotProven",
    ),
    "no right to create": (status(403, "Forbidden", RIGHTS), "LockNotProven"),
    "KubeVirt's webhook": (status(403, "Forbidden", WEBHOOK), "LockNotProven"),
    "invalid": (status(422, "Invalid", "spec"), "LockNotProven"),
    "already there": (status(409, "AlreadyExists", "x"), "LockNotProven"),
    "no KubeVirt": (status(404, "NotFound", "no such resource"), "LockNotProven"),
    "accepted": ((201, {"kind": "VirtualMachineInstanceMigration"}), "LockNotEffective"),
}


def answering(trial):
    def answer(request):
        return trial if request.method == "POST" else (200, {"items": []})

    return answer


@pytest.mark.parametrize(("trial", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_proves(trial, reason):
    with serving(answering(trial)) as server:
        answer = LockProof(server.api()).ask("ns", "web", "move")
    assert answer.bites is (reason == "")
    assert answer.reason == reason
    assert bool(answer.message) is (reason != "")


def test_the_trial_is_a_dry_run_of_a_live_migration():
    with serving(answering(status(403, "Forbidden", DENIED))) as server:
        LockProof(server.api()).ask("ns", "web", "move")
    (trial,) = (request for request in server.asked if request.method == "POST")
    assert trial.path.endswith("/namespaces/ns/virtualmachineinstancemigrations?dryRun=All")
    assert trial.body["kind"] == "VirtualMachineInstanceMigration"
    assert trial.body["spec"] == {"vmiName": "web"}


def test_a_server_that_fails_proves_nothing():
    with (
        serving(answering(status(500, "InternalError"))) as server,
        pytest.raises(Unreachable),
    ):
        LockProof(server.api()).ask("ns", "web", "move")


def test_every_api_server_is_asked(monkeypatch):
    """Each by its own address; here the second one has not heard of the lock."""
    endpoints = {
        "items": [
            {
                "ports": [{"name": "https", "port": 6443}],
                "endpoints": [
                    {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
                    {"addresses": ["fd00::2"]},
                    {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
                ],
            }
        ]
    }
    asked = []
    with (
        serving(answering(status(403, "Forbidden", DENIED))) as first,
        serving(answering((201, {}))) as second,
    ):
        servers = {
            "https://10.0.0.1:6443": first.api(),
            "https://[fd00::2]:6443": second.api(),
        }
        monkeypatch.setattr(
            lock_proof, "_at", lambda _api, host: asked.append(host) or servers[host]
        )
        with serving(lambda _: (200, endpoints)) as any_server:
            answer = LockProof(any_server.api()).ask("ns", "web", "move")
    assert asked == list(servers)
    assert answer.reason == "LockNotEffective"


def test_another_server_is_known_by_the_name_in_its_certificate():
    with serving(answering((201, {}))) as server:
        other = lock_proof._at(server.api(), "https://10.0.0.1:6443").client.configuration
    assert other.host == "https://10.0.0.1:6443"
    assert other.tls_server_name == "kubernetes.default.svc"
