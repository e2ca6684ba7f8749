"""What is written to a real API server is kept: it drops without a word what it does not know."""

import dataclasses

import kubernetes
import pytest

from detour_agent.adapters.switches import Switches, read_switch
from detour_crds.attachment_switch import AttachmentSwitchSpec, AttachmentSwitchStatus, Position
from detour_crds.conditions import MESSAGE_LIMIT, Condition, Status, stamped
from detour_crds.names import API_VERSION
from detour_crds.serialise import parse, serialise
from detour_crds.volume_migration import (
    OverlayPlace,
    OverlaySpec,
    VolumeMigrationSpec,
    VolumeMigrationStatus,
)
from detour_operator.adapters import migrations, stored, switches
from detour_operator.adapters.resources import ATTACHMENT_SWITCHES, VOLUME_MIGRATIONS
from detour_operator.compute_side.passes import OWNED
from detour_operator.reconcile.objects import owner_reference
from detour_operator.reconcile.publishing import status_patch
from unit.chart import full, rights
from unit.crds.test_twin import schema

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

MIGRATION = schema("volumemigrations")["properties"]
SWITCH = schema("attachmentswitches")["properties"]
MOVE = full.of(VolumeMigrationSpec, MIGRATION["spec"])
CLAIM, NEW = MOVE.destination, dataclasses.replace(MOVE.destination, claim_name=None)
DESTINATIONS = {
    "a claim": dataclasses.replace(CLAIM, claim_template=None),
    "a new claim": dataclasses.replace(NEW, overwrite=False),
}
ATTACHMENT = full.of(AttachmentSwitchSpec, SWITCH["spec"])


def on_claim(spec):
    """With an overlay on a claim: its class has no meaning elsewhere."""
    overlay = dataclasses.replace(spec.overlay, where=OverlayPlace.CLAIM)
    return dataclasses.replace(spec, overlay=overlay)


@pytest.fixture
def migration(api, namespace):
    def made(spec):
        head = {"apiVersion": API_VERSION, "kind": "VolumeMigration"}
        body = {**head, "metadata": {"name": "move"}, "spec": spec}
        api.create(VOLUME_MIGRATIONS, namespace, body)
        return migrations.get(api, namespace, "move")

    return made


@pytest.fixture
def move(migration):
    return migration(rights.migration()["spec"])


@pytest.fixture
def switch(api, namespace, move):
    def made(spec):
        owner = owner_reference(move.raw, controller=True)
        switches.create(api, namespace, "move", spec, owner)
        found = switches.get(api, namespace, "move")
        assert found.raw["metadata"]["ownerReferences"] == [owner]
        return found

    return made


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_every_wish_for_a_move_is_kept(migration, destination):
    spec = dataclasses.replace(on_claim(MOVE), destination=DESTINATIONS[destination])
    assert migration(serialise(spec)).spec == spec


WISHES = {
    "overlay": dataclasses.replace(on_claim(ATTACHMENT), position=Position.FROZEN, mirror=None),
    "mirror": dataclasses.replace(
        ATTACHMENT, position=Position.DESTINATION, overlay=OverlaySpec(limit="1Gi")
    ),
}


@pytest.mark.parametrize("spec", WISHES.values(), ids=WISHES)
def test_every_wish_for_a_switch_is_kept(switch, spec):
    assert switch(spec).spec == spec


def test_what_is_not_wished_for_is_what_the_twin_takes_it_for(api, namespace, move):
    """Its defaults are the server's, which a reader of an older object would not see."""
    least = rights.migration()["spec"]
    assert move.spec == parse(VolumeMigrationSpec, least)
    least = rights.switch()
    api.create(ATTACHMENT_SWITCHES, namespace, least)
    found = switches.get(api, namespace, "move")
    assert found.spec == parse(AttachmentSwitchSpec, least["spec"])


def test_all_that_is_told_of_a_move_is_kept_and_can_be_unsaid(api, namespace, move):
    everything = full.of(VolumeMigrationStatus, MIGRATION["status"])
    for status in (everything, VolumeMigrationStatus(), everything):
        before = migrations.get(api, namespace, "move")
        assert migrations.publish(api, before, status).status == status
        assert migrations.get(api, namespace, "move").status == status


def test_all_that_is_told_of_a_switch_is_kept_and_can_be_unsaid(
    with_kinds, api, namespace, switch
):
    """By the operator and by the node agent, each its own part."""
    everything = full.of(AttachmentSwitchStatus, SWITCH["status"])
    agent = Switches("n", kubernetes.client.CustomObjectsApi(with_kinds.client()))
    switch(WISHES["overlay"])
    for status in (everything, AttachmentSwitchStatus(), everything):
        before = switches.get(api, namespace, "move")
        patch = status_patch(before.raw.get("status"), serialise(status), OWNED)
        stored.patch_status(api, ATTACHMENT_SWITCHES, before.meta, patch)
        if status.node is not None:
            agent.patch_node(read_switch(switches.get(api, namespace, "move").raw), status.node)
        found = switches.get(api, namespace, "move").status
        assert found == dataclasses.replace(status, node=everything.node)


def test_words_that_are_too_many_are_told_as_far_as_the_server_takes_them(api, move):
    """It would refuse the whole status with them, and what is recorded in it."""
    told = Condition(type="Ready", status=Status.FALSE, reason="InUse", message="\u540d" * 5000)
    conditions = stamped((), (told,), now="2026-01-01T00:00:00Z", generation=1)
    found = migrations.publish(api, move, VolumeMigrationStatus(conditions=conditions))
    assert found.status.conditions == conditions
    assert len(conditions[0].message) == MESSAGE_LIMIT
