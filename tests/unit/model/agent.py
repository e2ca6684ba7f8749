"""What a pass of the node agent does to the world, effect by effect."""

from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Top
from unit.model.facts import Content, D, S
from unit.model.node import trace
from unit.model.world import World

MOODS = ("patient", "new", "deaf")


def look(world: World, decide, mood):
    """The real agent's pass in this world."""
    recorded = world.told.holder_pod
    uid = recorded.uid if recorded else None
    holder = world.cluster.holder == "running" and uid == f"holder-{world.cluster.holders}"
    launcher = f"launcher-{world.cluster.launcher}"
    return trace(decide, mood, world.told, world.switch, world.disk, world.qemu, holder, launcher)


def prefixes(world: World, effects):
    """The worlds that a crash after each effect leaves behind; the last one is the whole pass."""
    found = []
    for effect in effects:
        world = EFFECTS[effect.verb](world, effect.value)
        found.append(world)
    return found


def daemon_dies(world: World, effects):
    """The libvirt daemon ends in its last call: QEMU did it, libvirt does not know."""
    split = {"snapshot", "pivot"}
    if not effects or effects[-1].verb not in split or world.qemu.stale:
        return None
    here = prefixes(world, effects)[-1]
    open_still = here.qemu.top is Top.DESTINATION
    return here.alter("qemu", stale=True, source_open=open_still)


def _journal(world, record):
    return world.alter("disk", record=record)


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
    return world.alter("qemu", job=Job.MIRROR)


def _abort(world, _):
    return world.alter("qemu", job=Job.NONE)


def _commit(world, _):
    """QEMU opens the base by its name, whatever that name means by now."""
    base = D if world.qemu.mounted else S
    here = world.alter("qemu", job=Job.COMMIT, base=base)
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


def _close(world, _):
    return world.alter("qemu", source_open=False)


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
    "close": _close,
    "report": _report,
}
