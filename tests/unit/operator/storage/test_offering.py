"""What the storage offers, as the API tells it; not installed is an answer, silence is none."""

import pytest

from detour_crds.volume_migration import CopyMethod, CopySpec
from detour_operator import errors
from detour_operator.adapters import claims, snapshots
from detour_operator.storage_side import offering, reading, topology
from detour_operator.storage_side.observation import SeenSnapshotClass
from unit.operator.api_server import serving, status
from unit.operator.storage_world import SOURCE, SPEC, claim

DRIVER = "csi.test"
CLASS = {"metadata": {"name": "fast"}, "provisioner": DRIVER}
SOURCE_CLAIM = claim(SOURCE, volume="pv")
SNAPSHOT_GROUP = "/apis/snapshot.storage.k8s.io/v1"
CLASSES = f"{SNAPSHOT_GROUP}/volumesnapshotclasses"
PROFILE = "/apis/cdi.kubevirt.io/v1beta1/storageprofiles/fast"


def snapshot_class(name, driver=DRIVER, policy="Delete", default=False):
    annotations = {"snapshot.storage.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "metadata": {"name": name, "uid": name, "annotations": annotations},
        "driver": driver,
        "deletionPolicy": policy,
    }


def offered(objects, spec=SPEC, source=SOURCE_CLAIM, storage_class=CLASS):
    def answer(request):
        found = objects.get(request.path.partition("?")[0])
        if isinstance(found, list):
            found = {"items": found, "metadata": {}}
        return found if isinstance(found, tuple) else (
            (200, found) if found else status(404, "NotFound")
        )  # fmt: skip

    with serving(answer) as server:
        found = offering.storage(server.api(), spec, source, storage_class)
    return found, [request.path.partition("?")[0] for request in server.asked]


VOLUME = {"/api/v1/persistentvolumes/pv": {"spec": {"csi": {"driver": DRIVER}}}}


def test_the_classes_of_the_driver_and_the_profile():
    objects = {
        **VOLUME,
        CLASSES: [
            snapshot_class("mine", default=True),
            snapshot_class("kept", policy="Retain"),
            snapshot_class("other", driver="other"),
        ],
        PROFILE: {"status": {"cloneStrategy": "csi-clone", "snapshotClass": "mine"}},
    }
    found, _ = offered(objects)
    assert (found.source_driver, found.destination_driver) == (DRIVER, DRIVER)
    assert found.snapshot_classes == (
        SeenSnapshotClass(name="mine", is_default=True, deletes=True),
        SeenSnapshotClass(name="kept", is_default=False, deletes=False),
    )
    assert (found.profile_strategy, found.profile_snapshot_class) == ("csi-clone", "mine")


def test_a_cluster_without_snapshots_and_without_cdi():
    found, _ = offered(VOLUME)
    assert found.snapshot_classes is None
    assert found.profile_strategy is None


def test_what_cannot_be_asked_is_unknown_and_not_absent():
    with pytest.raises(errors.Unreachable):
        offered({**VOLUME, CLASSES: status(503, "ServiceUnavailable")})


def test_of_another_driver_nothing_more_is_asked():
    found, asked = offered(VOLUME, storage_class={**CLASS, "provisioner": "other"})
    assert (found.source_driver, found.destination_driver) == (DRIVER, "other")
    assert asked == ["/api/v1/persistentvolumes/pv"]


@pytest.mark.parametrize("method", [CopyMethod.HOST_ASSISTED, CopyMethod.EXTERNAL])
def test_where_it_does_not_matter_nothing_is_asked(method):
    spec = type(SPEC)(
        virtual_machine=SPEC.virtual_machine,
        volume=SPEC.volume,
        destination=SPEC.destination,
        copy=CopySpec(method=method),
    )
    assert offered(VOLUME, spec=spec) == (None, [])
    assert offered(VOLUME, source=None) == (None, [])


def test_a_cluster_without_the_kind_has_no_snapshots():
    with serving(lambda _: status(404, "NotFound")) as server:
        assert snapshots.of_migration(server.api(), "ns", "m") == []
    with serving(lambda _: status(503, "Away")) as server, pytest.raises(errors.Unreachable):
        snapshots.of_migration(server.api(), "ns", "m")


