"""What libvirt and QEMU really answered, and what is made of it."""

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from detour_agent.adapters.domain_xml import copy_xml, read_disk, snapshot_xml
from detour_agent.adapters.monitor import file_name, read_monitor
from detour_agent.domain import chain
from detour_agent.domain.budget import Room
from detour_agent.domain.chain import JobInfo, Known, MonitorJob, MonitorNode, OpenFile, Report
from detour_agent.domain.inspection import OLDEST_LIBVIRT, inspect, inspect_direct
from detour_agent.domain.ports import CopyTarget
from detour_agent.domain.situation import Job, PathImage
from detour_crds.attachment_switch import Identity, Top

DATA = Path(__file__).parent / "data"
SOURCE, DESTINATION = Identity(device=1, inode=10), Identity(device=2, inode=10)
KNOWN = Known(
    canonical="/var/run/kubevirt-private/vmi-disks/root/disk.img",
    overlay_folder="/var/run/kubevirt-private/detour-11112222",
    source=SOURCE,
    destination=DESTINATION,
)
OVERLAY = f"{KNOWN.overlay_folder}/overlay-11112222-1-1.qcow2"
KINDS = {"overlay": 0, "source": 0, "mirror-ready": 2, "commit-ready": 4}


def report(name: str) -> Report:
    """A look at a real guest (libvirt 9.0, QEMU 7.2)."""
    answers = json.loads((DATA / f"{name}.json").read_text())
    return Report(
        libvirt_version=OLDEST_LIBVIRT,
        disk=read_disk((DATA / f"{name}.xml").read_text(), "ua-root"),
        job=JobInfo(KINDS[name]),
        monitor=read_monitor(
            "ua-root",
            answers["query-block"],
            answers["query-named-block-nodes"],
            answers["query-block-jobs"],
        ),
    )


def opened(*files: tuple[Identity, bool]) -> tuple[OpenFile, ...]:
    return tuple(OpenFile(identity, writable) for identity, writable in files)


FROZEN = opened((SOURCE, False))
MIRRORING = opened((SOURCE, False), (DESTINATION, True))


@pytest.mark.parametrize(
    ("name", "files", "top", "job"),
    [
        ("source", opened((SOURCE, True)), Top.SOURCE, Job.NONE),
        ("overlay", FROZEN, Top.OVERLAY, Job.NONE),
        ("mirror-ready", MIRRORING, Top.OVERLAY, Job.MIRROR_READY),
        ("commit-ready", opened((SOURCE, True)), Top.OVERLAY, Job.COMMIT_READY),
        # One path and one chain in libvirt's words: only the identity tells the images apart.
        ("source", opened((DESTINATION, True)), Top.DESTINATION, Job.NONE),
        ("source", MIRRORING, Top.DESTINATION, Job.NONE),
        ("source", opened((SOURCE, True), (DESTINATION, True)), Top.UNKNOWN, Job.NONE),
        ("source", opened((Identity(device=9, inode=10), True)), Top.FOREIGN, Job.NONE),
        ("source", FROZEN, Top.FOREIGN, Job.NONE),
        # A mirror that is ready, onto something that is not the destination.
        ("mirror-ready", FROZEN, Top.OVERLAY, Job.FOREIGN),
    ],
)
def test_top_and_job(name, files, top, job):
    found = report(name)
    assert chain.top_image(found.monitor, files, KNOWN) is top
    assert chain.job_state(found, files, KNOWN) is job
    assert chain.libvirt_agrees(found)


def test_an_overlay_of_others_is_foreign():
    found = report("overlay")
    other = dataclasses.replace(KNOWN, overlay_folder="/var/run/kubevirt-private/detour-99999999")
    assert chain.top_image(found.monitor, FROZEN, other) is Top.FOREIGN


@pytest.mark.parametrize(
    ("changes", "job"),
    [
        ({"job": JobInfo(1)}, Job.FOREIGN),
        ({"job": JobInfo(5)}, Job.FOREIGN),
        ({"job": JobInfo(2)}, Job.LOST),
        ({"job": JobInfo(4)}, Job.LOST),
        ({"disk": None}, Job.UNKNOWN),
    ],
)
def test_jobs_beside_the_mirror_element(changes, job):
    assert chain.job_state(dataclasses.replace(report("overlay"), **changes), FROZEN, KNOWN) is job


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([MonitorJob("detour-commit-vda")], Job.COMMIT),
        ([MonitorJob("detour-commit-vda", ready=True)], Job.COMMIT_READY),
        ([MonitorJob("copy-vda-libvirt-3-format")], Job.UNKNOWN),
        ([MonitorJob("copy-vda-libvirt-3-format", concluded=True)], Job.NONE),
        ([MonitorJob("copy-vdb-libvirt-5-format")], Job.NONE),
    ],
)
def test_jobs_that_only_qemu_knows(jobs, expected):
    found = report("overlay")
    monitor = dataclasses.replace(found.monitor, jobs=tuple(jobs))
    found = dataclasses.replace(found, monitor=monitor)
    assert chain.job_state(found, FROZEN, KNOWN) is expected


