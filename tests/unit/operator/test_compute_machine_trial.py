"""When it is tried whether the virtual machine could be pointed at the destination, and how."""

import dataclasses

import pytest

from detour_crds.attachment_switch import DestinationClaim, Handover, Order
from detour_crds.names import (
    SUPERSEDED_BY_ANNOTATION,
    SUPERSEDED_FOR_ANNOTATION,
    SUPERSEDED_LABEL,
)
from detour_crds.volume_migration import HandoverMode
from detour_operator.compute_side import machine_trial
from unit.operator.compute_switches import MIRRORED, ORDERED, OVERLAY, seen

MACHINE = {
    "metadata": {"name": "vm", "uid": "vm-uid", "resourceVersion": "7"},
    "spec": {
        "template": {
            "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "old"}}]}
        }
    },
}
CLAIM = "/spec/template/spec/volumes/0"
STALE = {
    "metadata": {
        "name": "new",
        "uid": "new-uid",
        "labels": {SUPERSEDED_LABEL: "true"},
        "annotations": {SUPERSEDED_FOR_ANNOTATION: "vm/data", SUPERSEDED_BY_ANNOTATION: "old"},
    },
    "spec": {},
}


def of(compute=None, *, destination="new", handover=HandoverMode.PATCH):
    switch = seen(compute=compute or {"locked": False}).switch
    named = DestinationClaim(claim_name=destination) if destination else None
    spec = dataclasses.replace(switch.spec, destination=named, handover=handover)
    return dataclasses.replace(switch, spec=spec)


def changes(switch, destination=None, *, live=True):
    tried = machine_trial.patch(switch, MACHINE, destination, live=live)
    return {item["path"]: item["value"] for item in tried if item["op"] != "test"}


@pytest.mark.parametrize("compute", [None, MIRRORED], ids=["before the start", "before the end"])
def test_the_very_change_is_tried_that_comes_at_the_end(compute):
    assert changes(of(compute)) == {
        CLAIM: {"name": "data", "persistentVolumeClaim": {"claimName": "new"}},
        "/spec/updateVolumesStrategy": "Migration",
    }


@pytest.mark.parametrize("live", [True, False])
def test_without_a_handover_of_the_instance_the_strategy_is_left_out(live):
    switch = of({**MIRRORED, "handover": Handover.NOT_PERMITTED} if live else None)
    assert set(changes(switch, live=live)) == {CLAIM}


@pytest.mark.parametrize("compute", [OVERLAY, {**ORDERED, "order": Order.SOURCE}, ORDERED])
def test_in_between_and_once_it_is_too_late_nothing_is_tried(compute):
    assert changes(of(compute)) == {}


@pytest.mark.parametrize(
    "switch",
    [of(handover=HandoverMode.WAIT_FOR_DECLARED), of(destination=None), of(destination="old")],
    ids=["its owner changes it", "no destination yet", "it is there"],
)
def test_where_there_is_nothing_to_change_nothing_is_tried(switch):
    assert changes(switch) == {}


def test_a_stale_claim_is_refused_to_all_until_its_mark_is_off():
    assert changes(of(), STALE) == {}
    assert changes(of(), {"metadata": {"name": "new", "uid": "new-uid"}, "spec": {}})
