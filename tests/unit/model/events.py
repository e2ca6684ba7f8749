"""What everybody else does: the guest, KubeVirt, the copier, the user; and accidents."""

import dataclasses

from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Handover, Order, Top
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.volume_migration import CopyMethod, Trust, WhenStopped
from detour_operator.compute_side.guest import NODE_LOST
from unit.model.facts import Content, D, Qemu
from unit.model.world import World

MIRRORS = (Job.MIRROR, Job.MIRROR_READY)
COMMITS = (Job.COMMIT, Job.COMMIT_READY)
COPIED_BY_JOB = (CopyMethod.HOST_ASSISTED, CopyMethod.HYPERVISOR)


def guest_writes(world: World):
    """The guest is told that a new write is durable; only what QEMU writes to has it."""
    qemu, images = world.qemu, world.images
    if not qemu.alive:
        return world
    overlay = images.overlay
    mirrored = qemu.job is Job.MIRROR_READY and not (qemu.own and world.broken)
    if qemu.top is Top.OVERLAY:
        overlay = Content.LATEST
    elif overlay is Content.LATEST:
        overlay = Content.OLDER
    here = world.alter(
        "images",
        source=qemu.top is Top.SOURCE,
        overlay=overlay,
        # The mirror is synchronous: once it is ready, the destination has what the overlay has.
        destination=qemu.top is Top.DESTINATION or mirrored,
        whole=images.whole and (qemu.top is not Top.SOURCE or mirrored),
    )
    if qemu.own and qemu.job in MIRRORS and world.broken:
        here = here.alter("qemu", halted=True)
    if qemu.top is not Top.SOURCE:
        return here
    if world.made.snapshot:
        here = here.alter("made", torn=True)
    return here.alter("copying", copier="torn") if world.copying.copier else here


def fair(world: World):
    """What happens sooner or later by itself."""
    found = {guest_writes(world)}
    found |= _git(world) | _api(world) | _kubevirt(world) | _copier(world) | _jobs(world)
    found |= _storage(world)
    return found - {world}


def _git(world):
    """The commit that the condition HandedOver asks for."""
    if not world.admits_declaration():
        return set()
    live = world.switch.compute.handover is Handover.WAITING
    strategy = "Migration" if live else world.machine.strategy
    return {world.alter("machine", claim=D, strategy=strategy)}


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
    if cluster.holder == "deleting" and world.nodes.ends_pods:
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
    heard = not world.nodes.lost
    # Of a guest on a node that is not heard, KubeVirt knows what becomes of its pod.
    if instance.alive and (not world.qemu.alive if heard else not world.nodes.launcher):
        found.add(world.alter("instance", alive=False))
    if world.qemu.alive and not instance.alive and heard:
        found.add(_guest_gone(world))
    down = not instance.alive and not world.qemu.alive
    if down and not world.machine.halted and world.admits_restart():
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
        there=True,
    )


def _storage(world):
    """Snapshots are taken, claims are made; what is deleted goes once nothing uses it."""
    made, found = world.made, set()
    if made.going:
        found.add(world.alter("made", snapshot="", of=("", ""), torn=False, going=False))
    if made.snapshot == "taking":
        found.add(world.alter("made", snapshot="ready"))
    if made.leaving and not world.copying.alive and not world.cluster.holder:
        gone = world.alter("made", source="", token="", bound=False, leaving=False, overdue=False)
        gone = gone.alter("images", destination=False, whole=False)
        found.add(gone.alter("cluster", destination=False))
    elif made.leaving:
        found.add(world.alter("made", overdue=True))
    ready = made.source.startswith("Persistent") or made.snapshot == "ready"
    wanted = made.source and not made.bound and not made.refused and not made.leaving
    if wanted and ready and not made.lacks_its_source:
        torn = made.torn and made.source.startswith("VolumeSnapshot")
        here = world.alter("made", bound=True)
        latest = world.images.source and not torn
        found.add(here.alter("images", destination=latest, whole=not torn))
    return found


def _copier(world):
    if world.copying.method not in COPIED_BY_JOB:
        return _checker(world)
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


def _checker(world):
    """Its pod starts where the claim can be had, and reads nothing but how large the image is."""
    copying = world.copying
    if copying.leftover:
        return {world.alter("copying", leftover=False)}
    if copying.job != "running":
        return set()
    if copying.copier:
        return {world.alter("copying", job="complete", copier="")}
    return {world.alter("copying", copier="running")} if world.made.bound else set()


def _jobs(world):
    """A mirror or a commit becomes ready, or a mirror onto a broken destination ends."""
    qemu, images = world.qemu, world.images
    if not qemu.alive:
        return set()
    if qemu.own:
        return _own_copy(world)
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


def _own_copy(world):
    """QEMU's own copy gets on; an error stops it and does not end it."""
    qemu = world.qemu
    if qemu.job in MIRRORS and world.broken:
        return {world.alter("qemu", halted=True)}
    if qemu.job is not Job.MIRROR:
        return set()
    here = world.alter("qemu", job=Job.MIRROR_READY)
    return {here.alter("images", destination=True, whole=True)}


# What the user and others may do.


def cancels(world):
    return set() if world.migration.cancel else {world.alter("migration", cancel=True)}


def holds(world):
    """The user wants to wait after the copy, all of a sudden."""
    return set() if world.migration.hold else {world.alter("migration", hold=True)}


def finishes(world):
    """The user would rather have the guest wait for the end of the move, all of a sudden."""
    return _changed(world, WhenStopped.FINISH)


def gives_up(world):
    return _changed(world, WhenStopped.CANCEL)


def _changed(world, when):
    same = world.migration.when_stopped is when
    return set() if same else {world.alter("migration", when_stopped=when)}