@pytest.mark.parametrize(
    ("ready", "job"),
    [("", Job.MIRROR), ("yes", Job.MIRROR_READY), ("pivot", Job.ENDING), ("abort", Job.ENDING)],
)
def test_ready_is_what_the_xml_says(ready, job):
    found = report("mirror-ready")
    mirror = dataclasses.replace(found.disk.mirror, ready=ready)
    found = dataclasses.replace(found, disk=dataclasses.replace(found.disk, mirror=mirror))
    assert chain.job_state(found, MIRRORING, KNOWN) is job


def test_libvirt_disagrees_after_a_lost_start_and_a_lost_pivot():
    start = dataclasses.replace(report("source"), monitor=report("overlay").monitor)
    assert not chain.libvirt_agrees(start)
    pivot = dataclasses.replace(report("mirror-ready"), monitor=report("source").monitor)
    assert not chain.libvirt_agrees(pivot)


def test_leftovers_are_the_overlay_and_the_image_that_is_not_on_top():
    nodes = (
        MonitorNode("libvirt-3-format", KNOWN.canonical, "raw", False),
        MonitorNode("libvirt-3-storage", KNOWN.canonical, "file", False),
        MonitorNode("libvirt-2-storage", OVERLAY, "file", True),
        MonitorNode("libvirt-2-format", OVERLAY, "qcow2", True),
        MonitorNode("libvirt-1-storage", KNOWN.canonical, "file", False),
        MonitorNode("libvirt-1-format", KNOWN.canonical, "raw", True),
        MonitorNode("libvirt-9-storage", "/elsewhere", "file", False),
    )
    monitor = chain.Monitor(top=nodes[0], nodes=nodes)
    assert chain.leftover_nodes(monitor, KNOWN) == (
        "libvirt-2-format",
        "libvirt-2-storage",
        "libvirt-1-format",
        "libvirt-1-storage",
    )


def test_the_base_is_the_format_node_where_there_is_one():
    found = report("overlay").monitor
    assert chain.base_node(found, KNOWN).name == "libvirt-1-format"
    newer = [node for node in found.nodes if node.name != "libvirt-1-format"]
    assert chain.base_node(chain.Monitor(found.top, tuple(newer)), KNOWN).name == (
        "libvirt-1-storage"
    )


@pytest.mark.parametrize(
    ("at_path", "image"),
    [
        (SOURCE, PathImage.SOURCE),
        (DESTINATION, PathImage.DESTINATION),
        (Identity(device=3, inode=10), PathImage.FOREIGN),
        (None, PathImage.UNKNOWN),
    ],
)
def test_path(at_path, image):
    assert chain.path_image(at_path, KNOWN) is image


def test_var_run_and_run_are_one_path():
    assert chain.same_path("/var/run/a/b", "/run/a//b")
    assert not chain.same_path("/var/lib/a", "/lib/a")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("/a/b.img", "/a/b.img"),
        (
            'json:{"driver": "qcow2", "file": {"driver": "file", "filename": "/a/o.qcow2"}}',
            "/a/o.qcow2",
        ),
        ("json:{broken", "json:{broken"),
    ],
)
def test_file_names_of_nodes(written, name):
    assert file_name(written) == name


def test_a_disk_of_another_volume_is_not_ours():
    xml = (DATA / "source.xml").read_text()
    assert read_disk(xml, "ua-data") is None
    answers = json.loads((DATA / "source.json").read_text())
    assert read_monitor("ua-data", answers["query-block"], [], []) is None
    with pytest.raises(ValueError, match="domain XML"):
        read_disk("<domain>", "ua-root")


SNAPSHOT = f"""<domainsnapshot>
  <disks>
    <disk name="vda" snapshot="external" type="file">
      <driver type="qcow2" />
      <source file="{OVERLAY}" />
    </disk>
    <disk name="sdb" snapshot="no" />
  </disks>
</domainsnapshot>
"""
COPY = f"""<disk type="file" device="disk">
  <driver name="qemu" type="raw" cache="none" error_policy="stop" discard="unmap" io="native" iothread="1" />
  <source file="{KNOWN.canonical}" />
  <backingStore />
</disk>
"""  # noqa: E501
SLICED = f"""  <source file="{KNOWN.canonical}">
    <slices>
      <slice type="storage" offset="0" size="1048576" />
    </slices>
  </source>
"""


def test_snapshot_xml_takes_this_disk_and_no_other():
    disk = dataclasses.replace(report("source").disk, other_targets=("sdb",))
    assert snapshot_xml(disk, OVERLAY) == SNAPSHOT


