"""Nobody has Detour do what they may not do themselves: asked of a real API server with RBAC."""

import pytest

from cluster.process import wait_until
from unit.chart import rights, server
from unit.chart.chart import NAMESPACE, of_kind
from unit.chart.rights import DETOUR, OPERATOR, migration, switch

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

MIGRATIONS = f"{DETOUR}/namespaces/vms/volumemigrations"
SWITCHES = f"{DETOUR}/namespaces/vms/attachmentswitches"
TEMPLATE = {"claimTemplate": {"storageClassName": "fast"}}
STOP = "AmbiguousCommit-12345678-1"
OVERWRITE = {"claimName": "spare", "overwrite": True}


@pytest.fixture(scope="module")
def asked():
    with server.running("RBAC") as running:
        rights.install(running)
        yield running


WISHES = {
    "onto a claim": {},
    "onto a new claim": {"destination": TEMPLATE},
    "with an overlay on a claim": {"overlay": {"where": "Claim"}},
    "over a claim's content": {"destination": OVERWRITE},
    "and the source deleted": {"sourceReclaimPolicy": "Delete"},
}


@pytest.mark.parametrize("wish", WISHES)
def test_who_may_edit_the_machine_and_its_claims_may_move_its_disks(asked, wish):
    told = asked.refusal("POST", MIGRATIONS, migration(**WISHES[wish]), user=rights.EDITOR)
    assert told == ""


@pytest.mark.parametrize("wish", WISHES)
def test_who_may_not_edit_the_machine_may_not_move_its_disks(asked, wish):
    user = rights.WITHOUT_MACHINES
    told = asked.refusal("POST", MIGRATIONS, migration(**WISHES[wish]), user=user)
    assert "Policy 'detour-requesters'" in told
    assert "spec.virtualMachine: you may not move a disk of VirtualMachine web" in told


def test_the_right_may_be_one_machine_s(asked):
    assert asked.refusal("POST", MIGRATIONS, migration("web"), user=rights.OF_ONE) == ""
    told = asked.refusal("POST", MIGRATIONS, migration("other"), user=rights.OF_ONE)
    assert "VirtualMachine other" in told


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ("onto a new claim", "spec.destination.claimTemplate"),
        ("with an overlay on a claim", "spec.overlay.where"),
        ("over a claim's content", "spec.destination.overwrite"),
        ("and the source deleted", "spec.sourceReclaimPolicy"),
    ],
)
def test_claims_are_made_and_deleted_for_those_only_who_may_do_so(asked, wish, field):
    user = rights.WITHOUT_CLAIMS
    told = asked.refusal("POST", MIGRATIONS, migration(**WISHES[wish]), user=user)
    assert field in told
    assert "ask for that right" in told
    assert asked.refusal("POST", MIGRATIONS, migration(), user=user) == ""


def test_the_right_may_be_one_claim_s(asked):
    spare, other = OVERWRITE, OVERWRITE | {"claimName": "other"}
    for destination, admitted in ((spare, True), (other, False)):
        told = asked.refusal(
            "POST", MIGRATIONS, migration(destination=destination), user=rights.OF_ONE
        )
        assert (told == "") is admitted, told


@pytest.fixture(scope="module")
def moving(asked):
    """A migration and a switch of an editor's that are under way."""
    asked.do("POST", MIGRATIONS, migration(name="moving", destination=TEMPLATE))
    asked.do("POST", SWITCHES, switch(name="moving"))
    return asked


@pytest.mark.parametrize(
    ("user", "change", "admitted"),
    [
        (rights.WITHOUT_MACHINES, {"cancel": True}, False),
        (rights.WITHOUT_MACHINES, {"trust": "Destination", "answeredStop": STOP}, False),
        (rights.WITHOUT_CLAIMS, {"cancel": True}, True),
        (rights.WITHOUT_CLAIMS, {"sourceReclaimPolicy": "Delete"}, False),
        (rights.EDITOR, {"sourceReclaimPolicy": "Delete"}, True),
    ],
)
def test_what_changes_a_move_takes_the_same_rights(moving, user, change, admitted):
    told = moving.refusal("PATCH", f"{MIGRATIONS}/moving", {"spec": change}, user=user)
    assert (told == "") is admitted, told
    assert admitted or "Policy 'detour-requesters'" in told


