"""What must hold in every world, and of every write when it arrives; ``None`` if it does."""

from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import (
    AttachmentSwitchStatus,
    Handover,
    Order,
    Position,
    Stage,
    Top,
)
from detour_crds.conditions import MigrationCondition, Status, SwitchCondition, find, is_true
from detour_operator.compute_side import actions
from unit.model.facts import CLAIM, TOP, D, S
from unit.model.world import World

MIRRORS = (Job.MIRROR, Job.MIRROR_READY)
COMMITS = (Job.COMMIT, Job.COMMIT_READY)


def broken(world: World):
    """The names of the invariants that do not hold in a world."""
    return [name for name, holds in INVARIANTS.items() if not holds(world)]


def no_write_is_lost(world):
    """The guest is on an image that the record names, and reads there all it was told is kept."""
    top = world.qemu.top
    known = world.stage is Stage.MISSING or top in world.candidates
    return known and world.images.has_all(top)


def frozen_source_is_not_written(world):
    if world.switch is None:
        return True
    if world.switch.compute.offline and world.instance.alive:
        return True  # row F1: somebody took the lock off; the next pass tells of it
    frozen = is_true(world.switch.conditions, SwitchCondition.SOURCE_FROZEN)
    return (
        not frozen
        or not world.qemu.alive
        or (world.qemu.top is not Top.SOURCE and world.qemu.job not in COMMITS)
    )


def destination_has_one_writer(world):
    """No copier runs beside a mirror, nor beside a guest that is on the destination."""
    used = world.qemu.job in MIRRORS or world.qemu.top is Top.DESTINATION
    forward = world.stage in (Stage.MIRROR, Stage.PIVOT, Stage.OFFLINE_FINISH, Stage.DONE)
    merging = forward and not goes_back(world)
    return not (world.copying.alive and (used or merging))


def goes_back(world):
    """For good: the destination is of no use any more."""
    switch = world.switch
    failed = switch is not None and switch.compute.handover is Handover.NOT_NEEDED
    return (
        failed
        or world.order is Order.SOURCE
        or (switch is not None and switch.wanted is Position.SOURCE)
    )


def a_destination_in_use_is_not_deleted(world):
    """Kubernetes keeps a claim for as long as pods use it, and then lets it go."""
    if not world.made.leaving:
        return True
    on_it = world.qemu.top is Top.DESTINATION or world.machine.claim == D
    forward = world.stage in (Stage.MIRROR, Stage.PIVOT, Stage.OFFLINE_FINISH, Stage.DONE)
    asked = world.switch is not None and world.switch.wanted is Position.DESTINATION
    return not (on_it or ((forward or asked) and not goes_back(world)))


def lets_nothing_open_the_wrong_image(world):
    """A live migration opens what the instance names, a restart what the machine names.

    Whoever takes the lock off himself is on his own until it is on again.
    """
    if world.tampered:
        return True
    if world.admits_live_migration() and world.instance.alive and not right(world, world.instance):
        return False
    return not world.admits_restart() or right(world, world.machine)


def right(world, named):
    """The claim it names holds everything, and a guest that runs is on it."""
    return world.qemu.top is TOP[named.claim] and world.images.has_all(world.qemu.top)


def kubevirt_does_not_move_the_volume(world):
    """It would, with the strategy Migration and another claim than it takes the instance for."""
    moves = world.machine.strategy == "Migration" and world.machine.claim != world.instance.shown
    return not (moves and world.instance.alive)


def a_stale_source_is_marked(world):
    """Before anybody may start from it again (recovery rule R10)."""
    moved = world.switch is not None and world.switch.position is Position.DESTINATION
    return not moved or world.cluster.superseded


def the_claim_of_the_disk_is_marked(world):
    """Or else the end cannot be told once the switch is gone."""
    moved = world.switch is not None and world.switch.position is Position.DESTINATION
    return not moved or world.cluster.filled


def an_end_is_true(world):
    """What is reported as the end is so."""
    ends = {Position.SOURCE: S, Position.DESTINATION: D}
    begun = world.switch is not None and world.order is not Order.NONE
    claim = ends.get(world.switch.position) if begun else None
    if claim and not (world.qemu.top is TOP[claim] and world.machine.claim == claim):
        return False
    told = find(world.migration.status.conditions, MigrationCondition.SUCCEEDED)
    if told is None:
        return True
    return world.machine.claim == (D if told.status is Status.TRUE else S)


