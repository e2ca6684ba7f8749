"""What cannot be done is refused with its reason, and nothing is changed."""

import pytest

from harness.kube import KubectlError

SIZE = "64Mi"

NOT_BY_QEMU = {
    "copy.verify": ({"copy": {"method": "Hypervisor", "verify": "Checksum"}}, "VerifyNotPossible"),
    "overlay": (
        {"copy": {"method": "Hypervisor"}, "overlay": {"where": "Claim"}},
        "OverlayNotUsed",
    ),
    "whenStopped": (
        {"copy": {"method": "Hypervisor"}, "whenStopped": "Finish"},
        "FinishNotPossible",
    ),
}


@pytest.mark.e2e
@pytest.mark.parametrize("field", NOT_BY_QEMU)
def test_what_a_method_cannot_do_is_refused_by_name(migrate, field):
    spec, reason = NOT_BY_QEMU[field]
    migration = migrate("m", "nobody", {"claimTemplate": {}}, **spec)
    accepted = migration.wait_for_condition("Accepted", "False", seconds=60)
    assert accepted["reason"] == reason
    assert f"spec.{field}" in accepted["message"]
    assert migration.switch() == {}
    assert migration.phase() == "Refused"


@pytest.mark.e2e
def test_a_limit_that_is_none_is_refused_by_name(migrate):
    migration = migrate("m", "nobody", {"claimTemplate": {}}, copy={"bandwidthLimit": "0"})
    accepted = migration.wait_for_condition("Accepted", "False", seconds=60)
    assert accepted["reason"] == "BandwidthLimitTooLow"
    assert "spec.copy.bandwidthLimit" in accepted["message"]
    assert migration.switch() == {}


@pytest.mark.e2e
def test_an_old_launcher_is_refused_and_nothing_is_changed(
    cluster, kube, machines, migrate, namespace
):
    if "bookworm" not in cluster.launchers:
        pytest.skip("needs a launcher whose libvirt is older than 11.1")
    machine = machines()
    machine.create(cluster.source_class, SIZE, launcher="bookworm")
    machine.wait_until_running()
    xml, vm = cluster.domain_xml(machine), machine.object()

    def claims():
        return {claim["metadata"]["name"] for claim in kube.list("pvc", namespace)}

    before = claims()
    migration = migrate("m", machine.name, {"claimTemplate": {}})
    accepted = migration.wait_for_condition("Accepted", "False")
    assert accepted["reason"] == "LauncherTooOld"
    assert "11.1" in accepted["message"]
    assert migration.switch()["status"]["compute"].get("order", "") == ""
    assert not migration.switch()["status"]["compute"].get("locked")
    assert cluster.domain_xml(machine) == xml
    assert machine.object()["spec"] == vm["spec"]
    assert claims() - before == {"m"}, "the template's claim, and no other"
    assert kube.list("pods", namespace, "detour.dev/component") == []
    kube.delete("volumemigrations", "m", namespace)
    machine.wait_for_writes()


@pytest.mark.e2e
def test_api_server_refuses_what_makes_no_sense(kube, namespace, migrate):
    with pytest.raises(KubectlError, match="exactly one of"):
        migrate("m", "vm", {"claimName": "a", "claimTemplate": {}})
    with pytest.raises(KubectlError, match="storageClassName has a meaning with"):
        migrate("m", "vm", {"claimTemplate": {}}, overlay={"storageClassName": "fast"})
    for copy, words in (
        ({"bandwidthLimit": "fast"}, "spec.copy.bandwidthLimit"),
        ({"verify": "Sometimes"}, "spec.copy.verify"),
    ):
        with pytest.raises(KubectlError, match=words):
            migrate("m", "vm", {"claimTemplate": {}}, copy=copy)
    with pytest.raises(KubectlError, match="overwrite has a meaning with"):
        migrate("m", "vm", {"claimTemplate": {}, "overwrite": True})
    migrate("m", "vm", {"claimTemplate": {}}, cancel=True)
    for patch, words in (
        ({"volume": "other"}, "spec.volume cannot be changed"),
        ({"cancel": False}, "a cancel cannot be taken back"),
        ({"virtualMachine": {"name": "other"}}, "spec.virtualMachine cannot be changed"),
    ):
        with pytest.raises(KubectlError, match=words):
            kube.patch("volumemigrations", "m", namespace, {"spec": patch})
    migrate("q", "vm", {"claimTemplate": {}}, copy={"method": "Hypervisor"}, cancel=True)
    with pytest.raises(KubectlError, match="whenStopped Finish is not possible"):
        kube.patch("volumemigrations", "q", namespace, {"spec": {"whenStopped": "Finish"}})
    kube.patch("volumemigrations", "q", namespace, {"spec": {"whenStopped": "Cancel"}})
