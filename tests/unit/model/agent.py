"""What a pass of the node agent does to the world, effect by effect."""

import dataclasses

from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Stage, Top
from unit.model.facts import Content, D, Disk, Qemu, S
from unit.model.node import trace
from unit.model.world import World

MOODS = ("patient", "new", "deaf")


def look(world: World, decide, mood):
    """The real agent's pass in this world, on the node that the switch names."""
    told, nodes = world.told, world.nodes
    elsewhere = told.node == "n2"
    recorded = told.holder_pod
    uid = recorded.uid if recorded else None
    running = world.cluster.holder == "running" and uid == f"holder-{world.cluster.holders}"
    launcher = f"launcher-{world.cluster.launcher}"
    # There has never been a guest on the other node, and only the finisher has the volume there.
    qemu = Qemu(alive=False, top=world.qemu.top) if elsewhere else world.qemu
    finisher = _finisher(world) if not nodes.claimed or nodes.finisher == told.node else ()
    disk = dataclasses.replace(world.disk, mounted=not elsewhere or bool(finisher))
    return trace(
        decide, mood, told, world.switch, disk, qemu, running and not elsewhere, launcher, finisher
    )


def look_cut_off(world: World, decide, mood):
    """The pass of an agent that nobody hears, by what it was told before.

    The finisher's containers on its node run on, whatever became of the pod in the API.
    """
    recorded = world.nodes.stale.holder_pod
    holder = recorded is not None and recorded.uid == f"holder-{world.cluster.holders}"
    launcher = f"launcher-{world.cluster.launcher}"
    return trace(
        decide, mood, world.nodes.stale, world.switch, world.disk, world.qemu, holder, launcher,
        _claims(world, world.nodes.stale.finisher_pod),
    )  # fmt: skip


def look_back(world: World, decide, mood):
    """The pass of an agent whose node was off and is back, and which has not heard yet.

    No pod of its node has the overlay's claim any more, so it sees neither overlay nor journal.
    """
    gone = Qemu(alive=False, top=world.qemu.top)
    unanswered = dataclasses.replace(world.switch, trust=None)  # a person answers later than that
    return trace(decide, mood, world.nodes.stale, unanswered, Disk(), gone, False, "", ())


def unheard(world: World, effects):
    """A pass whose report does not arrive: the node is cut off, or the policy refuses it."""
    return prefixes(world, [effect for effect in effects if effect.verb != "report"])


def harmless(world: World, effects):
    """A pass of one that is not to act any more: whatever it wrote would be an offence."""
    wrote = any(effect.verb != "report" for effect in effects)
    return [world.alter("nodes", clash=True)] if wrote else []


def _finisher(world):
    """What the finisher holds, if it is the one that is there."""
    recorded = world.told.finisher_pod
    there = recorded is not None and recorded.uid == world.cluster.finisher
    return _claims(world, recorded) if there else ()


def _claims(world, recorded):
    """The claims it holds, each with whether its image has all that is in the overlay."""
    if recorded is None or not recorded.uid:
        return ()
    if world.switch.mirror:
        images = world.images
        same = images.source and images.destination and images.whole
        there = (S,) if world.broken else (S, D)
        return tuple((claim, same) for claim in there if claim in recorded.uid.split(","))
    has = {S: world.images.source, D: world.images.destination}
    empty, latest = (world.images.overlay is kind for kind in (Content.EMPTY, Content.LATEST))
    claims = [claim for claim in recorded.uid.split(",") if claim in has]
    held = [claim for claim in claims if claim == S or not world.broken]
    return tuple((claim, empty or (latest and has[claim])) for claim in held)


def prefixes(world: World, effects):
    """The worlds that a crash after each effect leaves behind; the last one is the whole pass."""
    found = []
    for effect in effects:
        world = EFFECTS[effect.verb](world, effect.value)
        found.append(world)
    return found


def daemon_dies(world: World, effects):
    """The libvirt daemon ends in its last call: QEMU did it, libvirt does not know."""
    split = {"snapshot", "pivot", "copy", "commit"}
    if not effects or effects[-1].verb not in split or world.qemu.stale:
        return None
    here = prefixes(world, effects)[-1]
    if here.qemu.job is not Job.NONE:
        return here.alter("qemu", unseen=True)
    open_still = here.qemu.top is Top.DESTINATION
    return here.alter("qemu", stale=True, source_open=open_still)