def test_copy_xml_carries_the_driver_of_the_live_disk():
    disk = report("overlay").disk
    driver = (*disk.driver, ("io", "native"), ("iothread", "1"), ("queues", "2"))
    disk = dataclasses.replace(disk, driver=driver)
    assert copy_xml(disk, CopyTarget(KNOWN.canonical, 1 << 20, 1 << 20)) == COPY
    assert SLICED in copy_xml(disk, CopyTarget(KNOWN.canonical, 1 << 21, 1 << 20))


def inspected(
    found: Report, size: int, free: int = 9 << 30, limit: int | None = None, known: Known = KNOWN
):
    room = Room(free_bytes=free, kept_bytes=1 << 30, total_bytes=10 << 30)
    return inspect(found, known, size, room, limit)


def test_copy_xml_of_a_device_that_is_larger():
    disk = report("overlay").disk
    root = ElementTree.fromstring(
        copy_xml(disk, CopyTarget("/dev/root", 3 << 20, 1 << 20, block=True))
    )
    assert root.get("type") == "block"
    source = root.find("source")
    assert source.attrib == {"dev": "/dev/root"}
    assert source.find("slices/slice").get("size") == str(1 << 20)


DEVICE = Known(
    canonical="/dev/root",
    overlay_folder=KNOWN.overlay_folder,
    source=Identity(device=0x700),
    destination=Identity(device=0x701),
)


@pytest.mark.parametrize("driver", ["raw", "host_device"])
@pytest.mark.parametrize(
    ("opened", "top"),
    [(0x700, Top.SOURCE), (0x701, Top.DESTINATION), (0x702, Top.FOREIGN)],
)
def test_which_device_qemu_writes_to_is_known_by_its_number(driver, opened, top):
    node = MonitorNode("libvirt-1-storage", "/dev/root", driver, False)
    files = (OpenFile(Identity(device=opened), True),)
    assert chain.top_image(chain.Monitor(top=node), files, DEVICE) is top


def test_a_plain_device_is_accepted():
    found = report("source")
    layers = (chain.Layer("/dev/root", "raw"),)
    disk = dataclasses.replace(found.disk, kind="block", layers=layers)
    on_device = dataclasses.replace(found, disk=disk)
    assert inspected(on_device, 4096, known=DEVICE).reason == "Accepted"
    assert inspected(on_device, 4096).reason == "ChainNotPlain"


def refused(**changes: object) -> str:
    found = report("source")
    disk = dataclasses.replace(found.disk, **changes)
    return inspected(dataclasses.replace(found, disk=disk), 1).reason


def test_a_plain_disk_is_accepted():
    accepted = inspected(report("source"), 4096)
    assert (accepted.reason, accepted.virtual_size_bytes) == ("Accepted", 4096)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"shareable": True}, "DiskShareable"),
        ({"read_only": True}, "DiskReadOnly"),
        ({"kind": "network"}, "DiskKindNotSupported"),
        ({"device": "lun"}, "DiskKindNotSupported"),
        ({"has_data_store": True}, "ChangedBlockTracking"),
        ({"layers": (chain.Layer(OVERLAY, "qcow2"),)}, "ChainNotPlain"),
        ({"layers": (chain.Layer("/elsewhere/disk.img", "raw"),)}, "ChainNotPlain"),
        (
            {"layers": (chain.Layer("/var/run/kubevirt/hotplug-disks/root.img", "raw"),)},
            "VolumeHotplugged",
        ),
        ({"mirror": chain.Mirror("copy", "/elsewhere")}, "BlockJobRunning"),
    ],
)
def test_refusals(changes, reason):
    assert refused(**changes) == reason


def test_a_disk_that_ignores_errors_takes_no_overlay_but_qemu_s_own_copy():
    """What an overlay has no room for would be lost unseen."""
    ignoring = {"driver": (("error_policy", "ignore"),)}
    assert refused(**ignoring) == "DiskErrorsIgnored"
    assert refused(driver=(("error_policy", "stop"),)) == "Accepted"
    found = report("source")
    disk = dataclasses.replace(found.disk, **ignoring)
    assert inspect_direct(dataclasses.replace(found, disk=disk), KNOWN, 1).reason == "Accepted"


def test_refusals_that_are_not_the_disk_s():
    found = report("source")
    old = inspected(dataclasses.replace(found, libvirt_version=11_000_000), 1)
    assert old.reason == "LauncherTooOld"
    assert "11.0.0" in old.message
    assert inspected(dataclasses.replace(found, disk=None), 0).reason == "DiskNotFound"
    busy = dataclasses.replace(found, job=JobInfo(5))
    assert inspected(busy, 1).reason == "BlockJobRunning"


def test_no_start_without_room_for_the_overlay():
    assert inspected(report("source"), 1 << 40, free=1 << 30).reason == "OverlayNoRoom"
    assert inspected(report("source"), 1 << 40, limit=1 << 20).reason == "OverlayNoRoom"
    assert inspected(report("source"), 1 << 40, limit=64 << 20).reason == "Accepted"
