"""What a launcher makes of a VMI: KubeVirt facts 1 to 3."""

from xml.etree import ElementTree as ET

import pytest

from kubevirt.controller.volumes import claim_info
from kubevirt.handler.launcher_client import Launcher
from kubevirt.launcher import daemon, images, paths, server, spec
from kubevirt.launcher.domain_xml import DiskFacts, render
from unit.kubevirt.builders import claim, volume
from unit.kubevirt.builders import vmi as a_vmi


def disk(found=None, **facts):
    return ET.fromstring(render(found or a_vmi(), {"root": DiskFacts(**facts)})).find(
        "./devices/disk"
    )


def test_a_filesystem_volume_is_a_raw_file_without_cache():
    found = disk()
    assert found.get("type") == "file"
    assert found.get("model") == "virtio-non-transitional"
    assert found.find("source").get("file") == (
        "/var/run/kubevirt-private/vmi-disks/root/disk.img"
    )
    assert found.find("driver").attrib == {
        "name": "qemu",
        "type": "raw",
        "cache": "none",
        "error_policy": "stop",
        "discard": "unmap",
    }
    assert found.find("alias").get("name") == "ua-root"
    assert found.find("target").get("dev") == "vda"


def test_a_block_volume_is_a_device_with_native_io():
    found = disk(block=True)
    assert found.find("source").get("dev") == "/dev/root"
    assert found.find("driver").get("io") == "native"


def test_a_preallocated_file_has_native_io():
    assert disk(preallocated=True).find("driver").get("io") == "native"


def test_without_direct_io_the_cache_is_written_through():
    found = disk(direct_io=False, preallocated=True)
    assert found.find("driver").get("cache") == "writethrough"
    assert found.find("driver").get("io") is None


def test_a_hotplugged_file_is_below_hotplug_disks():
    assert disk(hotplugged=True).find("source").get("file") == (
        "/var/run/kubevirt/hotplug-disks/root.img"
    )


def test_a_hotplugged_device_is_below_hotplug_disks_and_without_ending():
    found = disk(hotplugged=True, block=True)
    assert found.get("type") == "block"
    assert found.find("source").get("dev") == "/var/run/kubevirt/hotplug-disks/root"


def test_a_hotplugged_volume_is_what_its_claim_is_once_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "HOTPLUG_DISKS", str(tmp_path))
    info = claim_info(claim("src", volume_mode="Block"))
    entry = {"name": "root", "hotplugVolume": {}, "persistentVolumeClaimInfo": info}
    found = a_vmi(volumeStatus=[entry])
    (tmp_path / "root.img").touch()
    assert images.facts(found) == {}
    (tmp_path / "root").touch()
    assert images.facts(found) == {"root": DiskFacts(block=True, hotplugged=True)}


def test_a_known_target_stays():
    found = a_vmi(volumeStatus=[{"name": "root", "target": "vdc"}])
    assert disk(found).find("target").get("dev") == "vdc"


def test_the_manifest_decides_cache_io_errors_and_serial():
    found = a_vmi()
    found["spec"]["domain"]["devices"]["disks"][0] |= {
        "cache": "writeback", "io": "threads", "errorPolicy": "report", "serial": "S1",
    }  # fmt: skip
    driver = disk(found).find("driver")
    assert (driver.get("cache"), driver.get("io"), driver.get("error_policy")) == (
        "writeback", "threads", "report",
    )  # fmt: skip
    assert disk(found).findtext("serial") == "S1"


def test_name_uuid_and_kind_of_the_domain():
    domain = ET.fromstring(render(a_vmi(), {}))
    assert domain.get("type") == "qemu"
    assert domain.findtext("name") == "demo_vm1"
    assert domain.findtext("uuid") == spec.firmware_uuid(a_vmi())
    assert domain.find("memory").text == str(128 << 20)


def test_the_firmwares_uuid_is_the_manifests_or_the_names():
    given = a_vmi()
    given["spec"]["domain"]["firmware"] = {"uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223"}
    assert spec.firmware_uuid(given) == "5d307ca9-b3ef-428c-8861-06e72d69f223"
    assert spec.firmware_uuid(a_vmi()) == "133bf63e-9459-5126-9b21-b56e9b3d17b3"


def test_a_kernel_is_started_directly():
    found = a_vmi()
    found["spec"]["domain"]["firmware"] = {
        "kernelBoot": {
            "kernelArgs": "quiet",
            "container": {"kernelPath": "/k", "initrdPath": "/i"},
        }
    }
    os = ET.fromstring(render(found, {})).find("os")
    assert os.findtext("cmdline") == "quiet"
    assert os.findtext("kernel").startswith("/var/run/kubevirt/container-disks/")


@pytest.mark.parametrize(
    ("text", "size"), [("1Gi", 1 << 30), ("1.5Mi", 3 << 19), ("1G", 10**9), ("512", 512)]
)
def test_quantities(text, size):
    assert spec.quantity(text) == size


def info(capacity, requested, overhead="0.055"):
    return {
        "capacity": {"storage": capacity},
        "requests": {"storage": requested},
        "filesystemOverhead": overhead,
    }


