"""A node on which QEMU copies the disk itself, in memory; it can fail or die at any effect.

As QEMU does (measured), the end of the copy has the guest's image opened anew, by the volume's
path, however it ends.
"""

import dataclasses

from detour_agent.domain import direct_chain
from detour_agent.domain.chain import MonitorJob, MonitorNode, OpenFile, Report
from detour_agent.domain.ports import CopyTarget, ImageFile, OfflineMerge, Process, Volume
from detour_agent.errors import NotYet, StepFailed
from detour_crds.attachment_switch import Identity, MirrorSpec, ObjectRef, Order, Top
from unit.agent.machine import DESTINATION, HOLDER, SIZE, SOURCE, UID, Agent, Machine

NODES = direct_chain.node_names("vda")


@dataclasses.dataclass
class DirectMachine(Machine):
    """The destination has no image until one is made."""

    size: int = 0
    shown: bool = False
    nodes: bool = False
    failing: bool = False
    """The destination's storage takes no write: the job is stopped by the first."""
    obeys: bool = True
    """QEMU opens the image anew; else it is one that this was not measured with."""
    rates: list[int | None] = dataclasses.field(default_factory=list)

    @property
    def holds(self) -> int:
        """The last write of the image that the guest is on."""
        return self.source if self.top is Top.SOURCE else self.destination

    def guest_writes(self) -> None:
        if self.gone:
            return
        self.writes += 1
        if self.top is Top.DESTINATION:
            self.destination = self.writes
            return
        self.source = self.writes
        if self.job == "ready" and self.failing:
            self.job = "stopped"
        if self.job == "ready":
            self.destination = self.writes

    def report(self) -> Report:
        job, self.job = self.job, ""
        plain = super().report()
        self.job = job
        assert plain.monitor is not None
        name = direct_chain.job_id("vda")
        jobs = {
            "ready": (MonitorJob(name, ready=True, done=SIZE, total=SIZE),),
            "stopped": (MonitorJob(name, ready=True, stopped=True, done=SIZE, total=SIZE),),
            "copying": (MonitorJob(name, done=SIZE // 2, total=SIZE),),
        }
        path = Volume("root").beside(UID)
        own = tuple(MonitorNode(node, path, "raw", False) for node in NODES if self.nodes)
        monitor = dataclasses.replace(
            plain.monitor, nodes=(*plain.monitor.nodes, *own), jobs=jobs.get(self.job, ())
        )
        disk = plain.disk and dataclasses.replace(plain.disk, mirror=None)
        return dataclasses.replace(plain, disk=disk, monitor=monitor)

    def opened(self, _process: Process) -> tuple[OpenFile, ...]:
        top = SOURCE if self.top is Top.SOURCE else DESTINATION
        files = [OpenFile(top, writable=True)]
        if self.nodes:
            files.append(OpenFile(DESTINATION, writable=bool(self.job)))
        return tuple(files)

    def mirror(self, target: CopyTarget, bytes_per_second: int | None) -> None:
        if self.job:
            raise NotYet("MirrorFailed", "there is one")
        if self.nodes:
            raise StepFailed("MonitorRefused", "duplicate nodes")
        assert target.path == Volume("root").beside(UID)
        assert self.shown, "QEMU finds nothing at that path"
        assert self.path == SOURCE, "an end of its own would put the guest on the destination"
        self.rates.append(bytes_per_second)

        def change() -> None:
            self.nodes, self.job = True, "stopped" if self.failing else "copying"

        self.effect("mirror", change)

    def copy_ends(self) -> None:
        """All is copied, and both are the same from here on."""
        assert self.job == "copying"
        self.job, self.destination = "ready", self.source

    def mirror_end(self, *, gently: bool) -> None:
        if not self.job:
            raise NotYet("MirrorNotEnded", "no job")
        if gently and self.job != "ready":
            raise StepFailed("MonitorRefused", "it is paused")

        def change() -> None:
            self.job = ""
            if self.path == DESTINATION and self.obeys:
                assert gently, "the destination does not have everything"
                assert self.destination == self.source
                self.top = Top.DESTINATION

        self.effect("swap" if gently else "drop", change)

    def monitor_delete(self, node: str) -> None:
        if self.job:
            raise StepFailed("NodeInUse", node)
        if node == NODES[-1]:
            self.effect("delete", self.set(nodes=False))

    def destination_image(self, _holder: Process, *, block: bool) -> ImageFile | None:
        return ImageFile(DESTINATION, self.size) if self.size or block else None

    def make_blank(self, holder: Process, size_bytes: int) -> None:
        assert holder == HOLDER
        assert not self.nodes, "QEMU has it open"
        self.effect("make", self.set(size=size_bytes, destination=-1))

    def show(
        self, _guest: Process, _holder: Process, _volume: Volume, _uid: str, expected: Identity
    ) -> None:
        assert expected == DESTINATION
        if not self.shown:
            self.effect("show", self.set(shown=True))

    def shown_image(self, _guest: Process, _volume: Volume, _uid: str) -> ImageFile | None:
        return ImageFile(DESTINATION, self.size) if self.shown else None

    def is_shown(self, _guest: Process, _volume: Volume, _uid: str) -> bool:
        return self.shown

    def hide(self, _guest: Process, _volume: Volume, _uid: str) -> None:
        assert not self.nodes, "QEMU may open it by that path"
        if self.shown:
            self.effect("hide", self.set(shown=False))

    def allow(self, _guest: Process, _volume: Volume, image: Identity) -> None:
        self.allowed.append(image)

    def identical(self, _merge: OfflineMerge) -> bool:
        assert self.gone
        return self.source == self.destination


class DirectAgent(Agent):
    """Passes over a switch that asks QEMU to copy; the copy ends as soon as it has begun."""

    machine: DirectMachine

    def __init__(self, machine: DirectMachine, *, copies: bool = True) -> None:
        super().__init__(machine)
        self.copies = copies
        mirror = MirrorSpec(bandwidth_limit="1Mi")
        self.switch = dataclasses.replace(self.switch, mirror=mirror)

    def once(self) -> float | None:
        if self.copies and self.machine.job == "copying":
            self.machine.copy_ends()
        return super().once()

    def guest_stops(self) -> None:
        super().guest_stops()
        self.machine.shown = self.machine.nodes = False
        self.machine.path = SOURCE

    def finisher(self) -> None:
        compute = dataclasses.replace(
            self.switch.compute, finisher_pod=ObjectRef(name="finisher", uid="f")
        )
        self.switch = dataclasses.replace(self.switch, compute=compute)


FORWARD = (Order.MIRRORED, Order.DESTINATION)
