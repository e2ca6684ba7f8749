"""The operator and the uninstall hook on a real API server, with no more rights than the chart's.

Each has its own account's token: what is asked in another's name takes a right as well.
"""

from http import HTTPStatus

import pytest

from cluster.process import wait_until
from detour_crds.attachment_switch import AttachmentSwitchSpec
from detour_crds.volume_migration import VirtualMachineRef
from detour_operator import uninstall
from detour_operator.adapters import api_servers, client, instances, lease, switches
from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import INSTANCES
from detour_operator.adapters.virtual_machine_handover import Acting, acting, patch_instance
from detour_operator.compute_side import handover
from detour_operator.errors import Conflict, Forbidden
from detour_operator.reconcile.objects import owner_reference
from kubevirt.crds import crds
from unit.chart import locked, rights, server
from unit.chart.chart import NAMESPACE, of_kind
from unit.chart.rights import RBAC

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

KUBEVIRT, WRONG = "kubevirt", "not-kubevirt"
WRONGLY = f"kubevirt.namespace={WRONG}"
CONTROLLER = {"metadata": {"name": "controller"}}
PATCHES = {"apiGroups": ["kubevirt.io"], "resources": ["*"], "verbs": ["get", "patch"]}
OWNERS_ARE_ASKED_ABOUT = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"
"""As on OpenShift: who has an owner's deletion wait has to have rights on the owner."""
GRANTED = (
    ("detour-uninstall", f"{rights.DETOUR}/attachmentswitches"),
    ("detour-operator", f"{locked.api('vms', locked.KUBEVIRT)}/virtualmachineinstances/web"),
    ("detour-operator", f"{locked.api('kube-system', 'coordination.k8s.io/v1')}/leases"),
    ("detour-operator", f"{locked.api('default', 'discovery.k8s.io/v1')}/endpointslices"),
    ("detour-operator", f"{locked.api(NAMESPACE, 'coordination.k8s.io/v1')}/leases/{lease.NAME}"),
)
GROUP = "rbac.authorization.k8s.io"


@pytest.fixture(scope="module")
def bare():
    """As before the chart's kinds are there."""
    with server.running("RBAC", OWNERS_ARE_ASKED_ABOUT) as running:
        for name in (NAMESPACE, KUBEVIRT, WRONG, "vms"):
            running.do("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        for kind in ("ClusterRole", "ClusterRoleBinding"):
            for item in of_kind(kind).values():
                running.do("POST", f"{RBAC}/{kind.lower()}s", item)
        _put(running, "")
        _put(running, WRONGLY)
        _controller(running)
        for account, path in GRANTED:
            wait_until(lambda a=account, p=path: _may(running, a, p), f"{account}: {path}", 60)
        yield running


def _may(running, account, path):
    """Roles reach the server that enforces them a moment after they were written."""
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    return running.ask("GET", path, user=user)[0] != HTTPStatus.FORBIDDEN


def _put(running, setting):
    """The chart's roles of namespaces; with a setting only that which it changes."""
    for kind in ("Role", "RoleBinding"):
        for name, item in of_kind(kind, *filter(None, [setting])).items():
            if not setting or name == "detour-operator-handover":
                where = f"{RBAC}/namespaces/{item['metadata']['namespace']}/{kind.lower()}s"
                running.do("POST", where, item)


def _controller(running):
    """KubeVirt's rights are its accounts', by a group that nobody names in a request."""
    running.do("POST", f"{RBAC}/clusterroles", CONTROLLER | {"rules": [PATCHES]})
    group = {"apiGroup": GROUP, "kind": "Group", "name": f"system:serviceaccounts:{KUBEVIRT}"}
    role = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "controller"}
    binding = CONTROLLER | {"subjects": [group], "roleRef": role}
    running.do("POST", f"{RBAC}/clusterrolebindings", binding)


@pytest.fixture(scope="module")
def token(bare):
    def of(account):
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
        bare.do("POST", path, {"metadata": {"name": account}})
        answer = bare.do("POST", f"{path}/{account}/token", {"spec": {"audiences": []}})
        return answer["status"]["token"]

    return of


