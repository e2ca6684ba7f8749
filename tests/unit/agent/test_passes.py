"""Whole moves through the real steps, with the agent dying at every effect in turn."""

import dataclasses

import pytest

from detour_agent.domain.journal import decode
from detour_agent.errors import InvariantBroken, NotYet, StepFailed, Unreachable
from detour_crds import stops
from detour_crds.attachment_switch import Node, Order, Qemu, Stage, Top
from detour_crds.volume_migration import Trust
from unit.agent.machine import DESTINATION, SOURCE, Agent, Machine, switch

TOKEN = switch().compute.token
FORWARD = (Order.OVERLAY, Order.MIRRORED, Order.DESTINATION)


def copy_is_done(machine: Machine) -> None:
    machine.destination = machine.source


def move(agent: Agent) -> Node:
    agent.reach(Order.OVERLAY)
    frozen = agent.machine.source
    copy_is_done(agent.machine)
    agent.reach(Order.MIRRORED)
    agent.reach(Order.DESTINATION)
    assert agent.machine.source == frozen
    return agent.settle()


def cancel_after(agent: Agent, reached: Order) -> Node:
    if reached is not Order.NONE:
        agent.reach(Order.OVERLAY)
        copy_is_done(agent.machine)
    if reached is Order.MIRRORED:
        agent.reach(Order.MIRRORED)
    agent.reach(Order.SOURCE)
    return agent.settle()


def effects_of(story) -> int:
    agent = Agent(Machine())
    story(agent)
    return 2 * len(agent.machine.effects)


def stop_after(agent: Agent, reached: Order, then: Order) -> Node:
    """The guest stops; the overlay alone has its last writes by then."""
    agent.reach(Order.OVERLAY)
    copy_is_done(agent.machine)
    if reached is Order.MIRRORED:
        agent.reach(Order.MIRRORED)
    agent.guest_stops()
    agent.reach(then)
    return agent.settle()


STORIES = {
    "move": move,
    "cancel on the overlay": lambda agent: cancel_after(agent, Order.OVERLAY),
    "stopped on the overlay, back": lambda a: stop_after(a, Order.OVERLAY, Order.SOURCE),
    "stopped at the mirror, back": lambda a: stop_after(a, Order.MIRRORED, Order.SOURCE),
    "stopped on the overlay, forward": lambda a: stop_after(a, Order.OVERLAY, Order.DESTINATION),
    "stopped at the mirror, forward": lambda a: stop_after(a, Order.MIRRORED, Order.DESTINATION),
    "cancel at the mirror": lambda agent: cancel_after(agent, Order.MIRRORED),
}
QUICK = ("move", "cancel at the mirror")
DEATHS = [
    pytest.param(name, number, marks=() if name in QUICK else pytest.mark.thorough)
    for name, story in STORIES.items()
    for number in range(effects_of(story))
]


@pytest.mark.parametrize(("name", "number"), DEATHS)
def test_the_agent_may_die_at_any_effect(name: str, number: int):
    machine = Machine(die_at=number)
    agent = Agent(machine)
    node = STORIES[name](agent)
    assert agent.deaths == 1
    assert machine.overlays == {}
    assert node.overlay is None
    assert node.stopped is None
    forward = name == "move" or name.endswith("forward")
    assert node.stage is (Stage.DONE if forward else Stage.CANCELLED)
    assert (machine.destination if forward else machine.source) == machine.writes
    if not machine.gone:
        at_the_end = (Top.DESTINATION, DESTINATION) if forward else (Top.SOURCE, SOURCE)
        assert (machine.top, machine.path) == at_the_end
        assert not machine.exposed, "nothing of ours is left in the launcher"


@pytest.mark.parametrize("ordered", [Order.NONE, Order.OVERLAY])
def test_an_overlay_that_cannot_be_looked_for_is_not_missing(ordered):
    """On the source's volume, when the guest that had it mounted is gone."""
    agent = Agent(Machine())
    if ordered is not Order.NONE:
        agent.reach(ordered)
    agent.machine.gone, agent.machine.unmounted = True, True
    for _ in range(3):
        agent.once()
    assert agent.switch.node.qemu is Qemu.GONE
    assert agent.switch.node.stopped is None


def test_cancel_before_anything_was_ordered():
    agent = Agent(Machine())
    node = cancel_after(agent, Order.NONE)
    assert agent.machine.top is Top.SOURCE
    assert node.reached is Order.SOURCE


