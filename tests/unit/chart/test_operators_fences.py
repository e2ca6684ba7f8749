"""What the operator has the API server test in a write, asked of a real one.

An object that was changed since it was read, made again under its name, or has gone is not written
to: on that rest the fences of the recovery protocol.
"""

import pytest

from detour_crds import names
from detour_crds.attachment_switch import Position
from detour_crds.volume_migration import Trust, WhenStopped
from detour_operator.adapters import claims, jobs, stored, switches
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    BUDGETS,
    CLAIMS,
    JOBS,
    PODS,
    SNAPSHOTS,
    VOLUME_MIGRATIONS,
)
from detour_operator.errors import AlreadyExists, Conflict, Gone, Refused
from detour_operator.reconcile.objects import meta_of

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

FINALIZER = names.SWITCH_FINALIZER
OTHER = "example.com/other"
STOP = "NodeLost-12345678-1-1"
ANSWER = {"trust": "Overlay", "answeredStop": STOP}

OWN = (ATTACHMENT_SWITCHES, VOLUME_MIGRATIONS)


@pytest.mark.parametrize("resource", OWN, ids=lambda resource: resource.plural)
def test_a_status_is_that_of_the_very_version_that_was_read(api, resource, make, again, now):
    def record(read, stop):
        return stored.patch_status(api, resource, meta_of(read), {"status": {"stop": stop}})

    first = make(resource)
    second = record(first, "a")
    assert second["metadata"]["generation"] == first["metadata"]["generation"]
    with pytest.raises(Conflict, match="has been modified"):
        record(first, "b")
    assert now(resource) == second
    another = again(resource)
    with pytest.raises(Conflict, match="has been modified"):
        record(second, "b")
    assert now(resource) == another
    api.delete(resource, another["metadata"]["namespace"], "move")
    with pytest.raises(Gone):
        record(another, "b")


def test_a_finalizer_is_changed_as_it_was_read_and_others_stay(api, make, again, now):
    def change(how, read, finalizer=FINALIZER):
        how(api, ATTACHMENT_SWITCHES, meta_of(read), finalizer)

    first = make(ATTACHMENT_SWITCHES)
    change(stored.add_finalizer, first)
    with pytest.raises(Conflict, match="has been modified"):
        change(stored.add_finalizer, first, OTHER)
    second = now(ATTACHMENT_SWITCHES)
    change(stored.add_finalizer, second, OTHER)
    with pytest.raises(Conflict, match="has been modified"):
        change(stored.remove_finalizer, second)
    change(stored.remove_finalizer, now(ATTACHMENT_SWITCHES))
    third = now(ATTACHMENT_SWITCHES)
    assert third["metadata"]["finalizers"] == [OTHER]
    change(stored.remove_finalizer, third, OTHER)
    another = again(ATTACHMENT_SWITCHES)
    with pytest.raises(Conflict, match="has been modified"):
        change(stored.add_finalizer, third)
    assert now(ATTACHMENT_SWITCHES) == another


def test_what_is_being_deleted_keeps_its_status_until_its_finalizer_goes(api, make, now):
    """And takes no new one: then it cannot be held any more."""
    stored.add_finalizer(api, ATTACHMENT_SWITCHES, meta_of(make(ATTACHMENT_SWITCHES)), FINALIZER)
    switches.delete(api, meta_of(now(ATTACHMENT_SWITCHES)))
    held = meta_of(now(ATTACHMENT_SWITCHES))
    assert held.deleting
    with pytest.raises(AlreadyExists, match="is being deleted"):
        make(ATTACHMENT_SWITCHES)
    with pytest.raises(Refused, match="no new finalizers can be added"):
        stored.add_finalizer(api, ATTACHMENT_SWITCHES, held, OTHER)
    patch = {"status": {"position": "Source"}}
    stored.patch_status(api, ATTACHMENT_SWITCHES, held, patch)
    last = meta_of(now(ATTACHMENT_SWITCHES))
    stored.remove_finalizer(api, ATTACHMENT_SWITCHES, last, FINALIZER)
    assert now(ATTACHMENT_SWITCHES) is None
    with pytest.raises(Gone):
        stored.remove_finalizer(api, ATTACHMENT_SWITCHES, last, FINALIZER)


