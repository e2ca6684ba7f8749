"""Moves by QEMU's own copy through the real steps, with the agent dying at every effect."""

import dataclasses

import pytest

from detour_agent.adapters.monitor_mirror import NEEDED, check_offered
from detour_agent.domain.journal import decode
from detour_agent.domain.ports import CopyTarget
from detour_agent.domain.rows import direct
from detour_agent.domain.situation import Job, PathImage, Target
from detour_agent.domain.step import Action
from detour_agent.errors import StepFailed
from detour_crds.attachment_switch import Node, Order, Qemu, Stage, Top
from detour_crds.volume_migration import Trust
from unit.agent import situations
from unit.agent.direct_machine import FORWARD, DirectAgent, DirectMachine
from unit.agent.machine import DESTINATION, SOURCE


def move(agent: DirectAgent) -> Node:
    for order in FORWARD:
        agent.reach(order)
    return agent.settle()


def cancelled(agent: DirectAgent, reached: Order) -> Node:
    if reached is not Order.NONE:
        agent.reach(reached)
    agent.reach(Order.SOURCE)
    return agent.settle()


def cancelled_amid(agent: DirectAgent) -> Node:
    agent.copies = False
    agent.order(Order.MIRRORED)
    for _ in range(10):
        agent.once()
    return cancelled(agent, Order.NONE)


def stopped(agent: DirectAgent) -> Node:
    agent.reach(Order.MIRRORED)
    agent.guest_stops()
    return cancelled(agent, Order.NONE)


STORIES = {
    "move": move,
    "cancel when ready": lambda agent: cancelled(agent, Order.MIRRORED),
    "cancel amid the copy": cancelled_amid,
    "the guest stops": stopped,
}


def effects_of(story) -> int:
    agent = DirectAgent(DirectMachine())
    story(agent)
    return 2 * len(agent.machine.effects)


DEATHS = [(name, number) for name, story in STORIES.items() for number in range(effects_of(story))]


@pytest.mark.parametrize(("name", "number"), DEATHS)
def test_the_agent_may_die_at_any_effect(name: str, number: int):
    machine = DirectMachine(die_at=number)
    agent = DirectAgent(machine)
    node = STORIES[name](agent)
    assert agent.deaths == 1
    assert node.stopped is None
    forward = name == "move"
    assert node.stage is (Stage.DONE if forward else Stage.CANCELLED)
    assert machine.holds == machine.writes
    if not machine.gone:
        there = (Top.DESTINATION, DESTINATION) if forward else (Top.SOURCE, SOURCE)
        assert (machine.top, machine.path) == there
        assert (machine.shown, machine.nodes, machine.job) == (False, False, "")


def test_every_intent_is_written_before_its_effect():
    agent = DirectAgent(DirectMachine())
    move(agent)
    assert agent.machine.effects == [
        "journal none",
        "journal mirror",
        "make",
        "journal mirror",
        "show",
        "journal mirror",
        "mirror",
        "journal pivot",
        "journal pivot",
        "over-mount",
        "swap",
        "journal done",
        "delete",
        "hide",
    ]
    assert agent.machine.rates == [1 << 20]


def test_a_destination_that_takes_no_write_is_refused_and_the_guest_stays():
    agent = DirectAgent(DirectMachine(failing=True))
    agent.order(Order.MIRRORED)
    for _ in range(12):
        agent.once()
    assert agent.switch.node.last_error.reason == "DestinationFailed"
    assert agent.switch.node.reached is Order.NONE
    cancelled(agent, Order.NONE)
    assert agent.machine.holds == agent.machine.writes


QEMU_7_2 = (
    "blockdev-add", "blockdev-mirror", "blockdev-reopen", "block-job-cancel", "blockdev-del",
    "query-block", "device_add",
)  # fmt: skip


@pytest.mark.parametrize("taken_out", sorted(NEEDED))
def test_a_qemu_that_lacks_a_command_is_refused_by_name(taken_out):
    check_offered(QEMU_7_2)
    with pytest.raises(StepFailed, match=taken_out) as refused:
        check_offered(command for command in QEMU_7_2 if command != taken_out)
    assert refused.value.reason == "QemuTooNew"


