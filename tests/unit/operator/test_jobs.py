"""Copy Jobs over HTTP: a Job is started by its uid, and by nothing else."""

import pytest

from detour_operator import errors
from detour_operator.adapters import jobs, virtual_machines
from unit.operator.api_server import serving, status
from unit.operator.compute_cluster import applied

JOB = "/apis/batch/v1/namespaces/ns/jobs/copy"


class Jobs:
    """One Job or none; a patch whose test fails is invalid, as the API server has it."""

    def __init__(self, uid=None):
        self.there = uid and {"metadata": {"name": "copy", "uid": uid}, "spec": {"suspend": True}}

    def __call__(self, request):
        if self.there is None or request.path != JOB:
            return status(404, "NotFound")
        try:
            self.there = applied(self.there, request.body)
        except AssertionError:
            return status(422, "Invalid", "the server rejected our request: testing failed")
        return 200, self.there


def test_a_start_tests_the_uid_and_lets_the_job_run():
    known = Jobs("known")
    with serving(known) as server:
        jobs.start(server.api(), "ns", "copy", "known")
    (request,) = server.asked
    assert (request.method, request.path) == ("PATCH", JOB)
    assert request.headers["Content-Type"] == "application/json-patch+json"
    assert request.body[0] == {"op": "test", "path": "/metadata/uid", "value": "known"}
    assert known.there["spec"] == {"suspend": False}


def test_another_job_of_that_name_is_not_started():
    another = Jobs("another")
    with serving(another) as server, pytest.raises(errors.Conflict):
        jobs.start(server.api(), "ns", "copy", "known")
    assert another.there["spec"] == {"suspend": True}


def test_a_job_that_is_gone_is_told_as_gone():
    with serving(Jobs()) as server, pytest.raises(errors.Gone):
        jobs.start(server.api(), "ns", "copy", "known")
    assert [request.method for request in server.asked] == ["PATCH"]


def pod(**changes):
    given = {
        "name": "copy", "namespace": "ns", "migration": "m", "owner": {}, "image": "copier",
        "image_pull_policy": "Never", "node": None, "source_claim": "old",
        "destination_claim": "new", "size_bytes": None, "se_linux_level": "", "switch_uid": "s",
        "token": "t-1", "method": "HostAssisted",
    }  # fmt: skip
    return jobs.manifest(jobs.CopyJob(**{**given, **changes}))["spec"]["template"]


SPEC = {
    "nodeSelector": {"disks": "fast"},
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}
        },
        "podAntiAffinity": {"of": "the launcher's labels"},
    },
    "tolerations": [{"key": "vms", "operator": "Exists"}],
}


def test_of_a_stopped_machine_the_copier_runs_where_that_could():
    """A destination that waits for its first consumer is made there, and the machine is bound."""
    placement = virtual_machines.placement_of({"spec": {"template": {"spec": SPEC}}})
    spec = pod(placement=placement)["spec"]
    assert spec["nodeSelector"] == SPEC["nodeSelector"]
    assert spec["affinity"] == {"nodeAffinity": SPEC["affinity"]["nodeAffinity"]}
    cordoned = {
        "key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule",
    }  # fmt: skip
    assert spec["tolerations"] == [*SPEC["tolerations"], cordoned]


def test_of_a_machine_without_wishes_no_taint_is_tolerated():
    spec = pod(placement=virtual_machines.placement_of({}))["spec"]
    assert "nodeSelector" not in spec
    assert "affinity" not in spec
    assert [taint["key"] for taint in spec["tolerations"]] == ["node.kubernetes.io/unschedulable"]


def test_of_a_running_guest_the_copier_is_on_its_node_whatever_is_against_it():
    spec = pod(node="n")["spec"]
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchFields"][0]["values"] == ["n"]
    assert spec["tolerations"] == [{"operator": "Exists", "effect": "NoSchedule"}]


def test_no_proxy_outlives_the_copier():
    metadata = pod()["metadata"]
    assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
    assert metadata["annotations"] == {
        "sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled",
    }  # fmt: skip
