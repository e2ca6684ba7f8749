"""What must be so after a run, however it ended."""

import dataclasses
from collections.abc import Callable

from guest import manifest
from harness import attempts, leftovers
from harness.kube import Kube, TimedOutError, wait_for
from robustness.moves import RUNNING_SECONDS
from robustness.outcome import End, Outcome
from robustness.plan import Kind
from robustness.scene import NAMESPACE, Scene

TIDY_SECONDS = 120
"""What is left is taken away after the end was told."""
COMPONENTS = ("copier", "holder", "finisher")
STAT = ("stat", "-c", "%i %y", manifest.VERIFIER_IMAGE_FILE)
SHOWN = 300


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One disk of the machine, and the image that must hold all its writes.

    Attributes:
        claim: of that image; empty if a user's deletion left it open which.
        size: in bytes, where a guest has several.
        frozen: inode and time of the last write of the source, as they were while it was frozen
            and the move then went on to the destination.
    """

    volume: str
    source: str
    claim: str
    size: int = 0
    frozen: str = ""


def of_cluster(kube: Kube) -> None:
    """Wait until all of Detour runs again, as before the next run.

    Raises:
        KubectlError: it does not.
    """
    for what in ("deployment/detour-operator", "daemonset/detour-node-agent"):
        kube.run("rollout", "status", what, "-n", NAMESPACE, "--timeout=300s", timeout=320)


def of_machine(scene: Scene, disks: list[Disk], *, booted: str) -> list[str]:
    """What is wrong with the machine that runs, or is stopped, after the end.

    Args:
        scene: the run.
        disks: its disks.
        booted: uid of the instance that must be the same one still; empty if it need not be.
    """
    machine = scene.machine
    found = []
    for disk in disks:
        claim = machine.claim(disk.volume)
        if claim not in ({disk.claim} if disk.claim else {disk.source, scene.migration.name}):
            found.append(f"the machine's {disk.volume} is on {claim}")
    if scene.move.kind is Kind.OFFLINE:
        return found
    try:
        machine.wait_until_running(RUNNING_SECONDS)
        machine.wait_for_writes(30, RUNNING_SECONDS)
    except TimedOutError as error:
        return [*found, f"the guest does not run and write: {str(error)[:SHOWN]}"]
    if booted and machine.instance_uid() != booted:
        found.append("the guest was restarted")
    found += [
        f"machine and instance name different claims for {disk.volume}"
        for disk in disks
        if machine.instance_claim(disk.volume) != machine.claim(disk.volume)
    ]
    return found + _within("the lock is still on", lambda: _locked(scene)) + _in_launcher(scene)


def of_data(scene: Scene, disks: list[Disk], *, slack: int) -> list[str]:
    """Stop the machine, and check each write that its guest was told is durable."""
    machine = scene.machine
    if scene.move.kind is not Kind.OFFLINE:
        machine.stop()
    found = []
    for disk in disks:
        claim = machine.claim(disk.volume)
        verdict = machine.verify(claim, size=disk.size, slack=slack)
        if not verdict.passed:
            found.append(f"writes are missing on {claim}: {verdict.text}")
        if disk.frozen and claim != disk.source and _stat(scene, disk.source) != disk.frozen:
            found.append(f"the frozen source {disk.source} was written to")
    return found


def of_leftovers(scene: Scene, uids: list[str]) -> list[str]:
    """What nobody needs any more, once the machine is stopped; ``uids`` are the switches'."""
    return _within("left behind", lambda: _left(scene, uids))


def outcome_claim(outcome: Outcome, source: str, destination: str) -> str:
    """The claim on which a move with this outcome left its disk; empty if it may be either."""
    if outcome.end is End.GONE:
        return ""
    return destination if outcome.end is End.COMPLETED else source


def _within(what: str, look: Callable[[], list[str]]) -> list[str]:
    """Empty as soon as nothing is seen any more; else what is seen last."""
    try:
        wait_for(what, lambda: not look(), seconds=TIDY_SECONDS)
    except TimedOutError:
        return [f"{what}: {', '.join(map(str, look()))}"]
    return []


def _locked(scene: Scene) -> list[str]:
    attempt = attempts.of_machine(scene.kube, scene.machine)["live migration"]
    refused = attempts.refusal(attempt, "--dry-run=server")
    return [refused] if "AttachmentSwitch" in refused else []


def _in_launcher(scene: Scene) -> list[str]:
    return _within("left behind", lambda: leftovers.in_launcher(scene.machine))


def _left(scene: Scene, uids: list[str]) -> list[str]:
    kube, namespace = scene.kube, scene.machine.namespace
    found = []
    for component in COMPONENTS:
        selector = f"detour.dev/component={component}"
        found += leftovers.names("pod", kube.list("pods", namespace, selector))
        found += leftovers.names("job", kube.list("jobs", namespace, selector))
    overlay = "detour.dev/component=overlay"
    found += leftovers.names("claim", kube.list("persistentvolumeclaims", namespace, overlay))
    budgets = kube.list("poddisruptionbudgets", namespace, "detour.dev/component=budget")
    found += leftovers.names("budget", budgets)
    if scene.target.provider.classes.csi:
        found += leftovers.names("snapshot", kube.list("volumesnapshots", namespace))
    for node in scene.target.nodes:
        for uid in uids:
            found += [
                f"file {path} on {node}" for path in leftovers.overlays(scene.target, node, uid)
            ]
            looked = scene.on_node(node, "pgrep", "-f", f"[o]verlay-{uid[:8]}", check=False)
            found += [f"process {pid} on {node}" for pid in looked.split()]
            mounts = scene.on_node(node, "cat", "/proc/self/mountinfo")
            found += [f"a mount of {uid} on {node}"] if uid in mounts else []
    return found


def frozen(scene: Scene) -> str:
    """Inode and time of the last write of the image at the first disk's path now."""
    image = "/var/run/kubevirt-private/vmi-disks/data/disk.img"
    return scene.machine.in_launcher(*STAT[:-1], image).strip()


def _stat(scene: Scene, claim: str) -> str:
    namespace, pod = scene.machine.namespace, f"stat-{claim}"
    scene.kube.apply(manifest.verifier(pod, namespace, claim))
    words = ("wait", "pod", pod, "-n", namespace, "--for=condition=Ready", "--timeout=180s")
    try:
        scene.kube.run(*words, timeout=200)
        return scene.kube.run("exec", "-n", namespace, pod, "--", *STAT).strip()
    finally:
        scene.kube.delete("pods", pod, namespace, "--grace-period=0", "--force")
