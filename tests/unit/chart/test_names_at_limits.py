"""Names as long as Kubernetes allows: what is derived from them is judged by a real API server."""

import pytest

from cluster.process import wait_until
from detour_operator.adapters import claims, jobs, snapshots
from detour_operator.adapters.client import Api
from detour_operator.adapters.events import Events
from detour_operator.compute_side import budget, finisher, holder
from unit.chart import server
from unit.chart.chart import of_kind
from unit.chart.rights import DETOUR, migration, switch

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

LONGEST = "a" * 253
DOTTED = ".".join(["a-b"] * 63)[:253].rstrip(".-")
LABEL = "a" * 63
UID = "12345678-aaaa-bbbb-cccc-1234567890ab"
OWNER = {"apiVersion": "detour.dev/v1alpha1", "kind": "AttachmentSwitch", "name": "m", "uid": UID}
COMMON = {"namespace": "vms", "image": "i", "pull_policy": "Never", "se_linux_level": "s0:c1,c2"}


def copier(claim):
    return jobs.manifest(
        jobs.CopyJob(
            name="detour-copy-12345678-1",
            namespace="vms",
            migration=LABEL,
            owner=OWNER,
            image="i",
            image_pull_policy="Never",
            node=LONGEST,
            source_claim=claim,
            destination_claim=claim,
            size_bytes=1,
            se_linux_level="",
            switch_uid=UID,
            token="t",  # noqa: S106
            method="HostAssisted",
        )
    )


def held(claim, overlay):
    return holder.Holder(
        switch=claim, switch_uid=UID, launcher_name=claim, launcher_uid=UID, node=LONGEST,
        claim=claim, overlay=overlay, **COMMON,
    )  # fmt: skip


def finishing(claim):
    return finisher.manifest(
        finisher.Finisher(
            switch=claim,
            switch_uid=UID,
            owner=OWNER,
            node=LONGEST,
            source=claim,
            destination=claim,
            overlay=claim,
            **COMMON,
        )
    )


def new_claim(name):
    return claims.manifest(
        claims.NewClaim(
            namespace="vms",
            name=name,
            storage_class=LONGEST,
            access_modes=("ReadWriteOnce",),
            size="1Gi",
            created_for=UID,
            data_source=("PersistentVolumeClaim", name),
            token="t",  # noqa: S106
        )
    )


def derived(name):
    """What is made for a machine, claims and a switch of that name: path and body of each."""
    pods, budgets = "/api/v1/namespaces/vms/pods", "/apis/policy/v1/namespaces/vms"
    return {
        "copier": ("/apis/batch/v1/namespaces/vms/jobs", copier(name)),
        "holder": (pods, holder.manifest(held(name, overlay=False))),
        "overlay's holder": (pods, holder.manifest(held(name, overlay=True))),
        "holder's budget": (
            f"{budgets}/poddisruptionbudgets",
            holder.holder_budget(held(name, overlay=True)),
        ),
        "budget": (
            f"{budgets}/poddisruptionbudgets",
            budget.manifest("vms", name[:63].rstrip(".-"), UID, UID),
        ),
        "finisher": (pods, finishing(name)),
        "claim": ("/api/v1/namespaces/vms/persistentvolumeclaims", new_claim(name)),
    }


@pytest.fixture(scope="module")
def asked():
    with server.running() as running:
        running.do("POST", "/api/v1/namespaces", {"metadata": {"name": "vms"}})
        for definition in of_kind("CustomResourceDefinition").values():
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            running.do("POST", path, definition)
        for kind in ("volumemigrations", "attachmentswitches"):
            path = f"{DETOUR}/{kind}"
            wait_until(lambda path=path: running.ask("GET", path)[0] == 200, path, 60)
        yield running


@pytest.mark.parametrize("name", [LONGEST, DOTTED, LABEL, "a"])
@pytest.mark.parametrize("what", derived("a"))
def test_what_is_made_is_admitted(asked, what, name):
    path, body = derived(name)[what]
    body["spec"].pop("priorityClassName", None)  # the API server knows no classes here
    assert asked.refusal("POST", path, body) == ""


@pytest.mark.parametrize("name", [LONGEST, DOTTED])
def test_an_object_of_a_machine_and_claims_with_the_longest_names_is_admitted(asked, name):
    for kind, body in (
        ("volumemigrations", migration(name, LABEL, destination={"claimName": name})),
        ("attachmentswitches", switch(name, LABEL, destination={"claimName": name})),
    ):
        path = f"{DETOUR}/namespaces/vms/{kind}"
        assert asked.refusal("POST", path, body) == ""


def test_a_switch_whose_name_no_label_can_hold_is_refused(asked):
    path = f"{DETOUR}/namespaces/vms/attachmentswitches"
    told = asked.refusal("POST", path, switch(name="a" * 64))
    assert "metadata.name must have at most 63 characters; choose a shorter one" in told


@pytest.mark.parametrize("name", [LONGEST, "a" * 64, LABEL])
def test_a_migration_is_looked_at_whatever_its_name(asked, name):
    """One whose name is too long is refused by the operator, and that only after it has looked."""
    api = Api(asked.client())
    for look in (jobs.of_migration, jobs.pods_of_migration, snapshots.of_migration):
        assert look(api, "vms", name) == []


@pytest.mark.parametrize("name", [LONGEST, DOTTED])
def test_an_event_is_told_of_it(asked, name):
    about = {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "VolumeMigration",
        "metadata": {"name": name, "namespace": "vms", "uid": UID},
    }
    Events(Api(asked.client())).emit(about, "NameTooLong", "m" * 5000, warning=True)
    found = asked.do("GET", "/api/v1/namespaces/vms/events")["items"]
    assert [item for item in found if item["involvedObject"]["name"] == name]


def test_two_switches_never_share_a_budget():
    names = {budget.budget_name(f"{'a' * 62}{last}") for last in "bc"}
    assert len(names) == 2
