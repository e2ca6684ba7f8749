"""Volumes of mode Block, made by the tests or by a driver: who does what where."""

from types import SimpleNamespace

import pytest

from cluster.provider import StorageClasses
from harness.block import BlockVolumes
from harness.claims import capacity
from harness.provisioned import ProvisionedVolumes

CLASSES = StorageClasses("slow", "fast", block=("raw", "raw-too"))


class Cluster:
    """A provider and a kube that note what they are asked for."""

    def __init__(self):
        self.on_nodes, self.applied, self.ran, self.deleted = [], [], [], []
        self.provider = self.kube = self
        self.classes = CLASSES

    def make_device(self, _node, name, _size, *, sector):
        return f"/dev/{name}-{sector}"

    def node_exec(self, node, argv):
        self.on_nodes.append((node, argv[-1], argv[2]))
        return SimpleNamespace(stdout="from the node\n")

    def apply(self, *objects):
        self.applied += objects

    def run(self, *words, **_):
        self.ran.append(words)
        return "from the pod\n" if words[0] == "logs" else ""

    def delete(self, kind, name, _namespace):
        self.deleted.append((kind, name))

    def get(self, _kind, name, _namespace):
        return {"status": {"capacity": {"storage": "128Mi"}}} if name == "there" else None


@pytest.fixture
def cluster():
    return Cluster()


def machine(node):
    instance = {"status": {"nodeName": node}} if node else {}
    return SimpleNamespace(namespace="here", instance=lambda: instance)


def test_devices_are_read_on_the_node_that_has_them(cluster):
    volumes = BlockVolumes(cluster, "e2e")
    assert volumes.classes == ("e2e-raw", "e2e-raw-too")
    assert not set(volumes.classes) & set(BlockVolumes(cluster, "e2e-2").classes)
    assert volumes.place("n1") == "n1"
    volumes.make("n1", "raw", 512)
    name = volumes.make("n2", "raw-too", 512)
    assert volumes.read(name, "there", machine("n1"), "look") == "from the node\n"
    assert cluster.on_nodes == [("n2", "/dev/e2e-1-512", "look")]


def test_only_a_driver_is_asked_for_whole_mebibytes(cluster):
    odd = (128 << 20) + 512
    assert BlockVolumes(cluster, "e2e").whole(odd) == odd
    driver = ProvisionedVolumes(cluster)
    assert (driver.whole(odd), driver.whole(128 << 20)) == (129 << 20, 128 << 20)


def test_devices_that_were_used_are_full_and_others_are_not(cluster):
    volumes = BlockVolumes(cluster, "e2e")
    volumes.clear(volumes.make("n1", "raw", 512), "there", machine("n1"))
    assert cluster.on_nodes == []
    volumes.make_used("n1", "raw", 512)
    ((node, device, script),) = cluster.on_nodes
    assert (node, device) == ("n1", "/dev/e2e-1-512")
    assert r"tr '\0' '\377'" in script


@pytest.mark.parametrize("node", ["n1", ""])
def test_a_drivers_volumes_are_read_by_a_pod_where_the_guest_runs(cluster, node):
    volumes = ProvisionedVolumes(cluster)
    assert volumes.classes == ("raw", "raw-too")
    assert volumes.place("n1") is None
    name = volumes.make(None, "raw", 512)
    assert volumes.read(name, "there", machine(node), "look") == "from the pod\n"
    (pod,) = cluster.applied
    (container,) = pod["spec"]["containers"]
    (device,) = container["volumeDevices"]
    assert container["command"] == ["sh", "-euc", "look", "sh", device["devicePath"]]
    (volume,) = pod["spec"]["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == "there"
    where = {"kubernetes.io/hostname": node} if node else None
    assert pod["spec"].get("nodeSelector") == where
    assert ("pods", pod["metadata"]["name"]) in cluster.deleted


def test_a_drivers_volumes_are_filled_and_cleared_by_pods_alone(cluster):
    volumes = ProvisionedVolumes(cluster)
    name = volumes.make_used(None, "raw", 512)
    assert (cluster.applied, cluster.on_nodes) == ([], [])
    volumes.fill(name, "there", machine("n1"))
    volumes.clear(name, "there", machine("n1"))
    scripts = [pod["spec"]["containers"][0]["command"][2] for pod in cluster.applied]
    assert [r"tr '\0' '\377'" in script for script in scripts] == [True, False]
    assert cluster.on_nodes == []


def test_the_capacity_is_what_was_got(cluster):
    assert capacity(cluster, "here", "there") == 128 << 20
