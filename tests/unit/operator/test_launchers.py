"""Which pod is taken for a guest's launcher: labels, which anybody may set, do not decide."""

import pytest

from detour_operator.adapters import pods
from unit.operator.api_server import serving

INSTANCE = {
    "metadata": {"namespace": "ns", "name": "web", "uid": "i"},
    "status": {"activePods": {"genuine": "n", "older": "n0"}, "nodeName": "n"},
}


def pod(uid, node="n", **labels):
    return {
        "metadata": {
            "name": f"virt-launcher-{uid}",
            "namespace": "ns",
            "uid": uid,
            "labels": {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": "i", **labels},
        },
        "spec": {"nodeName": node},
    }


def found(*there):
    with serving(lambda _request: (200, {"items": list(there)})) as server:
        launcher = pods.launcher_of(server.api(), INSTANCE)
    (request,) = server.asked
    assert request.path.startswith("/api/v1/namespaces/ns/pods?")
    return None if launcher is None else launcher["metadata"]["uid"]


@pytest.mark.parametrize("first", [True, False])
def test_a_pod_with_all_of_kubevirt_s_labels_is_not_the_launcher(first):
    """KubeVirt notes the uids of its own pods in the instance."""
    faked, genuine = pod("faked"), pod("genuine")
    assert found(*((faked, genuine) if first else (genuine, faked))) == "genuine"
    assert found(faked) is None


def test_nor_is_one_of_another_node():
    assert found(pod("older", node="n0")) is None
    assert found(pod("genuine", node="n1")) is None
    assert found() is None
