"""The lock is proven only by a refusal of our own policy in the name of this very switch."""

import pytest

from detour_crds import names
from detour_operator.adapters import api_servers, lock_policies
from detour_operator.adapters.lock_attempts import Trial, ask_one
from detour_operator.adapters.lock_policies import FRESH_SECONDS
from detour_operator.adapters.lock_proof import SETTLE_SECONDS, LockProof
from detour_operator.errors import Unreachable
from unit.operator import lock_objects
from unit.operator.api_server import serving, status

# As API server 1.36 answered.
DENIED = (
    'virtualmachineinstancemigrations.kubevirt.io "x" is forbidden: ValidatingAdmissionPolicy'
    " 'detour-lock-live-migrations' with binding 'detour-lock-live-migrations' denied request:"
    " VirtualMachine web cannot be live-migrated: its disk data is being moved by AttachmentSwitch"
    " move of the VolumeMigration of that name. Wait until that has ended."
)
INSTANCE_DENIED = (
    'virtualmachineinstances.kubevirt.io "web" is forbidden: ValidatingAdmissionPolicy'
    " 'detour-lock-instances' with binding 'detour-lock-instances' denied request: the instance of"
    " VirtualMachine web cannot be started, stopped, restarted or deleted: its disk data is being"
    " moved by AttachmentSwitch move of the VolumeMigration of that name. Wait until it has ended."
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
    "changed meanwhile": (status(409, "Conflict", "x"), "LockNotProven"),
    "already there": (status(409, "AlreadyExists", "x"), "LockNotEffective"),
    "no KubeVirt": (status(404, "NotFound", "no such resource"), "LockNotProven"),
    "accepted": ((201, {"kind": "VirtualMachineInstanceMigration"}), "LockNotEffective"),
}


TRIAL = Trial("ns", "web", "move")
ACCEPTED = (201, {})


def of_instance(request):
    return request.path.split("?")[0].endswith("/virtualmachineinstances")


def denied(request, switch="move"):
    """As a server answers that knows of the lock."""
    said = INSTANCE_DENIED if of_instance(request) else DENIED
    return status(403, "Forbidden", said.replace("Switch move ", f"Switch {switch} "))


def as_said(message):
    return status(403, "Forbidden", message)


REFUSED = denied


def read(path):
    """What is found of the lock's policies."""
    if path.startswith(lock_objects.BINDINGS):
        return lock_objects.bindings()
    return lock_objects.policies() if path.startswith(lock_objects.POLICIES) else []


def answering(trial, addresses=("10.0.0.1",), leases=1, read=read):
    """An API server that says where the servers are, and how many of them there are."""

    def answer(request):
        if "validatingadmissionpolic" in request.path:
            found = read(request.path)
            return found if isinstance(found, tuple) else (200, {"items": found})
        if "endpointslices" in request.path:
            return 200, {"items": [endpoints(*addresses)]}
        if "leases" in request.path:
            return leases if isinstance(leases, tuple) else (200, {"items": [{}] * leases})
        assert request.method == "POST"
        return trial(request) if callable(trial) else trial

    return answer


def tried(server):
    """What was asked for as a trial."""
    return [request for request in server.asked if request.method == "POST"]


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


def ask_at_one(trial, addressed, **said):
    with serving(answering(trial, **said)) as server:
        addressed(a10_0_0_1=server)
        return LockProof(server.api()).ask(TRIAL, proven=False), server


