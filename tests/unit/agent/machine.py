"""A node with one guest, in memory, behind the agent's ports; it can fail or die at any effect.

The guest writes after every effect, so that an image which misses a write is found out.
"""

import dataclasses
from collections.abc import Callable

from detour_agent.domain.budget import Room
from detour_agent.domain.chain import (
    Disk,
    JobInfo,
    Layer,
    Mirror,
    Monitor,
    MonitorNode,
    OpenFile,
    Report,
)
from detour_agent.domain.inspection import OLDEST_LIBVIRT
from detour_agent.domain.journal import Record, decode, encode
from detour_agent.domain.ports import (
    CopyTarget,
    ImageFile,
    OfflineMerge,
    OverlayImage,
    Place,
    Ports,
    Process,
    Volume,
)
from detour_agent.domain.throttle import Limit, Tune
from detour_agent.errors import NotYet, StepFailed, Unreachable
from detour_agent.one_pass import Passes
from detour_agent.steps.context import Switch
from detour_crds import stops
from detour_crds.attachment_switch import Compute, Identity, Node, ObjectRef, Order, Top
from detour_crds.names import FINISHER_SOURCE_PATH
from detour_crds.serialise import merge_patch, serialise
from detour_crds.volume_migration import Trust

SOURCE, DESTINATION = Identity(device=1, inode=10), Identity(device=2, inode=10)
SIZE = 1 << 20
UID = "11112222-3333-4444-5555-666677778888"
KEPT = 10 << 30
BEFORE = (Limit("read_bytes_sec", 7 << 20), Limit("write_bytes_sec", 0))
GUEST, HOLDER, FINISHER = Process(7, 77), Process(8, 88), Process(9, 99)
OVERLAY_HOLDER = Process(10, 100)


class Died(BaseException):
    """The agent's process ended here."""


