"""An overlay on a claim of its own: put up before the start, and taken down after the end."""

import dataclasses

import pytest

from detour_crds import stops
from detour_crds.attachment_switch import (
    Inspection,
    ObjectRef,
    Order,
    OverlayFile,
    Position,
    Qemu,
    Stage,
)
from detour_crds.conditions import SwitchCondition, find
from detour_crds.names import HOLDER_OVERLAY_PATH
from detour_crds.volume_migration import OverlayPlace, OverlaySpec, Trust
from detour_operator.compute_side import actions
from detour_operator.compute_side.decisions import decide
from detour_operator.compute_side.finisher import Finisher
from detour_operator.compute_side.finisher import manifest as finisher_manifest
from detour_operator.compute_side.holder import Holder, holder_budget, holder_name, manifest
from detour_operator.compute_side.observation import Claim, Nothing, Pod
from unit.operator.compute_switches import MARKED, TOKEN, seen

UID = "12345678-0"
CLAIM = Claim(name="detour-overlay-12345678", uid="overlay-uid", made_for=UID)
POD = Pod(name="p", uid="pod-of-overlay", owner="launcher-uid", claims=(CLAIM.name,))
REFERENCE = ObjectRef(name=CLAIM.name, uid=CLAIM.uid)
RECORDED = {"overlay_claim": REFERENCE, "overlay_pod": ObjectRef(name="p", uid=POD.uid)}
OVERLAY = OverlayFile(name="o", bytes=4096)
DISK = 1 << 30


def on_claim(found, trust=None, **overlay):
    spec = dataclasses.replace(
        found.switch.spec,
        overlay=OverlaySpec(where=OverlayPlace.CLAIM, **overlay),
        trust=trust,
        answered_stop=stops.of_lost_node(TOKEN, 1) if trust else None,
    )
    switch = dataclasses.replace(found.switch, spec=spec, uid=UID)
    return dataclasses.replace(found, switch=switch)


def starting(compute=None, *, overlay=None, **others):
    node = {"inspection": Inspection(reason="Accepted", virtual_size_bytes=DISK)}
    return on_claim(seen(compute=compute, node=node, **others), **(overlay or {}))


def moving(order=Order.OVERLAY, trust=None, compute=None, **others):
    node = {"stage": Stage.OVERLAY, "reached": order, "overlay": OVERLAY} | others.pop("node", {})
    facts = {"overlay_claim": CLAIM, "overlay_pod": POD, "position": Position.FROZEN, **others}
    recorded = {"order": order, **RECORDED, **(compute or {})}
    return on_claim(seen(compute=recorded, node=node, **facts), trust=trust)