def test_every_intent_is_written_before_its_effect():
    agent = Agent(Machine())
    move(agent)
    assert agent.machine.effects == [
        "journal none",
        "journal start",
        "create",
        "expose",
        "journal start",
        "snapshot",
        "flush",
        "journal overlay",
        "journal mirror",
        "journal mirror",
        "over-mount",
        "journal mirror",
        "copy",
        "journal pivot",
        "pivot",
        "journal done",
        "hide",
        "remove",
    ]


@pytest.mark.parametrize(
    "error", [StepFailed("MountFailed", "I/O error"), Unreachable("ProcessGone", "away")]
)
def test_the_source_is_on_its_volume_before_it_is_called_frozen(error):
    """A snapshot of the volume does not see what the page cache has."""
    machine = Machine(fail={"flush": error})
    agent = Agent(machine)
    agent.order(Order.OVERLAY)
    while machine.fail:
        agent.once()
    assert agent.machine.top is Top.OVERLAY
    assert agent.switch.node.reached is not Order.OVERLAY
    assert agent.switch.node.last_error.reason == error.reason
    agent.reach(Order.OVERLAY)
    assert machine.flushed == machine.source


def test_a_rebuilt_journal_does_not_say_frozen_before_the_source_is_on_its_volume():
    agent = Agent(Machine())
    agent.reach(Order.OVERLAY)
    agent.machine.journal, agent.machine.flushed = None, -1
    agent.once()
    assert agent.machine.journal is not None
    assert agent.machine.flushed == agent.machine.source


def test_what_was_begun_is_not_forgotten_with_the_journal():
    """Else a later pass took the source for whole, which lacks the guest's last writes."""
    agent = Agent(Machine())
    agent.reach(Order.OVERLAY)
    machine = agent.machine
    machine.gone, machine.journal = True, None
    machine.overlays.clear()
    agent.order(Order.SOURCE)
    for _ in range(4):
        agent.once()
        node = agent.switch.node
        assert node.stopped is not None
        assert node.stopped.reason == "JournalMissing"
        assert node.reached is not Order.SOURCE
        assert node.stage is Stage.OVERLAY


@pytest.mark.parametrize("gone", [False, True])
def test_a_promise_never_to_pivot_outlives_the_journal(gone):
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    agent.order(Order.MIRRORED)
    for _ in range(20):
        agent.once()
        machine.job = ""
    agent.order(Order.DESTINATION)
    while not agent.switch.node.refused:
        agent.once()
    machine.journal, machine.gone = None, gone
    before = list(machine.effects)
    for _ in range(6):
        agent.once()
        assert agent.switch.node.refused
    assert not {"copy", "pivot"} & set(machine.effects[len(before) :])
    if not gone:
        agent.reach(Order.SOURCE)
        agent.settle()
        assert machine.source == machine.writes


def test_a_journal_that_contradicts_the_guest_promises_nothing():
    """That it was cancelled is no person's decision where the guest runs on the overlay."""
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    copy_is_done(machine)
    machine.journal = machine.journal.replace('"overlay"', '"cancelled"', 1)
    agent.once()
    node = agent.switch.node
    assert (node.stopped.reason, node.refused) == ("ChainAgainstRecord", None)
    agent.answer("ChainAgainstRecord", Trust.OVERLAY)
    agent.reach(Order.MIRRORED)
    agent.reach(Order.DESTINATION)
    assert machine.destination == machine.writes


def lost_at_the_return() -> Agent:
    """Power fails when the return to the source is journalled, and not yet made."""
    agent = Agent(Machine())
    agent.reach(Order.OVERLAY)
    agent.order(Order.SOURCE)
    while decode(agent.machine.journal).stage is not Stage.COMMITPIVOT:
        agent.once()
    agent.machine.job = ""
    agent.machine.guest_writes()
    agent.guest_stops()
    return agent


@pytest.mark.parametrize(
    "earlier", [stops.of_guest("OverlayMissing", TOKEN), stops.of_lost_node(TOKEN, 1), None]
)
def test_what_an_earlier_stop_was_answered_drops_no_later_writes(earlier):
    """That the overlay was to be given up then says nothing of what the guest wrote since."""
    agent = lost_at_the_return()
    agent.switch = dataclasses.replace(agent.switch, trust=Trust.SOURCE, answered_stop=earlier)
    for _ in range(6):
        agent.once()
    assert agent.switch.node.stopped.reason == "AmbiguousCommit"
    agent.restart()
    agent.once()
    assert agent.switch.node.stopped.reason == "AmbiguousCommit"
    agent.answer("AmbiguousCommit", Trust.OVERLAY)
    agent.reach(Order.SOURCE)
    assert agent.machine.source == agent.machine.writes