@dataclasses.dataclass
class Machine:
    """Everything that outlives the agent; images are the number of the last write they hold."""

    writes: int = 0
    source: int = 0
    destination: int = -1
    overlays: dict[str, int | None] = dataclasses.field(default_factory=dict)
    top: Top = Top.SOURCE
    top_overlay: str = ""
    job: str = ""
    base: Identity = SOURCE
    path: Identity = SOURCE
    exposed: bool = False
    journal: str | None = None
    gone: bool = False
    size: int = SIZE
    time: float = 0.0
    effects: list[str] = dataclasses.field(default_factory=list)
    die_at: int = -1
    fail: dict[str, Exception] = dataclasses.field(default_factory=dict)
    held: list[str] = dataclasses.field(default_factory=list)
    """Nodes of the source that a lost pivot left in QEMU, which keeps it open."""
    taken: int = 4096
    """Bytes of the overlay."""
    free: int = 9 * KEPT
    limits: Tune = BEFORE
    asleep: bool = False
    unmounted: bool = False
    allowed: list[Identity] = dataclasses.field(default_factory=list)
    flushed: int = -1
    """The last write of the source that its volume has for certain."""
    lied: bool = False
    """libvirt's XML says that the disk is on the source."""

    def effect(self, name: str, change: Callable[[], None]) -> None:
        """One effect: even numbers are before it, odd ones after it."""
        number = 2 * len(self.effects)
        self.effects.append(name)
        if number == self.die_at:
            raise Died(name)
        if name in self.fail:
            raise self.fail.pop(name)
        change()
        self.guest_writes()
        if number + 1 == self.die_at:
            raise Died(name)

    def guest_writes(self) -> None:
        if self.gone:
            return
        self.writes += 1
        if self.top is Top.SOURCE:
            self.source = self.writes
        elif self.top is Top.DESTINATION:
            self.destination = self.writes
        else:
            self.overlays[self.top_overlay] = self.writes
            if self.job == "mirror":
                self.destination = self.writes

    def set(self, **changes: object) -> Callable[[], None]:
        def change() -> None:
            for name, value in changes.items():
                setattr(self, name, value)

        return change

    # BlockDomain

    def report(self) -> Report:
        canonical = switch().canonical
        raw = Layer(canonical, "raw")
        folder = switch().overlay_folder
        top = f"{folder}/{self.top_overlay}"
        on_overlay = self.top is Top.OVERLAY
        layers = (Layer(top, "qcow2"), raw) if on_overlay and not self.lied else (raw,)
        mirrors = {"mirror": Mirror("copy", canonical, "yes"), "": None}
        mirror = mirrors.get(self.job, Mirror("active-commit", canonical, "yes"))
        node = MonitorNode("libvirt-1-format", canonical, "raw", False)
        if on_overlay:
            node = MonitorNode("libvirt-2-format", top, "qcow2", False)
        kinds = {"": 0, "mirror": 2, "commit": 4}
        return Report(
            libvirt_version=OLDEST_LIBVIRT,
            disk=Disk(target="vda", kind="file", device="disk", layers=layers, mirror=mirror),
            job=JobInfo(kinds[self.job]),
            no_space=self.asleep,
            monitor=Monitor(top=node, nodes=(node, *self._held_nodes())),
        )

    def _held_nodes(self) -> list[MonitorNode]:
        return [MonitorNode(name, switch().canonical, "raw", True) for name in self.held]

    def capacity(self) -> int:
        return SIZE

    def snapshot(self, overlay: str) -> None:
        name = overlay.rsplit("/", 1)[-1]
        if self.top is not Top.SOURCE:
            raise StepFailed("StartFailed", 'Failed to get "write" lock')
        assert self.overlays[name] is None
        assert self.exposed
        self.effect("snapshot", self.set(top=Top.OVERLAY, top_overlay=name))

    def copy(self, _target: CopyTarget) -> None:
        if self.job:
            raise NotYet("MirrorFailed", "83")
        assert self.path == DESTINATION

        def change() -> None:
            self.job = "mirror"
            self.destination = self.overlays[self.top_overlay] or self.destination

        self.effect("copy", change)

    def pivot(self) -> None:
        if not self.job:
            raise NotYet("PivotFailed", "8")

        def change() -> None:
            if self.job == "commit":
                assert self.base == SOURCE, "the commit went into another image"
                self.source = max(self.source, self.overlays[self.top_overlay] or 0)
                self.top = Top.SOURCE
            else:
                self.top = Top.DESTINATION
            self.job = ""

        self.effect("pivot", change)

    def abort(self) -> None:
        self.effect("abort", self.set(job=""))

    def commit(self) -> None:
        self.effect("commit", self.set(job="commit", base=self.path))

    def monitor_commit(self, top: str, base: str) -> None:
        raise AssertionError(f"libvirt was never lost here: {top} {base}")

    def monitor_complete(self) -> None:
        raise AssertionError("libvirt was never lost here")

    def monitor_delete(self, node: str) -> None:
        self.effect(f"delete {node}", lambda: self.held.remove(node))

    def tune(self) -> Tune:
        return self.limits

    def set_tune(self, tune: Tune) -> None:
        self.effect("tune", self.set(limits=tune))

    def wake(self) -> None:
        self.effect("wake", self.set(asleep=self.top is Top.OVERLAY and not self.free))

    def close(self) -> None:
        pass

    # Processes

    def find_guest(self, _pod_uid: str, _domain: str) -> Process | None:
        return None if self.gone else GUEST

    def find_holder(self, _pod_uid: str) -> Process | None:
        return HOLDER

    def find_finisher(self, _pod_uid: str) -> Process | None:
        return FINISHER

    def find_overlay_holder(self, _pod_uid: str) -> Process | None:
        return OVERLAY_HOLDER

    def opened(self, _process: Process) -> tuple[OpenFile, ...]:
        on_source = self.top is Top.SOURCE
        commits = self.job == "commit"
        files = []
        if self.top is not Top.DESTINATION or self.held:
            files.append(OpenFile(SOURCE, on_source or (commits and self.base == SOURCE)))
        if self.top is Top.DESTINATION or self.job == "mirror" or self.base == DESTINATION:
            files.append(OpenFile(DESTINATION, True))
        return tuple(files)

    # Offline

    def holding_data(self, _uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if self.overlays.get(name) is not None)

    def equal(self, merge: OfflineMerge) -> bool:
        assert self.gone
        has = self.destination if merge.image.identity == DESTINATION else self.source
        written = self.overlays[merge.overlay]
        return written is None or has == written

    def merge(self, merge: OfflineMerge) -> None:
        assert self.gone
        name = "destination" if merge.image.identity == DESTINATION else "source"
        self.effect(f"merge {name}", self.set(**{name: self.overlays[merge.overlay]}))

    # Images

    def create(self, _uid: str, name: str, _spec: OverlayImage) -> None:
        if name not in self.overlays:
            self.effect("create", lambda: self.overlays.setdefault(name, None))

    def present(self, _uid: str, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.overlays)

    def found(self, _uid: str) -> tuple[str, ...]:
        if self.unmounted:
            raise Unreachable("OverlayPlaceUnreachable", "not mounted")
        return tuple(sorted(self.overlays))

    def allocated_bytes(self, _uid: str, _name: str) -> int:
        return self.taken

    def settle(self, _uid: str, _place: Place | None) -> None:
        pass

    def room(self, _uid: str) -> Room:
        return Room(free_bytes=self.free, kept_bytes=KEPT, total_bytes=10 * KEPT)

    def remove(self, _uid: str, names: tuple[str, ...]) -> None:
        if self.unmounted:
            raise Unreachable("OverlayPlaceUnreachable", "not mounted")
        if self.top is Top.OVERLAY and not self.gone:
            assert self.top_overlay not in names, "an overlay in use was removed"
        self.effect("remove", lambda: [self.overlays.pop(name) for name in names] and None)

    # Mounts

    def canonical_image(self, _guest: Process, _volume: Volume) -> ImageFile:
        return ImageFile(self.path, SIZE if self.path == SOURCE else self.size)

    def destination_image(self, _holder: Process, *, block: bool) -> ImageFile:
        return ImageFile(DESTINATION, self.size)

    def finisher_image(self, _finisher: Process, path: str, *, block: bool) -> ImageFile:
        back = path == FINISHER_SOURCE_PATH
        return ImageFile(SOURCE, SIZE) if back else ImageFile(DESTINATION, self.size)

    def expose_overlay(self, _guest: Process, _uid: str) -> None:
        if not self.exposed:
            self.effect("expose", self.set(exposed=True))

    def hide_overlay(self, _guest: Process, _uid: str) -> None:
        if self.exposed:
            self.effect("hide", self.set(exposed=False))

    def over_mount(
        self, _guest: Process, _holder: Process, _volume: Volume, expected: Identity
    ) -> None:
        assert expected == DESTINATION
        if self.path != DESTINATION:
            self.effect("over-mount", self.set(path=DESTINATION))

    def allow(self, _guest: Process, _volume: Volume, image: Identity) -> None:
        assert image == self.path, "allowed what the path does not name"
        self.allowed.append(image)

    def flush(self, _guest: Process, _volume: Volume, image: Identity) -> None:
        assert (image, self.top) == (SOURCE, Top.OVERLAY), "nothing is written to it any more"
        self.effect("flush", self.set(flushed=self.source))

    def unmount_top(
        self, _guest: Process, _volume: Volume, top: Identity, below: Identity
    ) -> None:
        assert (top, below) == (DESTINATION, SOURCE)
        if self.path == DESTINATION:
            self.effect("unmount", self.set(path=SOURCE))

    # JournalStore

    def read(self, _uid: str) -> Record | None:
        return decode(self.journal) if self.journal else None

    def write(self, record: Record) -> None:
        self.effect(f"journal {record.stage}", self.set(journal=encode(record)))

    # Clock

    def now(self) -> float:
        self.time += 1.0
        return self.time


