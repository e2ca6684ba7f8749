"""A launcher whose guest broke out of QEMU, and a guest that forges its disk's format."""

import contextlib
import json
import os
import socket
import subprocess
import threading
from pathlib import Path

import libvirt
import libvirt_qemu
import pytest

from contract.launcher import DOMAIN, VOLUME, wait_for
from detour_agent.adapters import launchers as launchers_module
from detour_agent.adapters.launchers import Launchers, dialled
from detour_agent.adapters.libvirt_domain import LibvirtDomain
from detour_agent.errors import Unreachable
from detour_agent.privileged.paths import FOLDER
from detour_crds.attachment_switch import Order
from detour_crds.names import QEMU_UID


@pytest.fixture
def root(tmp_path):
    """A launcher's root in which a socket is listened at."""
    place = tmp_path / "root" / "var" / "run" / "libvirt"
    place.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "virtqemud-sock"))
        listening.listen()
        yield tmp_path / "root", listening


def dial(root):
    descriptor = os.open(root, FOLDER)
    try:
        with dialled(descriptor, 107) as uri:
            path = uri.partition("socket=")[2]
            with socket.socket(socket.AF_UNIX) as connected:
                connected.connect(path)
            return uri
    finally:
        os.close(descriptor)


def test_the_socket_is_connected_to_by_its_descriptor(root):
    assert dial(root[0]).startswith(f"qemu+unix:///session?socket=/proc/{os.getpid()}/fd/")


@pytest.mark.parametrize("way", ["absolute", "relative", "of a folder", "a file", "nothing"])
def test_a_link_in_the_socket_s_place_leads_nowhere(root, tmp_path, way):
    """To another guest's daemon, or to one of the node's."""
    place = root[0] / "var" / "run" / "libvirt"
    other = tmp_path / "other"
    place.rename(other)
    if way == "of a folder":
        place.symlink_to(other)
    else:
        place.mkdir()
    if way in ("absolute", "relative"):
        end = other / "virtqemud-sock"
        target = end if way == "absolute" else os.path.relpath(end, place)
        (place / "virtqemud-sock").symlink_to(target)
    if way == "a file":
        (place / "virtqemud-sock").touch()
    with pytest.raises(Unreachable, match="LibvirtUnreachable"):
        dial(root[0])


@pytest.mark.parametrize("bench", ["file"], indirect=True)
def test_a_real_daemon_is_reached_so(bench, monkeypatch):
    # Debian's is the one for everything, and has another name for it.
    monkeypatch.setattr(launchers_module, "SOCKET", "/run/libvirt/libvirt-sock")
    launchers = Launchers()
    domain = launchers.connect(bench.guest, DOMAIN, VOLUME)
    assert domain.report().disk.target == "vda"
    assert domain.report().monitor is not None
    launchers.forget(DOMAIN, VOLUME)


def test_a_daemon_that_never_answers_costs_its_own_guest_time_and_nothing_else(root):
    """It listens, and that is all: one thread waits for it, however often it is asked."""
    uri = f"qemu+unix:///session?socket={root[0]}/var/run/libvirt/virtqemud-sock"
    before = threading.active_count()
    domain = LibvirtDomain(
        lambda: contextlib.nullcontext(uri), DOMAIN, f"ua-{VOLUME}", timeout_seconds=0.5
    )
    for _ in range(3):
        with pytest.raises(Unreachable, match="LibvirtHangs"):
            domain.report()
    assert threading.active_count() <= before + 1


class Liar:
    """A domain of a libvirt that answers what it likes."""

    def __init__(self, xml: str, answer: str) -> None:
        self._xml, self.answer = xml, answer

    def XMLDesc(self, _flags):  # noqa: N802 - libvirt's name
        return self._xml

    def blockJobInfo(self, _target):  # noqa: N802
        return {}

    def getLibVersion(self):  # noqa: N802
        return 1

    def isAlive(self):  # noqa: N802
        return True

    def lookupByName(self, _name):  # noqa: N802
        return self


XML = (
    "<domain><devices><disk type='file'><target dev='vda'/><alias name='ua-root'/></disk>"
    "</devices></domain>"
)


@pytest.mark.parametrize(
    ("xml", "answer"),
    [
        (XML, "no JSON"),
        (XML, "[]"),
        (XML, "7"),
        (XML, "{}"),
        (XML, json.dumps({"return": None})),
        (XML, json.dumps({"return": [1, 2]})),
        (XML, json.dumps({"error": "no object"})),
        (XML, json.dumps({"return": [{"len": "many"}]})),
        (XML, "[" * 100_000),
        ("<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>", "{}"),
        (7, "{}"),
    ],
    ids=range(11),
)
def test_what_a_libvirt_says_is_at_worst_not_understood(monkeypatch, xml, answer):
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", lambda _domain, _text, _flags: answer)
    domain = LibvirtDomain(lambda: contextlib.nullcontext(""), DOMAIN, "ua-root")
    monkeypatch.setattr(domain, "_connection", Liar(xml, answer))
    with pytest.raises(Unreachable, match=r"AnswerUnreadable|XmlUnreadable"):
        domain.report()


@pytest.fixture
def boot_sector(tmp_path):
    """The header of a qcow2 image with a backing file that is none of the guest's business."""
    secret, header = tmp_path / "secret", tmp_path / "header"
    secret.write_bytes(b"of the node" * 4096)
    os.chown(secret, QEMU_UID, QEMU_UID)
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(secret), "-F", "raw"]
    subprocess.run([*command, str(header), "16M"], check=True)
    return header.read_bytes()[:65536]


def formats(bench) -> set[tuple[str, str]]:
    """What QEMU has open, by file and driver."""
    connection = libvirt.open(bench.launcher.uri)
    try:
        domain = connection.lookupByName(DOMAIN)
        asked = json.dumps({"execute": "query-named-block-nodes", "arguments": {"flat": True}})
        nodes = json.loads(libvirt_qemu.qemuMonitorCommand(domain, asked, 0))["return"]
        return {(Path(node["file"]).name, node["drv"]) for node in nodes}
    finally:
        connection.close()


def test_a_forged_header_is_the_guest_s_data_all_the_way(bench, boot_sector):
    """Read as qcow2 it would have QEMU open the backing file, and show it to the guest."""
    for order in (Order.OVERLAY, Order.MIRRORED, Order.DESTINATION):
        bench.agent.order(order)
        wait_for(lambda order=order: bench.agent.once().reached is order, str(order))
        found = formats(bench)
        assert not [name for name, _ in found if name == "secret"]
        images = {driver for name, driver in found if not name.startswith("overlay-")}
        assert images <= {"raw", "file", "host_device"}, found
    with bench.destination.open("rb") as image:
        assert image.read(len(boot_sector)) == boot_sector
