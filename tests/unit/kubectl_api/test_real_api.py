"""The plugin on a real API server, with Detour's chart and nobody who reconciles.

What the server takes and what it refuses is real here; the plugin's own tests have it in memory.
"""

import itertools

import pytest
from click.testing import CliRunner

from detour_crds.volume_migration import Trust
from detour_kubectl.adapters.kubernetes_cluster import KubernetesCluster
from detour_kubectl.commands.app import App
from detour_kubectl.commands.root import root
from detour_kubectl.domain import health, rights
from detour_kubectl.errors import NotThereError, RefusedError
from detour_kubectl.looking import health as looking
from detour_kubectl.looking import migrations as reading
from detour_kubectl.port import ACCESS_REVIEWS, EVENTS, MACHINES, MIGRATIONS, PODS, SWITCHES
from unit.chart import server
from unit.chart.locked import install
from unit.kubectl_plugin.memory import Clock

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def bare():
    with server.running() as running:
        yield running


@pytest.fixture(scope="module")
def without_detour(bare):
    """What the doctor and a command find before Detour is there; asked before it is installed."""
    cluster = KubernetesCluster(bare.client())
    with pytest.raises(NotThereError) as caught:
        cluster.list(MIGRATIONS, "default")
    with pytest.raises(NotThereError):
        cluster.get(MIGRATIONS, "default", "m")
    with pytest.raises(NotThereError):
        cluster.get(MACHINES, "default", "m")
    found = looking.findings(cluster, "default", detour_namespace="detour-system", version="0.1.0")
    return caught.value, {item.subject: item for item in found}


@pytest.fixture
def cluster(bare, without_detour):
    if not KubernetesCluster(bare.client()).kinds("detour.dev", "v1alpha1"):
        install(bare)
    return KubernetesCluster(bare.client())


@pytest.fixture
def namespace(bare, cluster):
    name = f"plugin-{next(_numbers)}"
    bare.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def run(cluster, namespace):
    def invoke(*words):
        app = App(connect=lambda _kubeconfig, _context: (cluster, namespace), clock=Clock())
        return CliRunner(env={"NO_COLOR": "1"}).invoke(root, words, obj=app)

    return invoke


def spec(cluster, namespace, name):
    return cluster.get(MIGRATIONS, namespace, name)["spec"]


def test_a_cluster_without_detour_is_told_from_an_object_that_is_not_there(
    cluster, namespace, without_detour
):
    error, found = without_detour
    assert "does not know the kind VolumeMigration" in error.message
    assert found["CRDs"].health is health.Health.BAD
    assert found["KubeVirt"].health is health.Health.BAD
    assert found["lock"].health is health.Health.BAD
    assert cluster.get(MIGRATIONS, namespace, "m") is None


def test_what_move_creates_is_valid(run, cluster, namespace):
    done = run("move", "web", "--volume", "data", "--to-class", "fast", "--hold")
    assert done.exit_code == 0, done.output
    made = spec(cluster, namespace, "web-data-to-fast")
    assert made["hold"] is True
    assert made["destination"]["claimTemplate"] == {"storageClassName": "fast"}
    again = run("move", "web", "--volume", "data", "--to-class", "fast")
    assert "web-data-to-fast-2 created" in again.stdout
    taken = run(
        "move", "web", "--volume", "data", "--to-claim", "big", "--name", "web-data-to-fast"
    )
    assert taken.exit_code == 6
    assert "already exists" in taken.stderr
    listed = run("list").stdout.split()
    assert "web-data-to-fast-2" in listed


def test_what_the_schema_refuses_is_told_with_its_field(run):
    done = run("move", "web", "--volume", "Data_1", "--to-class", "fast", "--name", "m")
    assert done.exit_code == 6
    assert "spec.volume" in done.stderr


