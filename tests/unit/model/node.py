"""The node as the agent's ports show it; the real agent runs on it, and its effects are noted."""

import dataclasses
import functools
from unittest import mock

from detour_agent import one_pass
from detour_agent.adapters.inside import NOBODY
from detour_agent.domain import chain, direct_chain
from detour_agent.domain.budget import Room
from detour_agent.domain.chain import (
    BLOCK_JOB_ACTIVE_COMMIT,
    BLOCK_JOB_COPY,
    JobInfo,
    Layer,
    Mirror,
    Monitor,
    MonitorJob,
    MonitorNode,
    OpenFile,
    Report,
)
from detour_agent.domain.ports import ImageFile, Ports, Process
from detour_agent.domain.situation import Job
from detour_agent.errors import Unreachable
from detour_agent.steps.context import Memory
from detour_agent.steps.context import Switch as SwitchOnNode
from detour_crds.attachment_switch import (
    Identity,
    LastError,
    MirrorSpec,
    Node,
    Order,
    Stage,
    Top,
)
from detour_crds.names import FINISHER_DESTINATION_PATH, FINISHER_SOURCE_PATH
from detour_crds.volume_migration import Trust
from unit.model.facts import D, S

SIZE = 1 << 20
SPACE = 1 << 40
LIBVIRT = 11_003_000
IDENTITY = {
    S: Identity(device=1, inode=12),
    D: Identity(device=2, inode=12),
    "overlay": Identity(device=3, inode=40),
}
CLAIM_AT = {FINISHER_SOURCE_PATH: S, FINISHER_DESTINATION_PATH: D}
MIRRORS = (Job.MIRROR, Job.MIRROR_READY)
COMMITS = (Job.COMMIT, Job.COMMIT_READY)
READY = (Job.MIRROR_READY, Job.COMMIT_READY)
LONG_AGO = -1000.0


@dataclasses.dataclass(frozen=True)
class Effect:
    """One durable effect of a pass, in the words of the port it went through."""

    verb: str
    value: object = None


