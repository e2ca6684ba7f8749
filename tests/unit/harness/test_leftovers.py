"""What the end-to-end tests call left behind, on a cluster that is a few answers."""

import dataclasses
import subprocess
from typing import Any

import pytest

from harness import leftovers
from harness.migration import Migration

UID = "1234abcd-0000"
FENCED = {"fence.detour.dev/data": "token"}


@dataclasses.dataclass
class Cluster:
    """A provider, and a kube, of one switch that has ended."""

    position: str = "Destination"
    recorded: bool = True
    overlay: str = ""
    mountinfo: str = ""
    kinds: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    budget: bool = False
    annotations: dict[str, str] = dataclasses.field(default_factory=dict)
    listed: str = "disk.img"
    nodes: str = "[]"
    command: tuple[str, ...] = ("kubectl",)

    @property
    def provider(self):
        return self

    @property
    def kube(self):
        return self

    def node_exec(self, _node, argv, *, check=True):
        told = {"find": self.overlay, "cat": self.mountinfo, "test": ""}[argv[0]]
        code = int(argv[0] == "test" and not self.recorded)
        return subprocess.CompletedProcess(argv, code, stdout=told)

    def get(self, kind, name, _namespace):
        found: dict[str, Any] = {
            "attachmentswitches": {
                "metadata": {"uid": UID},
                "spec": {"virtualMachine": {"name": "vm"}},
                "status": {"compute": {"node": "node-1"}, "position": self.position},
            },
            "virtualmachineinstances": {"metadata": {"annotations": self.annotations}},
            "poddisruptionbudgets": {} if self.budget and name == "detour-m" else None,
        }
        return found[kind]

    def list(self, kind, _namespace, selector=""):
        if selector.startswith("vm.kubevirt.io/name="):
            return [{"metadata": {"name": "launcher"}, "spec": {}, "status": {"phase": "Running"}}]
        name = self.kinds.get((kind, selector.rpartition("=")[2]))
        return [{"metadata": {"name": name}}] if name else []

    def run(self, *words, timeout=0):
        return self.listed if "ls" in words else self.nodes


def left(cluster):
    migration = Migration(cluster, "m", "n")
    return leftovers.in_api(cluster, migration) + leftovers.on_node(cluster, migration)


@pytest.mark.parametrize("position", ["Destination", "Source"])
def test_nothing_is_left(position):
    assert left(Cluster(position)) == []


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        (Cluster(overlay="/o/1.qcow2"), "/o/1.qcow2"),
        (Cluster(mountinfo=f"/var/lib/detour/switches/{UID}"), f"a mount of {UID} on node-1"),
        (Cluster(kinds={("pods", "copier"): "c"}), "pod c"),
        (Cluster(kinds={("pods", "finisher"): "f"}), "pod f"),
        (Cluster("Source", kinds={("pods", "holder"): "h"}), "pod h"),
        (Cluster(kinds={("jobs", "copier"): "j"}), "job j"),
        (Cluster(kinds={("persistentvolumeclaims", "overlay"): "o"}), "claim o"),
        (Cluster(budget=True), "budget detour-m"),
        (Cluster(annotations=FENCED), "annotation fence.detour.dev/data"),
        (Cluster(listed="detour-1234abcd disk.img"), "in the launcher: detour-1234abcd"),
        (Cluster(nodes='"/var/run/detour-1234abcd/o"'), "a block node in QEMU"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_is_seen(cluster, told):
    assert left(cluster) == [told]


def test_the_holder_of_a_destination_in_use_stays():
    assert left(Cluster(kinds={("pods", "holder"): "h"})) == []


def test_a_folder_that_is_not_there_says_nothing():
    with pytest.raises(AssertionError, match="no /var/lib/detour/switches"):
        left(Cluster(recorded=False))
