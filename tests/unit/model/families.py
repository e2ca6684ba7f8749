"""What is enumerated: families of stories, each small enough to keep every world."""

import dataclasses

from detour_crds.volume_migration import WhenStopped
from unit.model import events
from unit.model.explore import Family
from unit.model.facts import Instance, Machine, Made, Migration, Nodes, Qemu
from unit.model.world import World

PLAIN = World()
UNPERMITTED = World(permitted=False)
WITHOUT_STRATEGY = World(machine=Machine(strategy=""))
HOLDING = World(migration=Migration(hold=True))
IN_GIT = World(machine=Machine(in_git=True))
UNPERMITTED_IN_GIT = World(machine=Machine(in_git=True, strategy=""), permitted=False)
LATE_WATCH = World(hears_late=True)

FINISHING = World(migration=Migration(when_stopped=WhenStopped.FINISH))
GIVING_UP = World(migration=Migration(when_stopped=WhenStopped.CANCEL))
STOPPED = World(
    machine=Machine(halted=True), instance=Instance(alive=False, there=False),
    qemu=Qemu(alive=False),
)  # fmt: skip

ON_CLAIM = World(nodes=Nodes(claimed=True))
HELD_ON_CLAIM = dataclasses.replace(ON_CLAIM, migration=Migration(hold=True))
GIVING_UP_ON_CLAIM = dataclasses.replace(ON_CLAIM, migration=GIVING_UP.migration)
LOST_NODE = (events.node_is_lost,)
NODES = (events.node_goes_off, events.gives_node_up, events.node_returns)

OFFERING = World(made=Made(offers=True))
STOPPED_OFFERING = dataclasses.replace(STOPPED, made=Made(offers=True))
HOLDING_OFFERING = dataclasses.replace(HOLDING, made=Made(offers=True))

BY_QEMU = World(migration=Migration(by_qemu=True))
HOLDING_BY_QEMU = World(migration=Migration(by_qemu=True, hold=True))
UNPERMITTED_BY_QEMU = dataclasses.replace(BY_QEMU, permitted=False)
GIVING_UP_BY_QEMU = World(migration=Migration(by_qemu=True, when_stopped=WhenStopped.CANCEL))
STOPPED_BY_QEMU = dataclasses.replace(STOPPED, migration=Migration(by_qemu=True))

STARTS = (events.starts,)
CANCELS = (events.cancels,)
DELETES = (events.deletes_migration,)
HOLDS = (events.cancels, events.lets_go)
HOLDS_AT_ANY_TIME = (events.holds, events.lets_go)
MIGRATES = (events.migrates_live,)
FAILURES = (events.mirror_breaks_off, events.destination_breaks)
COPY_FAILURES = (events.copy_fails, events.copier_dies)
FILLS = (events.overlay_fills,)
DETOUR_CANCELS = (events.overlay_fills, events.time_passes)
LOST_GUEST = (events.guest_is_lost,)
STORAGE_FAILURES = (events.snapshot_fails, events.driver_refuses, events.copy_fails)

