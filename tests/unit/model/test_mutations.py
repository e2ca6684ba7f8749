"""Each rule is needed: with one line of a decision changed, the model finds what it breaks."""

import dataclasses
import functools

import pytest

from detour_agent.domain.situation import PathImage
from detour_agent.domain.step import Action
from detour_agent.steps import commit
from detour_crds.attachment_switch import Stage
from detour_crds.volume_migration import Phase
from detour_operator.compute_side import (
    cancelling,
    declaring,
    offline,
    start,
    stopped,
    strategy,
    superseded,
    switching,
)
from detour_operator.compute_side.observation import Proof
from detour_operator.compute_side.step import wait
from detour_operator.storage_side import by_storage, copying, discarding, going_back
from detour_operator.storage_side.actions import DeleteClaim, NameDestination
from detour_operator.storage_side.decision import Decision
from unit.model import ends, events, families
from unit.model.explore import Family, explore
from unit.model.facts import D
from unit.model.parts import REAL, Parts

pytestmark = pytest.mark.thorough

CANCEL = Family(wishes=families.CANCELS, crashes=False)
CRASHES = Family(wishes=families.CANCELS)
PLAIN = Family(crashes=False)
BROKEN = Family(accidents=families.FAILURES, faults=1, crashes=False)
LOST = families.quick("the guest is lost")
LOST_MIRROR = Family(
    accidents=(events.mirror_breaks_off, *families.LOST_GUEST), faults=2, crashes=False
)
LOST_COMMIT = Family(
    wishes=families.CANCELS,
    accidents=(events.commit_breaks_off, *families.LOST_GUEST),
    faults=2,
    crashes=False,
)
STOPPED = families.quick("stopped, and cancel")
COMMIT_FAILS = families.quick("the commit fails")


def anew(agent=REAL.agent):
    """The parts under other names: what is remembered of a decision is not of a changed one."""
    return Parts(
        storage=functools.partial(REAL.storage),
        compute=functools.partial(REAL.compute),
        agent=functools.partial(agent),
    )


def first_offence(family, using):
    offences = explore(family, using, until_offence=True).offences
    return offences[0][0] if offences else None


def nothing(*_, **__):
    """A step that is left out."""


LOCK = start.put_on


def without_proof(seen):
    """The lock is taken for on as soon as it was asked for."""
    proven = Proof(bites=True) if seen.switch.compute.locked else seen.proof
    return LOCK(dataclasses.replace(seen, proof=proven))


def at_once(_, claim, phase, also):
    """A claim is deleted by whoever takes it for left over."""
    delete = () if claim.deleting else (DeleteClaim(claim.name, claim.uid),)
    return Decision(phase=phase, actions=(*also, *delete))


def by_name_alone(_, switch):
    """Whatever has the claim's name by now is taken for the copy."""
    if not by_storage.is_late(switch):
        return None
    return Decision(phase=Phase.MERGING, actions=(NameDestination(switch.meta, D),))


OPERATOR = {
    "order before the lock is proven": (
        PLAIN,
        (start, "put_on", without_proof),
        {"order_needs_the_lock"},
    ),
    "order with the strategy on": (
        PLAIN,
        (strategy, "take_off", nothing),
        {"order_needs_the_lock"},
    ),
    "order Destination before the instance": (
        PLAIN,
        (switching, "_instance_on_destination", nothing),
        {"order_destination_needs_the_instance"},
    ),
    "unlock before the machine is handed over": (
        PLAIN,
        (switching, "_machine_on_destination", nothing),
        {"lock_comes_off_last", "lets_nothing_open_the_wrong_image"},
    ),
    "machine before KubeVirt noted the instance": (
        PLAIN,
        (switching, "noted_by_kubevirt", nothing),
        {"kubevirt_does_not_move_the_volume"},
    ),
    "the manifest changed before KubeVirt noted the instance": (
        Family(families.IN_GIT, crashes=False),
        (declaring, "noted_by_kubevirt", nothing),
        {"kubevirt_does_not_move_the_volume"},
    ),
    "unlock before the source is marked": (
        PLAIN,
        (superseded, "mark_source", nothing),
        {"a_stale_source_is_marked"},
    ),
    "unlock before the destination is marked": (
        PLAIN,
        (superseded, "mark_destination", nothing),
        {"the_claim_of_the_disk_is_marked"},
    ),
    "unlock with the fence open": (
        PLAIN,
        (switching, "close_fence", nothing),
        {"lock_comes_off_last"},
    ),
    "order Source before the instance is back": (
        CANCEL,
        (cancelling, "_instance_back", nothing),
        {"order_source_needs_the_instance"},
    ),
    "unlock while the node still commits": (
        CANCEL,
        (cancelling, "_wait_for_node", nothing),
        {"lock_comes_off_last"},
    ),
    "a guest that stopped goes forward before the copy is whole": (
        LOST,
        (stopped, "_goes_forward", lambda _: True),
        {"order_destination_needs_the_instance", "no_write_is_lost"},
    ),
    "the machine is handed over before the order": (
        STOPPED,
        (offline, "_frozen", offline._to_destination),
        {"lets_nothing_open_the_wrong_image", "no_write_is_lost", "lock_comes_off_last"},
    ),
    "a failed copy counts as copied": (
        PLAIN,
        (copying, "is_copied", lambda *_: True),
        {"no_write_is_lost", "destination_has_one_writer"},
    ),
    "a claim is named by its name alone": (
        families.quick("the storage copies, and the claim is replaced"),
        (by_storage, "naming", by_name_alone),
        {"no_write_is_lost"},
    ),
    "a claim is deleted before it is given up": (
        families.COMPLETE["torn look, the storage fails"],
        (discarding, "discard", at_once),
        {"a_destination_in_use_is_not_deleted"},
    ),
    "the copy is looked at every second": (
        PLAIN,
        (copying, "BUSY_SECONDS", 1.0),
        {"storage_polls"},
    ),
    "the guest is looked at every second": (
        PLAIN,
        (switching, "wait", functools.partial(wait, after=1.0)),
        {"compute_polls"},
    ),
    "copied while a copier lives": (
        dataclasses.replace(PLAIN, late=True),
        (copying, "is_copied", lambda seen, _: bool(seen.jobs)),
        {"no_write_is_lost", "destination_has_one_writer"},
    ),
}