@dataclasses.dataclass
class TooNew(DirectMachine):
    """Has a QEMU without the command by which the copy is ended."""

    def mirror(self, target: CopyTarget, bytes_per_second: int | None) -> None:
        check_offered(NEEDED - {"block-job-cancel"})
        super().mirror(target, bytes_per_second)


def test_a_guest_of_such_a_qemu_stays_and_its_destination_is_called_failed():
    agent = DirectAgent(TooNew())
    agent.order(Order.MIRRORED)
    told = []
    for _ in range(12):
        agent.once()
        told.append(agent.switch.node.last_error)
    assert "QemuTooNew" in {error.reason for error in told if error}
    assert told[-1].reason == "DestinationFailed"
    assert "block-job-cancel" in told[-1].message
    assert "mirror" not in agent.machine.effects
    assert cancelled(agent, Order.NONE).stage is Stage.CANCELLED
    assert (agent.machine.shown, agent.machine.nodes, agent.machine.job) == (False, False, "")
    assert agent.machine.top is Top.SOURCE
    assert agent.machine.holds == agent.machine.writes


def test_a_destination_that_fails_before_the_switch_is_not_switched_to():
    agent = DirectAgent(DirectMachine())
    agent.reach(Order.MIRRORED)
    agent.machine.failing = True
    agent.order(Order.DESTINATION)
    for _ in range(12):
        agent.once()
    assert agent.switch.node.refused is True
    assert (agent.machine.top, agent.machine.path) == (Top.SOURCE, SOURCE)
    cancelled(agent, Order.NONE)
    assert agent.machine.holds == agent.machine.writes


def test_a_destination_that_fails_at_the_switch_is_taken_off_the_path_first():
    machine = DirectMachine()
    agent = DirectAgent(machine)
    agent.reach(Order.MIRRORED)
    agent.order(Order.DESTINATION)
    while machine.path != DESTINATION:
        agent.once()
    machine.failing = True
    machine.guest_writes()
    for _ in range(12):
        agent.once()
    assert agent.switch.node.refused is True
    cancelled(agent, Order.NONE)
    assert machine.top is Top.SOURCE
    assert machine.holds == machine.writes


def test_a_qemu_that_does_not_open_the_image_anew_is_given_up():
    agent = DirectAgent(DirectMachine(obeys=False))
    agent.reach(Order.MIRRORED)
    agent.order(Order.DESTINATION)
    for _ in range(60):
        agent.once()
    assert agent.switch.node.refused is True
    cancelled(agent, Order.NONE)
    assert (agent.machine.top, agent.machine.path) == (Top.SOURCE, SOURCE)
    assert agent.machine.holds == agent.machine.writes


def at_the_switch() -> DirectAgent:
    agent = DirectAgent(DirectMachine())
    agent.reach(Order.MIRRORED)
    agent.order(Order.DESTINATION)
    while not agent.machine.journal or decode(agent.machine.journal).stage is not Stage.PIVOT:
        agent.once()
    return agent


def test_a_guest_that_is_gone_before_the_switch_was_seen_is_decided_by_comparison():
    agent = at_the_switch()
    agent.guest_stops()
    agent.machine.destination = agent.machine.source
    node = agent.reach(Order.DESTINATION)
    assert node.stage is Stage.DONE


@pytest.mark.parametrize(
    ("trust", "stage"), [(Trust.SOURCE, Stage.CANCELLED), (Trust.DESTINATION, Stage.DONE)]
)
def test_where_they_differ_a_person_decides(trust, stage):
    agent = at_the_switch()
    agent.guest_stops()
    agent.machine.destination -= 1
    for _ in range(4):
        agent.once()
    node = agent.switch.node
    assert node.stopped.reason == "AmbiguousPivot"
    assert "overlay" not in node.stopped.message
    agent.answer("AmbiguousPivot", Trust.OVERLAY)
    agent.once()
    assert agent.switch.node.stopped is not None
    agent.answer("AmbiguousPivot", trust)
    for _ in range(4):
        agent.once()
    assert agent.switch.node.stage is stage


