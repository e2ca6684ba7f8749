"""The CSI driver on the cluster: volumes, and snapshots and clones of what is in use."""

import pytest

from guest import manifest
from harness.claims import capacity
from harness.kube import wait_for

SIZE = "64Mi"
MORE = 64 << 20
MODES = ("Filesystem", "Block")

pytestmark = pytest.mark.e2e


@pytest.fixture
def classes(request, mode):
    return request.getfixturevalue("csi_block" if mode == "Block" else "csi")


@pytest.fixture
def disk(cluster, kube, namespace):
    """Makes claims with a pod on each, all on the first one's node: copies may be nowhere else."""
    nodes = [cluster.nodes[0]] if cluster.provider.classes.ours else []

    def make(name, storage_class, size, mode, source=None):
        claim = manifest.claim(name, namespace, storage_class, size, volume_mode=mode)
        if source:
            claim["spec"]["dataSource"] = source
        kube.apply(claim, pod(name, namespace, mode, nodes[0] if nodes else ""))
        words = ["wait", "--for=condition=Ready", "--timeout=240s", f"pod/{name}", "-n", namespace]
        kube.run(*words, timeout=260)
        nodes.append(kube.get("pods", name, namespace)["spec"]["nodeName"])
        return Disk(kube, namespace, name, "/dev/disk" if mode == "Block" else "/disk/disk.img")

    return make


class Disk:
    """What a pod has of a claim."""

    def __init__(self, kube, namespace, name, path):
        self.kube, self.namespace, self.name, self.path = kube, namespace, name, path

    def write(self, letter):
        """A block past the page cache, as QEMU does."""
        block = f"head -c 4096 /dev/zero | tr '\\0' {letter}"
        self._shell(f"{block} | dd of={self.path} bs=4096 iflag=fullblock oflag=direct")

    def read(self):
        return self._shell(f"head -c 1 {self.path}")

    def bytes(self):
        return int(self._shell(f"blockdev --getsize64 {self.path}"))

    def _shell(self, command):
        words = ["exec", self.name, "-n", self.namespace, "--", "sh", "-ec", command]
        return self.kube.run(*words)


def pod(name, namespace, mode, node):
    block = {"volumeDevices": [{"name": "disk", "devicePath": "/dev/disk"}]}
    files = {"volumeMounts": [{"name": "disk", "mountPath": "/disk"}]}
    container = {
        "name": "user",
        "image": manifest.IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sleep", "infinity"],
        **(block if mode == "Block" else files),
    }
    spec = {
        "containers": [container],
        "nodeSelector": {"kubernetes.io/hostname": node} if node else {},
        "securityContext": {
            "fsGroup": manifest.USER,
            "supplementalGroups": [manifest.DISK_GROUP],
        },
        "volumes": [{"name": "disk", "persistentVolumeClaim": {"claimName": name}}],
        "terminationGracePeriodSeconds": 0,
    }
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def snapshot(kube, namespace, claim, snapshot_class):
    """A snapshot of a claim that is ready, as the source of another claim."""
    item = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": claim, "namespace": namespace},
        "spec": {
            "volumeSnapshotClassName": snapshot_class,
            "source": {"persistentVolumeClaimName": claim},
        },
    }
    kube.apply(item)

    def ready():
        found = kube.get("volumesnapshots", claim, namespace) or {}
        return found.get("status", {}).get("readyToUse")

    wait_for(f"the snapshot of {claim}", ready)
    return {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": claim}


@pytest.mark.parametrize("mode", MODES)
def test_what_is_in_use_is_cloned_and_its_snapshot_restored_larger_in_another_class(
    cluster, kube, namespace, classes, disk, mode
):
    first, second = classes
    source = disk("source", first, SIZE, mode)
    source.write("a")
    size = capacity(kube, namespace, "source")
    taken = snapshot(kube, namespace, "source", cluster.provider.classes.snapshot_class)
    same = {"kind": "PersistentVolumeClaim", "name": "source"}
    cloned = disk("cloned", first, str(size), mode, same)
    cloned.write("c")
    source.write("b")
    restored = disk("restored", second, str(size + MORE), mode, taken)
    assert (restored.read(), cloned.read(), source.read()) == ("a", "c", "b")
    if mode == "Block":
        larger = capacity(kube, namespace, "restored")
        assert larger >= size + MORE
        assert (source.bytes(), restored.bytes()) == (size, larger)