def test_cancel_and_continue_are_patches_of_the_spec(run, cluster, namespace):
    run(
        "move",
        "web",
        "--volume",
        "data",
        "--to-claim",
        "big",
        "--overwrite",
        "--hold",
        "--name",
        "m",
    )
    assert run("continue", "m").exit_code == 0
    assert spec(cluster, namespace, "m")["hold"] is False
    assert run("cancel", "m").exit_code == 0
    assert spec(cluster, namespace, "m")["cancel"] is True
    with pytest.raises(RefusedError, match="a cancel cannot be taken back"):
        cluster.patch(MIGRATIONS, namespace, "m", {"spec": {"cancel": False}})
    assert run("cancel", "other").exit_code == 3


STOP = "NodeLost-12345678-1-1"


@pytest.fixture
def asking(bare, run, cluster, namespace):
    """A migration at a stop, as if operator and node agent had told of it."""
    run("move", "web", "--volume", "data", "--to-class", "fast", "--name", "m")
    switch = {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "AttachmentSwitch",
        "metadata": {"name": "m"},
        "spec": {"virtualMachine": {"name": "web"}, "volume": "data"},
    }
    cluster.create(SWITCHES, namespace, switch)
    path = f"/apis/detour.dev/v1alpha1/namespaces/{namespace}/volumemigrations/m"
    bare.do("PATCH", f"{path}/status", {"status": {"stop": STOP}})
    return path


def test_an_answer_is_a_patch_of_what_was_read(bare, asking, run, cluster, namespace):
    shown = reading.one_to_answer(cluster, namespace, "m")
    done = run("trust", "m", "Source", "--yes")
    assert done.exit_code == 0, done.output
    made = spec(cluster, namespace, "m")
    assert (made["trust"], made["answeredStop"]) == ("Source", STOP)
    stale = {"metadata": {"resourceVersion": shown.resource_version, "uid": shown.uid}}
    with pytest.raises(RefusedError, match="the object has been modified"):
        cluster.patch(MIGRATIONS, namespace, "m", {**stale, "spec": {"trust": "Destination"}})
    another = {"metadata": {"uid": "another"}, "spec": {"trust": "Destination"}}
    with pytest.raises(RefusedError):
        cluster.patch(MIGRATIONS, namespace, "m", another)
    assert spec(cluster, namespace, "m")["trust"] == "Source"
    with pytest.raises(RefusedError, match="has changed while it was looked at"):
        reading.answer(cluster, shown, Trust.SOURCE)


def test_a_dry_run_is_valid_and_gone_afterwards(run, cluster, namespace):
    done = run("move", "web", "--volume", "data", "--to-class", "fast", "--dry-run",
               "--timeout", "1s")  # fmt: skip
    assert done.exit_code == 8, "nobody answers here"
    assert cluster.list(MIGRATIONS, namespace) == []


def test_events_and_pods_are_selected_by_the_server(bare, cluster, namespace):
    for name in ("m", "other"):
        about = {"kind": "VolumeMigration", "name": name, "namespace": namespace}
        event = {"metadata": {"name": f"{name}.1"}, "involvedObject": about, "reason": "Copied"}
        bare.do("POST", f"/api/v1/namespaces/{namespace}/events", event)
    (found,) = cluster.list(EVENTS, namespace, fields="involvedObject.name=m")
    assert found["metadata"]["name"] == "m.1"
    assert cluster.list(PODS, namespace, labels="a=b", fields="spec.nodeName=n") == []
    assert cluster.log(namespace, "nobody", lines=1) == ""


def test_explain_says_what_it_can_of_one_that_nobody_looked_at(run):
    run("move", "web", "--volume", "data", "--to-class", "fast", "--name", "m")
    done = run("explain", "m")
    assert done.exit_code == 0, done.output
    assert "is its operator running?" in done.stdout


def test_the_doctor_finds_the_lock_and_asks_for_each_right(cluster, namespace):
    findings = {
        item.subject: item
        for item in looking.findings(
            cluster, namespace, detour_namespace="detour-system", version="0.1.0"
        )
    }
    assert findings["lock"].health is health.Health.OK
    assert findings["CRDs"].health is health.Health.OK
    assert findings["Kubernetes"].health is health.Health.OK
    assert findings[f"permissions in {namespace}"].health is health.Health.OK
    asked = cluster.create(ACCESS_REVIEWS, None, rights.review(rights.RIGHTS[0], namespace))
    assert rights.is_allowed(asked)
