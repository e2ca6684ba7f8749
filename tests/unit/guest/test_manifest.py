from guest import manifest


def test_the_vm_boots_the_guest_image_with_one_disk():
    vm = manifest.virtual_machine("vm", "ns", "source", fill_percent=30, seed=9)
    template = vm["spec"]["template"]
    spec = template["spec"]

    assert spec["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "source"}}]
    assert [disk["name"] for disk in spec["domain"]["devices"]["disks"]] == ["data"]
    boot = spec["domain"]["firmware"]["kernelBoot"]
    assert "detour.fill=30" in boot["kernelArgs"].split()
    assert "detour.seed=9" in boot["kernelArgs"].split()
    assert template["metadata"]["annotations"] == {}


def test_a_launcher_of_the_stand_in_is_chosen_on_the_template():
    vm = manifest.virtual_machine("vm", "ns", "source", launcher="sid")

    annotations = vm["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {"detour.dev/test-launcher": "sid"}


def test_the_verifier_sees_a_claim_as_file_or_device():
    file = manifest.verifier("v", "ns", "c", node="one")["spec"]
    device = manifest.verifier("v", "ns", "c", volume_mode="Block")["spec"]

    assert file["containers"][0]["volumeMounts"][0]["readOnly"] is True
    assert file["nodeSelector"] == {"kubernetes.io/hostname": "one"}
    assert device["containers"][0]["volumeDevices"][0]["devicePath"] == manifest.VERIFIER_DEVICE
    assert "nodeSelector" not in device
