"""What a cluster's classes are enough for, and what is skipped there with which reason."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from cluster import paths

PLAIN = {
    "PROVIDER": "existing",
    "KUBECONFIG": "/nowhere",
    "IMAGE_LOAD": "true {archive}",
    "SOURCE_CLASS": "slow",
    "DESTINATION_CLASS": "fast",
}
BLOCK = {"BLOCK_CLASSES": "raw"}
CSI = {"CSI_CLASSES": "raw raw-too", "SNAPSHOT_CLASS": "snaps"}

DEVICES = {
    "test_a_device_moves_while_kubevirt_writes_the_device_rules_anew",
    "test_a_source_that_cannot_be_read",
    "test_a_destination_that_cannot_be_written_to",
    "test_a_destination_that_fails_after_the_handover",
}
OWN_DRIVER = {
    "test_no_space_on_the_destination",
    "test_a_driver_that_refuses_fails_the_method_that_was_asked_for",
    "test_auto_goes_on_until_a_method_works",
    "test_on_a_full_volume_the_writes_are_taken_back_into_the_source",
}
NEEDS = {
    "devices": "needs nodes on which tests make block devices",
    "driver": "needs the CSI driver of tests/storage/csi",
    "block": "needs storage classes for volumes of mode Block (BLOCK_CLASSES)",
    "csi": "needs a CSI driver with snapshots and clones (CSI_CLASSES, SNAPSHOT_CLASS)",
    "csi block": "needs volumes of mode Block of the CSI driver",
}


@pytest.fixture
def skipped(tmp_path):
    """The tests that are skipped before they begin, by what they need."""

    def ask(environment):
        report = tmp_path / "report.xml"
        words = ["-q", "-n0", "-p", "no:cacheprovider", "-p", "unit.harness.on_nothing"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/e2e", *words, f"--junitxml={report}"],
            cwd=paths.REPOSITORY,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return _by_need(ET.parse(report))

    return ask


def _by_need(report):
    found = {}
    for case in report.iter("testcase"):
        for skip in case.iter("skipped"):
            (need,) = (need for need, text in NEEDS.items() if text in skip.get("message"))
            found.setdefault(need, set()).add(re.sub(r"\[.*", "", case.get("name")))
    return found


@pytest.mark.thorough
def test_nothing_is_skipped_on_the_local_cluster(skipped):
    assert skipped({"PROVIDER": "local"}) == {}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "environment",
    [{"PROVIDER": "kind"}, {**PLAIN, **CSI, "BLOCK_CLASSES": "raw raw-too"}],
    ids=["kind", "existing"],
)
def test_what_fails_on_demand_is_on_the_local_cluster_alone(skipped, environment):
    found = skipped(environment)
    assert found == {"devices": DEVICES, "driver": OWN_DRIVER}


@pytest.mark.thorough
def test_devices_of_the_driver_are_asked_of_classes_that_are_named_for_them(skipped):
    found = skipped({**PLAIN, **BLOCK, **CSI})
    assert found["csi block"] == {
        "test_a_device_is_copied_by_the_storage_too",
        "test_what_is_in_use_is_cloned_and_its_snapshot_restored_larger_in_another_class",
    }
    assert found.keys() == {"devices", "driver", "csi block"}


@pytest.mark.thorough
def test_a_cluster_of_two_classes_has_the_rest_skipped(skipped):
    found = skipped(PLAIN)
    assert found["devices"] == DEVICES
    assert found["driver"] == OWN_DRIVER
    assert "test_a_device_moves_onto_an_equal_one_and_on_to_a_larger_one" in found["block"]
    assert "test_a_good_copy_of_the_storage_is_verified" in found["csi"]
    assert found.keys() == {"devices", "driver", "block", "csi"}
