"""What a node's loss of power leaves on the host of a local cluster."""

import subprocess
from pathlib import Path

import pytest

from cluster.local import devices, layout

NODE = layout.Node("probe", 9)

STACK = """
set -eu
cd "$0"
mkdir pool volume
truncate --size 512M "$1"
mkfs.xfs -q "$1"
pool=$(losetup --find --show "$1")
mount "$pool" pool
losetup --detach "$pool"
truncate --size 16M pool/device pool/files
# A block volume, with what kubelet puts over it.
device=$(losetup --find --show pool/device)
touch target
mount --bind "$device" target
losetup --find target
# A volume with a file system.
mkfs.ext4 -q -F pool/files
files=$(losetup --find --show pool/files)
mount "$files" volume
losetup --detach "$files"
echo stacked
exec sleep infinity
"""


@pytest.fixture
def power(tmp_path: Path):
    """A machine that has made devices as the CSI driver and kubelet do; called, it ends."""
    words = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"]
    script = ["sh", "-c", STACK, str(tmp_path), f"detour-csi-{NODE.name}.img"]
    with subprocess.Popen(
        [*words, "--propagation=private", *script], stdout=subprocess.PIPE, text=True
    ) as machine:
        try:
            assert machine.stdout is not None
            assert machine.stdout.readline() == "stacked\n"
            yield machine.kill
        finally:
            machine.kill()
            machine.wait(60)
            devices.power_off(NODE.name)


def test_its_devices_go_and_the_node_can_have_power_again(power, monkeypatch, tmp_path):
    monkeypatch.setattr(layout, "NODES", (NODE,))
    monkeypatch.setattr(layout, "state", lambda: tmp_path / "state")
    before = devices.attached()
    assert len(before) == 4, "the pool, two volumes and what kubelet put over one"
    power()
    assert devices.attached(), "the host keeps some of them"
    devices.power_off(NODE.name)
    assert devices.attached() == []
    left = {loop.name for loop in devices._listed()}
    assert not left.intersection(before)
