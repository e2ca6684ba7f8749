"""The classes that variables name, and what a cluster lacks of them."""

import dataclasses
import json
import re

import pytest

from cluster import given
from cluster.given import Had, SnapshotClass
from cluster.kind.provider import KindProvider
from cluster.kubectl import Kubectl
from cluster.local.provider import LocalProvider
from cluster.provider import StorageClasses

DRIVER = "disks.example.com"
PLAIN = {"SOURCE_CLASS": "slow", "DESTINATION_CLASS": "fast"}
ALL = {
    **PLAIN,
    "SHARED_CLASS": "files",
    "BLOCK_CLASSES": "raw raw-too",
    "CSI_CLASSES": "raw raw-too",
    "SNAPSHOT_CLASS": "snaps",
}
SNAPS = SnapshotClass(DRIVER, default=False, deletes=True)
HAD = Had(
    {"slow": "a", "fast": "b", "files": "c", "raw": DRIVER, "raw-too": DRIVER},
    {"snaps": SNAPS},
)


def test_all_of_them():
    classes = given.classes(ALL)
    assert classes == StorageClasses(
        "slow", "fast", "files", ("raw", "raw-too"), ("raw", "raw-too"), "snaps"
    )
    assert given.missing(classes, HAD) == []


def test_one_class_can_be_both_ends():
    classes = given.classes({**ALL, "BLOCK_CLASSES": "raw", "CSI_CLASSES": " raw-too "})
    assert (classes.block, classes.csi) == (("raw", "raw"), ("raw-too", "raw-too"))


def test_what_is_not_named_is_not_there():
    classes = given.classes({**PLAIN, "BLOCK_CLASSES": "", "CSI_CLASSES": "", "SHARED_CLASS": ""})
    assert classes == StorageClasses("slow", "fast")
    assert given.missing(classes, Had({"slow": "a", "fast": "b"}, None)) == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SOURCE_CLASS", "a b"), ("BLOCK_CLASSES", "a b c"), ("SNAPSHOT_CLASS", "a b")],
)
def test_too_many_names(variable, value):
    with pytest.raises(LookupError, match=f"{variable} may name one .*'{value}'$"):
        given.classes({**ALL, variable: value})


@pytest.mark.parametrize("variable", ["CSI_CLASSES", "SNAPSHOT_CLASS"])
def test_snapshots_need_both(variable):
    with pytest.raises(LookupError, match="only together"):
        given.classes({**ALL, variable: ""})


@pytest.mark.parametrize("variable", sorted(set(given.VARIABLES) - {"SNAPSHOT_CLASS"}))
def test_a_class_that_is_not_there_is_named_with_its_variable(variable):
    classes = given.classes({**ALL, variable: "nowhere"})
    (told,) = given.missing(classes, HAD)
    assert told.startswith(f"{variable} names 'nowhere'")
    assert told.endswith("fast, files, raw, raw-too, slow")


SNAPSHOT_FAULTS = {
    "CSI_CLASSES must be of one driver": {"provisioners": {**HAD.provisioners, "raw-too": "b"}},
    "this cluster has no VolumeSnapshotClasses": {"snapshot_classes": None},
    "cluster are: others": {"snapshot_classes": {"others": SNAPS}},
    "cluster are: none": {"snapshot_classes": {}},
    "of the driver b, but CSI_CLASSES are of disks": {
        "snapshot_classes": {"snaps": dataclasses.replace(SNAPS, driver="b")}
    },
    "retains": {"snapshot_classes": {"snaps": dataclasses.replace(SNAPS, deletes=False)}},
    "Detour chooses among others, snaps": {"snapshot_classes": {"snaps": SNAPS, "others": SNAPS}},
    "Detour chooses among others$": {
        "snapshot_classes": {"snaps": SNAPS, "others": dataclasses.replace(SNAPS, default=True)}
    },
}


@pytest.mark.parametrize("words", SNAPSHOT_FAULTS)
def test_a_snapshot_class_that_detour_would_not_take(words):
    (told,) = given.missing(given.classes(ALL), dataclasses.replace(HAD, **SNAPSHOT_FAULTS[words]))
    assert re.search(words, told)


@pytest.mark.parametrize(
    "more",
    [
        {"snaps": dataclasses.replace(SNAPS, default=True), "others": SNAPS},
        {"snaps": SNAPS, "others": dataclasses.replace(SNAPS, driver="b", default=True)},
    ],
    ids=["the default one", "the driver's only one"],
)
def test_a_snapshot_class_that_detour_takes(more):
    assert given.missing(given.classes(ALL), dataclasses.replace(HAD, snapshot_classes=more)) == []


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [
        (LocalProvider.classes, True),
        (given.classes(ALL), True),
        (given.classes({**ALL, "BLOCK_CLASSES": "raw"}), False),
        (given.classes({**ALL, "BLOCK_CLASSES": ""}), False),
        (given.classes({**PLAIN, "BLOCK_CLASSES": "raw"}), False),
    ],
)
def test_which_csi_classes_make_devices(classes, wanted):
    assert classes.csi_block is wanted


def test_only_the_local_cluster_has_what_tests_can_have_fail():
    assert LocalProvider.classes.ours
    assert not KindProvider.classes.ours
    assert not given.classes(ALL).ours


def test_kubectl_tells_what_there_is(monkeypatch, tmp_path):
    meta = {
        "name": "snaps",
        "annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"},
    }
    snaps = {"metadata": meta, "driver": DRIVER, "deletionPolicy": "Retain"}
    listed = {
        "storageclasses": {"items": [{"metadata": {"name": "raw"}, "provisioner": DRIVER}]},
        "volumesnapshotclasses.snapshot.storage.k8s.io": {"items": [snaps]},
    }
    crd = ["customresourcedefinition/volumesnapshotclasses\n"]

    def answer(_, _get, kind, *_words, **_options):
        return crd[0] if kind == "crd" else json.dumps(listed[kind])

    monkeypatch.setattr(Kubectl, "__call__", answer)
    kubectl = Kubectl(tmp_path)
    retained = SnapshotClass(DRIVER, default=True, deletes=False)
    assert kubectl.classes() == Had({"raw": DRIVER}, {"snaps": retained})
    crd[0] = ""
    assert kubectl.classes() == Had({"raw": DRIVER}, None)