@pytest.mark.parametrize("name", OPERATOR)
def test_a_changed_operator_is_caught(name, monkeypatch):
    family, (module, function, change), breaks = OPERATOR[name]
    monkeypatch.setattr(module, function, change)
    assert first_offence(family, anew()) in breaks


def instead(row, action, stage=None):
    """An agent that does something else on one row."""

    def changed(wanted, seen):
        step = REAL.agent(wanted, seen)
        return dataclasses.replace(step, action=action, stage=stage) if step.row == row else step

    return changed


def believes_the_path(wanted, seen):
    """An agent that takes the path for the source's without having looked."""
    if seen.stage in (Stage.CANCEL, Stage.COMMITPIVOT):
        seen = dataclasses.replace(seen, path=PathImage.SOURCE, base_is_source=True)
    return REAL.agent(wanted, seen)


AGENT = {
    "pivot without the journal": (PLAIN, instead("L14", Action.PIVOT)),
    "commit pivot without the journal": (CANCEL, instead("C6", Action.COMMIT_PIVOT)),
    "commit by a path that is not looked at": (CANCEL, believes_the_path),
    "overlay removed before the commit": (CANCEL, instead("C1", Action.DISCARD)),
    "a pivot that was not seen counts": (LOST_MIRROR, instead("D5", Action.JOURNAL, Stage.DONE)),
    "a commit that was not seen counts": (
        LOST_COMMIT,
        instead("D7", Action.JOURNAL, Stage.CANCELLED),
    ),
    "an overlay is taken for merged": (LOST, instead("D12", Action.JOURNAL, Stage.CANCELLED)),
    "a merge forward is left out": (LOST, instead("D11", Action.JOURNAL, Stage.DONE)),
}


@pytest.mark.parametrize("name", AGENT)
def test_a_changed_agent_loses_writes(name, monkeypatch):
    family, decide = AGENT[name]
    monkeypatch.setattr(commit, "_check_path", nothing)
    assert first_offence(family, anew(decide)) == "no_write_is_lost"


STUCK = {
    "no promise never to pivot": (BROKEN, instead("L11", Action.WAIT)),
    "an intent that is not taken back": (COMMIT_FAILS, instead("C8", Action.WAIT)),
    "a mount that stays": (CANCEL, instead("C3", Action.WAIT)),
}


@pytest.mark.parametrize("name", STUCK)
def test_a_changed_agent_gets_stuck(name):
    family, decide = STUCK[name]
    assert ends.stuck(explore(family, anew(decide)).fair)


def test_nobody_else_undoes_a_start_that_arrives_too_late(monkeypatch):
    monkeypatch.setattr(going_back, "is_too_late", lambda *_: False)
    assert ends.stuck(explore(Family(ends.started_too_late(), crashes=False), anew()).fair)


def test_a_holder_that_is_lost_comes_back(monkeypatch):
    """Without it the node agent waits for the destination for ever."""
    hold = switching.hold

    def only_when_frozen(seen):
        reached = seen.switch.node.reached if seen.switch.node else None
        return hold(seen) if reached is seen.switch.order else None

    monkeypatch.setattr(switching, "hold", only_when_frozen)
    family = Family(accidents=(events.holder_is_lost,), faults=1, crashes=False)
    assert ends.stuck(explore(family, anew()).fair)
