"""What the operator creates, taken by a real API server that refuses any field it would drop."""

import dataclasses

import pytest

from detour_crds.names import OVERLAY_OF_ANNOTATION
from detour_crds.volume_migration import Verify
from detour_operator.adapters import budgets, claims, jobs, pods
from detour_operator.adapters.client import Api
from detour_operator.adapters.events import Events
from detour_operator.adapters.resources import BUDGETS, CLAIMS, EVENTS, JOBS, PODS
from detour_operator.adapters.virtual_machines import Placement
from detour_operator.compute_side import budget, finisher, holder
from detour_operator.errors import Refused
from unit.chart.chart import of_kind

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

UID = "12345678-aaaa-bbbb-cccc-1234567890ab"
OWNER = {"apiVersion": "detour.dev/v1alpha1", "kind": "AttachmentSwitch", "name": "m", "uid": UID}
LEVEL = "s0:c1,c2"
TERM = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
PLACEMENT = Placement(
    node_selector={"a": "b"},
    node_affinity={
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [TERM]},
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": TERM}],
    },
    tolerations=({"key": "k", "operator": "Equal", "value": "v", "effect": "NoExecute"},),
)


class Strict(Api):
    """Has the server refuse what it would leave out."""

    def _send(self, request):
        asked = (*request.query, ("fieldValidation", "Strict"))
        return super()._send(dataclasses.replace(request, query=asked))


@pytest.fixture(scope="module")
def strict(with_kinds):
    for item in of_kind("PriorityClass").values():
        with_kinds.do("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", item)
    return Strict(with_kinds.client())


def test_a_field_that_would_be_dropped_is_refused(strict, namespace):
    body = budget.manifest(namespace, "m", UID, UID)
    with pytest.raises(Refused, match="unknown field"):
        budgets.create(strict, namespace, body | {"spec": {**body["spec"], "minAvailble": 1}})