def lets_go(world):
    return {world.alter("migration", hold=False)} if world.migration.hold else set()


def decides(world):
    """A person answers a stop, and knows which image the guest wrote to last."""
    reason = unanswered(world)
    if not reason or (reason == NODE_LOST and world.nodes.first != "off"):
        return set()  # nobody says of a node that may still run the guest that it does not
    return {_answered(world, Trust(world.qemu.top.value))}


def gives_cut_nodes_overlay_up(world):
    """A person answers that the source is all there is left, of a node that is only cut off.

    It is not acted upon while KubeVirt has not given the instance up.
    """
    lost = unanswered(world) == NODE_LOST and world.nodes.first == "cut"
    if not lost or not world.instance.alive:
        return set()
    return {_answered(world, Trust.SOURCE)}


def unanswered(world):
    """The reason of the stop that waits for an answer; empty if none does."""
    switch = world.switch
    if switch is None or switch.stop in (None, world.migration.answered_stop):
        return ""
    told = find(switch.conditions, SwitchCondition.STALLED)
    return told.reason if told is not None and told.status is Status.TRUE else ""


def _answered(world, trust):
    return world.alter("migration", trust=trust, answered_stop=world.switch.stop)


def gives_node_up(world):
    """Somebody switches the node off, sees that it is, and taints it out-of-service."""
    nodes = world.nodes
    if nodes.first != "off" or nodes.given_up:
        return set()
    return {world.alter("nodes", given_up=True)}


def gives_cut_node_up(world):
    """The same of a node that is only cut off: what nobody may do."""
    nodes = world.nodes
    if nodes.first != "cut" or nodes.given_up:
        return set()
    return {world.alter("nodes", given_up=True)}


def starts(world):
    """Of a machine that was stopped; the lock refuses it."""
    if not world.machine.halted or not world.admits_restart():
        return set()
    return {world.alter("machine", halted=False)}


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


def snapshot_fails(world):
    if world.made.snapshot != "taking":
        return set()
    return {world.alter("made", snapshot="failing").fault()}


def driver_refuses(world):
    """To make a claim from a snapshot or another claim."""
    if not world.made.source or world.made.bound or world.made.refused:
        return set()
    return {world.alter("made", refused=True).fault()}


def claim_is_replaced(world):
    """Somebody deletes the claim that nothing holds and the lock does not know, and makes another.

    With a file system on it that has some image of that size.
    """
    made, unknown = world.made, world.switch is None or not world.switch.named
    if not made.source or made.foreign or world.copying.alive or not unknown:
        return set()
    number = made.claims + 1
    here = world.alter(
        "made", claims=number, source="", token="", foreign=True, bound=True, refused=False,
        leaving=False, overdue=False,
    )  # fmt: skip
    return {here.alter("images", destination=False, whole=False).fault()}


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
    used = world.qemu.top is Top.OVERLAY or (world.qemu.own and world.qemu.job in MIRRORS)
    early = used and world.order is not Order.SOURCE
    if world.broken or not early:
        return set()
    return {world.change(broken=True).fault()}


def overlay_fills(world):
    """The guest writes more than there is room for, or others take the room."""
    if world.disk.full or world.qemu.top is not Top.OVERLAY:
        return set()
    return {world.alter("disk", full=True).fault()}


def overlay_has_room(world):
    return {world.alter("disk", full=False).fault()} if world.disk.full else set()


def time_passes(world):
    """All limits of time are over for what was ordered until now."""
    return set() if world.cluster.late else {world.alter("cluster", late=True).fault()}


def holder_is_lost(world):
    """The node's kubelet evicted it, or the node was short of memory."""
    running = world.cluster.holder == "running"
    here = {world.alter("cluster", holder="deleting").fault()} if running else set()
    return here | finisher_is_lost(world)


def finisher_is_lost(world):
    """In the same ways."""
    return {world.alter("cluster", finisher="").fault()} if world.cluster.finisher else set()


def guest_is_lost(world):
    """QEMU ends before KubeVirt notices, or KubeVirt gives the instance up before QEMU ends."""
    if not world.qemu.alive or not world.instance.alive:
        return set()
    return {_guest_gone(world).fault(), world.alter("instance", alive=False).fault()}


def power_fails(world):
    """Of a node that is heard: no guest is left there."""
    down = not world.qemu.alive or world.nodes.lost
    return set() if down else {_guest_gone(world).fault()}


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


def node_is_lost(world):
    """It is cut off, and may be switched off then; what was on its way to its agent is lost."""
    nodes = world.nodes
    begun = world.order is not Order.NONE and not world.switch.ended
    if nodes.first == "heard" and begun and world.told is not None and world.told.node == "n":
        return {world.alter("nodes", first="cut", stale=world.told).fault()}
    return set()


def node_is_lost_first(world):
    """And never again: a taint that is left on a node that came back counts for its next loss."""
    return set() if world.faults else node_is_lost(world)


def node_goes_off(world):
    if world.nodes.first != "cut":
        return set()
    return {_guest_gone(world).alter("nodes", first="off")}


def node_returns(world):
    """The same guest still runs if it was only cut off, unless its pod was given up meanwhile.

    An agent of a node whose move was handed over may come back with what it was told before.
    """
    nodes = world.nodes
    if not nodes.lost:
        return set()
    handed = world.told is None or world.told.node != "n"
    if handed:
        return {world.alter("nodes", first="back")}
    here = world.alter("nodes", first="heard", stale=None)
    return {here}


def kubevirt_gives_guest_up(world):
    """Somebody deletes the launcher pod of a node that is not heard by force."""
    if not world.nodes.lost or not world.nodes.launcher:
        return set()
    return {world.alter("nodes", launcher=False)}
