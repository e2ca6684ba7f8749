"""The lease: taken, kept, given up."""

import threading

import pytest
from kubernetes import client

from detour_operator.adapters import lease
from unit.operator.api_server import serving, status

PATH = "/apis/coordination.k8s.io/v1/namespaces/detour/leases"


class Leases:
    """One Lease, with the API server's check of the resource version."""

    def __init__(self):
        self.lease = None
        self.version = 0
        self.given_up = threading.Event()
        self.renewed = threading.Event()

    def __call__(self, request):
        if request.method == "POST":
            if self.lease:
                return status(409, "AlreadyExists")
            return self.write(request.body)
        if self.lease is None:
            return status(404, "NotFound")
        if request.method == "PUT":
            if request.body["metadata"]["resourceVersion"] != str(self.version):
                return status(409, "Conflict")
            return self.write(request.body)
        return 200, self.lease

    def write(self, body):
        self.version += 1
        self.lease = {
            **body,
            "metadata": {**body["metadata"], "resourceVersion": str(self.version)},
        }
        if not self.holder:
            self.given_up.set()
        elif self.version > 1:
            self.renewed.set()
        return 200, self.lease

    @property
    def holder(self):
        return self.lease["spec"].get("holderIdentity")


@pytest.fixture
def leases():
    answer = Leases()
    with serving(answer) as server:
        answer.configuration = server.configuration()
        yield answer


def candidate(leases, name, lost=lambda: None):
    api_client = client.ApiClient(leases.configuration)
    return lease.Leadership(api_client, "detour", name, lost)


def test_the_first_one_leads_and_the_second_does_not(leases):
    first, second = candidate(leases, "first"), candidate(leases, "second")
    first.start()
    assert first.wait(30)
    second.start()
    assert not second.wait(0)
    assert leases.holder == "first"
    assert leases.lease["spec"]["leaseDurationSeconds"] == lease.LEASE_SECONDS
    first.release()


def test_a_leader_that_vanishes_is_replaced_within_twenty_seconds():
    """A follower sees the last renewal one look late, and its end one look late."""
    looks = 2 * (lease.RETRY_SECONDS + lease.REQUEST_SECONDS)
    assert lease.LEASE_SECONDS + looks <= 20


def test_one_request_that_hangs_does_not_cost_the_lease():
    second_begins = lease.REQUEST_SECONDS + lease.RETRY_SECONDS
    assert second_begins < lease.RENEW_SECONDS < lease.LEASE_SECONDS


def test_a_lease_given_up_is_taken_without_waiting_for_it_to_expire(leases):
    first, second = candidate(leases, "first"), candidate(leases, "second")
    first.start()
    assert leases.renewed.wait(30)
    first.release()
    assert leases.given_up.is_set()
    second.start()
    assert second.wait(lease.LEASE_SECONDS / 2)
    assert leases.holder == "second"


def test_giving_up_is_no_loss_and_nothing_is_renewed_after_it(leases):
    lost = []
    first = candidate(leases, "first", lambda: lost.append(True))
    first.start()
    assert first.wait(30)
    first.release()
    assert first._lock.update(lease.NAME, "detour", None) is False
    assert not leases.holder
    assert not lost


def test_giving_up_what_is_held_by_another_changes_nothing(leases):
    first, second = candidate(leases, "first"), candidate(leases, "second")
    first.start()
    assert first.wait(30)
    second.release()
    assert leases.holder == "first"
    first.release()


def test_an_api_that_is_away_is_no_reason_to_die(leases):
    leases.configuration.host = "http://127.0.0.1:1"
    first = candidate(leases, "first")
    held, error = first._lock.get(lease.NAME, "detour")
    assert (held, error.status) == (False, 0)