@pytest.mark.parametrize(("trial", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_to_a_live_migration_proves(trial, reason, addressed):
    answer, _ = ask_at_one(
        lambda request: denied(request) if of_instance(request) else trial, addressed
    )
    assert answer.bites is (reason == "")
    assert answer.reason == reason
    assert bool(answer.message) is (reason != "")


def for_instance(answer):
    """The same answer, about an instance."""
    code, told = answer
    if told.get("message") and code == 403:
        said = told["message"].replace("lock-live-migrations", "lock-instances")
        return code, {**told, "message": said}
    return code, told


@pytest.mark.parametrize(("trial", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_to_a_new_instance_proves(trial, reason, addressed):
    """The chokepoint of stop, restart and delete (KubeVirt facts, D4) has to bite as well."""
    answer, _ = ask_at_one(
        lambda request: for_instance(trial) if of_instance(request) else denied(request), addressed
    )
    assert answer.bites is (reason == "")
    assert answer.reason == reason
    if reason == "LockNotEffective":
        assert "detour-lock-instances" in answer.message


def test_the_trials_are_dry_runs_of_what_would_run_the_guest_on_the_source(addressed):
    _, server = ask_at_one(REFUSED, addressed)
    migration, instance = tried(server)
    assert migration.path.endswith("/namespaces/ns/virtualmachineinstancemigrations?dryRun=All")
    assert migration.body["kind"] == "VirtualMachineInstanceMigration"
    assert migration.body["spec"] == {"vmiName": "web"}
    assert instance.path.endswith("/namespaces/ns/virtualmachineinstances?dryRun=All")
    assert (instance.body["kind"], instance.body["metadata"]) == (
        "VirtualMachineInstance",
        {"name": "web"},
    )


def test_the_instance_that_is_tried_could_neither_run_nor_open_a_disk(addressed):
    _, server = ask_at_one(REFUSED, addressed)
    spec = tried(server)[1].body["spec"]
    assert "volumes" not in spec
    assert spec["domain"]["devices"] == {}
    assert spec["nodeSelector"]


def missing(name, kind=lock_objects.POLICIES):
    def found(path):
        return [
            item
            for item in read(path)
            if item["metadata"]["name"] != name or not path.startswith(kind)
        ]

    return found


def with_binding(name, **spec):
    def found(path):
        items = read(path)
        if path.startswith(lock_objects.BINDINGS):
            next(item for item in items if item["metadata"]["name"] == name)["spec"].update(spec)
        return items

    return found


def ignoring(name):
    def found(path):
        items = read(path)
        if path.startswith(lock_objects.POLICIES):
            found = next(item for item in items if item["metadata"]["name"] == name)
            found["spec"]["failurePolicy"] = "Ignore"
        return items

    return found


@pytest.mark.parametrize("kind", [lock_objects.POLICIES, lock_objects.BINDINGS])
@pytest.mark.parametrize("name", names.LOCK_POLICIES)
def test_a_policy_that_is_missing_or_unbound_is_named(addressed, name, kind):
    answer, _ = ask_at_one(REFUSED, addressed, read=missing(name, kind))
    assert (answer.bites, answer.reason) == (False, "LockIncomplete")
    assert f"{name} is missing" in answer.message
    assert "helm upgrade" in answer.message


WEAKENED = {
    "only audited": with_binding("detour-lock-pods", validationActions=["Audit"]),
    "not for all": with_binding("detour-lock-pods", matchResources={"namespaceSelector": {}}),
    "one switch's alone": with_binding("detour-lock-pods", paramRef={"name": "move"}),
    "another namespace's": with_binding(
        "detour-lock-pods", paramRef={"selector": {}, "namespace": "other"}
    ),
    "some switches'": with_binding(
        "detour-lock-pods", paramRef={"selector": {"matchLabels": {"a": "b"}}}
    ),
    "another policy's": with_binding("detour-lock-pods", policyName="another"),
    "ignored when it fails": ignoring("detour-lock-pods"),
}


@pytest.mark.parametrize("found", WEAKENED.values(), ids=WEAKENED)
def test_a_policy_that_would_let_pass_is_named(addressed, found):
    answer, _ = ask_at_one(REFUSED, addressed, read=found)
    assert (answer.bites, answer.reason) == (False, "LockIncomplete")
    assert "detour-lock-pods" in answer.message


@pytest.mark.parametrize("name", sorted(lock_policies.MAY_IGNORE))
def test_policies_about_what_everybody_uses_may_be_unobtrusive(addressed, name):
    assert ask_at_one(REFUSED, addressed, read=ignoring(name))[0].bites


def test_not_to_be_allowed_to_look_is_not_that_all_is_well(addressed):
    answer, _ = ask_at_one(REFUSED, addressed, read=lambda _: status(403, "Forbidden", "no list"))
    assert (answer.bites, answer.reason) == (False, "LockNotProven")
    assert "no list" in answer.message
    with pytest.raises(Unreachable):
        ask_at_one(REFUSED, addressed, read=lambda _: status(503, "ServiceUnavailable"))


def test_after_the_proofs_policies_are_looked_at_now_and_then_for_all_locks(addressed):
    clock, other = Clock(), Trial("ns", "db", "move")

    def looks(server):
        return sum("validatingadmissionpolic" in request.path for request in server.asked)

    with serving(answering(REFUSED)) as server:
        addressed(a10_0_0_1=server)
        proof = LockProof(server.api(), clock)
        for trial in (TRIAL, other):
            assert proof.ask(trial, proven=False).bites
        assert looks(server) == 4, "each proof rests on a look of its own"
        for trial in (TRIAL, other, TRIAL):
            assert proof.ask(trial, proven=True).bites
        assert looks(server) == 4
        clock.now += FRESH_SECONDS
        server.answer = answering(REFUSED, read=missing("detour-lock-pods"))
        for _ in range(2):
            assert proof.ask(TRIAL, proven=True).reason == "LockIncomplete"
        assert looks(server) == 8
        server.answer = answering(REFUSED)
        assert proof.ask(TRIAL, proven=True).bites


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
        assert (len(second.asked), len(third.asked)) == (2, 1)
        third.answer = answering(REFUSED)
        assert proof.ask(TRIAL, proven=False).bites
        assert len(third.asked) == 3


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
        assert len(tried(server)) == 2 * (1 + 18)
        assert len({request.connection for request in tried(server)}) == 1 + 18
        assert not proof.ask(TRIAL, proven=False).bites, "no time has passed"
        clock.now += SETTLE_SECONDS
        assert proof.ask(TRIAL, proven=False).bites


def test_one_connection_that_is_not_refused_begins_the_wait_anew(addressed):
    clock, answers = Clock(), []

    def trial(request):
        return answers.pop() if answers else denied(request)

    with serving(answering(trial, leases=2)) as server:
        addressed(a10_0_0_1=server)
        proof = LockProof(server.api(), clock)
        for _ in range(3):
            assert not proof.ask(TRIAL, proven=False).bites
        clock.now += SETTLE_SECONDS
        answers = [ACCEPTED, *map(as_said, (INSTANCE_DENIED, DENIED))]
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


@pytest.mark.parametrize("leases", [2, status(403, "Forbidden"), 0], ids=str)
def test_a_proven_lock_is_tried_again_by_the_operator_s_own_connection(addressed, leases):
    """Also by an operator that has just taken over: passes do not open connections for ever."""
    with serving(answering(REFUSED, leases=leases)) as server:
        addressed(a10_0_0_1=server)
        proof = LockProof(server.api(), Clock())
        for _ in range(3):
            assert proof.ask(TRIAL, proven=True).bites
        assert len(tried(server)) == 3 * (2 + 2)
        assert len({request.connection for request in server.asked}) == 2
        server.answer = answering(ACCEPTED, leases=leases)
        assert proof.ask(TRIAL, proven=True).reason == "LockNotEffective"


def test_the_end_of_a_namespace_is_asked_of_hidden_servers_too(addressed):
    """One that has not heard of it yet would still create something there."""
    with serving(answering(terminated("ns"), leases=2)) as server:
        addressed(a10_0_0_1=server)
        answer = LockProof(server.api(), Clock()).ask(TRIAL, proven=True)
        assert (answer.bites, answer.namespace_ends) == (True, True)
        assert len({request.connection for request in tried(server)}) > 12
        calls = []

        def mixed(request):
            calls.append(request)
            return denied(request) if len(calls) > 5 else terminated("ns")

        server.answer = answering(mixed, leases=2)
        answer = LockProof(server.api(), Clock()).ask(TRIAL, proven=True)
        assert (answer.bites, answer.namespace_ends) == (True, False)


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


def test_a_server_that_cannot_be_reached_by_itself_is_tried_again_now_and_then(addressed):
    both, clock = ("10.0.0.1", "10.0.0.2"), Clock()
    with (
        serving(answering(REFUSED, both, leases=2)) as service,
        serving(lambda _: status(503, "ServiceUnavailable", "starting")) as second,
    ):
        addressed(a10_0_0_1=service, a10_0_0_2=second)
        proof = LockProof(service.api(), clock)
        for _ in range(3):
            assert proof.ask(TRIAL, proven=True).bites
        assert len(tried(second)) == 1
        clock.now += api_servers.SILENT_SECONDS
        assert proof.ask(TRIAL, proven=True).bites
        assert len(tried(second)) == 2


def test_addresses_of_all_families_and_none_that_is_not_ready():
    found = endpoints("10.0.0.1", "fd00::2", "10.0.0.3")
    found["endpoints"][2]["conditions"] = {"ready": False}
    assert api_servers._hosts(found) == ["https://10.0.0.1:6443", "https://[fd00::2]:6443"]


def test_another_server_is_asked_whatever_a_new_token_brings_with_it():
    """In a pod the client takes the service's address with each token (measured)."""
    with serving(answering(ACCEPTED)) as service, serving(answering(REFUSED)) as other:
        api, address = service.api(), other.api().client.configuration.host
        home = api.client.configuration.host

        def renew(settings):
            settings.host = home
            settings.api_key["BearerToken"] = "bearer new"

        api.client.configuration.api_key["BearerToken"] = "bearer old"
        api.client.configuration.refresh_api_key_hook = renew
        asked = api_servers._at(api, address)
        answers = [ask_one(asked, TRIAL, proven=False) for _ in range(2)]
    assert all(answer.bites for answer in answers)
    assert service.asked == []
    assert {request.headers["Authorization"] for request in tried(other)} == {"bearer new"}


def test_another_server_is_known_by_the_name_in_its_certificate():
    with serving(answering(ACCEPTED)) as server:
        other = api_servers._at(
            server.api(), "https://10.0.0.1:6443", api_servers.SERVER_NAME
        ).client.configuration
    assert other.host == "https://10.0.0.1:6443"
    assert other.tls_server_name == "kubernetes.default.svc"
