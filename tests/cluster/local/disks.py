"""Writes what a machine's programs read: certificates, kubeconfigs and settings."""

import shutil
from pathlib import Path

from cluster import paths
from cluster.local import certificates, layout, machines, programs, settings
from cluster.local.certificates import Authority
from cluster.local.layout import CONTROL_PLANE, SECOND_SERVER, Node


def prepare() -> None:
    """Writes the disks of all machines, as they are before the first start."""
    for machine in (CONTROL_PLANE, *(node.name for node in layout.NODES)):
        layout.folder(machine).mkdir(parents=True)
    for name in ("logs", "shared-volumes"):
        (layout.state() / name).mkdir()
    (layout.state() / "shared-volumes").chmod(0o777)
    authority = _control_plane()
    for node in layout.NODES:
        _node(node, authority)


def prepare_second_server() -> None:
    """Writes what one more API server starts with; it has the first one's certificates."""
    layout.folder(SECOND_SERVER).mkdir(parents=True, exist_ok=True)
    commands = programs.second_api_server(paths.binaries(), layout.folder(CONTROL_PLANE))
    machines.write_programs(SECOND_SERVER, commands, f"{layout.state()}/logs/second-")


def _control_plane() -> Authority:
    pki = layout.certificates()
    authorities = {name: Authority(pki, name) for name in ("ca", "etcd-ca", "front-proxy-ca")}
    for authority in authorities.values():
        authority.make()
    certificates.signing_key(pki / "service-accounts.key")
    cluster = authorities["ca"]
    cluster.sign(
        pki,
        "kube-apiserver",
        "/CN=kube-apiserver",
        [
            *(
                f"IP:{address}"
                for address in (
                    layout.GATEWAY,
                    layout.SECOND_ADDRESS,
                    layout.SERVICE_ADDRESS,
                    "127.0.0.1",
                )
            ),
            *(f"DNS:kubernetes{end}" for end in ("", ".default", ".default.svc")),
            "DNS:localhost",
        ],
    )
    cluster.sign(pki, "kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    authorities["etcd-ca"].sign(pki, "etcd", "/CN=etcd", ["IP:127.0.0.1", "DNS:localhost"])
    authorities["etcd-ca"].sign(pki, "etcd-client", "/CN=kube-apiserver")
    authorities["front-proxy-ca"].sign(pki, "front-proxy-client", "/CN=front-proxy-client")
    folder = layout.folder(CONTROL_PLANE)
    for name in ("kube-controller-manager", "kube-scheduler"):
        _kubeconfig(cluster, folder / f"{name}.kubeconfig", f"/CN=system:{name}")
    _kubeconfig(cluster, layout.kubeconfig(), "/O=system:masters/CN=administrator")
    commands = programs.control_plane(paths.binaries(), folder)
    machines.write_programs(CONTROL_PLANE, commands, f"{layout.state()}/logs/")
    return cluster


def _node(node: Node, authority: Authority) -> None:
    folder = layout.folder(node.name)
    subject = f"/O=system:nodes/CN=system:node:{node.name}"
    authority.sign(folder, "kubelet", subject, [f"IP:{node.address}", f"DNS:{node.name}"])
    shutil.copyfile(authority.certificate, folder / "ca.crt")
    _kubeconfig(authority, folder / "kubelet.kubeconfig", subject)
    _kubeconfig(authority, folder / "kube-proxy.kubeconfig", "/CN=system:kube-proxy")
    (folder / "kubelet.json").write_text(settings.kubelet(node))
    (folder / "kube-proxy.json").write_text(settings.kube_proxy(node))
    (folder / "containerd.toml").write_text(settings.containerd())
    (folder / "cni").mkdir()
    (folder / "cni" / "10-detour.conflist").write_text(settings.pod_network(node))
    logs = f"{layout.NODE_LOGS}/{node.name}-"
    machines.write_programs(node.name, programs.node(node), logs)


def _kubeconfig(authority: Authority, path: Path, subject: str) -> None:
    certificate, key = authority.sign(path.parent, f"{path.name}-client", subject)
    trusted = authority.certificate.read_bytes()
    path.write_text(settings.kubeconfig(trusted, certificate.read_bytes(), key.read_bytes()))
    path.chmod(0o600)
    certificate.unlink()
    key.unlink()