def test_a_new_image_has_the_size_that_was_asked_for_in_whole_mib():
    assert spec.disk_capacity(info("2Gi", "1Gi")) == 1 << 30
    assert spec.disk_capacity(info("1Gi", "2Gi")) == 1 << 30
    assert spec.disk_capacity(info("10000000", "10000000")) == 9 << 20
    assert spec.disk_capacity({}) is None


def test_a_disk_grows_to_its_claim_less_the_overhead():
    assert spec.possible_guest_size(info("100Mi", "100Mi")) == 94 << 20
    assert spec.possible_guest_size(info("100Mi", "100Mi", "0")) == 100 << 20


def test_the_daemons_configuration():
    text = daemon.qemu_conf("")
    assert "namespaces = [ ]" in text
    assert "remember_owner = 0" in text
    assert "shared_filesystems" not in text
    assert 'shared_filesystems = [ "/a", "/b" ]' in daemon.qemu_conf("/a:/b")


class EndedError(Exception):
    """The test has seen enough of what runs for ever."""


def test_a_daemon_that_died_is_started_again_after_one_second(monkeypatch, tmp_path):
    started, slept = [], []

    class Daemon:
        def __init__(self, command, **_):
            started.append(command)

        def poll(self):
            return 9

        wait = poll

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            raise EndedError

    monkeypatch.setattr(daemon, "BOUND_SOCKET", tmp_path / "libvirt-sock")
    monkeypatch.setattr(daemon.subprocess, "Popen", Daemon)
    monkeypatch.setattr(daemon.time, "sleep", sleep)
    with pytest.raises(EndedError):
        daemon._run()
    assert slept == [1.0] * 3
    assert len(started) == 3
    assert {command[-1] for command in started} == {
        "/var/run/kubevirt-private/libvirt/virtqemud.conf"
    }


def test_sockets_are_where_kubevirt_has_them():
    """The launcher's own is found from outside in kubelet's folder of the pod."""
    assert paths.LIBVIRT_SOCKET == "/var/run/libvirt/virtqemud-sock"
    assert f"qemu+unix:///session?socket={paths.LIBVIRT_SOCKET}" == paths.LIBVIRT_URI
    assert paths.LAUNCHER_SOCKET == "/var/run/kubevirt/sockets/launcher-sock"
    outside = Launcher("uid")
    assert str(outside.folder / outside.name) == (
        "/var/lib/kubelet/pods/uid/volumes/kubernetes.io~empty-dir/sockets/launcher-sock"
    )


def test_a_disk_that_asks_for_it_has_an_io_thread_of_its_own():
    found = a_vmi(volume("root", "a"), volume("data", "b"))
    found["spec"]["domain"]["devices"]["disks"][1]["dedicatedIOThread"] = True
    xml = ET.fromstring(render(found, {"root": DiskFacts(), "data": DiskFacts()}))
    drivers = xml.findall("./devices/disk/driver")
    assert [driver.get("iothread") for driver in drivers] == [None, "1"]
    assert xml.findtext("iothreads") == "1"


@pytest.mark.parametrize(("bus", "queues"), [("virtio", "3"), ("sata", None)])
def test_a_virtio_disk_has_a_queue_for_each_processor_where_the_manifest_says_so(bus, queues):
    found = a_vmi()
    found["spec"]["domain"]["cpu"] = {"cores": 3}
    devices = found["spec"]["domain"]["devices"]
    devices["disks"][0]["disk"]["bus"] = bus
    assert disk(found).find("driver").get("queues") is None
    devices["blockMultiQueue"] = True
    assert disk(found).find("driver").get("queues") == queues


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [
        ({}, None),
        ({"matchVolume": {}}, ("4096", "4096")),
        ({"custom": {"logical": 512, "physical": 4096}}, ("512", "4096")),
    ],
)
def test_sectors_are_the_volumes_or_the_manifests(asked, sizes):
    found = a_vmi()
    found["spec"]["domain"]["devices"]["disks"][0]["blockSize"] = asked
    told = disk(found, sectors=(4096, 4096)).find("blockio")
    names = ("logical_block_size", "physical_block_size")
    assert (told is None) == (sizes is None)
    assert told is None or tuple(map(told.get, names)) == sizes


def test_commands_answer_with_what_went_wrong():
    def fails(_request):
        raise ValueError("no")

    commands = {"Fine": lambda request: {"got": request["x"]}, "Fails": fails}
    assert server.answer(commands, {"method": "Fine", "x": 1}) == {"ok": True, "got": 1}
    assert server.answer(commands, {"method": "Fails"}) == {"ok": False, "error": "no"}
    assert not server.answer(commands, {"method": "Unknown"})["ok"]


def test_volumes_of_one_bus_get_names_in_order():
    found = a_vmi(volume("root", "a"), volume("data", "b"))
    xml = ET.fromstring(render(found, {"root": DiskFacts(), "data": DiskFacts()}))
    assert [t.get("dev") for t in xml.findall("./devices/disk/target")] == ["vda", "vdb"]
