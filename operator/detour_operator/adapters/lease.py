"""Leader election on a Lease: of all operators only the holder reconciles.

Two holders for a moment are harmless (every write is fenced elsewhere); this keeps work from being
done twice.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable
from typing import Any

import urllib3
from kubernetes import client
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.leaderelection import LeaderElection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from typing_extensions import override

from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import LEASES

log = logging.getLogger(__name__)

NAME = "detour-operator"
LEASE_SECONDS = 10
RENEW_SECONDS = 7
RETRY_SECONDS = 2
REQUEST_SECONDS = 3.0
"""With a pause well below RENEW_SECONDS, so that one hanging request does not cost the lease."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The lease as somebody else sees it.

    Attributes:
        holder: who has it; empty if it was given up.
        renewed: when, by the holder's clock.
    """

    holder: str
    renewed: str


def seen(api: Api, namespace: str) -> Seen | None:
    """The lease, or None if nobody has ever led."""
    found = api.get(LEASES, namespace, NAME)
    if found is None:
        return None
    spec = found.get("spec") or {}
    return Seen(holder=spec.get("holderIdentity") or "", renewed=spec.get("renewTime") or "")


class Leadership:
    """This process's part in the election, in a thread of its own."""

    def __init__(
        self,
        api_client: client.ApiClient,
        namespace: str,
        identity: str,
        on_lost: Callable[[], None],
    ) -> None:
        self._lock = _Lock(api_client, namespace, identity)
        self._on_lost = on_lost
        self._leading = threading.Event()

    def start(self) -> None:
        """Begin to ask for the lease, and to renew it once it is ours."""
        threading.Thread(target=self._run, name="leader-election", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Whether the lease is ours, waiting for at most that long."""
        return self._leading.wait(seconds)

    def release(self) -> None:
        """Give the lease up at once, so that another operator need not wait until it expires."""
        self._lock.release()

    def _run(self) -> None:
        config = Config(  # type: ignore[no-untyped-call]
            self._lock,
            lease_duration=LEASE_SECONDS,
            renew_deadline=RENEW_SECONDS,
            retry_period=RETRY_SECONDS,
            onstarted_leading=self._leading.set,
            onstopped_leading=self._lost,
        )
        LeaderElection(config).run()  # type: ignore[no-untyped-call]

    def _lost(self) -> None:
        if not self._lock.released:
            self._on_lost()


class _Lock(LeaseLock):
    """The client's lock, but with time limits, and one that can be given up.

    LeaderElection takes False for "not this time"; whatever else is raised ends its thread.
    """

    def __init__(self, api_client: client.ApiClient, namespace: str, identity: str) -> None:
        super().__init__(NAME, namespace, identity)  # type: ignore[no-untyped-call]
        self.api_instance = client.CoordinationV1Api(_Impatient(api_client))
        self.released = False
        self._one_at_a_time = threading.Lock()

    @override
    def get(self, name: str, namespace: str) -> tuple[bool, Any]:
        try:
            return super().get(name, namespace)  # type: ignore[no-untyped-call, no-any-return]
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return False, client.ApiException(status=0, reason=str(error))

    @override
    def create(self, name: str, namespace: str, election_record: Any) -> bool:
        return self._write(super().create, name, namespace, election_record)

    @override
    def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        return self._write(super().update, name, namespace, updated_record)

    def release(self) -> None:
        """Leave the lease without a holder if it is ours; nothing is written any more."""
        with self._one_at_a_time:
            self.released = True
            try:
                # The lock's own reference is that of the last read: each renewal outdates it.
                lease = self.api_instance.read_namespaced_lease(self.name, self.namespace)
                if lease.spec and lease.spec.holder_identity == self.identity:
                    lease.spec.holder_identity = None
                    self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
            except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
                log.warning("The lease could not be given up and has to expire: %s", error)

    def _write(self, write: Callable[..., bool], *given: Any) -> bool:
        with self._one_at_a_time:
            if self.released:
                return False
            try:
                return write(*given)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                log.warning("The lease could not be written: %s", error)
                return False


class _Impatient(client.ApiClient):
    """The same connection with a short limit for every request."""

    def __init__(self, like: client.ApiClient) -> None:
        super().__init__(like.configuration)

    @override
    def call_api(
        self,
        method: Any,
        url: Any,
        header_params: Any = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: Any = None,
    ) -> Any:
        return super().call_api(
            method, url, header_params, body, post_params, _request_timeout or REQUEST_SECONDS
        )
