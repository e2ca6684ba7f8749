"""The custom resources and the KubeVirt CR: KubeVirt facts 6.1, 8 and 9."""

import pytest

from kubevirt.crds import crds
from kubevirt.manifests import KUBEVIRT_STATUS, kubevirt

FOUND = {crd["metadata"]["name"]: crd["spec"] for crd in crds()}


@pytest.mark.parametrize(
    ("name", "has_status"),
    [
        ("virtualmachines.kubevirt.io", True),
        ("virtualmachineinstances.kubevirt.io", False),
        ("virtualmachineinstancemigrations.kubevirt.io", True),
        ("kubevirts.kubevirt.io", True),
    ],
)
def test_only_an_instance_takes_spec_and_status_in_one_patch(name, has_status):
    (version,) = FOUND[name]["versions"]
    assert version["name"] == "v1"
    assert ("status" in version.get("subresources", {})) is has_status


@pytest.mark.parametrize("kind", ["snapshot", "restore", "clone", "export", "backup"])
def test_what_reads_a_disk_can_be_asked_for(kind):
    group = {"restore": "snapshot"}.get(kind, kind)
    assert f"virtualmachine{kind}s.{group}.kubevirt.io" in FOUND


def test_fields_that_nobody_listed_are_kept():
    for spec in FOUND.values():
        properties = spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        for part in ("spec", "status"):
            assert properties[part]["x-kubernetes-preserve-unknown-fields"] is True


def test_kubevirt_is_deployed_and_updates_workloads_by_live_migration():
    spec = kubevirt()["spec"]
    assert spec["workloadUpdateStrategy"]["workloadUpdateMethods"] == ["LiveMigrate"]
    assert spec["configuration"]["vmRolloutStrategy"] == "LiveUpdate"
    assert KUBEVIRT_STATUS["phase"] == "Deployed"
    assert KUBEVIRT_STATUS["observedKubeVirtVersion"].startswith("v1.8.")
