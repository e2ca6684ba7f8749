"""What a real API server answers to the operator, and what the operator takes that for."""

import pytest

from cluster.process import wait_until
from detour_crds.attachment_switch import Position
from detour_operator.adapters import (
    storage,
    switches,
)
from detour_operator.adapters.resources import (
    ATTACHMENT_SWITCHES,
    INSTANCES,
    Resource,
)
from detour_operator.errors import (
    Conflict,
    Gone,
    Refused,
    StepFailed,
    Unreachable,
)
from detour_operator.reconcile.objects import meta_of
from unit.chart import rights, webhook

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

ADMISSION = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
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
