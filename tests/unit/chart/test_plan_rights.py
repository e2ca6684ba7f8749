"""Nobody has a plan move what they may not move themselves, and a plan is what its schema says."""

import re

import pytest
import yaml

from unit.chart import rights, server
from unit.chart.chart import ROOT
from unit.chart.rights import DETOUR, OPERATOR, plan

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

PLANS = f"{DETOUR}/namespaces/vms/volumemigrationplans"
DELETES = {"template": {"sourceReclaimPolicy": "Delete"}}


@pytest.fixture(scope="module")
def asked():
    with server.running("RBAC") as running:
        rights.install(running)
        running.do("POST", PLANS, plan("begun"))
        yield running


@pytest.mark.parametrize("spec", [{}, DELETES, {"dryRun": True}])
def test_who_may_move_every_disk_may_do_it_by_a_plan(asked, spec):
    assert asked.refusal("POST", PLANS, plan(**spec), user=rights.EDITOR) == ""


@pytest.mark.parametrize(
    ("user", "field"),
    [
        (rights.WITHOUT_MACHINES, "spec.selector"),
        (rights.OF_ONE, "spec.selector"),
        (rights.WITHOUT_CLAIMS, "spec.storageClasses"),
        (rights.PLANS_ONLY, "volumemigrations.detour.dev"),
    ],
)
@pytest.mark.parametrize("spec", [{}, {"dryRun": True}], ids=["moves", "looks"])
def test_who_may_not_move_every_disk_may_not_do_it_by_a_plan(asked, user, field, spec):
    told = asked.refusal("POST", PLANS, plan(**spec), user=user)
    assert "Policy 'detour-plan-requesters'" in told
    assert field in told
    assert "ask for that right" in told.lower()


def test_sources_are_deleted_for_those_only_who_may_do_so(asked):
    """They may create claims, and delete one of them."""
    rule = {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["create"]}
    rights._grant(asked, "creator", ("detour-edit",), (rights.MACHINES, rule))
    rights.wait_until(
        lambda: asked.refusal("POST", PLANS, plan(), user="creator") == "", "the role", 60
    )
    told = asked.refusal("POST", PLANS, plan(**DELETES), user="creator")
    assert "spec.template.sourceReclaimPolicy" in told


@pytest.mark.parametrize("change", [{"cancel": True}, {"paused": True}, {"maxFailures": 3}])
def test_a_plan_is_changed_by_those_who_may_change_every_machine(asked, change):
    for user, admitted in (
        (rights.EDITOR, True),
        (rights.WITHOUT_CLAIMS, True),
        (rights.WITHOUT_MACHINES, False),
        (rights.OF_ONE, False),
    ):
        told = asked.refusal("PATCH", f"{PLANS}/begun", {"spec": change}, user=user)
        assert (told == "") is admitted, told


def test_labels_take_no_right_on_machines(asked):
    change = {"metadata": {"labels": {"a": "b"}}}
    assert asked.refusal("PATCH", f"{PLANS}/begun", change, user=rights.WITHOUT_MACHINES) == ""


@pytest.mark.parametrize("user", rights.ACCOUNTS)
def test_no_right_reaches_into_another_namespace_and_none_to_a_status(asked, user):
    path = f"{DETOUR}/namespaces/others/volumemigrationplans"
    assert "forbidden" in asked.refusal("POST", path, plan(), user=user).lower()
    status, told = asked.ask("PATCH", f"{PLANS}/begun/status", {"status": {}}, user=user)
    assert status == 403, told


def test_the_operator_makes_migrations_and_no_plans(asked):
    moves = f"{DETOUR}/namespaces/vms/volumemigrations"
    to = {"claimTemplate": {"storageClassName": "fast"}}
    for policy in ("Retain", "Delete"):
        wish = rights.migration(destination=to, sourceReclaimPolicy=policy)
        assert asked.refusal("POST", moves, wish, user=OPERATOR) == ""
    assert "forbidden" in asked.refusal("POST", PLANS, plan(), user=OPERATOR).lower()


WRONG = {
    "no class": ({"storageClasses": []}, "spec.storageClasses"),
    "onto itself": ({"storageClasses": [{"from": "a", "to": "a"}]}, "the same storage class"),
    "one name for two": ({"claimNameTemplate": "{machine}-x"}, "two disks would get one name"),
    "another placeholder": ({"claimNameTemplate": "{id}-{node}"}, "spec.claimNameTemplate"),
    "a name's end": ({"claimNameTemplate": "{id}-"}, "spec.claimNameTemplate"),
    "nothing at a time": ({"inFlight": {"total": 0}}, "spec.inFlight.total"),
    "no length": ({"windows": [{"start": "0 1 * * *", "duration": "0h"}]}, "duration"),
    "no cron": ({"windows": [{"start": "@daily", "duration": "1h"}]}, "start"),
    "a path": (
        {"windows": [{"start": "0 1 * * *", "duration": "1h", "timeZone": "../x"}]},
        "timeZone",
    ),
    "values of none": (
        {"selector": {"machines": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
        "values has to name something",
    ),
    "values too many": (
        {
            "selector": {
                "machines": {
                    "matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]
                }
            }
        },
        "values has to name something",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_makes_no_sense_is_refused(asked, what):
    spec, words = WRONG[what]
    assert words in asked.refusal("POST", PLANS, plan(**spec), user=rights.EDITOR)


def test_a_name_that_is_no_label_is_refused(asked):
    told = asked.refusal("POST", PLANS, plan("x" * 64), user=rights.EDITOR)
    assert "at most 63 characters" in told
    assert asked.refusal("POST", PLANS, plan("x" * 63), user=rights.EDITOR) == ""


FIXED = {
    "selector": {"volumes": ["data"]},
    "storageClasses": [{"from": "slow", "to": "other"}],
    "claimNameTemplate": "{id}",
    "template": {"hold": True},
    "dryRun": True,
}
LOOSE = {
    "order": "LargestFirst",
    "inFlight": {"total": 2, "perNode": 1},
    "windows": [{"start": "0 22 * * 6", "duration": "6h", "timeZone": "Europe/Vienna"}],
    "paused": True,
    "maxFailures": 2,
    "cancel": True,
}


@pytest.mark.parametrize("field", [*FIXED, *LOOSE])
def test_which_fields_can_be_changed(asked, field):
    value = {**FIXED, **LOOSE}[field]
    told = asked.refusal("PATCH", f"{PLANS}/begun", {"spec": {field: value}}, user=rights.EDITOR)
    assert (f"spec.{field} cannot be changed" in told) if field in FIXED else told == ""


def test_a_cancel_is_final(asked):
    asked.do("POST", PLANS, plan("cancelled", cancel=True))
    path = f"{PLANS}/cancelled"
    told = asked.refusal("PATCH", path, {"spec": {"cancel": False}}, user=rights.EDITOR)
    assert "cannot be taken back" in told


def manifests():
    """Every plan that the documentation shows."""
    for name in ("README.md", "docs/plans.md"):
        for text in re.findall(r"```yaml\n(.*?)```", (ROOT / name).read_text(), re.DOTALL):
            item = yaml.safe_load(text)
            if item.get("kind") == "VolumeMigrationPlan":
                yield pytest.param(item, id=f"{name}: {item['metadata']['name']}")


@pytest.mark.parametrize("manifest", list(manifests()))
def test_what_the_documentation_shows_is_taken(asked, manifest):
    strict = f"{PLANS}?fieldValidation=Strict"
    assert asked.refusal("POST", strict, manifest, user=rights.EDITOR) == ""
