"""The holder pod: what protects it, and what it may not do."""

import pytest

from detour_operator.compute_side.holder import Holder, holder_budget, holder_name, manifest

HOLDER = {
    "namespace": "ns",
    "switch": "move",
    "switch_uid": "12345678-abcd",
    "launcher_name": "virt-launcher-web-x",
    "launcher_uid": "launcher-uid",
    "node": "node-1",
    "claim": "new",
    "se_linux_level": "s0:c1,c2",
    "image": "registry/copier:1",
    "pull_policy": "IfNotPresent",
}


def made(**changes):
    return manifest(Holder(**{**HOLDER, **changes}))


def test_kubevirts_eviction_webhook_takes_it_for_one_of_its_own():
    pod = made()
    assert pod["metadata"]["name"] == holder_name(HOLDER["switch_uid"])
    assert pod["metadata"]["name"].startswith("hp-volume-")
    assert pod["metadata"]["labels"]["kubevirt.io"] == "hotplug-disk"
    (owner,) = pod["metadata"]["ownerReferences"]
    assert owner["uid"] == "launcher-uid"
    assert owner["controller"] is False


def test_it_has_no_privileges():
    spec = made()["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsUser"] == 107
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "hostPID" not in spec


def test_it_stays_where_the_guest_is():
    spec = made()["spec"]
    wanted = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    ((field,),) = (term["matchFields"] for term in wanted["nodeSelectorTerms"])
    assert field == {"key": "metadata.name", "operator": "In", "values": ["node-1"]}
    assert "nodeName" not in spec, "a claim that waits for its first pod needs the scheduler"
    assert spec["tolerations"] == [{"operator": "Exists"}]
    resources = spec["containers"][0]["resources"]
    assert resources["requests"] == resources["limits"], "Guaranteed is evicted last"
    assert int(resources["limits"]["cpu"].removesuffix("m")) >= 50, "less stretches its start"


def test_it_holds_the_destination_writable():
    spec = made()["spec"]
    assert spec["volumes"][0]["persistentVolumeClaim"] == {"claimName": "new"}
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert mount == {"name": "destination", "mountPath": "/detour/destination"}


def test_it_holds_a_device_as_one():
    (container,) = made(block=True)["spec"]["containers"]
    assert "volumeMounts" not in container
    (device,) = container["volumeDevices"]
    assert device == {"name": "destination", "devicePath": "/dev/detour-destination"}


@pytest.mark.parametrize(
    ("level", "options"), [("s0:c1,c2", {"level": "s0:c1,c2"}), ("", None)], ids=["on", "off"]
)
def test_it_has_the_guests_selinux_level(level, options):
    security = made(se_linux_level=level)["spec"]["securityContext"]
    assert security.get("seLinuxOptions") == options


def test_a_name_too_long_for_a_label_is_no_label():
    assert made()["metadata"]["labels"]["detour.dev/switch"] == "move"
    assert "detour.dev/switch" not in made(switch="m" * 64)["metadata"]["labels"]


def test_its_budget_selects_it_and_goes_with_it():
    of = Holder(**HOLDER)
    budget = holder_budget(of)
    labels = budget["spec"]["selector"]["matchLabels"]
    assert labels.items() <= made()["metadata"]["labels"].items()
    assert budget["metadata"]["ownerReferences"] == made()["metadata"]["ownerReferences"]
    later = holder_budget(Holder(**{**HOLDER, "launcher_uid": "another"}))
    assert later["metadata"]["name"] != budget["metadata"]["name"]
    assert later["spec"] == budget["spec"]