def switch() -> Switch:
    """The switch, before anything is ordered."""
    return Switch(
        namespace="ns",
        name="move",
        uid=UID,
        volume="root",
        virtual_machine="vm",
        compute=Compute(
            token="11112222-1",  # noqa: S106
            attempt=1,
            domain="ns_vm",
            node="node",
            launcher_pod=ObjectRef(name="launcher", uid="l"),
            holder_pod=ObjectRef(name="holder", uid="h"),
            order=Order.NONE,
        ),
        node=Node(),
    )


class Agent:
    """Passes over the machine's switch; when it dies, another one takes over."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.switch = switch()
        self.deaths = 0
        self.writes: list[dict] = []
        self.restart()

    def restart(self) -> None:
        """An agent that remembers nothing, on the machine that there is now."""
        machine = self.machine
        ports = Ports(
            journal=machine,
            images=machine,
            offline=machine,
            mounts=machine,
            processes=machine,
            clock=machine,
            connect=lambda _process, _domain, _volume: machine,
        )
        self.passes = Passes(ports, self)

    def patch_node(self, switch: Switch, node: Node) -> None:
        self.writes.append(merge_patch(serialise(switch.node), serialise(node)))

    def order(self, order: Order) -> None:
        compute = dataclasses.replace(self.switch.compute, order=order)
        self.switch = dataclasses.replace(self.switch, compute=compute)

    def answer(self, reason: str, trust: Trust) -> None:
        """A person answers the stop of that reason, whether or not it is the present one."""
        stop = stops.of_guest(reason, self.switch.compute.token or "")
        self.switch = dataclasses.replace(self.switch, trust=trust, answered_stop=stop)

    def guest_stops(self) -> None:
        """QEMU ends, and the compute side holds the claims for the end of the move."""
        self.machine.gone = True
        self.machine.job = ""
        compute = dataclasses.replace(
            self.switch.compute, finisher_pod=ObjectRef(name="finisher", uid="f")
        )
        self.switch = dataclasses.replace(self.switch, compute=compute)

    def once(self) -> float | None:
        try:
            self.switch, delay = self.passes.run(self.switch)
        except Died:
            self.deaths += 1
            self.restart()
            return 0.0
        return delay

    def reach(self, order: Order) -> Node:
        self.order(order)
        for _ in range(60):
            self.once()
            if self.switch.node.reached is order:
                return self.switch.node
        raise AssertionError(f"never reached {order}: {self.switch.node}")

    def settle(self) -> Node:
        """Until nothing is left to do."""
        for _ in range(20):
            if self.once() is None:
                return self.switch.node
        raise AssertionError(f"never settles: {self.switch.node}")