def nothing_runs_when_it_is_over(world):
    ended = find(world.migration.status.conditions, MigrationCondition.SUCCEEDED)
    return not (ended and world.late is None and world.copying.alive)


def only_one_node_writes(world):
    """An image that a QEMU has open is never written to on another node."""
    return not world.nodes.clash


INVARIANTS = {
    check.__name__: check
    for check in (
        no_write_is_lost,
        frozen_source_is_not_written,
        destination_has_one_writer,
        a_destination_in_use_is_not_deleted,
        lets_nothing_open_the_wrong_image,
        kubevirt_does_not_move_the_volume,
        a_stale_source_is_marked,
        the_claim_of_the_disk_is_marked,
        an_end_is_true,
        nothing_runs_when_it_is_over,
        only_one_node_writes,
    )
}


def wrong_step(step):
    """The names of the rules that a write breaks when it arrives."""
    if isinstance(step.what, AttachmentSwitchStatus):
        names = [name for name, holds in WRITES.items() if not holds(step.before, step.after)]
        return names if step.late else names + unlocked_blindly(step)
    if isinstance(step.what, actions.HandInstance) and step.what.new == D:
        begun = step.before.order in (Order.MIRRORED, Order.DESTINATION)
        return [] if begun else ["instance_is_handed_over_in_time"]
    return []


def unlocked_blindly(step):
    """With an order given, no lock comes off while an old QEMU could be beside a new one.

    Of a fresh look alone: that the guest may be lost right after it is KubeVirt's to bear.
    """
    before, after = step.before, step.after
    off = before.locked and not after.locked and before.order is not Order.NONE
    waited = before.switch.position is Position.DESTINATION
    certain = before.instance.alive or not before.qemu.alive or waited
    return ["unlocked_blindly"] if off and not certain else []


def orders_follow_one_another(before, after):
    """Nothing follows Source, and Destination is left only by the promise never to pivot."""
    if before.order is after.order:
        return True
    refused = before.switch.report.refused is True
    begins = Order.MIRRORED if before.switch.mirror else Order.OVERLAY
    offline = (Order.DESTINATION,) if before.switch.compute.offline else (begins,)
    stopped = () if before.instance.alive else (Order.DESTINATION,)
    allowed = {
        Order.NONE: offline,
        Order.OVERLAY: (Order.MIRRORED, Order.SOURCE, *stopped),
        Order.MIRRORED: (Order.DESTINATION, Order.SOURCE),
        Order.DESTINATION: (Order.SOURCE,) if refused else (),
        Order.SOURCE: (),
    }
    return after.order in allowed[before.order]


def order_needs_the_lock(before, after):
    if before.order is after.order or before.order is not Order.NONE:
        return True
    proven = before.locked and before.switch.compute.lock_proven and before.cluster.heard
    quiet = not before.cluster.live_migration and before.machine.strategy == ""
    return bool(proven) and (quiet or bool(before.switch.compute.offline))


def order_destination_needs_the_instance(before, after):
    if before.order is after.order or after.order is not Order.DESTINATION:
        return True
    left = before.switch.compute.handover is Handover.NOT_PERMITTED
    handed = before.instance.claim == D and not before.instance.migrated
    asked = before.switch.wanted is Position.DESTINATION
    return asked and (left or handed or not before.instance.alive)


def order_source_needs_the_instance(before, after):
    if before.order is after.order or after.order is not Order.SOURCE:
        return True
    instance = before.instance
    back = instance.claim == S and not instance.migrated and instance.fence is None
    return back or not instance.alive


def lock_comes_off_last(before, after):
    if not before.locked or after.locked:
        return True
    instance, claim = before.instance, CLAIM.get(before.qemu.top)
    closed = instance.fence is None and not instance.migrated and instance.claim == claim
    return before.machine.claim == claim and (closed or not instance.alive)


WRITES = {
    check.__name__: check
    for check in (
        orders_follow_one_another,
        order_needs_the_lock,
        order_destination_needs_the_instance,
        order_source_needs_the_instance,
        lock_comes_off_last,
    )
}