MARKS = {
    "superseded": lambda api, claim: claims.mark_superseded(api, claim, "web/data", "new"),
    "not superseded": claims.take_mark_off,
    "filled": lambda api, claim: claims.mark_filled(api, claim, "web/data"),
    "not filled": lambda api, claim: claims.mark_filled(api, claim, None),
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_claim_is_marked_as_it_was_read(api, namespace, make, again, now, mark):
    first = make(CLAIMS)
    api.merge_patch(CLAIMS, namespace, "move", {"metadata": {"labels": {"of": "another"}}})
    for look in (now, again):
        there = look(CLAIMS)
        with pytest.raises(Conflict):
            MARKS[mark](api, first)
        assert now(CLAIMS) == there


def test_marks_come_and_go_and_leave_what_is_others(api, namespace, make, now):
    make(CLAIMS)
    others = {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    before = api.merge_patch(CLAIMS, namespace, "move", {"metadata": others})
    MARKS["filled"](api, before)
    MARKS["superseded"](api, now(CLAIMS))
    (marked,) = [
        claim
        for claim in claims.superseded_everywhere(api)
        if claim["metadata"]["namespace"] == namespace
    ]
    told = {names.SUPERSEDED_FOR_ANNOTATION: "web/data", names.SUPERSEDED_BY_ANNOTATION: "new"}
    assert marked["metadata"]["annotations"] == {"c": "d", **told}
    for mark in ("not superseded", "not superseded", "not filled"):
        MARKS[mark](api, now(CLAIMS))
    after = now(CLAIMS)["metadata"]
    assert {key: after[key] for key in others} == others


CHANGES = {
    "trust": lambda api, meta: switches.set_trust(api, meta, Trust.SOURCE, STOP),
    "trust taken back": switches.take_trust_back,
    "when stopped": lambda api, meta: switches.set_when_stopped(api, meta, WhenStopped.CANCEL),
    "destination": lambda api, meta: switches.name_destination(api, meta, "new"),
    "position": lambda api, meta: switches.set_position(api, meta, Position.SOURCE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_switch_is_changed_by_its_uid(api, namespace, make, again, now, change):
    """By nothing else: the node agent reports of it all the time."""
    first = make(ATTACHMENT_SWITCHES)
    another = again(ATTACHMENT_SWITCHES)
    with pytest.raises(Conflict) as caught:
        CHANGES[change](api, meta_of(first))
    assert type(caught.value) is Conflict
    assert now(ATTACHMENT_SWITCHES) == another
    CHANGES[change](api, meta_of(another))
    api.delete(ATTACHMENT_SWITCHES, namespace, "move")
    with pytest.raises(Gone):
        CHANGES[change](api, meta_of(another))


@pytest.mark.parametrize("given", [{}, ANSWER], ids=["none", "whole"])
def test_an_answer_is_changed_and_taken_back(api, make, now, given):
    meta = meta_of(make(ATTACHMENT_SWITCHES, **given))
    CHANGES["trust"](api, meta)
    spec = now(ATTACHMENT_SWITCHES)["spec"]
    assert (spec["trust"], spec["answeredStop"]) == ("Source", STOP)
    for _ in range(2):
        CHANGES["trust taken back"](api, meta)
        assert not {"trust", "answeredStop"} & set(now(ATTACHMENT_SWITCHES)["spec"])


def test_what_may_not_follow_is_a_refusal_and_no_conflict(api, make):
    meta = meta_of(make(ATTACHMENT_SWITCHES, destination={"claimName": "other"}))
    with pytest.raises(Refused, match="destination cannot be changed once it is set"):
        CHANGES["destination"](api, meta)
    CHANGES["position"](api, meta)
    with pytest.raises(Refused, match="the switch was cancelled"):
        switches.set_position(api, meta, Position.DESTINATION)


DELETED = (ATTACHMENT_SWITCHES, PODS, CLAIMS, JOBS, BUDGETS, SNAPSHOTS)


@pytest.mark.parametrize("resource", DELETED, ids=lambda resource: resource.plural)
def test_what_is_deleted_is_the_very_object(api, namespace, make, again, now, resource):
    first = make(resource)
    another = again(resource)
    with pytest.raises(Conflict) as caught:
        api.delete(resource, namespace, "move", uid=first["metadata"]["uid"])
    assert type(caught.value) is Conflict
    assert now(resource) == another
    for _ in range(2):
        api.delete(resource, namespace, "move", uid=another["metadata"]["uid"])
    found = now(resource)
    assert found is None or found["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


def test_a_job_that_is_another_s_is_not_started(api, namespace, make, again, now):
    first = make(JOBS)
    another = again(JOBS)
    with pytest.raises(Conflict):
        jobs.start(api, namespace, "move", first["metadata"]["uid"])
    assert now(JOBS) == another
    jobs.start(api, namespace, "move", another["metadata"]["uid"])
    assert now(JOBS)["spec"]["suspend"] is False
    with pytest.raises(Gone):
        jobs.start(api, namespace, "nobody", another["metadata"]["uid"])
