"""The manifests of the CSI driver agree with one another, with its program and its image."""

import re

import pytest

from cluster import image_specs, snapshots, tools
from cluster.local.provider import LocalProvider
from harness import csi

OBJECTS = csi.manifests("revision")
DRIVER = "csi.detour.dev"


def of_kind(kind):
    return {item["metadata"]["name"]: item for item in OBJECTS if item["kind"] == kind}


def workloads():
    return [*of_kind("DaemonSet").values(), *of_kind("Deployment").values()]


def containers():
    return [c for item in workloads() for c in item["spec"]["template"]["spec"]["containers"]]


def test_every_process_runs_a_program_of_the_image():
    spec = image_specs.find(csi.IMAGE)
    assert {container["command"][0] for container in containers()} == set(spec.programs)
    assert {container["image"] for container in containers()} == {spec.reference}
    made = {program for module in tools.MODULES for program in module.programs}
    assert set(spec.programs) <= made


def test_a_new_image_makes_the_pods_anew():
    for item in workloads():
        assert (
            item["spec"]["template"]["metadata"]["annotations"]["detour.dev/image"] == "revision"
        )


def test_the_classes_that_the_provider_names_are_of_this_driver():
    classes = of_kind("StorageClass")
    assert set(classes) == set(LocalProvider.classes.csi)
    for item in classes.values():
        assert item["provisioner"] == DRIVER
        assert item["volumeBindingMode"] == "WaitForFirstConsumer", "volumes are a node's own"
    assert of_kind("VolumeSnapshotClass")[LocalProvider.classes.snapshot_class]["driver"] == DRIVER
    assert set(of_kind("CSIDriver")) == {DRIVER}


def test_the_sidecars_find_the_drivers_socket():
    pod = of_kind("DaemonSet")["csi-driver"]["spec"]["template"]["spec"]
    driver, *others = pod["containers"]
    (socket,) = (word for word in driver["command"] if word.startswith("-socket="))
    folder, _, name = socket.removeprefix("-socket=").rpartition("/")
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    assert paths["socket"] == folder
    for container in others:
        (mount,) = container["volumeMounts"]
        assert mount == {"name": "socket", "mountPath": "/csi"}
        assert f"--csi-address=/csi/{name}" in container["command"]


def test_the_driver_sees_the_nodes_paths_as_the_node_does():
    pod = of_kind("DaemonSet")["csi-driver"]["spec"]["template"]["spec"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    for mount in pod["containers"][0]["volumeMounts"]:
        assert mount["mountPath"] == paths[mount["name"]]
        if mount["name"] != "devices":
            assert mount["mountPropagation"] == "Bidirectional", "its mounts are for the node"


def test_the_driver_is_given_what_it_asks_for():
    command = of_kind("DaemonSet")["csi-driver"]["spec"]["template"]["spec"]["containers"][0]
    given = {re.match(r"-([a-z-]+)=", word)[1] for word in command["command"][1:]}
    known = set(
        re.findall(r'Var\(&given\.\w+, "([a-z-]+)"', (tools.CSI_DRIVER / "main.go").read_text())
    )
    assert given <= known
    assert {"node", "socket", "pool", "registration"} <= given


def test_each_account_is_bound_to_its_role():
    accounts = {
        (n, item["metadata"]["namespace"]) for n, item in of_kind("ServiceAccount").items()
    }
    assert accounts == {("csi-driver", csi.NAMESPACE), ("snapshot-controller", csi.NAMESPACE)}
    used = {item["spec"]["template"]["spec"]["serviceAccountName"] for item in workloads()}
    assert used == {name for name, _ in accounts}
    for kind in ("Role", "ClusterRole"):
        for binding in of_kind(f"{kind}Binding").values():
            assert binding["roleRef"]["name"] in of_kind(kind)
            (subject,) = binding["subjects"]
            assert (subject["name"], subject["namespace"]) in accounts


@pytest.mark.thorough
def test_the_custom_resources_are_those_of_snapshots():
    assert [item["metadata"]["name"] for item in csi.crds()] == list(snapshots.NAMES)