def test_a_failed_start_is_tried_with_new_names_and_given_up():
    machine = Machine()
    agent = Agent(machine)
    agent.order(Order.OVERLAY)
    for _ in range(12):
        machine.fail["snapshot"] = StepFailed("StartFailed", "Duplicate nodes")
        agent.once()
    assert sorted(machine.overlays) == [f"overlay-11112222-1-{n}.qcow2" for n in (1, 2, 3)]
    node = agent.switch.node
    assert (node.stopped.reason, node.last_error.reason) == ("StartFailed", "StartFailed")
    assert agent.machine.top is Top.SOURCE
    machine.fail.clear()
    agent.reach(Order.SOURCE)
    agent.settle()
    assert machine.overlays == {}


def test_a_second_try_works_and_its_error_is_forgotten():
    machine = Machine(fail={"snapshot": StepFailed("StartFailed", "Duplicate nodes")})
    node = Agent(machine).reach(Order.OVERLAY)
    assert machine.top_overlay.endswith("-2.qcow2")
    assert node.last_error is None
    assert node.overlay.name == machine.top_overlay


def test_a_mirror_that_fails_is_tried_again_and_then_reported():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    agent.order(Order.MIRRORED)
    for _ in range(20):
        agent.once()
        machine.job = ""
    node = agent.switch.node
    assert node.last_error.reason == "DestinationFailed"
    assert node.reached is Order.OVERLAY
    assert machine.effects.count("copy") == 3
    agent.order(Order.DESTINATION)
    for _ in range(4):
        agent.once()
    assert agent.switch.node.refused
    agent.reach(Order.SOURCE)
    assert machine.source == machine.writes


def test_a_pivot_that_fails_is_retracted_before_anything_else():
    machine = Machine(fail={"pivot": NotYet("PivotFailed", "8")})
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    copy_is_done(machine)
    agent.reach(Order.MIRRORED)
    agent.order(Order.DESTINATION)
    while "pivot" not in machine.effects:
        agent.once()
    machine.job = ""
    agent.once()
    assert machine.effects[-1] == "journal mirror"
    agent.reach(Order.DESTINATION)
    assert machine.destination == machine.writes


def pivoted_with(held: list[str]) -> Agent:
    """The guest writes to the destination, but QEMU still has the source open."""
    agent = Agent(Machine())
    agent.reach(Order.OVERLAY)
    copy_is_done(agent.machine)
    agent.reach(Order.MIRRORED)
    agent.machine.held = held
    agent.order(Order.DESTINATION)
    while agent.machine.top is not Top.DESTINATION:
        agent.once()
    return agent


def test_a_source_that_qemu_does_not_let_go_is_asked_for_ever_later_and_shown():
    held = "libvirt-9-format"
    agent = pivoted_with([held])
    delays = []
    for _ in range(9):
        agent.machine.fail[f"delete {held}"] = StepFailed("NodeInUse", "it is in use")
        delays.append(agent.once())
    assert delays[-2:] == [30.0] * 2
    assert delays == sorted(delays)
    node = agent.switch.node
    assert (node.row, node.last_error.reason) == ("L19", "NodeInUse")
    assert node.reached is Order.MIRRORED
    agent.machine.fail.clear()
    node = agent.settle()
    assert (node.reached, node.last_error) == (Order.DESTINATION, None)


def test_what_qemu_does_let_go_is_followed_by_the_next_look_at_once():
    agent = pivoted_with(["libvirt-9-format", "libvirt-9-storage"])
    agent.machine.fail["delete libvirt-9-format"] = StepFailed("NodeInUse", "it is in use")
    while agent.machine.held:
        assert agent.once() == 0.0
    assert agent.settle().reached is Order.DESTINATION


def test_a_source_held_open_by_nothing_known_is_shown_too():
    agent = pivoted_with(["libvirt-9-format"])
    agent.machine._held_nodes = list
    delays = [agent.once() for _ in range(6)]
    assert all(delays[-4:])
    assert agent.switch.node.last_error.reason == "SourceHeldOpen"


def test_reports_are_few_and_say_only_what_is_new():
    agent = Agent(Machine())
    move(agent)
    written = len(agent.writes)
    assert written < 15
    for _ in range(5):
        agent.once()
    assert len(agent.writes) == written


def test_without_a_finisher_a_guest_that_is_gone_is_reported_and_nothing_is_touched():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    machine.gone = True
    before = list(machine.effects)
    for order in (Order.OVERLAY, Order.SOURCE, Order.DESTINATION):
        agent.order(order)
        agent.once()
        assert agent.switch.node.qemu is Qemu.GONE
        assert agent.switch.node.stage is Stage.OVERLAY
    assert machine.effects == before


