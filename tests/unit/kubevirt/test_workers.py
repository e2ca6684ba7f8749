"""What virt-controller's workers write, and in which order: KubeVirt facts 6.3, 7, 8, 9 and 11."""

import types

import pytest

from kubevirt.controller import vm_worker, vmi_worker
from kubevirt.kube import ApiError
from kubevirt.objects import VM_FINALIZER, VMI_FINALIZER
from unit.kubevirt.builders import VM_UID, VMI_UID, claim, pod, volume
from unit.kubevirt.builders import vm as a_vm
from unit.kubevirt.builders import vmi as a_vmi


class Kube:
    """Notes what is asked of the API; ``denies`` are the verbs and kinds that it refuses."""

    def __init__(self, *denies, live=()):
        self.denies = denies
        self.live = list(live)
        self.done = []

    def _does(self, verb, kind, body):
        if (verb, kind) in self.denies:
            raise ApiError(403, "denied")
        self.done.append((verb, kind, body))
        return {**body, "metadata": {"name": "made", **body["metadata"]}}

    def create(self, kind, body):
        return self._does("create", kind, body)

    def replace(self, kind, body, _subresource=""):
        return self._does("replace", kind, body)

    def delete(self, kind, target, **_options):
        self._does("delete", kind, target)

    def patch(self, kind, target, patch):
        self._does("patch", kind, {**target, "patch": patch})

    def get(self, _kind, _namespace, _name):
        return None

    def request(self, _verb, _where, *_body, **_query):
        return {"items": self.live}

    def bodies(self, verb, kind):
        return [body for did, what, body in self.done if (did, what) == (verb, kind)]


class Cache(list):
    def get(self, *_name):
        return self[0] if self else None

    def all(self, _namespace):
        return self


class World:
    """What the caches hold, and the delays with which keys were put back."""

    def __init__(self, kube, vms=(), vmis=(), pods=(), claims=("src", "dst"), migrations=()):
        self.kube = kube
        self.vms, self.vmis, self.pods = Cache(vms), Cache(vmis), Cache(pods)
        self.migrations = Cache(migrations)
        self.claims = {name: claim(name) for name in claims}
        self.events, self.delays = [], []
        self.vmi_queue = types.SimpleNamespace(add=lambda _key, delay: self.delays.append(delay))

    def claims_of(self, _namespace):
        return self.claims

    def launchers_of(self, _vmi):
        return list(self.pods)

    def event(self, _item, _kind, reason, _message, _event_type="Warning"):
        self.events.append(reason)


def stored(item, *finalizers, **owners):
    metadata = {"resourceVersion": "1", "finalizers": list(finalizers)}
    item["metadata"] |= metadata | owners
    return item


def a_stored_vm(*volumes, **spec):
    return stored(a_vm(*volumes, **spec), VM_FINALIZER)


def of_the_vm(instance):
    owner = {"uid": VM_UID, "controller": True, "kind": "VirtualMachine"}
    return stored(instance, VMI_FINALIZER, ownerReferences=[owner])


def reconcile_vm(world):
    vm_worker.VmWorker(world).reconcile("demo", "vm1")
    return world


def reconcile_vmi(world):
    vmi_worker.VmiWorker(world).reconcile("demo", "vm1")
    return world


def test_a_vm_gets_its_finalizer_before_anything_is_made_of_it():
    world = reconcile_vm(World(Kube(), vms=[stored(a_vm())]))
    ((verb, kind, body),) = world.kube.done
    assert (verb, kind) == ("patch", "VirtualMachine")
    finalizers = {"op": "add", "path": "/metadata/finalizers", "value": [VM_FINALIZER]}
    assert finalizers in body["patch"]


def test_a_deleted_instance_is_made_again():
    world = reconcile_vm(World(Kube(), vms=[a_stored_vm()]))
    made = [kind for verb, kind, _ in world.kube.done if verb == "create"]
    assert made == ["ControllerRevision", "VirtualMachineInstance"]
    assert world.events == ["SuccessfulCreate"]


def test_a_final_instance_that_must_not_be_deleted_stays_and_no_other_is_made():
    kube = Kube(("delete", "VirtualMachineInstance"))
    world = World(kube, vms=[a_stored_vm()], vmis=[of_the_vm(a_vmi(phase="Failed"))])
    with pytest.raises(ApiError):
        reconcile_vm(world)
    assert world.events == ["FailedDelete"]
    assert kube.bodies("create", "VirtualMachineInstance") == []


