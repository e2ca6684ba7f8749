"""The node is lost and its overlay is on a claim: the move may be handed to another node.

Nothing of Detour's keeps the first node's QEMU from its images: that it has ended is a person's
word (the taint out-of-service, or ``spec.trust``), given of a node that is off. The model has such
a person, one who is wrong, and an operator that does not wait for anybody's word.
"""

import dataclasses
import functools

import pytest

from detour_crds.attachment_switch import Order, Position, Qemu, Stage
from detour_operator.compute_side import abandoning, cancelling, guest, stopped
from detour_operator.compute_side.observation import Pod
from detour_operator.compute_side.step import record
from unit.model import ends, events, families
from unit.model.explore import Family, explore
from unit.model.test_model import told
from unit.model.test_mutations import anew

WITHOUT_FINISHER = families.COMPLETE["the node is lost, and the finisher"]
HAND_OVER = families.COMPLETE["the node is lost"]
BY_FORCE = families.COMPLETE["the node is lost, its pod is deleted by force"]
ANSWERED = dataclasses.replace(BY_FORCE, wishes=(*BY_FORCE.wishes, events.decides))
LOST = "stopped: NodeLost"
WRITES_LOST = {"only_one_node_writes", "no_write_is_lost"}


def on_the_way(start, holds):
    """The earliest such world of a move that nothing befalls."""
    found = explore(Family(start, crashes=False)).fair
    there = [world for world in found if holds(world)]
    return max(there, key=lambda world: (len(ends.undisturbed(found, world)), repr(world)))


def frozen(world):
    return world.switch is not None and world.switch.position is Position.FROZEN


def merging(world):
    return world.order is Order.MIRRORED and world.stage is Stage.MIRROR


def switching(world):
    return world.order is Order.DESTINATION


def stops(world):
    """QEMU has just ended."""
    return next(here for here in events.guest_is_lost(world) if not here.qemu.alive)


def from_there(here, *wishes, crashes=False):
    """The node is lost at any moment from there on."""
    wishes = (*families.NODES, *wishes)
    return Family(here, wishes, families.LOST_NODE, faults=here.faults + 1, crashes=crashes)


WAYS = {
    "merging": lambda: on_the_way(families.ON_CLAIM, merging),
    "switching": lambda: on_the_way(families.ON_CLAIM, switching),
    "stopped, back": lambda: stops(on_the_way(families.GIVING_UP_ON_CLAIM, frozen)),
    "stopped, forth": lambda: stops(on_the_way(families.ON_CLAIM, merging)),
}
STOPPED = ("stopped, back", "stopped, forth")


@functools.cache
def start_of(way):
    return WAYS[way]()


def offences(family):
    """All there are: which is met first is not the same in each run."""
    return {name for name, _ in explore(family, anew()).offences}


@pytest.fixture(scope="module")
def reached():
    return explore(HAND_OVER)


def handed(world):
    return world.switch is not None and world.switch.compute.node == "n2"


@pytest.mark.thorough
def test_no_write_is_lost_and_the_move_ends(reached):
    assert not reached.offences, told("the node is lost", reached.offences)
    stuck = ends.stuck(reached.fair)
    assert not stuck, f"{len(stuck)} of {len(reached.fair)}, as {stuck[0]}"
    assert any(handed(world) for world in reached.fair)


@pytest.mark.thorough
def test_both_ends_follow_a_hand_over_while_the_first_node_comes_back(reached):
    over = {world for world in reached.fair if handed(world)}
    assert {world.nodes.first for world in over} >= {"off", "back"}
    assert {world.stage for world in over} >= {Stage.OFFLINE_COMMIT, Stage.OFFLINE_FINISH}
    assert {world.stage for world in over} >= {Stage.CANCELLED, Stage.DONE}


@pytest.mark.thorough
def test_nobody_is_handed_anything_while_qemu_lives(reached):
    """The person of this family looks first; KubeVirt has given the instance up as well."""
    old = [world for world in reached.fair if handed(world) and not world.switch.ended]
    assert old
    assert not any(world.qemu.alive for world in old)


def goes_on(name, family):
    """No write is lost, the move ends, and nobody is asked for an overlay that was let go."""
    found = explore(family)
    assert not found.offences, told(name, found.offences)
    stuck = ends.stuck(found.fair)
    assert not stuck, f"{name}: {len(stuck)} of {len(found.fair)}, as {stuck[0]}"
    assert any(handed(world) for world in found.fair)
    assert "stopped: OverlayMissing" not in {ends.end_of(world) for world in found.fair}
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("way", STOPPED)
def test_what_a_stopped_guest_left_on_a_lost_node_is_merged_on_another(way):
    found = goes_on(way, from_there(start_of(way)))
    over = {world.stage for world in found.fair if handed(world)}
    forth = way == "stopped, forth"
    assert over >= {Stage.DONE if forth else Stage.CANCELLED}
    asked = {world.nodes.first for world in found.fair if ends.end_of(world) == LOST}
    assert asked >= {"cut", "off"}, "cut off, it may be merging; nobody but a person knows"


