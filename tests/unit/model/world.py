"""The world as one value, and the one way to change it."""

import dataclasses

from detour_crds.attachment_switch import Compute, Handover, Order, Position, Stage, Top
from unit.model.facts import (
    TOP,
    Cluster,
    Copying,
    D,
    Disk,
    Images,
    Instance,
    Machine,
    Made,
    Migration,
    Nodes,
    Qemu,
    Switch,
    facts,
    with_other,
)

OWN = {"storage": "migration", "compute": "switch"}
"""The object that each side of the operator reads first, and writes its status to."""
CANDIDATES = {
    Stage.MISSING: (Top.SOURCE,),
    Stage.NONE: (Top.SOURCE,),
    Stage.START: (Top.SOURCE, Top.OVERLAY),
    Stage.OVERLAY: (Top.OVERLAY,),
    Stage.MIRROR: (Top.OVERLAY,),
    Stage.REFUSED: (Top.OVERLAY,),
    Stage.PIVOT: (Top.OVERLAY, Top.DESTINATION),
    Stage.DONE: (Top.DESTINATION,),
    Stage.CANCEL: (Top.OVERLAY,),
    Stage.COMMITPIVOT: (Top.OVERLAY, Top.SOURCE),
    Stage.CANCELLED: (Top.SOURCE,),
    Stage.OFFLINE_FINISH: (Top.OVERLAY,),
    Stage.OFFLINE_COMMIT: (Top.OVERLAY, Top.SOURCE),
}
"""The images that hold every acknowledged write, as the record says; an intent names two.

So does a commit of an overlay that QEMU may never have been told of: it is empty then.
"""


BY_QEMU = {
    **CANDIDATES,
    **dict.fromkeys((Stage.MIRROR, Stage.REFUSED, Stage.CANCEL), (Top.SOURCE,)),
    Stage.PIVOT: (Top.SOURCE, Top.DESTINATION),
}
"""The same where QEMU copies, without an overlay."""


@facts
class Late:
    """A pass that an operator has begun and not ended, when another one acts.

    Attributes:
        side: whose pass.
        writes: what it has decided on and not sent; each names the object that it tests.
        look: its own object as it read it, where it has read nothing else yet.
        fresh: that object is still the same.
    """

    side: str
    writes: tuple[tuple[str, object], ...] = ()
    look: object = None
    fresh: bool = True


@facts
class World:
    """Everything that matters of one move at one moment."""

    migration: Migration = Migration()
    switch: Switch | None = None
    told: Compute | None = None
    machine: Machine = Machine()
    instance: Instance = Instance()
    cluster: Cluster = Cluster()
    copying: Copying = Copying()
    made: Made = Made()
    nodes: Nodes = Nodes()
    disk: Disk = Disk()
    qemu: Qemu = Qemu()
    images: Images = Images()
    late: Late | None = None
    faults: int = 0
    broken: bool = False
    """The destination's storage has failed for good."""
    tampered: bool = False
    """Somebody took the lock off; until it is on again nothing can be promised."""
    permitted: bool = True
    hears_late: bool = False
    """The node agent's watch lags behind."""

    @property
    def order(self):
        return self.switch.order if self.switch else Order.NONE

    @property
    def candidates(self):
        """The images that hold every acknowledged write, as the record says."""
        by_qemu = self.switch is not None and self.switch.mirror
        return (BY_QEMU if by_qemu else CANDIDATES)[self.stage]

    @property
    def locked(self):
        return self.switch is not None and bool(self.switch.compute.locked)

    @property
    def stage(self):
        return self.disk.record.stage if self.disk.record else Stage.MISSING

    def change(self, **groups):
        """The world with other facts; a late write that tests one of them will fail."""
        changed = {name for name, value in groups.items() if getattr(self, name) != value}
        if not changed:
            return self
        if "switch" in changed and not self.hears_late:
            groups["told"] = groups["switch"].compute if groups["switch"] else None
        if self.late is not None and "late" not in groups:
            groups["late"] = still_valid(self.late, changed)
        return with_other(self, groups)

    def alter(self, group, **values):
        """The world with other facts in one group."""
        return self.change(**{group: with_other(getattr(self, group), values)})

    def fault(self):
        """The world with one accident more."""
        return with_other(self, {"faults": self.faults + 1})

    # What the chart's admission policies let pass. They know of the lock once it was heard of.

    def admits_live_migration(self):
        return not self.cluster.heard

    def admits_restart(self):
        return not self.cluster.heard or self.waits_for_restart()

    def waits_for_restart(self):
        """On the destination, with an instance that nobody was permitted to hand over."""
        if self.switch is None:
            return False
        left = self.switch.compute.handover is Handover.NOT_PERMITTED
        return left and self.switch.position is Position.DESTINATION

    def admits_handover(self, claim):
        """Of the instance, to a claim: in time, and only behind its open fence."""
        if not self.cluster.heard or self.switch is None:
            return True
        token = self.switch.compute.token
        if token is None or self.instance.fence != token:
            return False
        if claim == D:
            return self.order in (Order.MIRRORED, Order.DESTINATION)
        refused = self.switch.node is not None and self.switch.node.refused is True
        return self.order is not Order.DESTINATION or refused

    def admits_declaration(self):
        """Of the machine's manifest, by whoever keeps it: that it names the destination."""
        if self.switch is None or not self.machine.in_git or self.machine.claim == D:
            return False
        handover, report = self.switch.compute.handover, self.switch.report
        reached = self.order is Order.DESTINATION and report.reached is Order.DESTINATION
        left = handover is Handover.NOT_PERMITTED and reached
        return self.cluster.heard and (handover is Handover.WAITING or left)

    # What opens which image.

    def start_guest(self, named, **instance):
        """A new QEMU, in a new launcher, on what a claim holds."""
        here = self.alter("cluster", launcher=self.cluster.launcher + 1, holder="")
        here = here.change(qemu=Qemu(top=TOP[named]))
        # Wherever it starts is the guest's node from now on.
        here = here.alter("nodes", first="heard", given_up=False, launcher=True, stale=None)
        return here.alter("instance", **instance)


def still_valid(late, changed):
    """What of a late pass can still be carried out; its first failure ends it."""
    if late.look is not None:
        own = OWN[late.side] in changed
        return dataclasses.replace(late, fresh=False) if own else late
    valid = []
    for on, write in late.writes:
        if on in changed:
            break
        valid.append((on, write))
    return dataclasses.replace(late, writes=tuple(valid)) if valid else None
