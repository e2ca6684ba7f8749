"""A person's answer counts for the stop that it names, and for none before or after it.

Each family has an answer that was right when it was given, or was given to nothing, and a later
stop at which it would give up what the guest wrote since.
"""

import dataclasses

import pytest

from detour_agent.domain import trusting
from detour_crds.attachment_switch import Position
from detour_crds.volume_migration import Trust
from detour_operator.compute_side import answering
from detour_operator.storage_side import actions, decisions
from unit.model import ends, events, families
from unit.model.explore import Family, explore
from unit.model.facts import Migration
from unit.model.test_mutations import anew
from unit.model.world import World

STAGE_OF = trusting._stage
OF_ANOTHER = "AmbiguousCommit-87654321-1"
PRESET = Family(
    World(migration=Migration(trust=Trust.SOURCE, answered_stop=OF_ANOTHER)),
    families.CANCELS,
    families.LOST_GUEST,
    faults=1,
    crashes=False,
)
"""In a manifest, of an earlier migration of that name."""


def cancelled():
    """A move that was cancelled when it had just frozen the source."""
    found = explore(Family(crashes=False)).fair
    there = [here for here in found if here.switch and here.switch.position is Position.FROZEN]
    here = max(there, key=lambda here: (len(ends.undisturbed(found, here)), repr(here)))
    return here.alter("migration", cancel=True)


def returning():
    """The node is lost and given up, comes back with the guest, and then the power fails."""
    return Family(
        cancelled(),
        (events.gives_cut_nodes_overlay_up, events.node_returns),
        (*families.LOST_NODE, events.power_fails),
        faults=2,
        crashes=False,
    )


FAMILIES = {"preset": lambda: PRESET, "two stops": returning}


def answers_every_stop(monkeypatch):
    """As it was: ``spec.trust`` says nothing of the stop that it was given to."""

    def of_any_stop(wanted, seen, reason):
        return STAGE_OF(dataclasses.replace(wanted, answered=reason), seen, reason)

    def passed_on(seen, switch):
        trust = seen.spec.trust
        if switch.status.stop is None or trust in (None, switch.spec.trust):
            return None
        return actions.SetTrust(switch.meta, trust, seen.spec.answered_stop)

    monkeypatch.setattr(trusting, "_stage", of_any_stop)
    monkeypatch.setattr(answering, "is_answered", lambda seen, _: bool(seen.switch.spec.trust))
    monkeypatch.setattr(decisions, "_answer", passed_on)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_an_answer_to_another_stop_loses_no_write(name):
    found = explore(FAMILIES[name]())
    names = {offence for offence, _ in found.offences}
    assert not names
    met = {ends.end_of(world) for world in found.fair if events.unanswered(world)}
    assert "stopped: AmbiguousCommit" in met


@pytest.mark.thorough
@pytest.mark.parametrize("name", FAMILIES)
def test_an_answer_that_counts_at_every_stop_loses_writes(name, monkeypatch):
    family = FAMILIES[name]()
    answers_every_stop(monkeypatch)
    offences = {offence for offence, _ in explore(family, anew()).offences}
    assert "no_write_is_lost" in offences
