"""A cluster on which everything is as it should be."""

from detour_kubectl.port import (
    BINDINGS,
    DAEMON_SETS,
    DEPLOYMENTS,
    KUBEVIRTS,
    NODES,
    PODS,
    POLICIES,
)
from unit.kubectl_plugin import objects

DETOUR = "detour-system"
VERSION = "0.1.0"
SCHEDULABLE = "kubevirt.io/schedulable"


def make(cluster):
    """Put it all there."""
    cluster.add(KUBEVIRTS, kubevirt())
    cluster.add(DEPLOYMENTS, deployment())
    cluster.add(DAEMON_SETS, {"metadata": {"name": "detour-node-agent", "namespace": DETOUR}})
    cluster.add(NODES, {"metadata": {"name": "node-1", "labels": {SCHEDULABLE: "true"}}})
    cluster.add(NODES, {"metadata": {"name": "control", "labels": {}}})
    cluster.add(PODS, objects.pod("agent-1", "node-agent"))
    cluster.add(POLICIES, *objects.POLICIES)
    cluster.add(BINDINGS, *objects.BINDINGS)


def kubevirt(version="v1.8.4", phase="Deployed"):
    status = {"observedKubeVirtVersion": version, "phase": phase}
    return {"metadata": {"name": "kubevirt", "namespace": "kubevirt"}, "status": status}


def deployment(ready=2, label=None):
    labels = {"app.kubernetes.io/version": label or VERSION}
    meta = {"name": "detour-operator", "namespace": DETOUR, "labels": labels}
    return {"metadata": meta, "spec": {"replicas": 2}, "status": {"readyReplicas": ready}}
