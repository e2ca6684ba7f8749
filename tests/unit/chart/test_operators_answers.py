"""What a real API server answers, and what the operator takes that for."""

import pytest

from cluster.process import wait_until
from detour_crds.attachment_switch import Position
from detour_crds.names import SWITCH_FINALIZER
from detour_operator.adapters import lock_attempts, namespaces, storage, stored, switches
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    INSTANCES,
    NAMESPACES,
    PODS,
    Resource,
)
from detour_operator.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Gone,
    Refused,
    StepFailed,
    Unreachable,
)
from detour_operator.reconcile.objects import meta_of
from unit.chart import locked, rights, webhook

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
THEIRS = {"name": "theirs"}
UNSERVED = Resource(group="not.installed.example", version="v1", plural="things")


@pytest.fixture
def switch(api, namespace):
    return api.create(ATTACHMENT_SWITCHES, namespace, rights.switch())


def cancel(api, switch):
    switches.set_position(api, meta_of(switch), Position.SOURCE)


def test_a_kind_that_is_not_served_is_unknown_and_not_absent(api, namespace):
    assert api.get(INSTANCES, namespace, "nobody") is None
    assert api.get(INSTANCES, "no-such-namespace", "nobody") is None
    with pytest.raises(Unreachable, match="things"):
        api.get(UNSERVED, namespace, "nobody")


def test_what_a_cluster_need_not_have_is_absent(api, namespace):
    assert storage.profile(api, "fast") is None
    api.delete(UNSERVED, namespace, "nobody", uid="1")
    with pytest.raises(Gone):
        api.list(UNSERVED, None)


def test_a_refusal_by_somebody_s_webhook_is_none_of_a_patch_s_own_tests(
    with_kinds, api, namespace, switch, tmp_path
):
    """A webhook names no cause unless it likes to."""
    status = {"code": 422, "message": "not on Fridays"}
    with webhook.refusing(with_kinds, tmp_path, namespace, status):
        wait_until(lambda: refused(api, switch), "the webhook", 60)
        with pytest.raises(Refused, match="not on Fridays"):
            cancel(api, switch)


def refused(api, switch):
    try:
        cancel(api, switch)
    except (Conflict, StepFailed):
        return True
    return False


def test_a_refusal_by_a_policy_is_none_of_a_patch_s_own_tests(with_kinds, api, namespace, switch):
    """With a reason that has the status of such a test."""
    theirs = policy(namespace)
    for plural, spec in theirs.items():
        with_kinds.do("POST", f"{ADMISSION}/{plural}", {"metadata": THEIRS, "spec": spec})
    try:
        wait_until(lambda: refused(api, switch), "the policy", 60)
        with pytest.raises(Refused, match="not on Sundays"):
            cancel(api, switch)
    finally:
        for plural in theirs:
            with_kinds.do("DELETE", f"{ADMISSION}/{plural}/{THEIRS['name']}")


def policy(namespace):
    """Of somebody else's, and its binding."""
    rule = webhook.RULE | {"resources": ["*"]}
    match = {"matchLabels": {webhook.NAMESPACE_LABEL: namespace}}
    never = {"expression": "false", "message": "not on Sundays", "reason": "Invalid"}
    constraints = {"resourceRules": [rule], "namespaceSelector": match}
    bound = {"policyName": THEIRS["name"], "validationActions": ["Deny"]}
    return {
        "validatingadmissionpolicies": {
            "matchConstraints": constraints,
            "validations": [never],
        },
        "validatingadmissionpolicybindings": bound,
    }


def test_in_a_namespace_that_ends_nothing_is_made_and_all_can_end(with_kinds, api, namespace):
    api.create(PODS, namespace, locked.pod("p", "c"))
    made = meta_of(api.create(ATTACHMENT_SWITCHES, namespace, rights.switch()))
    stored.add_finalizer(api, ATTACHMENT_SWITCHES, made, SWITCH_FINALIZER)
    assert not namespaces.is_ending(api, namespace)
    api.delete(NAMESPACES, None, namespace)
    assert namespaces.is_ending(api, namespace)
    for name in ("p", "q"):
        wait_until(lambda name=name: forbidden(api, namespace, name), "the namespace's end", 60)
    trial = lock_attempts.Trial(namespace, "web", "move")
    assert lock_attempts.ask_one(api, trial, proven=True).bites
    told = lock_attempts.ask_one(api, trial, proven=False)
    assert (told.bites, told.namespace_ends) == (False, True)
    switches.set_position(api, made, Position.SOURCE)
    last = meta_of(api.get(ATTACHMENT_SWITCHES, namespace, "move"))
    patch = {"status": {"position": "Source"}}
    raw = stored.patch_status(api, ATTACHMENT_SWITCHES, last, patch)
    stored.remove_finalizer(api, ATTACHMENT_SWITCHES, meta_of(raw), SWITCH_FINALIZER)


def forbidden(api, namespace, name):
    """Whether no pod of that name can be made, be there one already or not."""
    try:
        api.create(PODS, namespace, locked.pod(name, "c"))
    except Forbidden as error:
        return "is being terminated" in str(error)
    except AlreadyExists:
        return False
    return False


def test_where_there_is_no_namespace_nothing_is_made(api):
    with pytest.raises(Gone):
        api.create(PODS, "no-such-namespace", locked.pod("p", "c"))
