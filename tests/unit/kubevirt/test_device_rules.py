"""The device rules of a launcher: KubeVirt facts 4 and D11."""

import os
import stat

import pytest

from kubevirt.handler import devices
from unit.kubevirt.builders import vmi as a_vmi
from unit.kubevirt.builders import volume

RUNTIME = """\
b *:* m
c *:* m
c 1:3 rwm
c 1:5 rwm
c 5:2 rwm
c 136:* rwm
b 7:1 rwm
"""
"""What a container runtime allows a launcher with one device, abridged."""
NULL, PTMX, PTYS = ("c", "1", "3"), ("c", "5", "2"), ("c", "136", "*")
OWN, OTHER = ("b", "7", "1"), ("b", "7", "2")


@pytest.fixture
def nodes(monkeypatch):
    """The devices by the path of their nodes."""
    found = {}
    monkeypatch.setattr(devices, "device", found.get)
    return found


def test_the_node_of_each_volume_that_is_not_plugged_is_allowed(tmp_path, nodes):
    found = a_vmi(
        volume("root", "src"),
        volume("file", "other"),
        {"name": "hot", "persistentVolumeClaim": {"claimName": "hot", "hotpluggable": True}},
        volumeStatus=[{"name": "late", "hotplugVolume": {}}],
    )
    found["spec"]["volumes"].append(volume("late", "late"))
    nodes[tmp_path / "dev" / "root"] = OWN
    nodes |= {tmp_path / "dev" / name: OTHER for name in ("hot", "late", "stranger")}
    assert devices.own(found, tmp_path) == devices.DEFAULTS | {OWN}
    nodes[tmp_path / "dev" / "root"] = OTHER
    assert devices.own(found, tmp_path) == devices.DEFAULTS | {OTHER}, "the node decides"


@pytest.mark.parametrize("name", ["urandom", "vhost-vsock", "kvm"])
def test_some_devices_are_allowed_where_they_are(tmp_path, nodes, name):
    nodes[tmp_path / "dev" / name] = ("c", "77", "7")
    assert devices.own(a_vmi(), tmp_path) == devices.DEFAULTS | {("c", "77", "7")}


def test_null_terminals_and_what_networks_need_are_always_allowed():
    assert {NULL, PTMX, PTYS, ("c", "151", "*")} < devices.DEFAULTS
    assert {("c", "10", "200"), ("c", "10", "238")} < devices.DEFAULTS
    assert {kind for kind, _, _ in devices.DEFAULTS} == {"c"}
    assert len(devices.DEFAULTS) == 20


def after(listed, steps):
    """The list when all that was written, as devices.allow and devices.deny take it."""
    rules = {line.rsplit(" ", 1)[0]: set(line.rsplit(" ", 1)[1]) for line in listed.splitlines()}
    for file, rule in steps:
        if file == "devices.deny" and rule.startswith("a"):
            rules = {}
            continue
        key, access = rule.rsplit(" ", 1)
        had = rules.get(key, set())
        rules[key] = had | set(access) if file == "devices.allow" else had - set(access)
    return {key: access for key, access in rules.items() if access}


WANTED = {NULL, PTMX, PTYS, OTHER}
WRITTEN = {"c 1:3": set("rwm"), "c 5:2": set("rwm"), "c 136:*": set("rwm"), "b 7:2": set("rwm")}


@pytest.mark.parametrize("listed", [RUNTIME, "a *:* rwm\n", "", "c 1:3 rw\nb 7:2 m\nb 7:3 rw\n"])
def test_the_rules_that_were_there_do_not_matter(listed):
    assert after(listed, devices.changes(listed, WANTED)) == WRITTEN


def test_what_stays_is_not_written():
    steps = devices.changes(RUNTIME, WANTED)
    assert ("devices.deny", "b 7:1 rwm") in steps
    assert ("devices.allow", "b 7:2 rwm") in steps
    assert not [rule for _, rule in steps if rule.startswith(("c 1:3", "c 5:2", "c 136:"))]
    assert devices.changes("c 1:3 rwm\nc 5:2 rwm\nc 136:* rwm\nb 7:2 rwm\n", WANTED) == []


def test_the_group_is_the_containers_in_the_hierarchy_of_devices():
    belongs = "8:pids:/pods/x\n5:devices:/pods/podu/c\n0::/unified\n"
    assert str(devices.group_of(belongs)) == ("/proc/1/root/sys/fs/cgroup/devices/pods/podu/c")
    assert devices.group_of("5:cpu,devices:/c\n").name == "c"
    with pytest.raises(LookupError, match="version 1"):
        devices.group_of("0::/pods/podu/c\n")


def test_rules_are_written_to_the_list_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "PROCESSES", tmp_path)
    monkeypatch.setattr(devices, "GROUPS", tmp_path / "groups")
    (tmp_path / "12").mkdir()
    (tmp_path / "12" / "cgroup").write_text("5:devices:/c\n")
    group = tmp_path / "groups" / "c"
    group.mkdir(parents=True)
    (group / "devices.list").write_text("b 7:1 rwm\n")
    devices.write(12, {OTHER})
    assert (group / "devices.deny").read_text() == "b 7:1 rwm"
    assert (group / "devices.allow").read_text() == "b 7:2 rwm"


def test_a_device_is_known_by_its_node(tmp_path):
    null = os.stat("/dev/null")
    assert stat.S_ISCHR(null.st_mode)
    found = devices.device(devices.Path("/dev/null"))
    assert found == ("c", str(os.major(null.st_rdev)), str(os.minor(null.st_rdev)))
    (tmp_path / "link").symlink_to("/dev/null")
    (tmp_path / "file").touch()
    for name in ("link", "file", "nothing"):
        assert devices.device(tmp_path / name) is None
