"""Copy Jobs over HTTP: a Job is started by its uid, and by nothing else."""

import pytest

from detour_operator import errors
from detour_operator.adapters import jobs
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