@pytest.mark.parametrize(
    ("path", "user", "preset"),
    [(MIGRATIONS, rights.EDITOR, migration()), (SWITCHES, OPERATOR, switch())],
)
def test_an_answer_names_the_stop_and_can_be_changed_and_taken_back(moving, path, user, preset):
    """None that is there before a stop, as in a manifest, can name it."""
    preset["spec"]["trust"] = "Source"
    words = "spec.trust and spec.answeredStop go together"
    assert words in moving.refusal("POST", path, preset, user=user)

    def patched(**spec):
        return moving.refusal("PATCH", f"{path}/moving", {"spec": spec}, user=user)

    assert words in patched(trust="Source")
    assert words in patched(answeredStop=STOP)
    assert "spec.answeredStop" in patched(trust="Source", answeredStop="AmbiguousPivot")
    answer = {"spec": {"trust": "Source", "answeredStop": STOP}}
    moving.do("PATCH", f"{path}/moving", answer)
    assert words in patched(trust=None)
    assert patched(trust="Overlay") == ""
    assert patched(trust="Overlay", answeredStop="NodeLost-12345678-1-2") == ""
    assert patched(trust=None, answeredStop=None) == ""


def test_labels_and_finalizers_take_no_right_on_the_machine(moving):
    change = {"metadata": {"labels": {"a": "b"}, "finalizers": ["detour.dev/migration"]}}
    for user in (rights.WITHOUT_MACHINES, OPERATOR):
        assert moving.refusal("PATCH", f"{MIGRATIONS}/moving", change, user=user) == ""


def test_a_switch_takes_the_right_on_the_machine_or_that_to_drive(asked):
    assert asked.refusal("POST", SWITCHES, switch(), user=rights.MACHINES_AND_SWITCHES) == ""
    assert asked.refusal("POST", SWITCHES, switch("other"), user=rights.DRIVER) == ""
    assert asked.refusal("POST", SWITCHES, switch("other"), user=OPERATOR) == ""
    told = asked.refusal("POST", SWITCHES, switch(), user=rights.SWITCHES_ONLY)
    assert "Policy 'detour-switch-requesters'" in told
    assert "ClusterRole detour-switch-driver" in told


def test_a_switch_s_overlay_is_made_a_claim_for_those_only_who_may_make_one(asked):
    wish = switch(overlay={"where": "Claim"})
    told = asked.refusal("POST", SWITCHES, wish, user=rights.MACHINES_AND_SWITCHES)
    assert "spec.overlay.where" in told
    assert asked.refusal("POST", SWITCHES, wish, user=rights.DRIVER) == ""


def test_a_switch_is_not_completed_by_those_who_may_not_edit_the_machine(moving):
    change = {"spec": {"position": "Source"}}
    for user, admitted in ((rights.SWITCHES_ONLY, False), (rights.MACHINES_AND_SWITCHES, True)):
        told = moving.refusal("PATCH", f"{SWITCHES}/moving", change, user=user)
        assert (told == "") is admitted, told


@pytest.mark.parametrize("user", rights.ACCOUNTS)
def test_no_right_reaches_into_another_namespace(asked, user):
    for kind, body in (("volumemigrations", migration()), ("attachmentswitches", switch())):
        path = f"{DETOUR}/namespaces/others/{kind}"
        assert "forbidden" in asked.refusal("POST", path, body, user=user).lower()


def test_people_do_not_drive_by_their_roles():
    for role in ("view", "edit", "admin"):
        rules = of_kind("ClusterRole")[f"detour-{role}"]["rules"]
        assert not [rule for rule in rules if {"drive", "*"} & set(rule["verbs"])]


# The node agent.

COMPUTE = {"token": "t-1", "order": "Overlay", "locked": True}


@pytest.fixture(scope="module")
def nodes(asked):
    """A switch on each of two nodes, and the tokens of the agents of both."""
    account = {"metadata": {"name": "detour-node-agent"}}
    asked.do("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", account)
    tokens = {}
    for node in ("a", "b"):
        asked.do("POST", "/api/v1/nodes", {"metadata": {"name": f"node-{node}"}})
        asked.do("POST", SWITCHES, switch(f"vm-{node}", name=f"on-{node}"))
        status = {"status": {"compute": COMPUTE | {"node": f"node-{node}"}}}
        asked.do("PATCH", f"{SWITCHES}/on-{node}/status", status)
        tokens[node] = rights.agent_token(asked, f"node-{node}", f"agent-{node}")
    return asked, tokens


REPORT = {"status": {"node": {"token": "t-1", "reached": "Overlay"}}}


def test_a_node_s_agent_reports_of_its_own_switches(nodes):
    server, tokens = nodes
    for node, token in tokens.items():
        told = server.refusal(
            "PATCH", f"{SWITCHES}/on-{node}/status", REPORT, user="", token=token
        )
        assert told == ""


