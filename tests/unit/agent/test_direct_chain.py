"""What QEMU tells of its own copy, and the commands it is given."""

import dataclasses

import pytest

from detour_agent.adapters import monitor_mirror
from detour_agent.adapters.monitor import read_monitor
from detour_agent.domain import direct_chain
from detour_agent.domain.chain import (
    Disk,
    JobInfo,
    Known,
    Layer,
    Mirror,
    Monitor,
    MonitorJob,
    MonitorNode,
    OpenFile,
    Report,
)
from detour_agent.domain.ports import CopyTarget
from detour_agent.domain.situation import Job
from detour_crds.attachment_switch import Identity, Top

PATH = "/var/run/kubevirt-private/vmi-disks/data/disk.img"
SOURCE, DESTINATION = Identity(device=1, inode=1), Identity(device=2, inode=1)
KNOWN = Known(canonical=PATH, overlay_folder="/overlays", source=SOURCE, destination=DESTINATION)
FORMAT = MonitorNode("libvirt-1-format", PATH, "raw", read_only=False)
STORAGE = MonitorNode("libvirt-1-storage", PATH, "file", read_only=False)
DISK = Disk(
    target="vda",
    kind="file",
    device="disk",
    layers=(Layer(PATH, "raw"),),
    driver=(("cache", "none"), ("io", "native"), ("discard", "unmap")),
)
JOB = MonitorJob("detour-mirror-vda", done=1, total=2)
READY = dataclasses.replace(JOB, ready=True)
BOTH = (OpenFile(SOURCE, writable=True), OpenFile(DESTINATION, writable=True))


def report(*jobs, disk=DISK, top=FORMAT, job=None, nodes=()):
    monitor = Monitor(top=top, nodes=(top, *nodes), jobs=jobs)
    return Report(libvirt_version=9_000_000, disk=disk, job=job or JobInfo(), monitor=monitor)


JOBS = {
    "none": (report(), Job.NONE),
    "copying": (report(JOB), Job.MIRROR),
    "ready": (report(READY), Job.MIRROR_READY),
    "stopped by an error": (report(dataclasses.replace(READY, stopped=True)), Job.MIRROR),
    "ending": (report(dataclasses.replace(READY, concluded=True)), Job.ENDING),
    "of another disk": (report(MonitorJob("detour-mirror-vdb", ready=True)), Job.NONE),
    "libvirt's own": (report(job=JobInfo(2)), Job.FOREIGN),
    "in libvirt's XML": (
        report(disk=dataclasses.replace(DISK, mirror=Mirror("copy", "/x"))),
        Job.FOREIGN,
    ),
    "not told": (dataclasses.replace(report(), monitor=None), Job.UNKNOWN),
}


@pytest.mark.parametrize(("seen", "job"), JOBS.values(), ids=JOBS)
def test_the_job(seen, job):
    assert direct_chain.job_state(seen) is job


def opened(source=None, destination=None):
    files = {SOURCE: source, DESTINATION: destination}
    return tuple(OpenFile(image, writable=how) for image, how in files.items() if how is not None)


TOPS = {
    "the source alone": (report(), opened(source=True), Top.SOURCE),
    "both, while it is copied": (report(JOB), BOTH, Top.SOURCE),
    "both, and no job": (report(), BOTH, Top.UNKNOWN),
    "the destination alone": (report(), opened(destination=True), Top.DESTINATION),
    "the destination, its own node closed for writing": (
        report(),
        (*opened(destination=False), *opened(destination=True)),
        Top.DESTINATION,
    ),
    "amid the switch": (report(JOB), opened(False, True), Top.UNKNOWN),
    "amid the switch, nothing writable": (report(), opened(False, False), Top.UNKNOWN),
    "another image": (report(), (), Top.FOREIGN),
    "an overlay": (
        report(top=MonitorNode("o", "/overlays/o", "qcow2", read_only=False)),
        BOTH,
        Top.FOREIGN,
    ),
    "a snapshot by others": (
        report(disk=dataclasses.replace(DISK, layers=(Layer("/o", "qcow2"), *DISK.layers))),
        opened(source=True),
        Top.FOREIGN,
    ),
}


@pytest.mark.parametrize(("seen", "files", "top"), TOPS.values(), ids=TOPS)
def test_the_image_that_the_guest_is_on(seen, files, top):
    assert direct_chain.top_image(seen, files, KNOWN) is top


def test_an_error_is_read_from_qemu():
    job = {
        "device": "detour-mirror-vda",
        "io-status": "nospace",
        "status": "paused",
        "ready": True,
    }
    device = {"qdev": "ua-data", "inserted": {"node-name": "n", "file": PATH, "drv": "raw"}}
    monitor = read_monitor("ua-data", [device], [], [job])
    assert monitor.jobs[0].stopped
    assert not read_monitor("ua-data", [device], [], [{**job, "io-status": "ok"}]).jobs[0].stopped


TARGET = CopyTarget(path="/to/disk.img", size_bytes=20, virtual_size_bytes=10)


def test_the_copy_writes_to_both_and_stops_at_an_error():
    commands = monitor_mirror.begin(DISK, FORMAT, TARGET, 1 << 20)
    assert [command for command, _ in commands] == [
        "blockdev-add",
        "blockdev-add",
        "blockdev-mirror",
    ]
    (_, storage), (_, image), (_, job) = commands
    assert storage["filename"] == TARGET.path
    assert storage["cache"]["direct"] is True
    assert image["size"] == TARGET.virtual_size_bytes
    assert (job["sync"], job["copy-mode"], job["speed"]) == ("full", "write-blocking", 1 << 20)
    assert {job["on-source-error"], job["on-target-error"]} == {"stop"}
    assert job["device"] == FORMAT.name
    assert monitor_mirror.begin(DISK, FORMAT, TARGET, None)[-1][1]["speed"] == 0


def test_an_image_that_is_open_for_writing_for_good_is_made_to_be_opened_anew():
    (first, arguments), *rest = monitor_mirror.begin(DISK, STORAGE, TARGET, None)
    assert first == "blockdev-reopen"
    assert len(rest) == 3
    assert arguments["options"] == [
        {
            "driver": "file",
            "node-name": "libvirt-1-storage",
            "filename": PATH,
            "read-only": False,
            "auto-read-only": True,
            "cache": {"direct": True, "no-flush": False},
            "discard": "unmap",
            "aio": "native",
        }
    ]


@pytest.mark.parametrize("gently", [True, False])
def test_the_end_is_gentle_or_forced(gently):
    command, arguments = monitor_mirror.end(DISK, gently=gently)
    assert command == "block-job-cancel"
    assert arguments == {"device": "detour-mirror-vda", "force": not gently}
