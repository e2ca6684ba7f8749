"""What virt-handler does with the devices that are plugged into a launcher: KubeVirt facts 4."""

import os
import stat

import pytest

from kubevirt.controller.volumes import claim_info
from kubevirt.handler import devices, hotplug, node, rules
from kubevirt.handler.launcher_client import Launcher
from kubevirt.objects import copied
from unit.kubevirt.builders import claim, volume
from unit.kubevirt.builders import vmi as a_vmi

LAUNCHER, ATTACHMENT, PID = "launcher-uid", "attachment-uid", 12
OWN, HOT, STRANGER = ("b", "7", "1"), ("b", "7", "2"), ("b", "7", "9")


def on(phase="AttachedToNode", volume_mode="Block"):
    entry = {
        "name": "hot",
        "phase": phase,
        "hotplugVolume": {"attachPodUID": ATTACHMENT},
        "persistentVolumeClaimInfo": claim_info(claim("hot", volume_mode=volume_mode)),
    }
    return a_vmi(volume("root", "src"), volume("hot", "hot"), volumeStatus=[entry])


class Bench:
    """Folders of two pods and of a launcher, with files for nodes: only root makes real ones."""

    def __init__(self, folder):
        self.pods = folder / "pods"
        self.dev = folder / "proc" / str(PID) / "root" / "dev"
        self.dev.mkdir(parents=True)
        (self.dev / "root").write_text(" ".join(OWN))
        self.target = self._folder(LAUNCHER) / "hot"
        self.source = self._folder(ATTACHMENT) / "hot" / "uid-of-claim"
        self.owners = {}
        self.modes = {}
        self.written = []

    def _folder(self, pod):
        made = self.pods / pod / hotplug.EMPTY_DIR
        made.mkdir(parents=True)
        return made

    def attach(self, device=HOT):
        self.source.parent.mkdir(exist_ok=True)
        self.source.write_text(" ".join(device))

    def device(self, path):
        return tuple(path.read_text().split()) if path.is_file() else None

    def mknod(self, path, mode, number):
        path.write_text(f"b {os.major(number)} {os.minor(number)}")
        self.modes[path] = mode


@pytest.fixture
def bench(tmp_path, monkeypatch):
    made = Bench(tmp_path)
    monkeypatch.setattr(hotplug, "KUBELET_PODS", str(made.pods))
    monkeypatch.setattr(hotplug, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(devices, "PROCESSES", tmp_path / "proc")
    monkeypatch.setattr(devices, "device", made.device)
    monkeypatch.setattr(devices, "write", lambda *told: made.written.append(told))
    monkeypatch.setattr(Launcher, "pid", lambda _self: PID)
    monkeypatch.setattr(os, "mknod", made.mknod)
    monkeypatch.setattr(os, "chown", lambda path, *owner: made.owners.update({path: owner}))
    return made


def phase_after(found, plugged=()):
    hotplug.advance(found, LAUNCHER, set(plugged))
    return found["status"]["volumeStatus"][0]["phase"]


def test_a_device_becomes_a_node_of_the_guests_user_and_a_rule(bench):
    bench.attach()
    bench.source.chmod(0o660)
    assert phase_after(on()) == "MountedToPod"
    assert bench.device(bench.target) == HOT
    assert bench.modes[bench.target] == stat.S_IFBLK | 0o660
    assert bench.owners == {bench.target: (107, 107)}
    assert bench.written == [(PID, devices.DEFAULTS | {OWN, HOT})]


def test_a_device_is_waited_for(bench):
    assert phase_after(on()) == "AttachedToNode"
    assert not bench.target.exists()
    assert bench.written == []


def test_a_node_that_is_there_stays_and_its_rule_is_written(bench):
    """Whatever the attachment pod has by now: KubeVirt does not look there any more."""
    bench.attach(STRANGER)
    bench.target.write_text(" ".join(HOT))
    assert phase_after(on()) == "MountedToPod"
    assert bench.device(bench.target) == HOT
    assert bench.written == [(PID, devices.DEFAULTS | {OWN, HOT})]


def test_a_device_the_guest_let_go_loses_its_node_and_its_rule(bench):
    bench.target.write_text(" ".join(HOT))
    assert phase_after(on("Detaching"), plugged=["hot"]) == "Detaching"
    assert bench.target.exists()
    assert bench.written == []
    assert phase_after(on("Detaching")) == "UnMountedFromPod"
    assert not bench.target.exists()
    assert bench.written == [(PID, devices.DEFAULTS | {OWN})]


def test_a_file_the_guest_let_go_changes_no_rules(bench):
    assert phase_after(on("Detaching", "Filesystem")) == "UnMountedFromPod"
    assert bench.written == []


def test_what_is_left_of_a_launcher_that_is_no_more_is_removed(bench):
    bench.attach()
    phase_after(on())
    hotplug.clean({LAUNCHER})
    assert bench.target.exists()
    hotplug.clean(set())
    assert not bench.target.exists()


def test_the_rules_are_written_while_a_device_is_plugged_and_never_else(bench):
    found = on("Ready")
    hotplug.keep_allowed(found, LAUNCHER)
    assert bench.written == [], "declared, but not there yet"
    bench.target.write_text(" ".join(HOT))
    hotplug.keep_allowed(found, LAUNCHER)
    (bench.dev / "root").write_text(" ".join(STRANGER))
    hotplug.keep_allowed(found, LAUNCHER)
    named = [allowed - devices.DEFAULTS for _, allowed in bench.written]
    assert named == [{OWN, HOT}, {STRANGER, HOT}]
    hotplug.keep_allowed(a_vmi(), LAUNCHER)
    hotplug.keep_allowed(on("Ready", "Filesystem"), LAUNCHER)
    assert len(bench.written) == 2


class Calls:
    """A launcher that runs a guest and notes how often the rules had been written at each call."""

    def __init__(self, bench):
        self.bench = bench
        self.made = []

    def call(self, method, **_arguments):
        self.made.append((method, len(self.bench.written)))
        return {"state": "Running", "reason": "Unknown", "disks": []}


def test_each_sync_finds_the_rules_written_anew(bench):
    bench.target.write_text(" ".join(HOT))
    found = rules.updated(on("Ready"), Calls(bench).call("GetDomain"))
    found["status"]["activePods"] = {LAUNCHER: "node-1"}
    handler, memory = node.Node(None, "node-1"), rules.Memory()
    launcher = Calls(bench)
    handler._with_launcher(found, launcher, memory)
    handler._with_launcher(found, launcher, memory)
    changed = copied(found)
    changed["metadata"]["resourceVersion"] = "2"
    handler._with_launcher(changed, launcher, memory)
    synced = [written for method, written in launcher.made if method == "SyncVMI"]
    assert synced == [1, 2], "at a change of the VMI, not at each look"
