"""Which provider is taken, and what each needs to be told."""

import pytest

from cluster import choice, existing
from cluster.existing import ExistingProvider, takes_pods
from cluster.given import Had
from cluster.kind import releases
from cluster.kubectl import Kubectl
from cluster.provider import StorageClasses, UnsupportedError

EXISTING = {
    "PROVIDER": "existing",
    "KUBECONFIG": "/somewhere/kubeconfig",
    "IMAGE_LOAD": "tool load --file={archive}",
    "SOURCE_CLASS": "slow",
    "DESTINATION_CLASS": "fast",
}


@pytest.mark.parametrize(("docker", "wanted"), [(True, "kind"), (False, "local")])
def test_without_a_word_a_docker_engine_decides(docker, wanted):
    assert choice.name({}, lambda: docker) == wanted
    assert choice.name({"PROVIDER": ""}, lambda: docker) == wanted


@pytest.mark.parametrize("name", choice.NAMES)
def test_the_variable_wins(name):
    def never():
        raise AssertionError("the engine was asked")

    assert choice.name({"PROVIDER": name}, never) == name


def test_an_unknown_name_is_refused():
    with pytest.raises(LookupError, match=r"'minikube'.*local, kind, existing"):
        choice.name({"PROVIDER": "minikube"})


@pytest.mark.parametrize("name", ["local", "kind"])
def test_providers_have_the_name_that_chooses_them(name):
    assert choice.provider({"PROVIDER": name}).name == name


def test_an_existing_cluster_is_described_by_variables():
    provider = choice.provider(EXISTING)
    assert provider.classes == StorageClasses("slow", "fast", None)
    assert str(provider.kubeconfig()) == "/somewhere/kubeconfig"


@pytest.mark.parametrize("variable", [name for name in EXISTING if name != "PROVIDER"])
def test_an_existing_cluster_needs_all_of_them(variable):
    with pytest.raises(LookupError, match=f"needs the variables {variable}$"):
        choice.provider({**EXISTING, variable: ""})


def test_an_existing_cluster_without_a_class_is_refused(monkeypatch):
    provider = ExistingProvider({**EXISTING, "BLOCK_CLASSES": "raw"})
    monkeypatch.setattr(existing.tools, "ensure", lambda *_: None)
    monkeypatch.setattr(Kubectl, "answers", lambda _: True)
    had = Had({"slow": "a", "raw": "a"}, None)
    monkeypatch.setattr(Kubectl, "classes", lambda _: had)
    with pytest.raises(LookupError, match=r"^DESTINATION_CLASS names 'fast', but .*: raw, slow$"):
        provider.create()
    had.provisioners["fast"] = "b"
    provider.create()


def test_power_needs_a_variable():
    provider = ExistingProvider(EXISTING)
    with pytest.raises(UnsupportedError, match="POWER_OFF"):
        provider.power_off("node")


def test_commands_of_an_existing_cluster_are_filled_in(tmp_path):
    note = tmp_path / "note with space"
    command = f"cp {{archive}} '{note}'"
    (tmp_path / "image.tar").write_text("content")
    ExistingProvider({**EXISTING, "IMAGE_LOAD": command}).load_image(tmp_path / "image.tar")
    assert note.read_text() == "content"


def test_commands_run_on_a_node_behind_the_given_words():
    provider = ExistingProvider({**EXISTING, "NODE_EXEC": "echo on {node}:"})
    assert provider.node_exec("n1", ["id", "-u"]).stdout == "on n1: id -u\n"


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, True),
        ({"taints": [{"key": "a", "effect": "PreferNoSchedule"}]}, True),
        ({"taints": [{"key": "a", "effect": "NoSchedule"}]}, False),
        ({"unschedulable": True}, False),
    ],
)
def test_nodes_that_take_no_pods_are_left_out(spec, wanted):
    assert takes_pods(spec) is wanted


def test_the_release_of_kubevirt_decides_the_kubernetes():
    assert releases.chosen({}).version == releases.DEFAULT
    old = releases.chosen({"KUBEVIRT_VERSION": "v1.8.4"})
    assert old.node_image.startswith("kindest/node:v1.35.")
    assert "/v1.8.4/" in old.operator_manifest


def test_another_release_runs_on_the_nodes_that_are_named():
    new = releases.chosen({"KUBEVIRT_VERSION": "v9.9.9", "NODE_IMAGE": "kindest/node:v9.9"})
    assert (new.version, new.node_image) == ("v9.9.9", "kindest/node:v9.9")


def test_a_release_without_a_known_kubernetes_is_refused():
    with pytest.raises(LookupError, match=r"v0\.1"):
        releases.chosen({"KUBEVIRT_VERSION": "v0.1"})
