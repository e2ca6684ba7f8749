"""The cluster that tests and demo run on, whichever provider it came from."""

import dataclasses
import os
import re
import xml.etree.ElementTree as ET
from functools import partial

import cluster.choice
from cluster import paths
from cluster.provider import Provider
from harness.facts import Facts
from harness.kube import Kube, wait_for
from harness.machine import Machine


@dataclasses.dataclass(frozen=True)
class Target:
    """A cluster with KubeVirt and Detour on it."""

    provider: Provider
    kube: Kube
    nodes: list[str]
    source_class: str
    destination_class: str
    shared_class: str | None

    @property
    def stand_in(self) -> bool:
        """Whether KubeVirt's stand-in runs on it; the variable KUBEVIRT chooses."""
        upstream = os.environ.get("KUBEVIRT") == "upstream"
        return self.provider.name == "local" and not upstream

    @property
    def launchers(self) -> tuple[str, ...]:
        """Generations of launchers that a VM can choose by annotation; none with real KubeVirt."""
        return ("trixie", "sid", "bookworm") if self.stand_in else ()

    def domain_xml(self, machine: Machine) -> str:
        """The disk of the running domain as libvirt shows it, without what differs by itself.

        libvirt numbers the images it has opened (``index``): a moved disk has another number.
        """
        facts = Facts(self.kube, machine)
        xml = facts.virsh("dumpxml", facts.domain)
        disks = ET.fromstring(xml).findall("devices/disk")
        return "\n".join(re.sub(r' index="\d+"', "", ET.tostring(d, "unicode")) for d in disks)


def current() -> Target:
    """The cluster that PROVIDER names; it must be up."""
    provider = cluster.choice.provider()
    return Target(
        provider,
        Kube(str(paths.binaries() / "kubectl"), provider.kubeconfig()),
        provider.nodes(),
        provider.classes.source,
        provider.classes.destination,
        provider.classes.shared,
    )


def remove_namespace(kube: Kube, name: str) -> None:
    """End the moves and VMs of a namespace, then remove it."""
    # The moves first: until they have ended their VMs are locked. A plan would make others.
    moves = ("volumemigrationplans", "volumemigrations", "attachmentswitches")
    for kind in (*moves, "virtualmachines", "virtualmachineinstances"):
        kube.run("delete", kind, "--all", "-n", name, "--wait=false")
        wait_for(f"the {kind} of {name} to end", partial(_none, kube, kind, name), seconds=240)
    kube.run("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def _none(kube: Kube, kind: str, namespace: str) -> bool:
    return not kube.list(kind, namespace)
