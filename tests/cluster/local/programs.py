"""The command lines of every program of the local cluster; pure."""

from pathlib import Path

from cluster.local import layout
from cluster.local.layout import Node
from cluster.local.settings import CONTAINERD_SOCKET

Programs = dict[str, list[str]]


def control_plane(binaries: Path, folder: Path) -> Programs:
    """The programs of the control plane, by the name of their log.

    Args:
        binaries: Where Kubernetes' programs are.
        folder: The control plane's folder, with `pki` and the kubeconfigs below.
    """
    pki = folder / "pki"
    return {
        "etcd": _etcd(folder, pki),
        "kube-apiserver": _api_server(binaries, pki, layout.GATEWAY),
        "kube-controller-manager": [
            str(binaries / "kube-controller-manager"),
            *_serving_nobody(folder / "kube-controller-manager.kubeconfig"),
            f"--root-ca-file={pki}/ca.crt",
            f"--service-account-private-key-file={pki}/service-accounts.key",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--use-service-account-credentials=true",
        ],
        "kube-scheduler": [
            str(binaries / "kube-scheduler"),
            *_serving_nobody(folder / "kube-scheduler.kubeconfig"),
        ],
    }


def second_api_server(binaries: Path, folder: Path) -> Programs:
    """One more API server, beside that of the control plane in `folder`, on its own address."""
    return {"kube-apiserver": _api_server(binaries, folder / "pki", layout.SECOND_ADDRESS)}


def _etcd(folder: Path, pki: Path) -> list[str]:
    return [
        "etcd",
        "--name=detour",
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={layout.ETCD_CLIENT}",
        f"--advertise-client-urls={layout.ETCD_CLIENT}",
        f"--listen-peer-urls={layout.ETCD_PEER}",
        f"--initial-advertise-peer-urls={layout.ETCD_PEER}",
        f"--initial-cluster=detour={layout.ETCD_PEER}",
        f"--cert-file={pki}/etcd.crt",
        f"--key-file={pki}/etcd.key",
        "--client-cert-auth=true",
        f"--trusted-ca-file={pki}/etcd-ca.crt",
        f"--peer-cert-file={pki}/etcd.crt",
        f"--peer-key-file={pki}/etcd.key",
        "--peer-client-cert-auth=true",
        f"--peer-trusted-ca-file={pki}/etcd-ca.crt",
    ]


def _api_server(binaries: Path, pki: Path, address: str) -> list[str]:
    return [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers={layout.ETCD_CLIENT}",
        f"--etcd-cafile={pki}/etcd-ca.crt",
        f"--etcd-certfile={pki}/etcd-client.crt",
        f"--etcd-keyfile={pki}/etcd-client.key",
        f"--bind-address={address}",
        f"--advertise-address={address}",
        f"--secure-port={layout.API_PORT}",
        f"--tls-cert-file={pki}/kube-apiserver.crt",
        f"--tls-private-key-file={pki}/kube-apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        # Without it `exec` and `logs` try to resolve the node's name.
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/service-accounts.key",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
        f"--service-cluster-ip-range={layout.SERVICE_SUBNET}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        # Webhooks and aggregated APIs are called at their pods' addresses, to which this machine
        # has routes: it needs no kube-proxy, which would leave chains in the host's iptables.
        "--enable-aggregator-routing=true",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
    ]


def _serving_nobody(kubeconfig: Path) -> list[str]:
    """For a program of which there is one, and of which nobody asks anything."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def node(node: Node) -> Programs:
    """The programs of a node, as the node sees their files."""
    return {
        "containerd": [
            "containerd",
            f"--config={layout.NODE_FOLDER}/containerd.toml",
            f"--address={CONTAINERD_SOCKET}",
        ],
        "kubelet": [
            f"{layout.NODE_BINARIES}/kubelet",
            f"--config={layout.NODE_FOLDER}/kubelet.json",
            f"--kubeconfig={layout.NODE_FOLDER}/kubelet.kubeconfig",
            f"--hostname-override={node.name}",
            f"--node-ip={node.address}",
        ],
        "kube-proxy": [
            f"{layout.NODE_BINARIES}/kube-proxy",
            f"--config={layout.NODE_FOLDER}/kube-proxy.json",
        ],
    }
