"""The three parts, each with its real decision, and the passes they may take."""

import dataclasses
from collections.abc import Callable

from detour_agent.domain.decisions import decide as agent_decides
from detour_operator.compute_side.decisions import decide as compute_decides
from detour_operator.storage_side.decisions import decide as storage_decides
from unit.model import agent, compute, storage
from unit.model.world import OWN, Late, World


@dataclasses.dataclass(frozen=True)
class Parts:
    """The decisions; a mutation replaces one of them."""

    storage: Callable = storage_decides
    compute: Callable = compute_decides
    agent: Callable = agent_decides


REAL = Parts()
LOOK_AGAIN_SECONDS = 5
"""The API is not asked about one migration more often, but to see what came of a write."""
WRITERS = {"storage": storage, "compute": compute}


@dataclasses.dataclass(frozen=True)
class Step:
    """One durable effect: what it was, and the worlds before and after it."""

    what: object
    before: World
    after: World
    late: bool = False


def operator_writes(parts, world: World):
    """The pending writes of a pass of each side."""
    found = {}
    if not world.migration.gone:
        found["storage"] = storage.writes(world, LOOKS["storage"](parts, world))
    if world.switch is not None:
        found["compute"] = compute.writes(world, LOOKS["compute"](parts, world))
    return found


def hurries(parts, side, world: World):
    """Whether a pass is followed by another within five seconds, whatever else happens."""
    decision, _ = LOOKS[side](parts, world)
    return decision.after is not None and decision.after < LOOK_AGAIN_SECONDS


LOOKS = {
    "storage": lambda parts, world: storage.look(parts.storage, world),
    "compute": lambda parts, world: compute.decided(parts.compute, world),
}


def carried_out(side, world: World, writes):
    """Effect by effect: a crash may follow each. What is refused ends the pass."""
    steps = []
    for _, what in writes:
        after = WRITERS[side].write(world, what)
        if after is None:
            break
        steps.append(Step(what, world, after))
        world = after
    return steps


def stalled(side, world: World, writes):
    """The pass stops before one of its writes, which is sent later, maybe by then to no avail."""
    found = set()
    for sent in range(len(writes)):
        steps = carried_out(side, world, writes[:sent])
        if len(steps) < sent:
            break
        here = steps[-1].after if steps else world
        found.add(here.change(late=Late(side, tuple(writes[sent:]))))
    return found


def glimpsed(side, world: World):
    """An operator has read its own object and stops; everything else it reads later."""
    return world.change(late=Late(side, look=getattr(world, OWN[side])))


def _looked(parts, world: World):
    """It reads the rest and decides; what tests its own object is sent only if that is the same.

    The compute side reads its own object again before it acts, and acts only on the same one.
    """
    late = world.late
    own = OWN[late.side]
    seen = dataclasses.replace(world, **{own: late.look})
    writes = []
    for on, what in operator_writes(parts, seen)[late.side]:
        if not late.fresh and (on == own or late.side == "compute"):
            break
        writes.append((on, what))
    after = world.change(late=Late(late.side, tuple(writes)) if writes else None)
    return Step(None, world, after, late=True)


def woken(parts, world: World):
    """What the late pass does next, if there is one."""
    late = world.late
    if late is None:
        return None
    if late.look is not None:
        return _looked(parts, world)
    (_, what), rest = late.writes[0], late.writes[1:]
    alone = world.change(late=None)
    after = WRITERS[late.side].write(alone, what)
    if after is None:
        return Step(None, world, alone, late=True)
    left = Late(late.side, rest) if rest else None
    return Step(what, world, after.change(late=left), late=True)


def agent_passes(parts, world: World):
    """Row and steps of the agent's pass in each mood; none while there is nothing asked.

    What is not seen to be done under ``told`` is the business of the agent that was cut off.
    """
    nodes = world.nodes
    if world.switch is None or world.told is None or not world.told.node:
        return []
    if nodes.lost and world.told.node == "n":
        return []
    found = []
    for mood in agent.MOODS:
        trace = agent.look(world, parts.agent, mood)
        found.append((trace.row, mood, trace.effects))
    return found


def strays(parts, world: World, *, crashes=False):
    """The worlds that passes of the first node's agent leave which is not heard, or comes late."""
    nodes = world.nodes
    if world.switch is None or nodes.stale is None or not nodes.stale.node:
        return []
    if nodes.first == "cut":
        moods = agent.MOODS if crashes else ("patient",)
        traces = [agent.look_cut_off(world, parts.agent, mood) for mood in moods]
        # What nobody hears may be on its way while another node's agent does the same.
        given_away = world.switch.compute.node != "n"
        left = agent.harmless if given_away else agent.unheard
        kept = slice(None) if crashes else slice(-1, None)
        return [after for trace in traces for after in left(world, trace.effects)[kept]]
    if nodes.first != "back":
        return []
    looks = [agent.look_back(world, parts.agent, mood) for mood in agent.MOODS]
    return [after for trace in looks for after in agent.harmless(world, trace.effects)]
