"""csi-driver-host-path on kind: its manifest agrees with itself, and an API server takes it."""

import json
import re
import subprocess

import pytest
import yaml

from cluster import given, tools
from cluster.image_specs import find
from cluster.kind import hostpath
from cluster.kind.provider import SYSTEM_IMAGES, KindProvider
from cluster.kubectl import Kubectl
from unit.chart import server

OBJECTS = list(yaml.safe_load_all(hostpath.MANIFEST.read_text()))
DRIVER = "hostpath.csi.k8s.io"
UPSTREAM = "github.com/kubernetes-csi/external-snapshotter/v8"


def of_kind(kind):
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def pods():
    workloads = [*of_kind("DaemonSet").values(), *of_kind("Deployment").values()]
    return [item["spec"]["template"]["spec"] for item in workloads]


def images():
    return {
        one["name"]: one["image"]
        for pod in pods()
        for one in (*pod.get("initContainers", ()), *pod["containers"])
    }


def test_images_are_releases_or_on_the_nodes_already():
    there = {find(name).reference for name in SYSTEM_IMAGES}
    for image in images().values():
        pinned = re.fullmatch(r"registry\.k8s\.io/sig-storage/[a-z-]+:v\d+\.\d+\.\d+", image)
        assert pinned or image in there, image


@pytest.mark.thorough
def test_the_releases_are_those_that_upstream_deploys_together():
    folder = tools.source(UPSTREAM, "csi") / "deploy" / "kubernetes"
    text = "".join(file.read_text() for file in sorted(folder.glob("*/setup-*.yaml")))
    deployed = set(re.findall(r"image: (\S+)", text))
    ours = images()
    beside = {"registrar", "loop-devices"}
    assert {image for name, image in ours.items() if name not in beside} == deployed


def test_the_provider_names_its_classes():
    classes = KindProvider.classes
    storage = of_kind("StorageClass")
    assert set(storage) == set(classes.csi) == set(classes.block)
    for item in storage.values():
        assert item["provisioner"] == DRIVER
        assert item["volumeBindingMode"] == "WaitForFirstConsumer", "volumes are a node's own"
    assert of_kind("VolumeSnapshotClass")[classes.snapshot_class]["driver"] == DRIVER
    assert set(of_kind("CSIDriver")) == {DRIVER}
    assert classes.csi_block


def test_each_process_finds_the_drivers_socket():
    pod = of_kind("DaemonSet")["csi-hostpath"]["spec"]["template"]["spec"]
    paths_of = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    driver, registrar, *others = pod["containers"]
    assert f"--drivername={DRIVER}" in driver["args"]
    assert "--endpoint=unix:///csi/csi.sock" in driver["args"]
    socket = f"{paths_of['socket']}/csi.sock"
    assert f"--kubelet-registration-path={socket}" in registrar["args"]
    for container in (registrar, *others):
        assert "--csi-address=/csi/csi.sock" in container["args"]
        assert {"name": "socket", "mountPath": "/csi"} in container["volumeMounts"]
    for container in others:
        assert "--node-deployment" in container["args"]
        assert [entry["name"] for entry in container["env"]] == ["NODE_NAME"]


def test_each_account_is_bound_to_its_role():
    accounts = set(of_kind("ServiceAccount"))
    assert {pod["serviceAccountName"] for pod in pods()} == accounts
    bound = {
        binding["roleRef"]["name"]: binding["subjects"][0]["name"]
        for binding in of_kind("ClusterRoleBinding").values()
    }
    assert set(bound) == set(of_kind("ClusterRole"))
    assert set(bound.values()) == accounts


@pytest.mark.thorough
@pytest.mark.timeout(1800)  # the API server may have to be built first
def test_an_api_server_takes_all_of_it_and_detour_would_take_its_classes(tmp_path):
    tools.ensure("kubectl")
    kubeconfig = tmp_path / "kubeconfig"
    with server.running() as running:
        kubeconfig.write_text(json.dumps(running.kubeconfig()))
        kubectl = Kubectl(kubeconfig)
        for _ in range(2):
            hostpath.apply(kubectl)
        had = kubectl.classes()
    named = KindProvider.classes
    there = dict.fromkeys((named.source, named.destination, named.shared), "local")
    whole = given.Had({**had.provisioners, **there}, had.snapshot_classes)
    assert given.missing(named, whole) == []
    assert given.missing(named, had) != []


def test_the_loop_devices_are_made_by_a_shell_that_is_there():
    (container,) = of_kind("DaemonSet")["csi-hostpath"]["spec"]["template"]["spec"][
        "initContainers"
    ]
    shell, flags, script = container["command"]
    listed = 'mknod() { echo "$@"; }; test() { false; }; '
    done = subprocess.run(
        [shell, flags, listed + script], capture_output=True, text=True, check=True
    )
    made = done.stdout.splitlines()
    assert made[:2] == ["-m 0660 /dev/loop0 b 7 0", "-m 0660 /dev/loop1 b 7 1"]
    assert len(made) == 128