COMPLETE = {
    "nothing happens": Family(),
    "cancel": Family(wishes=CANCELS),
    "hold, and cancel": Family(HOLDING, wishes=HOLDS),
    "hold at any time": Family(wishes=HOLDS_AT_ANY_TIME, crashes=False),
    "the manifest is in Git": Family(IN_GIT, wishes=CANCELS),
    "the manifest is in Git, not permitted": Family(UNPERMITTED_IN_GIT, wishes=CANCELS),
    "late, the manifest is in Git": Family(IN_GIT, wishes=CANCELS, crashes=False, late=True),
    "the migration is deleted": Family(wishes=DELETES),
    "the switch is deleted": Family(wishes=(events.deletes_switch,)),
    "the machine had no strategy": Family(WITHOUT_STRATEGY, wishes=CANCELS),
    "no permission to impersonate": Family(UNPERMITTED, wishes=CANCELS),
    "the agent hears late": Family(LATE_WATCH, wishes=CANCELS),
    "the copy fails": Family(accidents=COPY_FAILURES, faults=2),
    "the destination fails": Family(accidents=FAILURES, faults=1),
    "the destination fails, and cancel": Family(wishes=CANCELS, accidents=FAILURES, faults=2),
    "the commit fails": Family(wishes=CANCELS, accidents=(events.commit_breaks_off,), faults=1),
    "libvirt dies": Family(accidents=(events.commit_breaks_off,), faults=2, daemon=True),
    "libvirt dies, and cancel": Family(wishes=CANCELS, faults=1, daemon=True),
    "the overlay fills": Family(accidents=(*FILLS, events.overlay_has_room), faults=2),
    "time passes": Family(accidents=(events.time_passes,), faults=1),
    "Detour cancels, and so does the user": Family(
        wishes=CANCELS, accidents=DETOUR_CANCELS, faults=2, crashes=False
    ),
    "Detour cancels, and the destination fails": Family(
        accidents=(*DETOUR_CANCELS, *FAILURES), faults=2, crashes=False
    ),
    "Detour cancels, not permitted": Family(
        UNPERMITTED, accidents=DETOUR_CANCELS, faults=1, crashes=False
    ),
    "Detour cancels, and the guest is lost": Family(
        accidents=(*DETOUR_CANCELS, *LOST_GUEST), faults=2, crashes=False
    ),
    "the guest is lost": Family(accidents=LOST_GUEST, faults=1),
    "the guest is lost, and cancel": Family(wishes=CANCELS, accidents=LOST_GUEST, faults=1),
    "the guest is lost: finish, after all": Family(
        wishes=(events.finishes,), accidents=LOST_GUEST, faults=1
    ),
    "the guest is lost: cancel, after all": Family(
        wishes=(events.gives_up,), accidents=LOST_GUEST, faults=1
    ),
    "the guest is lost: finish": Family(FINISHING, CANCELS, LOST_GUEST, faults=1),
    "the guest is lost: cancel": Family(GIVING_UP, CANCELS, LOST_GUEST, faults=1),
    "the guest is lost while it waits": Family(HOLDING, HOLDS, LOST_GUEST, faults=1),
    "the guest and the destination are lost": Family(
        accidents=(*LOST_GUEST, events.destination_breaks), faults=2, crashes=False
    ),
    "the guest and the finisher are lost": Family(
        accidents=(*LOST_GUEST, events.holder_is_lost), faults=2, crashes=False
    ),
    "the guest is lost twice": Family(accidents=LOST_GUEST, faults=2, crashes=False),
    "stopped": Family(STOPPED),
    "stopped, and cancel": Family(STOPPED, wishes=CANCELS),
    "stopped, and deleted": Family(STOPPED, wishes=DELETES),
    "stopped, and started": Family(STOPPED, wishes=STARTS),
    "stopped, the copy fails": Family(STOPPED, accidents=COPY_FAILURES, faults=2),
    "stopped, the lock is taken off": Family(
        STOPPED, STARTS, (events.lock_is_taken_off,), faults=1, crashes=False
    ),
    "late, stopped": Family(STOPPED, STARTS + CANCELS, crashes=False, late=True),
    "torn look, stopped": Family(STOPPED, STARTS + CANCELS, crashes=False, torn=True),
    "the holder is lost": Family(accidents=(events.holder_is_lost,), faults=1),
    "the lock is taken off": Family(accidents=(events.lock_is_taken_off,), faults=1),
    "the node is lost": Family(ON_CLAIM, NODES, LOST_NODE, faults=1, crashes=False),
    "the node is lost, and cancel": Family(
        ON_CLAIM, (*NODES, *CANCELS), LOST_NODE, faults=1, crashes=False
    ),
    "the node is lost, its pod is deleted by force": Family(
        ON_CLAIM, (*NODES, events.kubevirt_gives_guest_up), LOST_NODE, faults=1, crashes=False
    ),
    "the node is lost, and the finisher": Family(
        ON_CLAIM,
        NODES,
        (events.node_is_lost_first, events.finisher_is_lost),
        faults=2,
        crashes=False,
    ),
    "the journal is lost": Family(accidents=(events.journal_is_lost,), faults=1),
    "the destination fails, and the journal is lost": Family(
        accidents=(*FAILURES, events.journal_is_lost), faults=2, crashes=False
    ),
    "live migration": Family(wishes=MIGRATES),
    "live migration, and cancel": Family(wishes=MIGRATES + CANCELS),
    "late": Family(late=True),
    "late, and cancel": Family(wishes=CANCELS, crashes=False, late=True),
    "late, and delete": Family(wishes=DELETES, crashes=False, late=True),
    "late, not permitted": Family(UNPERMITTED, wishes=CANCELS, crashes=False, late=True),
    "late, the destination fails": Family(accidents=FAILURES, faults=2, crashes=False, late=True),
    "late, Detour cancels": Family(accidents=DETOUR_CANCELS, faults=1, crashes=False, late=True),
    "late, the guest is lost": Family(accidents=LOST_GUEST, faults=1, crashes=False, late=True),
    "late, live migration": Family(wishes=MIGRATES, crashes=False, late=True),
    "the storage copies": Family(OFFERING),
    "the storage copies, and cancel": Family(OFFERING, wishes=CANCELS),
    "the storage copies, and the migration is deleted": Family(OFFERING, wishes=DELETES),
    "the storage copies, hold, and cancel": Family(HOLDING_OFFERING, wishes=HOLDS, crashes=False),
    "the storage copies, and the switch is deleted": Family(
        OFFERING, wishes=(events.deletes_switch,), crashes=False
    ),
    "the storage fails": Family(OFFERING, accidents=STORAGE_FAILURES, faults=3, crashes=False),
    "the storage fails, and crashes": Family(OFFERING, accidents=STORAGE_FAILURES, faults=1),
    "the storage fails, and cancel": Family(
        OFFERING, CANCELS, STORAGE_FAILURES, faults=2, crashes=False
    ),
    "the storage copies, the guest is lost": Family(
        OFFERING, accidents=LOST_GUEST, faults=1, crashes=False
    ),
    "the storage copies, stopped": Family(STOPPED_OFFERING, STARTS + CANCELS, crashes=False),
    "the storage copies, and the claim is replaced": Family(
        OFFERING, accidents=(events.claim_is_replaced,), faults=1
    ),
    "the storage copies, it waits, and the claim is replaced": Family(
        HOLDING_OFFERING, HOLDS, (events.claim_is_replaced,), faults=1, crashes=False
    ),
    "late, the storage copies": Family(OFFERING, crashes=False, late=True),
    "late, the storage copies, and cancel": Family(
        OFFERING, wishes=CANCELS, crashes=False, late=True
    ),
    "late, the storage fails": Family(
        OFFERING, accidents=STORAGE_FAILURES, faults=1, crashes=False, late=True
    ),
    "torn look, the storage fails": Family(
        OFFERING, accidents=STORAGE_FAILURES, faults=1, crashes=False, torn=True
    ),
    "QEMU copies": Family(BY_QEMU),
    "QEMU copies, and cancel": Family(BY_QEMU, wishes=CANCELS),
    "QEMU copies, hold, and cancel": Family(HOLDING_BY_QEMU, wishes=HOLDS),
    "QEMU copies, and the migration is deleted": Family(BY_QEMU, wishes=DELETES),
    "QEMU copies, and the switch is deleted": Family(
        BY_QEMU, wishes=(events.deletes_switch,), crashes=False
    ),
    "QEMU copies, not permitted": Family(UNPERMITTED_BY_QEMU, wishes=CANCELS, crashes=False),
    "QEMU copies, the destination fails": Family(
        BY_QEMU, CANCELS, (events.destination_breaks,), faults=1
    ),
    "QEMU copies, the guest is lost": Family(BY_QEMU, CANCELS, LOST_GUEST, faults=1),
    "QEMU copies, the guest is lost: cancel": Family(
        GIVING_UP_BY_QEMU, CANCELS, LOST_GUEST, faults=1, crashes=False
    ),
    "QEMU copies, guest and destination are lost": Family(
        BY_QEMU, accidents=(*LOST_GUEST, events.destination_breaks), faults=2, crashes=False
    ),
    "QEMU copies, the journal is lost": Family(
        BY_QEMU, accidents=(events.journal_is_lost,), faults=1, crashes=False
    ),
    "QEMU copies, time passes": Family(
        BY_QEMU, accidents=(events.time_passes,), faults=1, crashes=False
    ),
    "QEMU copies, the holder is lost": Family(
        BY_QEMU, accidents=(events.holder_is_lost,), faults=1, crashes=False
    ),
    "QEMU copies, live migration": Family(BY_QEMU, wishes=MIGRATES, crashes=False),
    "QEMU copies, stopped": Family(STOPPED_BY_QEMU, STARTS + CANCELS, crashes=False),
    "late, QEMU copies, and cancel": Family(BY_QEMU, wishes=CANCELS, crashes=False, late=True),
    "torn look": Family(crashes=False, torn=True),
    "torn look, and cancel": Family(wishes=CANCELS, crashes=False, torn=True),
    "torn look, the destination fails": Family(
        accidents=(events.destination_breaks,), faults=1, crashes=False, torn=True
    ),
    "torn look, the guest is lost": Family(
        accidents=LOST_GUEST, faults=1, crashes=False, torn=True
    ),
    "torn look, Detour cancels": Family(
        accidents=DETOUR_CANCELS, faults=1, crashes=False, torn=True
    ),
    "torn look, live migration": Family(wishes=MIGRATES, crashes=False, torn=True),
}
"""Accidents are counted; a crash, a wish and a live migration are free at every moment."""


def quick(name):
    """A family without crashes, which multiply its worlds by ten."""
    return dataclasses.replace(COMPLETE[name], crashes=False)


REDUCED = {
    "torn look": COMPLETE["torn look"],
    "nothing happens": COMPLETE["nothing happens"],
    **{
        name: quick(name)
        for name in (
            "hold, and cancel",
            "hold at any time",
            "the manifest is in Git",
            "the manifest is in Git, not permitted",
            "no permission to impersonate",
            "the agent hears late",
            "the copy fails",
            "the destination fails",
            "the commit fails",
            "the overlay fills",
            "time passes",
            "libvirt dies",
            "the guest is lost",
            "the guest is lost: finish",
            "stopped, and started",
            "the lock is taken off",
            "live migration",
            "late",
            "the storage copies, and cancel",
            "QEMU copies, and cancel",
            "QEMU copies, the destination fails",
            "QEMU copies, the guest is lost",
            "the storage fails",
        )
    },
}
