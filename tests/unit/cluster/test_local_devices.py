"""Loop devices of the local cluster: which are its own, whoever attached them."""

import pytest

from cluster.local import devices, layout
from cluster.local.devices import Loop


@pytest.fixture
def attached(monkeypatch, tmp_path):
    """What losetup lists, and what it was told to detach."""
    monkeypatch.setattr(layout, "state", lambda: tmp_path)
    folder = f"{tmp_path}/machines/node-1/devices"
    listed = [
        Loop("/dev/loop0", "/var/lib/somebody/else.img", (1, 1)),
        Loop("/dev/loop1", f"{folder}/one.img", (1, 2)),
        Loop("/dev/loop2", f"{folder}/other.img (deleted)", (1, 3)),
        Loop("/dev/loop3", "/", (6, 101)),
        Loop("/dev/loop4", "", (6, 100)),
        # What the driver made on a node, and kubelet over it; a driver's elsewhere.
        Loop("/dev/loop5", "/var/lib/detour-csi/detour-csi-node-2.img", (1, 4)),
        Loop("/dev/loop6", "/volumes/one/image", (705, 9)),
        Loop("/dev/loop7", "/", (6, 106)),
        Loop("/dev/loop8", "/tmp/detour-csi-sanity.img", (1, 5)),
        Loop("/dev/loop9", "/volumes/one/image", (708, 9)),
    ]
    detached = []
    monkeypatch.setattr(devices, "_listed", lambda: listed)
    monkeypatch.setattr(devices, "_identity", lambda name: (6, 100 + int(name[-1])))
    monkeypatch.setattr(devices, "_number", lambda name: 700 + int(name[-1]))

    def detach(words, check):
        detached.append(words[-1])
        listed[:] = [loop for loop in listed if loop.name != words[-1]]

    monkeypatch.setattr(devices, "run", detach)
    return detached


def test_the_clusters_devices_are_those_over_its_files_and_kubelets_over_these(attached):
    own = ["/dev/loop1", "/dev/loop2", "/dev/loop5"]
    above = ["/dev/loop7", "/dev/loop3", "/dev/loop6"]
    assert devices.attached() == [*own, *above]


def test_one_device_goes_with_what_kubelet_put_over_it(attached):
    devices.remove("one")
    assert attached == ["/dev/loop3", "/dev/loop1"]
    devices.remove("nothing of that name")
    assert len(attached) == 2


def test_all_go_and_nobody_elses(attached):
    devices.detach_all()
    assert attached == ["/dev/loop3", "/dev/loop1", "/dev/loop2"], "what is on top goes first"


def test_with_a_nodes_power_go_the_devices_of_its_pods(attached):
    devices.power_off("node-1")
    assert attached == []
    devices.power_off("node-2")
    assert attached == ["/dev/loop7", "/dev/loop6", "/dev/loop5"]