@pytest.mark.parametrize(("mine", "other"), [("a", "b"), ("b", "a")])
def test_a_node_s_agent_reports_of_no_other_node_s_switch(nodes, mine, other):
    server, tokens = nodes
    path = f"{SWITCHES}/on-{other}/status"
    told = server.refusal("PATCH", path, REPORT, user="", token=tokens[mine])
    assert f"the node agent of node-{mine} may not write a switch of another node" in told


def test_a_switch_without_a_node_is_no_agent_s(nodes):
    server, tokens = nodes
    server.do("POST", SWITCHES, switch("vm-c", name="nowhere"))
    told = server.refusal(
        "PATCH", f"{SWITCHES}/nowhere/status", REPORT, user="", token=tokens["a"]
    )
    assert "may not write a switch of another node" in told


@pytest.mark.parametrize(
    "status",
    [
        {"compute": {"order": "Destination"}},
        {"compute": {"node": "node-b"}},
        {"compute": None},
        {"position": "Destination"},
        {"observedGeneration": 7},
        {
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Switched",
                    "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ]
        },
    ],
    ids=lambda status: ",".join(f"{key}" for key in status),
)
def test_an_agent_writes_nothing_of_its_switch_but_the_node_s_part(nodes, status):
    server, tokens = nodes
    path = f"{SWITCHES}/on-a/status"
    told = server.refusal("PATCH", path, {"status": status}, user="", token=tokens["a"])
    assert "the node agent may write status.node and nothing else" in told


def test_an_agent_s_account_without_a_node_writes_nothing(nodes):
    server, _ = nodes
    account = f"system:serviceaccount:{NAMESPACE}:detour-node-agent"
    told = server.refusal("PATCH", f"{SWITCHES}/on-a/status", REPORT, user=account)
    assert "may not write a switch of another node" in told


OTHERS = {
    "its switch's spec": ("PATCH", f"{SWITCHES}/on-a", {"spec": {"position": "Source"}}),
    "its switch": ("DELETE", f"{SWITCHES}/on-a", None),
    "a switch": ("POST", SWITCHES, switch()),
    "a migration": ("POST", MIGRATIONS, migration()),
    "migrations": ("GET", MIGRATIONS, None),
    "secrets": ("GET", "/api/v1/namespaces/vms/secrets", None),
    "pods": ("GET", "/api/v1/namespaces/vms/pods", None),
    "claims": ("GET", "/api/v1/namespaces/vms/persistentvolumeclaims", None),
    "machines": ("GET", "/apis/kubevirt.io/v1/namespaces/vms/virtualmachines", None),
    "a token": (
        "POST",
        f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/detour-operator/token",
        {"spec": {}},
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_an_agent_may_do_nothing_else(nodes, what):
    server, tokens = nodes
    method, path, body = OTHERS[what]
    status, told = server.ask(method, path, body, token=tokens["a"], dry_run=True)
    assert status == 403, told


def test_what_an_agent_reads_is_its_own_part_by_its_own_choice_only(nodes):
    """RBAC knows no field selectors: docs/security.md says what that discloses."""
    server, tokens = nodes
    path = f"{DETOUR}/attachmentswitches"
    status, all_of_them = server.ask("GET", path, token=tokens["a"])
    assert status == 200
    assert {"on-a", "on-b"} <= {item["metadata"]["name"] for item in all_of_them["items"]}
    status, own = server.ask(
        "GET", f"{path}?fieldSelector=status.compute.node%3Dnode-a", token=tokens["a"]
    )
    assert [item["metadata"]["name"] for item in own["items"]] == ["on-a"]


def test_a_token_goes_with_its_pod(nodes):
    server, _ = nodes
    token = rights.agent_token(server, "node-a", "agent-gone")
    path = f"{DETOUR}/attachmentswitches"
    assert server.ask("GET", path, token=token)[0] == 200
    pod = f"/api/v1/namespaces/{NAMESPACE}/pods/agent-gone"
    server.do("DELETE", pod, {"gracePeriodSeconds": 0})
    # The server remembers for ten seconds that a token was good.
    wait_until(lambda: server.ask("GET", path, token=token)[0] == 401, "the token's end", 60)


@pytest.mark.parametrize("user", rights.ACCOUNTS)
def test_people_write_no_status(moving, user):
    for path in (f"{MIGRATIONS}/moving", f"{SWITCHES}/moving"):
        change = {"status": {"conditions": []}}
        status, told = moving.ask("PATCH", f"{path}/status", change, user=user, dry_run=True)
        assert status == 403, told
