"""What everybody else does: the guest, KubeVirt, the copier, the user; and accidents."""

import dataclasses

from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Order, Top
from unit.model.facts import Content, Qemu
from unit.model.world import World

MIRRORS = (Job.MIRROR, Job.MIRROR_READY)
COMMITS = (Job.COMMIT, Job.COMMIT_READY)


def guest_writes(world: World):
    """The guest is told that a new write is durable; only what QEMU writes to has it."""
    qemu, images = world.qemu, world.images
    if not qemu.alive:
        return world
    overlay = images.overlay
    if qemu.top is Top.OVERLAY:
        overlay = Content.LATEST
    elif overlay is Content.LATEST:
        overlay = Content.OLDER
    here = world.alter(
        "images",
        source=qemu.top is Top.SOURCE,
        overlay=overlay,
        # The mirror is synchronous: once it is ready, the destination has what the overlay has.
        destination=qemu.top is Top.DESTINATION or qemu.job is Job.MIRROR_READY,
        whole=images.whole and qemu.top is not Top.SOURCE,
    )
    torn = qemu.top is Top.SOURCE and world.copying.copier
    return here.alter("copying", copier="torn") if torn else here


def fair(world: World):
    """What happens sooner or later by itself."""
    found = {guest_writes(world)}
    found |= _api(world) | _kubevirt(world) | _copier(world) | _jobs(world)
    return found - {world}


def _api(world):
    found = set()
    cluster, switch = world.cluster, world.switch
    if cluster.heard != world.locked:
        here = world.alter("cluster", heard=world.locked)
        found.add(here.change(tampered=False) if world.locked else here)
    compute = switch.compute if switch else None
    if world.told != compute:
        found.add(world.change(told=compute))
    if world.migration.gone and switch is not None and not switch.deleting:
        found.add(_delete_switch(world))
    if cluster.holder == "pending":
        found.add(world.alter("cluster", holder="running"))
    if cluster.holder == "deleting":
        found.add(world.alter("cluster", holder=""))
    return found


def _delete_switch(world):
    """The finalizer holds it."""
    if world.switch.finalizer:
        return world.alter("switch", deleting=True)
    return world.change(switch=None)


def _kubevirt(world):
    found = set()
    instance = world.instance
    if instance.shown != instance.claim:
        found.add(world.alter("instance", shown=instance.claim))
    if world.cluster.live_migration:
        ended = world.alter("cluster", live_migration=False)
        running = instance.alive and world.qemu.alive
        found |= {ended, _migrated(ended)} if running else {ended}
    if instance.alive and not world.qemu.alive:
        found.add(world.alter("instance", alive=False))
    if world.qemu.alive and not instance.alive:
        found.add(_guest_gone(world))
    if not instance.alive and not world.qemu.alive and world.admits_restart():
        found.add(_restarted(world))
    if world.waits_for_restart() and instance.number == 1:
        found.add(_restarted(world))
    return found


def _guest_gone(world):
    """The launcher goes with it, and all that was mounted there."""
    return world.change(qemu=Qemu(alive=False, top=world.qemu.top))


def _migrated(world):
    """The target opens what the instance names."""
    return world.start_guest(world.instance.claim)


def _restarted(world):
    """A new instance is made from the virtual machine."""
    claim, number = world.machine.claim, world.instance.number + 1
    return world.start_guest(
        claim,
        number=number,
        claim=claim,
        shown=claim,
        fence=None,
        migrated=False,
        alive=True,
    )


def _copier(world):
    copying, found = world.copying, set()
    if copying.job == "running" and not copying.copier:
        here = world.alter("copying", copier="torn" if copying.leftover else "running")
        found.add(here.alter("images", destination=False, whole=False))
    if copying.job == "running" and copying.copier:
        whole = copying.copier == "running" and not copying.leftover
        here = world.alter("copying", job="complete", copier="")
        found.add(here.alter("images", destination=world.images.source, whole=whole))
    if copying.leftover:
        here = world.alter("copying", leftover=False)
        found.add(here.alter("images", destination=False, whole=False))
    return found


def _jobs(world):
    """A mirror or a commit becomes ready, or a mirror onto a broken destination ends."""
    qemu, images = world.qemu, world.images
    if not qemu.alive:
        return set()
    if qemu.job in MIRRORS and world.broken:
        return {world.alter("qemu", job=Job.NONE)}
    if qemu.job is Job.MIRROR:
        latest = images.overlay is Content.LATEST
        untouched = images.overlay is Content.EMPTY and images.destination
        here = world.alter("qemu", job=Job.MIRROR_READY)
        return {here.alter("images", destination=latest or untouched)}
    if qemu.job is Job.COMMIT:
        return {world.alter("qemu", job=Job.COMMIT_READY)}
    return set()


# What the user and others may do.


def cancels(world):
    return set() if world.migration.cancel else {world.alter("migration", cancel=True)}


def lets_go(world):
    return {world.alter("migration", hold=False)} if world.migration.hold else set()


def deletes_migration(world):
    migration = world.migration
    if migration.deleting:
        return set()
    return {world.alter("migration", deleting=True, gone=not migration.finalizer)}


def deletes_switch(world):
    switch = world.switch
    if switch is None or switch.deleting or world.cluster.switches > 1:
        return set()
    return {_delete_switch(world)}


def migrates_live(world):
    """A live migration is asked for, and opens what the instance names unless it is refused."""
    free = world.admits_live_migration() and not world.cluster.live_migration
    once = world.cluster.launcher == 1
    return {world.alter("cluster", live_migration=True)} if free and once else set()


# Accidents.


def copy_fails(world):
    """For good: the Job gives up."""
    if world.copying.job != "running":
        return set()
    return {world.alter("copying", job="failed", copier="").fault()}


def copier_dies(world):
    """The Job starts another one."""
    if not world.copying.copier:
        return set()
    return {world.alter("copying", copier="").fault()}


def mirror_breaks_off(world):
    if world.qemu.job not in MIRRORS:
        return set()
    return {world.alter("qemu", job=Job.NONE).fault()}


def commit_breaks_off(world):
    if world.qemu.job not in COMMITS:
        return set()
    return {world.alter("qemu", job=Job.NONE).fault()}


def destination_breaks(world):
    """Its storage fails for good, before the guest is on it."""
    early = world.qemu.top is Top.OVERLAY and world.order is not Order.SOURCE
    if world.broken or not early:
        return set()
    return {world.change(broken=True).fault()}


def holder_is_lost(world):
    """The node's kubelet evicted it, or the node was short of memory."""
    if world.cluster.holder != "running":
        return set()
    return {world.alter("cluster", holder="deleting").fault()}


def guest_is_lost(world):
    """QEMU ends before KubeVirt notices, or KubeVirt gives the instance up before QEMU ends."""
    if not world.qemu.alive or not world.instance.alive:
        return set()
    return {_guest_gone(world).fault(), world.alter("instance", alive=False).fault()}


def lock_is_taken_off(world):
    """Somebody writes ``status.compute.locked`` himself."""
    if not world.locked or world.order is Order.NONE:
        return set()
    compute = dataclasses.replace(world.switch.compute, locked=False)
    here = world.alter("switch", compute=compute)
    return {here.change(tampered=True).fault()}


def journal_is_lost(world):
    if world.disk.record is None:
        return set()
    return {world.alter("disk", record=None).fault()}