def _journal(world, record):
    here = world.alter("disk", record=record)
    ends = {Stage.DONE: Top.DESTINATION, Stage.CANCELLED: Top.SOURCE}
    if world.qemu.alive or record.stage not in ends:
        return here
    return here.alter("qemu", top=ends[record.stage])


def _create(world, name):
    if name in world.disk.overlays:
        return world
    here = world.alter("disk", overlays=(*world.disk.overlays, name))
    return here.alter("images", overlay=Content.EMPTY)


def _remove(world, _):
    here = world.alter("disk", overlays=())
    return here.alter("images", overlay=Content.ABSENT)


def _mount(world, _):
    return world.alter("qemu", mounted=True)


def _unmount(world, _):
    return world.alter("qemu", mounted=False)


def _snapshot(world, _):
    return world.alter("qemu", top=Top.OVERLAY)


def _copy(world, _):
    assert world.qemu.mounted
    return world.alter("qemu", job=Job.MIRROR, unseen=False)


def _abort(world, _):
    return world.alter("qemu", job=Job.NONE)


def _commit(world, _):
    """QEMU opens the base by its name, whatever that name means by now."""
    base = D if world.qemu.mounted else S
    here = world.alter("qemu", job=Job.COMMIT, base=base, unseen=False)
    return here.alter("images", whole=False)


def _pivot(world, _):
    assert world.qemu.job in (Job.MIRROR_READY, Job.COMMIT_READY)
    copy = world.qemu.job is Job.MIRROR_READY
    base = D if copy else world.qemu.base
    here = world
    if not copy:
        latest = world.images.has_all(Top.OVERLAY)
        here = here.alter("images", **{"source" if base == S else "destination": latest})
    top = Top.SOURCE if base == S else Top.DESTINATION
    return here.alter("qemu", job=Job.NONE, top=top, stale=False)


def _merge(world, claim):
    """Of a guest that is gone: what the overlay has goes onto a claim."""
    if world.qemu.alive:
        return world.alter("nodes", clash=True)
    content = world.images.overlay
    if content is Content.EMPTY:
        return world
    latest = content is Content.LATEST
    if claim == S:
        return world.alter("images", source=latest, whole=False)
    return world.alter("images", destination=latest)


def _close(world, _):
    return world.alter("qemu", source_open=False)


def _make(world, _):
    assert not world.qemu.own, "QEMU has it open"
    return world.alter("images", destination=False, whole=False)


def _show(world, _):
    return world.alter("qemu", shown=True)


def _mirror(world, _):
    """QEMU opens the destination by its own path; it may not take a write."""
    assert world.qemu.shown
    here = world.alter("qemu", job=Job.MIRROR, own=True, halted=False)
    return here.alter("images", destination=False, whole=False)


def _swap(world, _):
    """Ends only once both are the same; then QEMU opens what the path names."""
    if world.qemu.job is not Job.MIRROR_READY or world.qemu.halted:
        return world
    top = Top.DESTINATION if world.qemu.mounted else Top.SOURCE
    return world.alter("qemu", job=Job.NONE, top=top)


def _drop(world, _):
    """Ends at once, and QEMU opens what the path names all the same."""
    top = Top.DESTINATION if world.qemu.mounted else Top.SOURCE
    return world.alter("qemu", job=Job.NONE, top=top, halted=False)


def _close_own(world, _):
    assert world.qemu.job is Job.NONE
    return world.alter("qemu", own=False)


def _hide(world, _):
    return world.alter("qemu", shown=False)


def _report(world, node):
    return world.alter("switch", node=node)


EFFECTS = {
    "journal": _journal,
    "create": _create,
    "remove": _remove,
    "mount": _mount,
    "unmount": _unmount,
    "snapshot": _snapshot,
    "copy": _copy,
    "abort": _abort,
    "commit": _commit,
    "pivot": _pivot,
    "merge": _merge,
    "close": _close,
    "make": _make,
    "show": _show,
    "mirror": _mirror,
    "swap": _swap,
    "drop": _drop,
    "close own": _close_own,
    "hide": _hide,
    "report": _report,
}