START_EFFECTS = ("journal start", "create", "expose", "journal start", "snapshot")


@pytest.mark.parametrize("number", range(2 * len(START_EFFECTS)))
def test_a_guest_lost_in_the_start_misses_no_overlay_that_it_never_had(number: int):
    first = 2 * len(("journal none",))
    machine = Machine(die_at=first + number)
    agent = Agent(machine)
    agent.order(Order.OVERLAY)
    while not agent.deaths:
        agent.once()
    machine.gone = True
    machine.overlays.clear()
    agent.once()
    handed = number >= 2 * START_EFFECTS.index("snapshot") - 1
    node = agent.switch.node
    assert node.qemu is Qemu.GONE
    assert (node.stopped is not None) == handed


def test_a_guest_lost_before_the_second_try_misses_what_the_first_was_handed():
    machine = Machine(fail={"snapshot": StepFailed("StartFailed", "Duplicate nodes")})
    agent = Agent(machine)
    agent.order(Order.OVERLAY)
    while "snapshot" not in machine.effects:
        agent.once()
    machine.die_at = 2 * len(machine.effects) + 1
    agent.once()
    machine.gone = True
    machine.overlays.clear()
    agent.once()
    assert agent.switch.node.stopped.reason == "OverlayMissing"


@pytest.mark.parametrize("number", range(4))
def test_a_guest_lost_while_a_start_is_taken_back_misses_no_overlay(number: int):
    machine = Machine(fail={"snapshot": StepFailed("StartFailed", "Duplicate nodes")})
    agent = Agent(machine)
    agent.order(Order.OVERLAY)
    while "snapshot" not in machine.effects:
        agent.once()
    agent.order(Order.SOURCE)
    machine.die_at = 2 * len(machine.effects) + number
    while not agent.deaths:
        agent.once()
    machine.gone = True
    agent.once()
    assert agent.switch.node.stopped is None


def test_two_overlays_that_hold_data_stop_and_nothing_is_merged():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    agent.guest_stops()
    ours, before = decode(machine.journal), machine.source
    second = f"second-{ours.overlays[0]}"
    machine.overlays[second] = before + 1
    machine.write(dataclasses.replace(ours, overlays=(*ours.overlays, second)))
    agent.order(Order.SOURCE)
    for _ in range(4):
        agent.once()
    assert agent.switch.node.stopped.reason == "OverlayAmbiguous"
    assert machine.source == before
    del machine.overlays[second]
    agent.reach(Order.SOURCE)
    assert machine.source > before


def test_an_unreadable_journal_stops_and_touches_nothing():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    before = list(machine.effects)

    def read(_uid: str) -> None:
        raise InvariantBroken("JournalUnreadable", "not JSON")

    machine.read = read
    agent.order(Order.SOURCE)
    agent.once()
    assert agent.switch.node.stopped.reason == "JournalUnreadable"
    assert agent.switch.node.top is Top.UNKNOWN
    assert machine.effects == before


def test_libvirt_that_does_not_answer_is_unknown_and_nothing_is_touched():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    before = list(machine.effects)
    real = machine.report

    def report() -> None:
        raise Unreachable("LibvirtHangs", "no answer")

    machine.report = report
    agent.order(Order.SOURCE)
    agent.once()
    node = agent.switch.node
    assert (node.top, node.reached, node.row) == (Top.UNKNOWN, Order.OVERLAY, "U1")
    assert node.last_error.reason == "LibvirtHangs"
    assert machine.effects == before
    machine.report = real
    agent.reach(Order.SOURCE)


def test_a_lost_journal_is_rebuilt_on_the_overlay():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    machine.journal = None
    node = agent.reach(Order.SOURCE)
    assert node.stage is Stage.CANCELLED
    assert machine.source == machine.writes


def test_another_attempt_finds_the_old_one_under_way_and_stops():
    machine = Machine()
    agent = Agent(machine)
    agent.reach(Order.OVERLAY)
    compute = dataclasses.replace(agent.switch.compute, token="11112222-2", attempt=2)  # noqa: S106
    agent.switch = dataclasses.replace(agent.switch, compute=compute)
    agent.once()
    assert agent.switch.node.stopped.reason == "ChainAgainstRecord"
    assert agent.switch.node.reached is None


def test_the_inspection_refuses_and_nothing_is_written_on_the_node():
    machine = Machine()
    agent = Agent(machine)
    agent.once()
    assert agent.switch.node.inspection.reason == "Accepted"
    assert agent.switch.node.stage is Stage.NONE
    assert machine.effects == []