def test_a_snapshot_is_known_by_its_attempt():
    owner = {"uid": "migration"}
    body = snapshots.manifest(
        snapshots.NewSnapshot(
            namespace="ns",
            name="detour-t-1",
            migration="m",
            owner=owner,
            claim="source",
            snapshot_class="mine",
            switch_uid="switch",
            token="t-1",  # noqa: S106 - names an attempt
        )
    )
    assert body["spec"] == {
        "volumeSnapshotClassName": "mine",
        "source": {"persistentVolumeClaimName": "source"},
    }
    assert body["metadata"]["ownerReferences"] == [owner]
    body["metadata"] |= {"uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    seen = reading.snapshot(body)
    assert (seen.switch_uid, seen.token, seen.ready) == ("switch", "t-1", False)
    body["status"] = {"readyToUse": True, "restoreSize": "1Gi", "error": {"message": "before"}}
    seen = reading.snapshot(body)
    assert (seen.ready, seen.restore_bytes, seen.error) == (True, 1 << 30, "before")


@pytest.mark.parametrize(
    ("source", "group"),
    [
        (("VolumeSnapshot", "detour-t-1"), {"apiGroup": "snapshot.storage.k8s.io"}),
        (("PersistentVolumeClaim", "source"), {}),
    ],
)
def test_a_claim_that_is_made_from_something_says_so_and_under_which_attempt(source, group):
    new = claims.NewClaim(
        namespace="ns",
        name="there",
        storage_class="fast",
        access_modes=("ReadWriteOnce",),
        size="1Gi",
        created_for="migration",
        data_source=source,
        token="t-1",  # noqa: S106 - names an attempt
    )
    body = claims.manifest(new)
    kind, name = source
    assert body["spec"]["dataSource"] == {"kind": kind, "name": name, **group}
    body["metadata"]["uid"] = "u"
    seen = reading.claim(body)
    assert (seen.data_source, seen.token) == (f"{kind}/{name}", "t-1")
    assert (seen.created_for, seen.phase) == ("migration", "Pending")


def test_why_a_claim_is_not_made_is_the_provisioners_last_word():
    events = [
        {"message": "new", "lastTimestamp": "2026-01-02T00:00:00Z"},
        {"message": "old", "lastTimestamp": "2026-01-01T00:00:00Z"},
    ]
    with serving(lambda _: (200, {"items": events, "metadata": {}})) as server:
        assert claims.why_not_provisioned(server.api(), "ns", "u") == "new"
    assert "involvedObject.uid%3Du%2Creason%3DProvisioningFailed" in server.asked[0].path
    with serving(lambda _: (200, {"items": [], "metadata": {}})) as server:
        assert claims.why_not_provisioned(server.api(), "ns", "u") is None


def affinity(*expressions, fields=()):
    term = {"matchExpressions": list(expressions), "matchFields": list(fields)}
    return {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}}


def expression(key, operator, *values):
    return {"key": key, "operator": operator, "values": list(values)}


LABELS = {"zone": "a", "disks": "4"}
VOLUMES = {
    "anywhere": ({"spec": {}}, True),
    "this zone": (affinity(expression("zone", "In", "a", "b")), True),
    "another zone": (affinity(expression("zone", "In", "b")), False),
    "not this zone": (affinity(expression("zone", "NotIn", "a")), False),
    "a label": (affinity(expression("zone", "Exists")), True),
    "no such label": (affinity(expression("rack", "Exists")), False),
    "without a label": (affinity(expression("rack", "DoesNotExist")), True),
    "more": (affinity(expression("disks", "Gt", "3")), True),
    "less": (affinity(expression("disks", "Lt", "3")), False),
    "both": (affinity(expression("zone", "In", "a"), expression("disks", "Gt", "9")), False),
    "this node": (affinity(fields=[expression("metadata.name", "In", "n")]), True),
    "another node": (affinity(fields=[expression("metadata.name", "In", "m")]), False),
}


@pytest.mark.parametrize(("volume", "reaches"), VOLUMES.values(), ids=VOLUMES)
def test_where_a_volume_can_be_had(volume, reaches):
    assert topology.volume_reaches(volume, "n", LABELS) is reaches


@pytest.mark.parametrize(
    ("topologies", "reaches"),
    [
        (None, True),
        ([{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}], True),
        ([{"matchLabelExpressions": [{"key": "zone", "values": ["b"]}]}], False),
        ([{"matchLabelExpressions": [{"key": "rack", "values": ["b"]}]}, {}], True),
    ],
)
def test_where_a_class_makes_volumes(topologies, reaches):
    assert topology.class_reaches({"allowedTopologies": topologies}, LABELS) is reaches


def reached(objects, there=None, storage_class=None, node="n"):
    pods = [
        {
            "metadata": {"name": "launcher"},
            "spec": {
                "nodeName": node,
                "volumes": [{"persistentVolumeClaim": {"claimName": SOURCE}}],
            },
            "status": {"phase": "Running"},
        }
    ]
    known = {
        "/api/v1/namespaces/ns/pods": {"items": pods if node else [], "metadata": {}},
        "/api/v1/nodes/n": {"metadata": {"name": "n", "labels": LABELS}},
        **objects,
    }

    def answer(request):
        found = known.get(request.path.partition("?")[0])
        return (200, found) if found else status(404, "NotFound")

    with serving(answer) as server:
        return offering.reaches(server.api(), "ns", SOURCE_CLAIM, there, storage_class or {})


FAR = {"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": ["b"]}]}]}


def test_the_node_is_where_the_source_is_used():
    bound = claim("there", volume="there-pv")
    near = {"/api/v1/persistentvolumes/there-pv": affinity(expression("zone", "In", "a"))}
    far = {"/api/v1/persistentvolumes/there-pv": affinity(expression("zone", "In", "b"))}
    assert reached(near, there=bound) is True
    assert reached(far, there=bound) is False
    assert reached({}, storage_class=FAR) is False
    assert reached({}, storage_class=FAR, node="") is None, "a stopped machine is nowhere"
    assert reached({}) is None, "nothing is said of nodes"