def test_a_guest_that_stops_after_the_order_makes_the_agent_promise_never_to_switch():
    agent = DirectAgent(DirectMachine())
    agent.reach(Order.MIRRORED)
    agent.guest_stops()
    agent.order(Order.DESTINATION)
    for _ in range(4):
        agent.once()
    assert agent.switch.node.refused is True
    assert agent.switch.node.stage is Stage.REFUSED
    assert cancelled(agent, Order.NONE).stage is Stage.CANCELLED


def test_a_step_that_fails_is_shown_and_tried_again():
    machine = DirectMachine(fail={"make": StepFailed("MountFailed", "I/O error")})
    agent = DirectAgent(machine)
    move(agent)
    assert machine.top is Top.DESTINATION


BESIDE = ({"made": True}, {"made": True, "shown": True}, {"left": True}, {"source_open": False})
AT_WORK = (Stage.MIRROR, Stage.CANCEL, Stage.DONE, Stage.PIVOT)


def all_situations():
    """What is no image of the move is varied in little else."""
    for wanted, seen in situations.running():
        plain = seen.path is PathImage.SOURCE and seen.target is Target.GOOD
        if plain or seen.top in (Top.SOURCE, Top.DESTINATION):
            yield wanted, seen
        if seen.top in (Top.SOURCE, Top.DESTINATION) and seen.job is Job.NONE:
            for facts in BESIDE if seen.stage in AT_WORK else ():
                yield wanted, dataclasses.replace(seen, **facts)
    yield from situations.not_running()
    yield from situations.stopped()
    yield from situations.missing_journals()


@pytest.fixture(scope="module")
def decided():
    found = []
    for plain, seen in all_situations():
        wanted = dataclasses.replace(plain, direct=True)
        rules = [rule for rule in direct.RULES if rule.matches(wanted, seen)]
        found.append((wanted, seen, rules))
    return found


@pytest.mark.thorough
def test_every_situation_has_exactly_one_row(decided):
    for wanted, seen, rules in decided:
        assert len({rule.row for rule in rules}) == 1, (wanted, seen, rules)


def steps(decided):
    for wanted, seen, rules in decided:
        yield wanted, seen, rules[0].step(wanted, seen)


@pytest.mark.thorough
def test_the_path_names_the_destination_only_while_both_are_the_same(decided):
    for wanted, seen, step in steps(decided):
        if step.action in (Action.OVER_MOUNT, Action.SWAP):
            assert seen.job is Job.MIRROR_READY
            assert seen.target is not Target.FAILED
            assert seen.stage is Stage.PIVOT
            assert wanted.order is not Order.SOURCE
        if step.action is Action.SWAP:
            assert seen.path is PathImage.DESTINATION
        if step.action in (Action.DROP, Action.MIRROR):
            assert seen.path is PathImage.SOURCE


@pytest.mark.thorough
def test_done_is_journalled_only_of_what_was_seen(decided):
    for _, seen, step in steps(decided):
        if step.stage is Stage.DONE:
            on_destination = seen.qemu is Qemu.RUNNING and seen.top is Top.DESTINATION
            same = seen.qemu is Qemu.GONE and seen.equal is True
            assert on_destination or same


@pytest.mark.thorough
def test_nothing_follows_from_not_knowing(decided):
    for _, seen, step in steps(decided):
        at_work = seen.top is Top.SOURCE and seen.stage in (Stage.MIRROR, Stage.CANCEL)
        blind = seen.qemu is Qemu.RUNNING and (
            seen.top is Top.UNKNOWN or (at_work and seen.job is Job.UNKNOWN)
        )
        if seen.qemu is Qemu.UNKNOWN or blind:
            assert step.action in (Action.WAIT, Action.STOP), (seen, step)
        if seen.qemu is Qemu.UNKNOWN:
            assert step.action is Action.WAIT
