"""What the lock denies, to whom, and what it leaves alone: asked of a real API server."""

import time

import pytest

from cluster.process import wait_until
from detour_operator.adapters.client import Api
from detour_operator.adapters.lock_attempts import Trial, ask_one
from detour_operator.adapters.lock_policies import LockPolicies
from unit.chart import attempts, server
from unit.chart.locked import (
    COMPUTE,
    CONTROLLER,
    DRIVER,
    HANDLER,
    KUBEVIRT,
    KUBEVIRT_API,
    OPERATOR,
    STOPPED,
    api,
    claim_of,
    install,
    pod,
    populate,
)

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

ALL = attempts.of("live", "web", "old", "new")
ONLY_RUNNING = {
    *("processors", "memory", "instance type", "delete the launcher pod"),
    "take the label off the launcher pod",
    "take the launcher pod out of its budget",
    "another claim of another volume",
}
OF_HOLDER = {what for what in ALL if "holder pod" in what}
ONLY_AFTER_RESTART = {
    "live migration",
    "another claim",
    "KubeVirt's volume migration",
    "another claim in the instance",
    "migrated volumes in the instance",
    "the fence",
    *OF_HOLDER,
    *(
        f"{what} the {claim}"
        for what in ("delete", "delete the DataVolume of", "resize")
        for claim in attempts.CLAIMS
    ),
}


CROSSING = "--feature-gates=CrossNamespaceVolumeDataSource=true"
"""Without it a reference that has a namespace is dropped, and the claim stays empty."""


@pytest.fixture(scope="session")
def asked():
    with server.running("AlwaysAllow", CROSSING) as running:
        install(running)
        yield running


@pytest.mark.parametrize("what", ALL)
def test_what_is_denied_while_the_disk_of_a_running_machine_moves(asked, what):
    told = asked.refusal(*ALL[what])
    assert "AttachmentSwitch move" in told, told or "admitted"
    assert "'detour-lock-" in told
    assert "web" in told
    next_step = (
        "it goes by itself" if what in OF_HOLDER else "Wait until that has ended, or cancel it"
    )
    assert next_step in told


@pytest.mark.parametrize("namespace", ["mirrored", "switched"])
@pytest.mark.parametrize("what", ALL)
def test_the_same_is_denied_at_each_later_stage(asked, namespace, what):
    told = asked.refusal(*attempts.of(namespace, "web", "old", "new")[what])
    assert "AttachmentSwitch move" in told, told or "admitted"


@pytest.mark.parametrize("what", ALL)
def test_kubevirts_own_accounts_are_denied_the_same(asked, what):
    for user in (CONTROLLER, KUBEVIRT_API, "system:serviceaccount:kube-system:node-controller"):
        assert "AttachmentSwitch move" in asked.refusal(*ALL[what], user=user), user


@pytest.mark.parametrize("what", ALL)
def test_a_stopped_machine_is_locked_in_the_same_way(asked, what):
    told = asked.refusal(*attempts.of("stopped", "web", "old", "new")[what])
    assert ("AttachmentSwitch move" in told) is (what not in ONLY_RUNNING), told


@pytest.mark.parametrize("what", ALL)
def test_before_the_restart_only_what_opens_the_source_is_denied(asked, what):
    told = asked.refusal(*attempts.of("restart", "web", "old", "new")[what])
    denied = what in ONLY_AFTER_RESTART
    assert ("AttachmentSwitch move" in told) is denied, told
    if denied and what not in OF_HOLDER:
        assert "Restart the machine first" in told


@pytest.mark.parametrize("what", ALL)
def test_another_machine_of_the_namespace_is_free(asked, what):
    for namespace in ("live", "stopped", "restart"):
        other = attempts.of(namespace, "other", "other", "spare")[what]
        told = asked.refusal(*other)
        assert "policy" not in told.lower(), f"{namespace}: {told}"


@pytest.mark.parametrize("what", ALL)
def test_so_is_a_machine_of_the_same_name_without_a_move_or_after_it(asked, what):
    """But for the pod that its disk hangs on, also when the move's objects are gone."""
    for namespace in ("elsewhere", "ended"):
        told = asked.refusal(*attempts.of(namespace, "web", "old", "new")[what])
        assert ("detour-lock-holders" in told) is (what in OF_HOLDER), f"{namespace}: {told}"
        assert ("policy" in told.lower()) is (what in OF_HOLDER), f"{namespace}: {told}"