@pytest.mark.parametrize(
    ("overlay", "size"),
    [
        ({}, DISK + DISK // 10 + (64 << 20)),
        ({"limit": "100Mi"}, (100 << 20) + (10 << 20) + (64 << 20)),
    ],
)
def test_the_claim_has_room_for_the_limit_or_the_whole_disk(overlay, size):
    (action,) = decide(starting(overlay=overlay)).actions
    assert isinstance(action, actions.CreateOverlayClaim)
    assert (action.size, action.access_mode) == (size, "ReadWriteOnce")


@pytest.mark.parametrize(
    ("volume_mode", "access_mode"), [("Filesystem", "ReadWriteMany"), ("Block", "ReadWriteOnce")]
)
def test_what_shares_devices_is_not_asked_to_share_a_file_system(volume_mode, access_mode):
    source = Claim(
        name="old", uid="old-uid", access_modes=("ReadWriteMany",), volume_mode=volume_mode
    )
    wanted = dataclasses.replace(source, name="new", uid="new-uid")
    found = starting(source_claim=source, destination_claim=wanted)
    (action,) = decide(found).actions
    assert action.access_mode == access_mode


@pytest.mark.parametrize(
    ("overlay", "storage_class"), [({}, "fast"), ({"storage_class_name": "other"}, "other")]
)
def test_its_class_is_the_sources_unless_the_spec_names_one(overlay, storage_class):
    source = Claim(
        name="old", uid="old-uid", storage_class="fast", access_modes=("ReadWriteMany",)
    )
    (action,) = decide(starting(overlay=overlay, source_claim=source)).actions
    assert (action.storage_class, action.access_mode) == (storage_class, "ReadWriteMany")


def test_claim_record_pod_record_and_then_the_order():
    decision = decide(starting(overlay_claim=CLAIM))
    assert decision.status.compute.overlay_claim == REFERENCE
    recorded = {"overlay_claim": REFERENCE}
    decision = decide(starting(recorded, overlay_claim=CLAIM))
    assert decision.actions == (actions.CreateOverlayPod(CLAIM.name, "n"),)
    pending = dataclasses.replace(POD, running=False, trouble="no room")
    decision = decide(starting(recorded, overlay_claim=CLAIM, overlay_pod=pending))
    assert "no room" in decision.message
    decision = decide(starting(recorded, overlay_claim=CLAIM, overlay_pod=POD))
    assert decision.status.compute.overlay_pod == RECORDED["overlay_pod"]
    decision = decide(starting(RECORDED, overlay_claim=CLAIM, overlay_pod=POD))
    assert decision.status.compute.order is Order.OVERLAY


def test_a_claim_of_that_name_that_somebody_else_made_is_left_alone():
    decision = decide(starting(overlay_claim=dataclasses.replace(CLAIM, made_for=None)))
    assert decision.actions == ()
    stalled = find(decision.status.conditions, SwitchCondition.STALLED)
    assert stalled.reason == "OverlayClaimForeign"


def test_an_evicted_pod_comes_back():
    decision = decide(moving(overlay_pod=Nothing.ABSENT))
    assert decision.actions == (actions.CreateOverlayPod(CLAIM.name, "n"),)


@pytest.mark.parametrize("claim", [Nothing.ABSENT, dataclasses.replace(CLAIM, deleting=True)])
def test_a_cancel_does_not_need_a_claim_that_goes_while_the_guest_has_it_open(claim):
    found = moving(
        overlay_claim=claim,
        overlay_pod=Nothing.ABSENT,
        wanted=Position.SOURCE,
        instance={"fence": None},
    )
    assert decide(found).reason == "Cancelling"


def test_without_the_claim_a_stopped_guest_is_kept_as_it_is():
    gone = {"qemu": Qemu.GONE}
    ended = {"phase": "Failed", "fence": None}
    found = moving(
        node=gone, instance=ended, overlay_claim=Nothing.ABSENT, overlay_pod=Nothing.ABSENT
    )
    decision = decide(found)
    assert decision.actions == ()
    stalled = find(decision.status.conditions, SwitchCondition.STALLED)
    assert stalled.reason == "OverlayMissing"


def back(**others):
    node = {"reached": Order.SOURCE, "stage": Stage.CANCELLED, "overlay": None}
    node |= others.pop("node", {})
    instance = {"fence": None, **others.pop("instance", {})}
    facts = {"wanted": Position.SOURCE, "instance": instance, **others}
    return moving(Order.SOURCE, node=node, **facts)


def forth(**others):
    node = {"reached": Order.DESTINATION, "stage": Stage.DONE, "overlay": None}
    node |= others.pop("node", {})
    facts = {"machine": {"claim": "new", "strategy": "Migration"}, "source_claim": MARKED}
    facts["instance"] = {"claim": "new", "claim_in_status": "new", "fence": None}
    facts["instance"] |= others.pop("instance", {})
    facts |= {"wanted": Position.DESTINATION, "compute": {"handover": "Done"}, **others}
    return moving(Order.DESTINATION, node=node, **facts)


@pytest.mark.parametrize("ended", [back, forth])
def test_at_the_end_the_pod_goes_and_then_the_claim(ended):
    assert decide(ended()).actions == (actions.DeleteOverlayPod(POD.uid),)
    leaving = dataclasses.replace(POD, deleting=True)
    assert decide(ended(overlay_pod=leaving)).actions == ()
    decision = decide(ended(overlay_pod=Nothing.ABSENT))
    assert decision.actions == (actions.DeleteOverlayClaim(CLAIM.uid),)
    assert decision.status.compute.locked is True


@pytest.mark.parametrize("ended", [back, forth])
def test_a_claim_that_was_let_go_at_the_end_is_not_missed(ended):
    """The agent has not said yet that the overlay is gone, and nobody needs it any more."""
    gone = {"instance": {"phase": "Failed"}, "node": {"qemu": Qemu.GONE, "overlay": OVERLAY}}
    found = ended(overlay_claim=Nothing.ABSENT, overlay_pod=Nothing.ABSENT, **gone)
    told = find(decide(found).status.conditions, SwitchCondition.STALLED)
    assert told.reason != "OverlayMissing"


def test_not_before_the_overlay_is_removed():
    decision = decide(back(node={"overlay": OVERLAY}))
    assert decision.actions == ()
    assert decision.status.compute.locked is True


def lost(**others):
    """Its loss was told, and is what is answered."""
    others["compute"] = {"lost_node": "n", "losses": 1, **others.get("compute", {})}
    ended = {"phase": "Failed", "fence": None}
    facts = {"instance": ended, "node_lost": True, "budget": Nothing.ABSENT, **others}
    return moving(overlay_pod=Nothing.ABSENT, **facts)


def test_a_lost_node_is_waited_for_until_somebody_says_that_it_is_off():
    decision = decide(lost())
    assert (decision.actions, decision.reason) == ((), "NodeLost")
    assert "out-of-service" in decision.message


@pytest.mark.parametrize("said", [{"node_given_up": True}, {"trust": Trust.OVERLAY}])
def test_then_the_move_goes_on_where_the_scheduler_finds_the_claims(said):
    decision = decide(lost(**said))
    node = lost().switch.compute.node
    assert decision.actions == (actions.CreateFinisher("old", None, CLAIM.name, lost=node),)
    finisher = Pod(name="f", uid="f-uid", node="node-2", claims=("old", CLAIM.name))
    compute = decide(lost(finisher=finisher, **said)).status.compute
    assert (compute.node, compute.token) == ("node-2", lost().switch.compute.token)
    assert compute.finisher_pod == ObjectRef(name="f", uid="f-uid")


def test_not_while_kubevirt_calls_the_instance_running():
    decision = decide(lost(instance={"phase": "Running"}, trust=Trust.OVERLAY))
    assert (decision.actions, decision.reason) == ((), "NodeLost")


def test_a_finisher_on_the_lost_node_is_replaced():
    finisher = Pod(name="f", uid="f-uid", node="n", claims=("old", CLAIM.name))
    decision = decide(lost(finisher=finisher, node_given_up=True))
    assert decision.actions == (actions.DeleteFinisher("f-uid"),)


FACTS = {
    "namespace": "ns",
    "switch": "move",
    "switch_uid": UID,
    "se_linux_level": "",
    "image": "copier",
    "pull_policy": "Never",
}


def test_its_pod_is_a_holder_of_another_name():
    holder = Holder(
        **FACTS, launcher_name="l", launcher_uid="l-uid", node="n", claim="c", overlay=True
    )
    pod = manifest(holder)
    assert pod["metadata"]["name"].startswith("hp-volume-")
    assert pod["metadata"]["name"] != holder_name(UID)
    (container,) = pod["spec"]["containers"]
    assert container["volumeMounts"] == [{"name": "overlay", "mountPath": HOLDER_OVERLAY_PATH}]
    labels = holder_budget(holder)["spec"]["selector"]["matchLabels"]
    assert labels.items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize("block", [True, False])
def test_the_finisher_has_it_mounted_beside_the_disks_claims(block):
    finisher = Finisher(
        **FACTS, owner={}, node=None, source="old", destination="new", overlay="o", block=block
    )
    spec = finisher_manifest(finisher)["spec"]
    (container,) = spec["containers"]
    mounted = {item["name"] for item in container.get("volumeMounts", [])}
    assert mounted == ({"overlay"} if block else {"source", "destination", "overlay"})
    assert {volume["name"] for volume in spec["volumes"]} == {"source", "destination", "overlay"}
    assert "affinity" not in spec
    assert "tolerations" not in spec


def test_it_is_never_made_on_the_lost_node():
    """A scheduler that may take it does, and the pod is deleted and made again for ever."""
    finisher = Finisher(
        **FACTS, owner={}, node=None, lost="gone", source="old", destination="new", overlay="o"
    )
    spec = finisher_manifest(finisher)["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    (field,) = term["matchFields"]
    assert field == {"key": "metadata.name", "operator": "NotIn", "values": ["gone"]}
    assert "tolerations" not in spec