def differences(sent, found, path=""):
    """Where the server has something else than was sent; it may have more."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return [
            difference
            for name in sent
            for difference in differences(sent[name], found.get(name), f"{path}/{name}")
        ]
    if isinstance(sent, list) and isinstance(found, list) and len(sent) <= len(found):
        return [
            difference
            for index, item in enumerate(sent)
            for difference in differences(item, found[index], f"{path}/{index}")
        ]
    return [] if sent == found else [f"{path}: {sent} became {found}"]


COPIER = jobs.CopyJob(
    name="copy",
    namespace="ns",
    migration="m",
    owner=OWNER,
    image="i",
    image_pull_policy="Never",
    node="node-1",
    source_claim="old",
    destination_claim="new",
    size_bytes=2**63 - 1,
    se_linux_level=LEVEL,
    switch_uid=UID,
    token="t",  # noqa: S106
    method="HostAssisted",
    verify=Verify.CHECKSUM,
    bytes_per_second=2**63 - 1,
    idle=True,
)
STOPPED = dataclasses.replace(COPIER, node=None, size_bytes=None, placement=PLACEMENT)
LOOKING = dataclasses.replace(COPIER, copies=False, look=True, verify=Verify.NONE)
COPIERS = {
    "beside a guest": COPIER,
    "of a stopped guest": STOPPED,
    "that looks": LOOKING,
    "of a file that becomes a device": dataclasses.replace(STOPPED, destination_block=True),
    "of a device that becomes a file": dataclasses.replace(STOPPED, source_block=True),
    **{
        f"{name}, of devices": dataclasses.replace(of, source_block=True, destination_block=True)
        for name, of in (("beside a guest", COPIER), ("that looks", LOOKING))
    },
}


@pytest.mark.parametrize("copier", COPIERS)
def test_a_copier_is_made_as_it_is_meant(strict, namespace, copier):
    job = dataclasses.replace(COPIERS[copier], namespace=namespace)
    jobs.create(strict, job)
    found = strict.get(JOBS, namespace, "copy")
    assert differences(jobs.manifest(job), found) == []
    assert [item["metadata"]["name"] for item in jobs.of_migration(strict, namespace, "m")] == [
        "copy"
    ]
    jobs.start(strict, namespace, "copy", found["metadata"]["uid"])


COMMON = {
    "switch": "m", "switch_uid": UID, "se_linux_level": LEVEL, "image": "i", "pull_policy": "Never"
}  # fmt: skip
HOLDER = {"launcher_name": "l", "launcher_uid": UID, "node": "n", "claim": "c", **COMMON}
FINISHER = {"owner": OWNER, "source": "old", "destination": "new", "overlay": "o", **COMMON}
PODS_MADE = {
    "holder": (holder.manifest, holder.Holder, HOLDER),
    "holder of a device": (holder.manifest, holder.Holder, HOLDER | {"block": True}),
    "holder of an overlay": (holder.manifest, holder.Holder, HOLDER | {"overlay": True}),
    "finisher": (finisher.manifest, finisher.Finisher, FINISHER | {"node": "n"}),
    "finisher off a node": (
        finisher.manifest,
        finisher.Finisher,
        FINISHER | {"node": None, "lost": "n", "destination": None},
    ),
    "finisher of devices": (
        finisher.manifest,
        finisher.Finisher,
        FINISHER | {"node": "n", "overlay": None, "block": True},
    ),
}


@pytest.mark.parametrize("pod", PODS_MADE)
def test_a_pod_is_made_as_it_is_meant(strict, namespace, pod):
    manifest, kind, fields = PODS_MADE[pod]
    body = manifest(kind(namespace=namespace, **fields))
    pods.create(strict, namespace, body)
    found = strict.get(PODS, namespace, body["metadata"]["name"])
    assert differences(body, found) == []


def test_budgets_are_made_as_they_are_meant(strict, namespace):
    for body in (
        budget.manifest(namespace, "m", UID, UID),
        holder.holder_budget(holder.Holder(namespace=namespace, **HOLDER)),
    ):
        budgets.create(strict, namespace, body)
        found = strict.get(BUDGETS, namespace, body["metadata"]["name"])
        assert differences(body, found) == []


SOURCES = {
    "empty": None,
    "a clone": ("PersistentVolumeClaim", "old"),
    "of a snapshot": ("VolumeSnapshot", "snapshot"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_destination_is_made_as_it_is_meant(strict, namespace, source):
    """A source that is of no kind the server knows would be dropped, and the claim be empty."""
    claim = claims.NewClaim(
        namespace=namespace,
        name="new",
        storage_class="fast",
        access_modes=("ReadWriteOnce", "ReadWriteMany"),
        size="1.5Gi",
        created_for=UID,
        block=True,
        data_source=SOURCES[source],
        token="t",  # noqa: S106
    )
    claims.create(strict, claim)
    found = strict.get(CLAIMS, namespace, "new")
    size = {"requests": {"storage": "1536Mi"}}  # the server's way to write it
    sent = claims.manifest(claim)
    assert differences(sent | {"spec": sent["spec"] | {"resources": size}}, found) == []
    assert claims.sizes(found) == (claims.bytes_of("1.5Gi"), None)


def test_an_overlay_s_claim_has_room_for_all_its_bytes(strict, namespace):
    size = 2**40 + 1
    claims.create_for_overlay(
        strict, namespace, "o", storage_class="", access_mode="ReadWriteOnce", size=size,
        switch_uid=UID,
    )  # fmt: skip
    found = strict.get(CLAIMS, namespace, "o")
    assert claims.sizes(found) == (size, None)
    assert found["metadata"]["annotations"] == {OVERLAY_OF_ANNOTATION: UID}
    assert found["spec"]["storageClassName"] == ""


def test_an_event_is_told_once(strict, namespace):
    about = {**OWNER, "metadata": {"name": "m", "namespace": namespace, "uid": UID}}
    events = Events(strict)
    for reason in ("Copied", "Copied", "Switched"):
        events.emit(about, reason, "m", warning=True)
    found = strict.list(EVENTS, namespace, field_selector=f"involvedObject.uid={UID}")
    assert {event["reason"] for event in found} == {"Copied", "Switched"}
    assert {event["type"] for event in found} == {"Warning"}
