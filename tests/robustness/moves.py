"""Makes the machine of a run and applies its migrations, as a user would."""

from typing import Any

from guest import manifest as guests
from harness import migration, slow_copy
from harness.cluster import Target
from harness.kube import Object
from harness.machine import Machine
from robustness.plan import Kind, Move
from robustness.scene import Scene

SIZE, SECOND_SIZE = "128Mi", "96Mi"
SECOND = "second"
BYTES_OF = {"data": 128 << 20, SECOND: 96 << 20}
"""The verifier tells the disks of a guest from one another by these."""
COPY_SECONDS = 6
RUNNING_SECONDS = 600
"""For a guest that had to be started again, on a node that had no power."""
LIMITED = ("HostAssisted", "Hypervisor")
"""Methods whose copy can be made to take its time, so that something can happen in the middle."""


def prepare(target: Target, move: Move, namespace: str) -> Scene:
    """A machine that has written to its disks, and is stopped where it is to be."""
    machine = Machine(target.kube, namespace, "vm")
    options: dict[str, Any] = {"launcher": move.launcher or None}
    if move.disks > 1:
        claim = f"{SECOND}-source"
        target.kube.apply(guests.claim(claim, namespace, _classes(target, move)[0], SECOND_SIZE))
        options |= {
            "more": {SECOND: (claim, {"disk": {"bus": "scsi"}})},
            "writers": ("vda", "sda"),
        }
    machine.create(_classes(target, move)[0], SIZE, **options)
    machine.wait_until_running()
    machine.wait_for_writes()
    node = machine.instance()["status"]["nodeName"]
    return Scene(target, machine, move, node)


def begin(scene: Scene) -> None:
    """Apply the migration, or one for each disk."""
    spec = _spec(scene)
    if scene.move.kind is Kind.OFFLINE:
        scene.machine.stop()
    scene.apply(_manifest(scene, "m", "data", spec))
    if scene.move.disks > 1:
        scene.apply(_manifest(scene, f"m-{SECOND}", SECOND, spec))


def again(scene: Scene) -> None:
    """What to do after a move that failed: another migration, of the same disk.

    Raises:
        TimedOutError: the guest, which may have been started again, does not run.
    """
    if scene.move.kind is not Kind.OFFLINE:
        scene.machine.wait_until_running(RUNNING_SECONDS)
        scene.machine.wait_for_writes(20, RUNNING_SECONDS)
    volume = scene.manifests[0]["spec"]["volume"]
    scene.apply(_manifest(scene, "again", volume, _spec(scene)))


def volume_of(scene: Scene, name: str) -> str:
    """The volume that a migration moves."""
    found = next(item for item in scene.manifests if item["metadata"]["name"] == name)
    return str(found["spec"]["volume"])


def _manifest(scene: Scene, name: str, volume: str, spec: Object) -> Object:
    destination = {"claimTemplate": {"storageClassName": _classes(scene.target, scene.move)[1]}}
    machine = scene.machine
    return migration.manifest(
        name, machine.namespace, machine.name, destination, volume=volume, **spec
    )


def _spec(scene: Scene) -> Object:
    move = scene.move
    copy: Object = {"method": move.method}
    if move.method in LIMITED and scene.machine.launcher():
        copy["bandwidthLimit"] = slow_copy.limit(scene.machine, COPY_SECONDS)
    spec: Object = {"copy": copy, "whenStopped": move.when_stopped}
    return spec | ({"overlay": {"where": move.overlay}} if move.overlay else {})


def _classes(target: Target, move: Move) -> tuple[str, str]:
    csi = target.provider.classes.csi
    if move.own_file_systems and csi:
        return csi
    return target.source_class, target.destination_class
