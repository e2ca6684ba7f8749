"""What is enumerated: families of stories, each small enough to keep every world."""

import dataclasses

from unit.model import events
from unit.model.explore import Family
from unit.model.facts import Machine, Migration
from unit.model.world import World

PLAIN = World()
UNPERMITTED = World(permitted=False)
WITHOUT_STRATEGY = World(machine=Machine(strategy=""))
HOLDING = World(migration=Migration(hold=True))
LATE_WATCH = World(hears_late=True)

CANCELS = (events.cancels,)
DELETES = (events.deletes_migration,)
HOLDS = (events.cancels, events.lets_go)
MIGRATES = (events.migrates_live,)
FAILURES = (events.mirror_breaks_off, events.destination_breaks)
COPY_FAILURES = (events.copy_fails, events.copier_dies)
LOST_GUEST = (events.guest_is_lost,)

COMPLETE = {
    "nothing happens": Family(),
    "cancel": Family(wishes=CANCELS),
    "hold, and cancel": Family(HOLDING, wishes=HOLDS),
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
    "the guest is lost": Family(accidents=LOST_GUEST, faults=1),
    "the holder is lost": Family(accidents=(events.holder_is_lost,), faults=1),
    "the lock is taken off": Family(accidents=(events.lock_is_taken_off,), faults=1),
    "the journal is lost": Family(accidents=(events.journal_is_lost,), faults=1),
    "live migration": Family(wishes=MIGRATES),
    "live migration, and cancel": Family(wishes=MIGRATES + CANCELS),
    "late": Family(late=True),
    "late, and cancel": Family(wishes=CANCELS, crashes=False, late=True),
    "late, and delete": Family(wishes=DELETES, crashes=False, late=True),
    "late, not permitted": Family(UNPERMITTED, wishes=CANCELS, crashes=False, late=True),
    "late, the destination fails": Family(accidents=FAILURES, faults=2, crashes=False, late=True),
    "late, the guest is lost": Family(accidents=LOST_GUEST, faults=1, crashes=False, late=True),
    "late, live migration": Family(wishes=MIGRATES, crashes=False, late=True),
    "torn look": Family(crashes=False, torn=True),
    "torn look, and cancel": Family(wishes=CANCELS, crashes=False, torn=True),
    "torn look, the destination fails": Family(
        accidents=(events.destination_breaks,), faults=1, crashes=False, torn=True
    ),
    "torn look, the guest is lost": Family(
        accidents=LOST_GUEST, faults=1, crashes=False, torn=True
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
            "no permission to impersonate",
            "the agent hears late",
            "the copy fails",
            "the destination fails",
            "the commit fails",
            "libvirt dies",
            "the guest is lost",
            "the lock is taken off",
            "live migration",
            "late",
        )
    },
}
