"""The lock is proven only by a refusal of our own policy in the name of this very switch."""

import pytest

from detour_operator.adapters import api_servers
from detour_operator.adapters.lock_proof import SETTLE_SECONDS, LockProof, Trial
from detour_operator.errors import Unreachable
from unit.operator.api_server import serving, status

# As API server 1.36 answered.
DENIED = (
    'virtualmachineinstancemigrations.kubevirt.io "x" is forbidden: ValidatingAdmissionPolicy'
    " 'detour-lock-live-migrations' with binding 'detour-lock-live-migrations' denied request:"
    " VirtualMachine web cannot be live-migrated: its disk data is being moved by AttachmentSwitch"
    " move of the VolumeMigration of that name. Wait until that has ended."
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


TRIAL = Trial("ns", "web", "move")
REFUSED = status(403, "Forbidden", DENIED)
ACCEPTED = (201, {})


def answering(trial, addresses=("10.0.0.1",), leases=1):
    """An API server that says where the servers are, and how many of them there are."""

    def answer(request):
        if "endpointslices" in request.path:
            return 200, {"items": [endpoints(*addresses)]}
        if "leases" in request.path:
            return leases if isinstance(leases, tuple) else (200, {"items": [{}] * leases})
        assert request.method == "POST"
        return trial() if callable(trial) else trial

    return answer


def endpoints(*addresses):
    each = [{"addresses": [address]} for address in addresses]
    return {"ports": [{"name": "https", "port": 6443}], "endpoints": each}


@pytest.fixture
def addressed(monkeypatch):
    """Has addresses lead to local servers; the service's own leads where it did."""
    servers = {}
    real = api_servers._at

    def at(api, host, server_name=None):
        if server_name is None:
            return real(api, host)
        return servers[host]

    monkeypatch.setattr(api_servers, "_at", at)

    def lead(**to):
        for address, server in to.items():
            servers[f"https://{address.replace('_', '.')[1:]}:6443"] = server.api()

    return lead


def ask_at_one(trial, addressed):
    with serving(answering(trial)) as server:
        addressed(a10_0_0_1=server)
        return LockProof(server.api()).ask(TRIAL, proven=False), server


@pytest.mark.parametrize(("trial", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_proves(trial, reason, addressed):
    answer, _ = ask_at_one(trial, addressed)
    assert answer.bites is (reason == "")
    assert answer.reason == reason
    assert bool(answer.message) is (reason != "")


def test_the_trial_is_a_dry_run_of_a_live_migration(addressed):
    _, server = ask_at_one(REFUSED, addressed)
    (trial,) = (request for request in server.asked if request.method == "POST")
    assert trial.path.endswith("/namespaces/ns/virtualmachineinstancemigrations?dryRun=All")
    assert trial.body["kind"] == "VirtualMachineInstanceMigration"
    assert trial.body["spec"] == {"vmiName": "web"}


def test_a_server_that_fails_proves_nothing(addressed):
    with pytest.raises(Unreachable):
        ask_at_one(status(500, "InternalError"), addressed)


def test_each_server_is_asked_by_itself_and_one_that_has_not_heard_is_enough(addressed):
    three = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    with (
        serving(answering(REFUSED, three, leases=3)) as first,
        serving(answering(REFUSED)) as second,
        serving(answering(ACCEPTED)) as third,
    ):
        addressed(a10_0_0_1=first, a10_0_0_2=second, a10_0_0_3=third)
        proof = LockProof(first.api())
        answer = proof.ask(TRIAL, proven=False)
        assert answer.reason == "LockNotEffective"
        assert len(second.asked) == len(third.asked) == 1
        third.answer = answering(REFUSED)
        assert proof.ask(TRIAL, proven=False).bites
        assert len(third.asked) == 2


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("leases", [3, status(403, "Forbidden"), 0], ids=str)
def test_servers_behind_one_address_are_asked_by_many_new_connections(addressed, leases):
    clock = Clock()
    with serving(answering(REFUSED, leases=leases)) as server:
        addressed(a10_0_0_1=server)
        proof = LockProof(server.api(), clock)
        first = proof.ask(TRIAL, proven=False)
        assert (first.bites, first.reason) == (False, "LockNotProven")
        assert "cannot be asked one by one" in first.message
        trials = [request for request in server.asked if request.method == "POST"]
        assert len(trials) == 1 + 18
        assert len({request.connection for request in trials}) == len(trials)
        assert not proof.ask(TRIAL, proven=False).bites, "no time has passed"
        clock.now += SETTLE_SECONDS
        assert proof.ask(TRIAL, proven=False).bites


def test_one_connection_that_is_not_refused_begins_the_wait_anew(addressed):
    clock, answers = Clock(), []

    def trial():
        return answers.pop() if answers else REFUSED

    with serving(answering(trial, leases=2)) as server:
        addressed(a10_0_0_1=server)
        proof = LockProof(server.api(), clock)
        for _ in range(3):
            assert not proof.ask(TRIAL, proven=False).bites
        clock.now += SETTLE_SECONDS
        answers = [ACCEPTED, REFUSED, REFUSED]
        assert proof.ask(TRIAL, proven=False).reason == "LockNotEffective"
        for _ in range(4):
            assert proof.ask(TRIAL, proven=False).reason == "LockNotProven", "no time has passed"
        clock.now += SETTLE_SECONDS
        assert proof.ask(TRIAL, proven=False).bites


def test_a_lock_that_was_off_meanwhile_is_proven_from_the_beginning(addressed):
    clock = Clock()
    with serving(answering(REFUSED, leases=2)) as server:
        addressed(a10_0_0_1=server)
        proof = LockProof(server.api(), clock)
        for _ in range(3):
            proof.ask(TRIAL, proven=False)
        clock.now += SETTLE_SECONDS
        proof.forget(TRIAL)
        assert not proof.ask(TRIAL, proven=False).bites


def test_a_proven_lock_is_only_tried_again(addressed):
    """As an operator does that has just taken over."""
    with serving(answering(REFUSED, leases=2)) as server:
        addressed(a10_0_0_1=server)
        assert LockProof(server.api(), Clock()).ask(TRIAL, proven=True).bites


def terminated(namespace):
    said = (
        'virtualmachineinstancemigrations.kubevirt.io "x" is forbidden: unable to create new'
        f" content in namespace {namespace} because it is being terminated"
    )
    return status(403, "Forbidden", said)


@pytest.mark.parametrize(
    ("namespace", "proven", "bites"),
    [
        ("ns", True, True),
        ("ns", False, False),
        ("other", True, False),
    ],
)
def test_a_namespace_that_is_being_deleted_admits_nothing_new(addressed, namespace, proven, bites):
    """So a move under way goes on to its end there, but none begins."""
    with serving(answering(terminated(namespace))) as server:
        addressed(a10_0_0_1=server)
        answer = LockProof(server.api()).ask(TRIAL, proven=proven)
    assert answer.bites is bites
    assert answer.namespace_ends is (namespace == "ns")


def test_a_server_that_has_not_heard_of_the_deletion_may_still_create(addressed):
    with (
        serving(answering(terminated("ns"), ("10.0.0.1", "10.0.0.2"), leases=2)) as first,
        serving(answering(REFUSED)) as second,
    ):
        addressed(a10_0_0_1=first, a10_0_0_2=second)
        answer = LockProof(first.api()).ask(TRIAL, proven=True)
    assert answer.bites
    assert not answer.namespace_ends


def test_a_server_that_cannot_be_reached_by_itself_is_sought_by_new_connections(addressed):
    both = ("10.0.0.1", "10.0.0.2")
    with (
        serving(answering(REFUSED, both, leases=2)) as service,
        serving(answering(REFUSED)) as gone,
    ):
        addressed(a10_0_0_1=service, a10_0_0_2=gone)
    clock = Clock()
    with serving(answering(REFUSED, both, leases=2)) as service:
        addressed(a10_0_0_1=service)
        proof = LockProof(service.api(), clock)
        assert proof.ask(TRIAL, proven=False).reason == "LockNotProven"
        service.answer = answering(ACCEPTED, both, leases=2)
        assert proof.ask(TRIAL, proven=False).reason == "LockNotEffective"


def test_addresses_of_all_families_and_none_that_is_not_ready():
    found = endpoints("10.0.0.1", "fd00::2", "10.0.0.3")
    found["endpoints"][2]["conditions"] = {"ready": False}
    assert api_servers._hosts(found) == ["https://10.0.0.1:6443", "https://[fd00::2]:6443"]


def test_another_server_is_known_by_the_name_in_its_certificate():
    with serving(answering(ACCEPTED)) as server:
        other = api_servers._at(
            server.api(), "https://10.0.0.1:6443", api_servers.SERVER_NAME
        ).client.configuration
    assert other.host == "https://10.0.0.1:6443"
    assert other.tls_server_name == "kubernetes.default.svc"