INSTANCE = f"{api('live', KUBEVIRT)}/virtualmachineinstances/web"
MACHINE = f"{api('live', KUBEVIRT)}/virtualmachines/web"
CLAIM = f"{api('live')}/persistentvolumeclaims/old"
PODS = f"{api('live')}/pods"
SOURCE = {"kind": "PersistentVolumeClaim", "name": "old"}
ORDINARY = {
    "virt-handler tells of the guest": (
        HANDLER,
        "PATCH",
        INSTANCE,
        {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
    ),
    "virt-controller notes a volume's claim": (
        CONTROLLER,
        "PATCH",
        INSTANCE,
        {"status": {"volumeStatus": [{"name": "data", "target": "vda"}]}},
    ),
    "virt-controller labels the instance": (
        CONTROLLER,
        "PATCH",
        INSTANCE,
        {"metadata": {"labels": {"kubevirt.io/outdatedLauncherImage": ""}}},
    ),
    "virt-api marks the instance for evacuation": (
        KUBEVIRT_API,
        "PATCH",
        INSTANCE,
        {"status": {"evacuationNodeName": "n"}},
    ),
    "virt-controller writes the machine's status": (
        CONTROLLER,
        "PATCH",
        f"{MACHINE}/status",
        {"status": {"printableStatus": "Running", "ready": True}},
    ),
    "virt-controller adds the machine's finalizer": (
        CONTROLLER,
        "PATCH",
        MACHINE,
        {"metadata": {"finalizers": ["kubevirt.io/virtualMachineControllerFinalize"]}},
    ),
    "a label on the machine": ("joe", "PATCH", MACHINE, {"metadata": {"labels": {"a": "b"}}}),
    "a launcher pod's label": (
        HANDLER,
        "PATCH",
        f"{PODS}/virt-launcher-web",
        {"metadata": {"labels": {"a": "b"}}},
    ),
    "kubelet ends a pod": ("system:node:n", "DELETE", f"{PODS}/virt-launcher-web"),
    "the garbage collector takes the holder": (
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "DELETE",
        f"{PODS}/hp-volume-detour-1",
    ),
    "pvc-protection adds its finalizer": (
        "system:serviceaccount:kube-system:pvc-protection-controller",
        "PATCH",
        CLAIM,
        {"metadata": {"finalizers": ["kubernetes.io/pvc-protection"]}},
    ),
    "a resizer writes the claim's status": (
        "system:serviceaccount:csi:resizer",
        "PATCH",
        f"{CLAIM}/status",
        {"status": {"capacity": {"storage": "1Gi"}}},
    ),
    "a copier": (
        "system:serviceaccount:kube-system:job-controller",
        "POST",
        PODS,
        pod("copier", "old", **{"detour.dev/component": "copier"}),
    ),
    "a pod without claims": (
        "joe",
        "POST",
        PODS,
        {
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        },
    ),
    "another claim": ("joe", "POST", f"{api('live')}/persistentvolumeclaims", claim_of("third")),
    "a clone of another namespace's claim of the same name": (
        "joe",
        "POST",
        f"{api('live')}/persistentvolumeclaims",
        claim_of("c", dataSourceRef={**SOURCE, "namespace": "elsewhere"}),
    ),
    "the upgrade of KubeVirt": (
        "system:serviceaccount:kubevirt:kubevirt-operator",
        "POST",
        f"{api('live', KUBEVIRT)}/kubevirts",
        {
            "apiVersion": KUBEVIRT,
            "kind": "KubeVirt",
            "metadata": {"name": "kubevirt"},
            "spec": {"imageTag": "v1.9.0"},
        },
    ),
    "a volume snapshot by the move itself": (
        OPERATOR,
        *attempts.of("live", "web", "old", "new")["a volume snapshot of the source"],
    ),
    "a clone by the move itself": (
        OPERATOR,
        *attempts.of("live", "web", "old", "new")["a clone of the source"],
    ),
    "the operator points the machine at the destination": (OPERATOR, *ALL["another claim"]),
    "the operator ends the holder": (OPERATOR, *ALL["delete the holder pod"]),
    "a holder pod's other label": (
        HANDLER,
        "PATCH",
        f"{PODS}/hp-volume-detour-1",
        {"metadata": {"labels": {"a": "b"}}},
    ),
    "the operator removes the overlay's claim": (OPERATOR, *ALL["delete the overlay"]),
    "the operator removes the budget": (OPERATOR, *ALL["delete the budget"]),
}


@pytest.mark.parametrize("what", ORDINARY)
def test_everyday_work_goes_on_with_the_locked_machine(asked, what):
    user, *request = ORDINARY[what]
    assert asked.refusal(*request, user=user) == ""


def test_a_refusal_says_who_can_cancel(asked):
    for namespace, whose, how in (
        ("live", " of a storage controller.", "spec.position Source of the AttachmentSwitch."),
        ("stopped", " of the VolumeMigration of that name.", "spec.cancel."),
    ):
        told = asked.refusal(*attempts.of(namespace, "web", "old", "new")["another claim"])
        assert f"AttachmentSwitch move{whose}" in told
        assert told.endswith(f"or cancel it with {how}")


def dump(**request):
    return {"status": {"memoryDumpRequest": {"claimName": "dump", **request}}}


REMOVED = dump(phase="Dissociating", remove=True)


def of_machine(namespace):
    return f"{api(namespace, KUBEVIRT)}/virtualmachines/web/status"


def test_a_dump_from_before_the_lock_is_ended_and_no_other_begun(asked):
    """KubeVirt keeps the request of one that has ended, and a new one takes its place."""
    path = of_machine("dumping")
    for phase in ("InProgress", "Unmounting", "Failed", "Completed"):
        told = asked.refusal("PATCH", path, REMOVED, user=KUBEVIRT_API)
        assert "cannot be dumped" in told, f"before {phase}: {told or 'admitted'}"
        assert asked.refusal("PATCH", path, dump(phase=phase), user=CONTROLLER) == ""
        asked.do("PATCH", path, dump(phase=phase))
        if phase in ("Failed", "Completed"):
            told = asked.refusal("PATCH", path, dump(phase="Associating"), user=KUBEVIRT_API)
            assert "cannot be dumped" in told, f"after {phase}: {told or 'admitted'}"
            assert "AttachmentSwitch move" in told
        written = {"status": {"printableStatus": "Running"}}
        assert asked.refusal("PATCH", path, written, user=CONTROLLER) == ""


def test_one_whose_removal_began_before_the_lock_is_removed(asked):
    path = of_machine("undumping")
    for change in ({"status": {"ready": True}}, {"status": {"memoryDumpRequest": None}}):
        assert asked.refusal("PATCH", path, change, user=CONTROLLER) == ""


COPIES = (
    "a volume snapshot of the {}",
    "a clone of the {}",
    "a clone of the {} by reference",
    "a clone of the {} by reference with its namespace",
)


@pytest.mark.parametrize("what", COPIES)
def test_a_driver_has_the_storage_copy_the_frozen_source_and_nothing_else(asked, what):
    def told(namespace, claim, user=DRIVER):
        tried = attempts.of(namespace, "web", "old", "new")
        return asked.refusal(*tried[what.format(claim)], user=user)

    for namespace in ("live", "stopped"):
        assert told(namespace, "source") == ""
        for claim in ("destination", "overlay"):
            assert "AttachmentSwitch move" in told(namespace, claim), claim
        assert "AttachmentSwitch move" in told(namespace, "source", user=f"{DRIVER}-2")
    for namespace in ("locking", "back"):
        assert "AttachmentSwitch move" in told(namespace, "source"), namespace


@pytest.mark.parametrize("what", [name for name in ALL if not name.startswith(("a vol", "a cl"))])
def test_in_all_else_a_driver_is_denied_as_anybody_is(asked, what):
    assert "AttachmentSwitch move" in asked.refusal(*ALL[what], user=DRIVER)


def test_the_finalizer_that_holds_the_lock_cannot_be_stripped(asked):
    switch = f"{api('live', 'detour.dev/v1alpha1')}/attachmentswitches/move"
    without = [{"op": "remove", "path": "/metadata/finalizers"}]
    assert "holds the lock" in asked.refusal("PATCH", switch, without)
    assert asked.refusal("PATCH", switch, without, user=OPERATOR) == ""


def test_each_policy_has_its_part(asked):
    refused = [asked.refusal(*request) for request in ALL.values()]
    assert {told.split("ValidatingAdmissionPolicy '")[1].split("'")[0] for told in refused} == {
        "detour-lock-live-migrations",
        "detour-lock-instances",
        "detour-lock-machines",
        "detour-lock-machine-requests",
        "detour-lock-pods",
        "detour-lock-holders",
        "detour-lock-budgets",
        "detour-lock-claims",
        "detour-lock-claim-users",
        "detour-lock-claim-copies",
        "detour-lock-copies",
    }


def test_a_pod_that_only_calls_itself_a_holder_can_be_deleted(asked):
    """Nothing would ever take it away: it has no owner."""
    labels = {"detour.dev/component": "holder"}
    asked.do("POST", f"{api('elsewhere')}/pods", pod("hp-volume-detour-3", "other", **labels))
    path = f"{api('elsewhere')}/pods/hp-volume-detour-3"
    assert asked.refusal("DELETE", path) == ""


TRIALS = [
    ("live", "web", False, ""),
    ("stopped", "web", False, ""),
    ("restart", "web", True, ""),
    ("live", "other", False, "LockNotEffective"),
    ("ended", "web", False, "LockNotEffective"),
]


@pytest.mark.parametrize(("namespace", "vm", "restarting", "reason"), TRIALS)
def test_the_operator_s_trials_are_refused_exactly_where_the_lock_is_on(
    asked, namespace, vm, restarting, reason
):
    """Where a machine has an instance, too: policies come before "already exists"."""
    trial = Trial(namespace, vm, "move", restarting)
    answer = ask_one(Api(asked.client()), trial, proven=False)
    assert (answer.bites, answer.reason) == (reason == "", reason), answer


def test_before_the_restart_a_new_instance_is_let_in(asked):
    answer = ask_one(Api(asked.client()), Trial("restart", "web", "move"), proven=False)
    assert answer.reason == "LockNotEffective"
    assert "detour-lock-instances" in answer.message


def test_the_operator_finds_the_policies_and_sees_when_one_is_unbound(asked):
    """Read, and tried: the trial alone speaks for the policies that it is about."""
    bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    name = "detour-lock-instances"
    policies = LockPolicies(Api(asked.client()), time.monotonic)
    binding = asked.do("GET", f"{bindings}/{name}")
    asked.do("DELETE", f"{bindings}/{name}")
    try:
        assert name in (policies.complaint() or "")
        trial = Trial("live", "web", "move")

        def told():
            return ask_one(Api(asked.client()), trial, proven=False).message

        wait_until(lambda: name in told(), "the server to forget the binding", 60)
    finally:
        binding["metadata"] = {key: binding["metadata"][key] for key in ("name", "labels")}
        asked.do("POST", bindings, binding)
    assert policies.complaint() is None
    wait_until(lambda: told() == "", "the server to hear of the binding", 60)


AT_END = {"order": "Destination", "handover": "Waiting", "token": "t"}
DECLARABLE = {
    "running": {"compute": COMPUTE | AT_END, "node": {"reached": "Destination", "token": "t"}},
    "halted": {"compute": STOPPED | AT_END | {"offline": True}},
}
STRATEGIES = {"running": {"Migration"}, "halted": {"", "Migration", "Replacement"}}
"""A machine without an instance has none that KubeVirt could move."""


@pytest.mark.parametrize("namespace", DECLARABLE)
def test_the_manifest_may_name_the_destination_once_it_is_waited_for(asked, namespace):
    """Nothing else of it, and with the strategy that keeps KubeVirt from a move of its own."""
    status = {"position": "Frozen", **DECLARABLE[namespace]}
    populate(asked, namespace, status, handover="WaitForDeclared")
    path = f"{api(namespace, KUBEVIRT)}/virtualmachines/web"
    volumes = asked.do("GET", path)["spec"]["template"]["spec"]["volumes"]

    def told(claim, strategy):
        declared = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
        spec = {"template": {"spec": {"volumes": [declared, *volumes[1:]]}}}
        strategies = {"updateVolumesStrategy": strategy} if strategy else {}
        return asked.refusal("PATCH", path, {"spec": spec | strategies})

    wait_until(lambda: told("spare", "Migration"), "the lock of the new switch", 60)
    for strategy in ("", "Migration", "Replacement"):
        refused = bool(told("new", strategy))
        assert refused is (strategy not in STRATEGIES[namespace]), told("new", strategy)
        assert "AttachmentSwitch move" in told("spare", strategy)