@dataclasses.dataclass(frozen=True)
class Trace:
    """A pass: the row it fell on, and its effects in order."""

    row: str
    effects: tuple[Effect, ...]


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the agent reads of the switch besides what it was told; passes are remembered by it."""

    uid: str
    node: Node | None
    trust: Trust | None
    answered_stop: str | None
    mirror: bool


def trace(decide, mood, told, switch, *seen):
    """One pass of the real agent.

    Moods: ``patient`` has seen a disagreement for long and has compared what can be compared,
    ``new`` has just been started, ``deaf`` gets no answer from libvirt.
    """
    asked = Asked(
        switch.uid, switch.node, switch.trust, switch.answered_stop, switch.mirror
    )  # fmt: skip
    return _trace(decide, mood, told, asked, *seen)


@functools.cache
def _trace(decide, mood, told, asked, disk, qemu, holder, launcher, finisher):
    here = _Node(asked, told, disk, qemu, holder, launcher, finisher, deaf=mood == "deaf")
    memory = Memory()
    if mood == "patient":
        memory = Memory(disagrees_since=LONG_AGO, lost_since=LONG_AGO, compared=here.compared())
    rows = []

    def noted(wanted, seen):
        step = decide(wanted, seen)
        rows.append(step.row)
        return step

    with mock.patch.object(one_pass, "decide", noted):
        changed, _ = one_pass.Passes(here.ports(), here, memory).run(here.view())
    told_now = reduced(changed.node)
    if told_now != here.view().node:
        here.effects.append(Effect("report", told_now))
    return Trace(rows[0] if rows else "", tuple(here.effects))


def reduced(node):
    """What of a report anything follows from; the rest is for people."""
    unbegun = (None, Stage.MISSING, Stage.NONE)
    kept = (Stage.REFUSED, Stage.DONE, Stage.CANCELLED)
    stage = Stage.NONE if node.stage in unbegun else Stage.START
    failed = node.last_error is not None and node.last_error.reason == "DestinationFailed"
    return Node(
        token=node.token,
        stage=node.stage if node.stage in kept else stage,
        reached=node.reached,
        qemu=node.qemu,
        refused=node.refused,
        stopped=node.stopped and dataclasses.replace(node.stopped, message=None),
        inspection=node.inspection,
        overlay=node.overlay and dataclasses.replace(node.overlay, bytes=None),
        source=node.source,
        destination=node.destination,
        last_error=LastError(reason="DestinationFailed", message="m") if failed else None,
    )


class _Node:
    """All ports of the agent over one set of facts; looks answer, everything else is noted."""

    def __init__(self, asked, told, disk, qemu, holder, launcher, finisher, *, deaf):
        self.effects = []
        self._asked, self._told, self._disk, self._qemu = asked, told, disk, qemu
        self._holder, self._launcher, self._deaf = holder, launcher, deaf
        self._finisher = dict(finisher)

    def ports(self):
        return Ports(
            journal=self,
            images=self,
            offline=self,
            mounts=self,
            processes=self,
            clock=self,
            connect=lambda *_: self,
        )

    def view(self):
        return SwitchOnNode(
            namespace="ns",
            name="move",
            uid=self._asked.uid,
            volume="data",
            virtual_machine="vm",
            compute=self._told,
            node=self._asked.node or Node(),
            trust=self._asked.trust,
            answered_stop=self._asked.answered_stop,
            mirror=MirrorSpec() if self._asked.mirror else None,
        )

    def now(self):
        return 0.0

    # What is seen.

    def read(self, switch_uid):
        self._reach()
        record = self._disk.record
        return record if record is not None and record.switch_uid == switch_uid else None

    def found(self, _uid):
        self._reach()
        return self._disk.overlays

    def _reach(self):
        if not self._disk.mounted:
            raise Unreachable(NOBODY, "m")

    def allocated_bytes(self, _uid, _name):
        return 0

    def settle(self, _uid, _place):
        """On the node's disk, wherever that is."""

    def room(self, _uid):
        free = 0 if self._disk.full else SPACE
        return Room(free_bytes=free, kept_bytes=0, total_bytes=SPACE)

    def tune(self):
        return ()

    def set_tune(self, _tune):
        """Of no consequence to what is written where; what is put back is in the journal."""

    def find_guest(self, pod_uid, _domain):
        there = self._qemu.alive and pod_uid == self._launcher
        return Process(1, 1) if there else None

    def find_holder(self, _uid):
        return Process(2, 2) if self._holder else None

    def find_finisher(self, _uid):
        return Process(3, 3) if self._finisher else None

    def finisher_image(self, _finisher, path, *, block):
        assert not block
        claim = CLAIM_AT[path]
        return ImageFile(IDENTITY[claim], SIZE) if claim in self._finisher else None

    def compared(self):
        """What an agent remembers that has compared the claim of the present order."""
        forward = self._told.order is Order.DESTINATION
        path = FINISHER_DESTINATION_PATH if forward else FINISHER_SOURCE_PATH
        pod, equal = self._told.finisher_pod, self._finisher.get(CLAIM_AT[path])
        return None if pod is None or equal is None else (pod.uid, path, equal)

    def equal(self, merge):
        merged = any(effect.verb == "merge" for effect in self.effects)
        return merged or self._finisher[CLAIM_AT[merge.path]]

    def merge(self, merge):
        self.effects.append(Effect("merge", CLAIM_AT[merge.path]))

    def holding_data(self, _uid, names):
        return names[-1:]

    def canonical_image(self, _guest, _volume):
        return ImageFile(IDENTITY[D if self._qemu.mounted else S], SIZE)

    def destination_image(self, _holder, *, block):
        assert not block
        return ImageFile(IDENTITY[D], SIZE)

    def capacity(self):
        return SIZE

    def opened(self, _guest):
        qemu = self._qemu
        writable = {Top.SOURCE: S, Top.DESTINATION: D, Top.OVERLAY: "overlay"}[qemu.top]
        files = [OpenFile(IDENTITY[writable], writable=True)]
        if qemu.own and qemu.job is Job.NONE:
            files.append(OpenFile(IDENTITY[D], writable=False))
        if qemu.job in MIRRORS:
            files.append(OpenFile(IDENTITY[D], writable=True))
        if qemu.job in COMMITS:
            files.append(OpenFile(IDENTITY[qemu.base], writable=True))
        if qemu.top is Top.OVERLAY or qemu.source_open:
            files.append(OpenFile(IDENTITY[S], writable=False))
        return tuple(files)

    def report(self):
        if self._deaf:
            raise Unreachable("LibvirtUnreachable", "no answer")
        return Report(
            libvirt_version=LIBVIRT, disk=self._xml(), job=self._job(), monitor=self._monitor()
        )

    def _paths(self):
        view = self.view()
        newest = self._disk.overlays[-1] if self._disk.overlays else "none"
        return view.canonical, f"{view.overlay_folder}/{newest}"

    def _in_libvirt(self):
        """Whether the overlay is on top by libvirt's word, which may be old."""
        return (self._qemu.top is Top.OVERLAY) != self._qemu.stale

    def _xml(self):
        raw, overlay = self._paths()
        layers = (Layer(raw, "raw"),)
        if self._in_libvirt():
            layers = (Layer(overlay, "qcow2"), *layers)
        return chain.Disk(
            target="vda", kind="file", device="disk", layers=layers, mirror=self._mirror(raw)
        )

    def _mirror(self, raw):
        qemu = self._qemu
        if qemu.own:
            return None
        if qemu.stale and qemu.top is not Top.OVERLAY:
            copy = qemu.top is Top.DESTINATION
            return Mirror("copy" if copy else "active-commit", raw, "pivot")
        if qemu.stale or qemu.unseen or qemu.job is Job.NONE:
            return None
        kind = "copy" if qemu.job in MIRRORS else "active-commit"
        return Mirror(kind, raw, "yes" if qemu.job in READY else "")

    def _job(self):
        if self._qemu.stale or self._qemu.own or self._qemu.job is Job.NONE:
            return JobInfo()
        copy = self._qemu.job in MIRRORS
        return JobInfo(BLOCK_JOB_COPY if copy else BLOCK_JOB_ACTIVE_COMMIT)

    def _monitor(self):
        qemu, (raw, overlay) = self._qemu, self._paths()
        on_overlay = MonitorNode("libvirt-2-format", overlay, "qcow2", read_only=False)
        frozen = MonitorNode("libvirt-1-storage", raw, "file", read_only=True)
        plain = MonitorNode("libvirt-3-storage", raw, "file", read_only=False)
        jobs = () if qemu.job is Job.NONE else (self._monitor_job(),)
        if qemu.top is Top.OVERLAY:
            return Monitor(on_overlay, (on_overlay, frozen), jobs)
        left = (frozen,) if qemu.source_open else ()
        if qemu.own:
            path = self.view().attached.beside(self._asked.uid)
            names = direct_chain.node_names("vda")
            left += tuple(MonitorNode(name, path, "raw", read_only=False) for name in names)
        return Monitor(plain, (plain, *left), jobs)

    def _monitor_job(self):
        name = chain.heal_job("vda") if self._qemu.stale else "copy-vda-libvirt"
        if self._qemu.own:
            name = direct_chain.job_id("vda")
        return MonitorJob(name, ready=self._qemu.job in READY, stopped=self._qemu.halted)

    # What is done.

    def patch_node(self, _switch, _node):
        """The report itself is noted when the pass is over: a pass reports last."""

    def write(self, record):
        self.effects.append(Effect("journal", record))

    def create(self, _uid, name, _spec):
        self.effects.append(Effect("create", name))

    def remove(self, _uid, _names):
        self.effects.append(Effect("remove"))

    def over_mount(self, _guest, _holder, _volume, _expected):
        self.effects.append(Effect("mount"))

    def unmount_top(self, _guest, _volume, _top, _below):
        self.effects.append(Effect("unmount"))

    def allow(self, _guest, _volume, _image):
        """Changes nothing for files."""

    def flush(self, _guest, _volume, image):
        assert image == IDENTITY[S], "the source is at its path when it is flushed"

    def expose_overlay(self, _guest, _uid):
        """Seen through the overlay it exposes."""

    def hide_overlay(self, _guest, _uid):
        """Of no consequence: nothing opens the overlay any more."""

    def snapshot(self, _overlay):
        self.effects.append(Effect("snapshot"))

    def copy(self, _target):
        self.effects.append(Effect("copy"))

    def pivot(self):
        self.effects.append(Effect("pivot"))

    def abort(self):
        self.effects.append(Effect("abort"))

    def commit(self):
        self.effects.append(Effect("commit"))

    def monitor_commit(self, _top, _base):
        self.effects.append(Effect("commit"))

    def monitor_complete(self):
        self.effects.append(Effect("pivot"))

    def monitor_delete(self, node):
        *_, last = direct_chain.node_names("vda")
        if node in direct_chain.node_names("vda"):
            self.effects += [Effect("close own")] if node == last else []
        else:
            self.effects.append(Effect("close"))

    def make_blank(self, _holder, _size):
        self.effects.append(Effect("make"))

    def show(self, _guest, _holder, _volume, _uid, _expected):
        self.effects.append(Effect("show"))

    def shown_image(self, _guest, _volume, _uid):
        return ImageFile(IDENTITY[D], SIZE) if self._qemu.shown else None

    def is_shown(self, _guest, _volume, _uid):
        return self._qemu.shown

    def hide(self, _guest, _volume, _uid):
        self.effects.append(Effect("hide"))

    def mirror(self, _target, _rate):
        self.effects.append(Effect("mirror"))

    def mirror_end(self, *, gently):
        self.effects.append(Effect("swap" if gently else "drop"))

    def identical(self, merge):
        return self._finisher[CLAIM_AT[merge.path]]
