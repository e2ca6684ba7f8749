"""The settings of kubelet, kube-proxy, containerd, the pod network and kubectl; pure."""

import base64
import json
from typing import Any

from cluster.local import layout
from cluster.local.layout import Node

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"


def kubeconfig(authority: bytes, certificate: bytes, key: bytes) -> str:
    """Access to the API server with a client certificate, all in one file."""

    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    cluster = {"server": layout.API_SERVER, "certificate-authority-data": text(authority)}
    user = {"client-certificate-data": text(certificate), "client-key-data": text(key)}
    return _pretty(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "detour", "cluster": cluster}],
            "users": [{"name": "detour", "user": user}],
            "contexts": [{"name": "detour", "context": {"cluster": "detour", "user": "detour"}}],
            "current-context": "detour",
        }
    )


def kubelet(node: Node) -> str:
    """KubeletConfiguration for a node whose control groups are version 1."""
    return _pretty(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{layout.NODE_FOLDER}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{layout.NODE_FOLDER}/kubelet.crt",
            "tlsPrivateKeyFile": f"{layout.NODE_FOLDER}/kubelet.key",
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{node.cgroup}",
            "enforceNodeAllocatable": [],
            # Since 1.35 kubelet refuses control groups of version 1 unless told otherwise.
            "failCgroupV1": False,
            "failSwapOn": False,
            # Lowering it needs CAP_SYS_RESOURCE, which root lacks on some machines.
            "oomScoreAdj": 0,
            # Nobody answers names in this cluster: an empty list fails at once.
            "resolvConf": "",
            # Nothing can be pulled: an image that was removed would be gone for good, and the
            # disk is the host's, so how full it is says nothing about this node.
            "imageGCHighThresholdPercent": 100,
            # Tests kill containers over and over: they are not to wait ever longer for the next.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "1s"},
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%",
            },
        }
    )


def kube_proxy(node: Node) -> str:
    """KubeProxyConfiguration that leaves the kernel's limits, which are the host's, alone."""
    return _pretty(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "hostnameOverride": node.name,
            "clusterCIDR": layout.POD_SUBNETS,
            "clientConnection": {"kubeconfig": f"{layout.NODE_FOLDER}/kube-proxy.kubeconfig"},
            "conntrack": {"maxPerCore": 0, "min": 0},
            "oomScoreAdj": 0,
        }
    )


def containerd() -> str:
    """Containerd's settings; `restrict_oom_score_adj` is for a root without CAP_SYS_RESOURCE."""
    return f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{layout.PAUSE_IMAGE}"
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.NODE_FOLDER}/cni"
"""


def pod_network(node: Node) -> str:
    """The network of a node's pods.

    Every pod has a cable of its own to the node (ptp), not a bridge: an answer from one pod to
    another of the same node then passes the node's address translation, without which a
    service's client would get it from an address it never asked.
    """
    addresses = {
        "type": "host-local",
        # Below /run: after a power failure no pod has an address any more.
        "dataDir": "/run/cni-addresses",
        "ranges": [[{"subnet": node.pod_subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": addresses},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return _pretty({"cniVersion": "1.0.0", "name": "detour", "plugins": plugins})


def _pretty(document: dict[str, Any]) -> str:
    # JSON is YAML, and keeps the numbers and the strings apart without a library.
    return json.dumps(document, indent=2) + "\n"