@pytest.mark.model
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("way", WAYS)
def test_operator_and_agents_may_die_at_any_effect(way):
    """Of both nodes: the one that is cut off leaves its pass where it likes, too."""
    goes_on(way, from_there(start_of(way), crashes=True))


@pytest.mark.model
@pytest.mark.timeout(1800)
def test_an_answer_instead_of_the_taint_loses_no_write():
    """Of one who knows that the node is off, and where the guest wrote last."""
    found = explore(ANSWERED)
    assert not found.offences, told("answered", found.offences)
    answers = {world.switch.trust for world in found.fair if handed(world)}
    assert len(answers) > 1, "some were handed over without an answer, some with one"


@pytest.mark.thorough
def test_the_taint_of_a_node_that_still_runs_the_guest_loses_writes():
    wrong = Family(
        families.ON_CLAIM,
        (events.gives_cut_node_up,),
        families.LOST_NODE,
        faults=1,
        crashes=False,
    )
    assert offences(wrong) >= WRITES_LOST


@pytest.mark.thorough
def test_an_operator_that_waits_for_nobodys_word_loses_writes(monkeypatch):
    """KubeVirt's own word is none: the pod of a node that is not heard may live."""
    monkeypatch.setattr(abandoning, "_is_given_up", lambda seen: not seen.alive)
    assert offences(BY_FORCE) >= WRITES_LOST


@pytest.mark.thorough
@pytest.mark.parametrize("way", STOPPED)
def test_that_qemu_was_seen_gone_is_nobodys_word_either(monkeypatch, way):
    """A node that is only cut off goes on with its merge."""
    monkeypatch.setattr(abandoning, "_is_given_up", lambda seen: not seen.alive)
    assert offences(from_there(start_of(way))) >= {"only_one_node_writes"}


@pytest.mark.thorough
def test_an_operator_that_takes_the_lost_nodes_qemu_for_gone_unlocks_blindly(monkeypatch):
    """After the end was reached, where KubeVirt has given the instance up."""
    family = from_there(start_of("switching"), events.kubevirt_gives_guest_up)
    assert not offences(family)
    monkeypatch.setattr(guest, "certain", lambda _seen: None)
    assert "unlocked_blindly" in offences(family)


@pytest.mark.thorough
def test_a_hand_over_that_is_not_recorded_gets_stuck(monkeypatch):
    def forgetful(seen, reason, message, **changes):
        changes.pop("node", None)
        return record(seen, reason, message, **changes)

    monkeypatch.setattr(abandoning, "record", forgetful)
    assert ends.stuck(explore(HAND_OVER, anew()).fair)


@pytest.mark.thorough
def test_a_finisher_of_another_node_is_no_use_to_the_agent(monkeypatch):
    """The node comes back when the finisher is there and the hand-over is not recorded."""
    hold = stopped.hold

    def wherever(seen):
        if isinstance(seen.finisher, Pod):
            finisher = dataclasses.replace(seen.finisher, node=None)
            seen = dataclasses.replace(seen, finisher=finisher)
        return hold(seen)

    monkeypatch.setattr(stopped, "hold", wherever)
    assert cancelling.stopped is stopped
    assert ends.stuck(explore(HAND_OVER, anew()).fair)


@pytest.mark.thorough
def test_the_finisher_of_the_other_node_may_be_lost_as_well():
    goes_on("the node is lost, and the finisher", WITHOUT_FINISHER)


@pytest.mark.thorough
def test_a_finisher_that_is_lost_before_its_nodes_agent_spoke_is_made_again(monkeypatch):
    """Without it that agent sees no journal, and the lost node's told no end of QEMU."""

    def gone(seen):
        return seen.switch.node is not None and seen.switch.node.qemu is Qemu.GONE

    monkeypatch.setattr(guest, "qemu_is_gone", gone)
    assert ends.stuck(explore(WITHOUT_FINISHER, anew()).fair)


@pytest.mark.thorough
def test_that_nothing_was_begun_is_nothing_that_a_lost_node_has_told(monkeypatch):
    ended = (*stopped.NOT_BEGUN, *stopped.ENDED)
    monkeypatch.setattr(stopped, "nothing_to_finish", lambda _seen, node: node.stage in ended)
    assert ends.stuck(explore(WITHOUT_FINISHER, anew()).fair)