@pytest.fixture(scope="module")
def hook(bare, token):
    return Api(bare.client(token("detour-uninstall")))


@pytest.fixture(scope="module")
def before(hook):
    """What the hook says where Detour's kinds are not there any more; asked before they are."""
    return uninstall._under_way(hook)


@pytest.fixture(scope="module")
def asked(bare, before):
    locked.define(bare, *of_kind("CustomResourceDefinition").values(), *crds())
    made = locked.machine("web", "old")["virtualmachineinstances"]
    bare.do("POST", f"{locked.api('vms', locked.KUBEVIRT)}/virtualmachineinstances", made)
    return bare


@pytest.fixture(scope="module")
def api(asked, token):
    found = Api(asked.client(token("detour-operator")))
    for namespace, answer in ((KUBEVIRT, Acting.ALLOWED), (WRONG, Acting.NO_CONTROLLER)):
        wait_until(lambda n=namespace, a=answer: acting(found, n, "vms") is a, namespace, 60)
    return found


def test_the_hook_lets_detour_go_where_its_kinds_have_gone(before):
    assert before == []


def test_the_hook_names_what_is_under_way_and_which_claims_are_stale(
    asked, hook, monkeypatch, capsys
):
    monkeypatch.setattr(client, "connect", lambda: hook)
    claim = locked.claim_of("old")
    claim["metadata"] |= {"labels": {"detour.dev/superseded": "true"}}
    asked.do("POST", f"{locked.api('vms')}/persistentvolumeclaims", claim)
    assert uninstall.main() == 0
    assert "vms/old: the disk" in capsys.readouterr().out
    path = f"{rights.DETOUR}/namespaces/vms/attachmentswitches"
    asked.do("POST", path, rights.switch())
    assert uninstall.main() == 1
    assert "vms/move: volume data of VirtualMachine web" in capsys.readouterr().out


def test_the_hook_may_change_nothing(hook):
    with pytest.raises(Forbidden):
        instances.annotate(hook, "vms", "web", [])


def test_whether_it_can_act_as_kubevirts_controller_is_known_beforehand(api):
    told = {name: acting(api, name, "vms") for name in (KUBEVIRT, WRONG, "elsewhere")}
    assert told == {
        KUBEVIRT: Acting.ALLOWED,
        WRONG: Acting.NO_CONTROLLER,
        "elsewhere": Acting.NOT_PERMITTED,
    }


def test_the_instance_is_changed_in_the_controllers_name_and_in_no_other(asked, api):
    def patch():
        return handover.open_fence(api.get(INSTANCES, "vms", "web"), "data", "t-1")

    for wrong in (WRONG, "elsewhere"):
        with pytest.raises(Forbidden):
            patch_instance(api, wrong, "vms", "web", patch())
    late = patch()
    patch_instance(api, KUBEVIRT, "vms", "web", late)
    with pytest.raises(Conflict):
        patch_instance(api, KUBEVIRT, "vms", "web", late)


def test_it_finds_the_api_servers_and_leads(api):
    servers = api_servers.ApiServers(api)
    wait_until(lambda: servers.find().addressed, "the server's endpoint", 60)
    assert servers.find().number == 1
    leading = lease.Leadership(api.client, NAMESPACE, "pod-1", lambda: None)
    leading.start()
    assert leading.wait(60)
    leading.release()
    assert lease.seen(api, NAMESPACE).holder == ""


def test_what_it_makes_has_owners_on_which_it_needs_no_right(asked, api):
    path = f"{rights.DETOUR}/namespaces/vms/volumemigrations"
    move = asked.do("POST", path, rights.migration(name="owner"))
    reference = owner_reference(move, controller=True)
    spec = AttachmentSwitchSpec(virtual_machine=VirtualMachineRef(name="web"), volume="data")
    switches.create(api, "vms", "owned", spec, reference)
    found = switches.get(api, "vms", "owned")
    assert found.raw["metadata"]["ownerReferences"] == [reference]
    blocking = reference | {"blockOwnerDeletion": True}
    with pytest.raises(Forbidden, match="blockOwnerDeletion"):
        switches.create(api, "vms", "blocking", spec, blocking)