def test_an_edit_with_strategy_migration_lists_the_volume_before_it_changes_the_claim():
    """A VMI whose claim changed first would be refused: it names no migrated volume."""
    edited = a_stored_vm(volume("root", "dst"), updateVolumesStrategy="Migration")
    world = reconcile_vm(World(Kube(), vms=[edited], vmis=[of_the_vm(a_vmi())]))
    patches = [body["patch"] for body in world.kube.bodies("patch", "VirtualMachineInstance")]
    assert [patch[0]["path"] for patch in patches] == ["/status/migratedVolumes", "/spec/volumes"]


def test_an_edit_without_the_strategy_leaves_the_instance_alone():
    edited = a_stored_vm(volume("root", "dst"))
    world = reconcile_vm(World(Kube(), vms=[edited], vmis=[of_the_vm(a_vmi())]))
    assert world.kube.bodies("patch", "VirtualMachineInstance") == []


def pending():
    found = of_the_vm(a_vmi(phase="Pending"))
    del found["status"]["nodeName"]
    return found


def test_an_instance_gets_one_launcher_pod_that_it_controls():
    world = reconcile_vmi(World(Kube(), vmis=[pending()]))
    (made,) = world.kube.bodies("create", "Pod")
    assert made["metadata"]["ownerReferences"][0]["uid"] == VMI_UID
    late = reconcile_vmi(World(Kube(live=[pod()]), vmis=[pending()]))
    assert late.kube.bodies("create", "Pod") == [], "a cache may be late"


def test_a_launcher_pod_waits_for_the_claims():
    world = reconcile_vmi(World(Kube(), vmis=[pending()], claims=()))
    assert world.kube.bodies("create", "Pod") == []
    told = world.kube.bodies("replace", "VirtualMachineInstance")[0]["status"]["conditions"]
    assert "FailedPvcNotFound" in [found.get("reason") for found in told]


@pytest.mark.parametrize("there", [True, False])
def test_an_instance_goes_when_its_pods_are_gone(there):
    going = of_the_vm(a_vmi())
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    pods = [pod()] if there else []
    world = reconcile_vmi(World(Kube(live=pods), vmis=[going], pods=pods))
    assert len(world.kube.bodies("delete", "Pod")) == len(pods)
    patches = [body["patch"] for body in world.kube.bodies("patch", "VirtualMachineInstance")]
    assert patches == ([] if there else [{"metadata": {"finalizers": []}}])


def settled(world):
    """Passes until the status is told, as its own writes wake the worker."""
    for _ in range(5):
        before = len(world.kube.bodies("replace", "VirtualMachineInstance"))
        reconcile_vmi(world)
        told = world.kube.bodies("replace", "VirtualMachineInstance")
        if len(told) == before:
            return world
        world.vmis[0] = told[-1]
    raise AssertionError("the status never settles")


def migrates(**kube):
    listed = {
        "volumeName": "root",
        "sourcePVCInfo": {"claimName": "src"},
        "destinationPVCInfo": {"claimName": "dst"},
    }
    moved = of_the_vm(a_vmi(volume("root", "dst"), migratedVolumes=[listed]))
    return settled(World(Kube(*kube.get("denies", ())), vmis=[moved], pods=[pod()]))


def test_volumes_that_change_are_migrated():
    world = migrates()
    (made,) = world.kube.bodies("create", "VirtualMachineInstanceMigration")
    assert made["spec"] == {"vmiName": "vm1"}
    assert made["metadata"]["labels"] == {"kubevirt.io/volume-update-migration": "vm1"}


def test_a_migration_that_is_denied_is_asked_for_again():
    world = migrates(denies=[("create", "VirtualMachineInstanceMigration")])
    assert world.delays == [vmi_worker.EVACUATION_RETRY]


def test_a_claim_that_changed_without_a_listing_starts_nothing():
    """As it is after a hand-over: only the status follows."""
    world = settled(World(Kube(), vmis=[of_the_vm(a_vmi(volume("root", "dst")))], pods=[pod()]))
    told = world.vmis[0]["status"]["volumeStatus"][0]["persistentVolumeClaimInfo"]
    assert told["claimName"] == "dst"
    assert world.kube.bodies("create", "VirtualMachineInstanceMigration") == []
