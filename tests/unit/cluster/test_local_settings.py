"""The settings of the local cluster's programs."""

import base64
import ipaddress
import json
import tomllib
from pathlib import Path

import pytest
import yaml

from cluster import paths
from cluster.local import layout, programs, settings
from cluster.local.layout import NODES

STORAGE = paths.CLUSTER_SOURCES / "storage" / "local-path.yaml"
KIND = paths.CLUSTER_SOURCES / "kind" / "cluster.yaml"


def flags(argv):
    return dict(word.removeprefix("--").split("=", 1) for word in argv[1:])


def all_programs():
    plane = programs.control_plane(Path("/bin"), Path("/plane"))
    return {**plane, **programs.node(NODES[0])}


def test_no_two_parts_of_the_network_overlap():
    nets = [layout.NODE_SUBNET, layout.SERVICE_SUBNET, *(node.pod_subnet for node in NODES)]
    networks = [ipaddress.ip_network(net) for net in nets]
    for index, network in enumerate(networks):
        assert not any(network.overlaps(other) for other in networks[index + 1 :])
    pods = ipaddress.ip_network(layout.POD_SUBNETS)
    assert all(ipaddress.ip_network(node.pod_subnet).subnet_of(pods) for node in NODES)
    assert all(
        ipaddress.ip_address(node.address) in ipaddress.ip_network(layout.NODE_SUBNET)
        for node in NODES
    )


def test_interfaces_fit_into_the_kernel():
    assert all(len(name) <= 15 for name in [layout.BRIDGE, *(node.interface for node in NODES)])


@pytest.mark.parametrize("node", NODES)
def test_a_kubelet_knows_its_node(node):
    config = json.loads(settings.kubelet(node))
    assert config["cgroupRoot"] == f"/{node.cgroup}"
    assert config["authentication"]["anonymous"]["enabled"] is False
    assert config["authorization"]["mode"] == "Webhook"
    assert config["failCgroupV1"] is False
    given = flags(programs.node(node)["kubelet"])
    assert (given["hostname-override"], given["node-ip"]) == (node.name, node.address)


def test_containerd_starts_pods_from_our_image_without_the_capability_for_oom_scores():
    config = tomllib.loads(settings.containerd())
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is True
    assert cri["sandbox_image"] == layout.PAUSE_IMAGE
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False


def test_pods_get_addresses_of_their_node():
    first, second = (json.loads(settings.pod_network(node))["plugins"][0] for node in NODES)
    assert first["ipam"]["ranges"] == [[{"subnet": NODES[0].pod_subnet}]]
    assert first["ipam"]["ranges"] != second["ipam"]["ranges"]


def test_the_api_server_has_the_defaults_of_a_real_cluster():
    given = flags(programs.control_plane(Path("/bin"), Path("/plane"))["kube-apiserver"])
    assert given["authorization-mode"] == "Node,RBAC"
    assert given["enable-admission-plugins"] == "NodeRestriction"
    assert "disable-admission-plugins" not in given
    assert given["enable-aggregator-routing"] == "true"


def test_nothing_is_left_unverified():
    words = [word for argv in all_programs().values() for word in argv]
    assert not [word for word in words if "insecure" in word or "skip" in word]
    urls = [word for word in words if "http:" in word]
    assert urls == []


def test_a_kubeconfig_holds_what_it_was_given():
    config = yaml.safe_load(settings.kubeconfig(b"authority", b"certificate", b"key"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"authority"
    assert base64.b64decode(user["client-certificate-data"]) == b"certificate"
    assert base64.b64decode(user["client-key-data"]) == b"key"
    assert cluster["server"] == layout.API_SERVER


def test_the_storage_classes_are_those_that_are_configured():
    documents = list(yaml.safe_load_all(STORAGE.read_text()))
    classes = {doc["metadata"]["name"] for doc in documents if doc["kind"] == "StorageClass"}
    (configured,) = (doc["data"]["config.json"] for doc in documents if doc["kind"] == "ConfigMap")
    assert set(json.loads(configured)["storageClassConfigs"]) == classes
    assert classes == {"local-path", "local-path-second", "shared"}


def test_kinds_workers_share_the_folder_of_the_shared_class():
    workers = [
        node for node in yaml.safe_load(KIND.read_text())["nodes"] if node["role"] == "worker"
    ]
    mounts = [mount for node in workers for mount in node["extraMounts"]]
    assert len(workers) == 2
    assert {mount["containerPath"] for mount in mounts} == {"/opt/shared-volumes"}
    assert len({mount["hostPath"] for mount in mounts}) == 1
