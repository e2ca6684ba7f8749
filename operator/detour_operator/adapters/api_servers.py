"""The API servers of the cluster, one by one where that is possible.

Each is an endpoint of the service ``kubernetes``, and each renews a lease with its identity
(https://kubernetes.io/docs/concepts/architecture/leases/). Where there are more leases than
endpoints, a load balancer stands before the servers and chooses anew for each connection.
"""

import contextlib
import copy
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator

from kubernetes import client

from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import LEASES, Resource
from detour_operator.errors import StepFailed

SERVER_NAME = "kubernetes.default.svc"
"""A name in every API server's certificate."""
ENDPOINT_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices")
SILENT_SECONDS = 60.0
"""How long one that could not be reached is left out: each try of it may take ten seconds."""
IDENTITIES = "apiserver.kubernetes.io/identity=kube-apiserver"


@dataclasses.dataclass(frozen=True, slots=True)
class Servers:
    """Those that have an address of their own, and how many there are, None if that is unknown."""

    addressed: tuple[Api, ...]
    number: int | None

    @property
    def hidden(self) -> bool:
        """Whether there may be one that cannot be asked by itself."""
        return not self.addressed or self.number is None or self.number > len(self.addressed)


class ApiServers:
    """Finds them, keeps a connection to each, and remembers which could not be reached."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._servers: dict[str, Api] = {}
        self._silent: dict[str, float] = {}
        self._mutex = threading.Lock()

    def find(self) -> Servers:
        """All that can be found; one that is left out counts, but has no address.

        Raises:
            Unreachable: the API could not be asked for them.
        """
        selector = "kubernetes.io/service-name=kubernetes"
        slices = self._api.list(ENDPOINT_SLICES, "default", label_selector=selector)
        hosts = sorted(host for item in slices for host in _hosts(item))
        number = self._number()
        addressed = tuple(self._server(host) for host in hosts if not self._left_out(host))
        return Servers(addressed, max(number, len(hosts)) if number else None)

    def leave_out(self, server: Api) -> None:
        """It could not be reached by its own address."""
        with self._mutex:
            for host, known in self._servers.items():
                if known is server:
                    self._silent[host] = self._clock()

    @contextlib.contextmanager
    def by_new_connection(self) -> Iterator[Api]:
        """Whichever server a new connection to the service leads to."""
        fresh = _at(self._api, self._api.client.configuration.host)
        try:
            yield fresh
        finally:
            fresh.client.rest_client.pool_manager.clear()

    def _number(self) -> int | None:
        try:
            return len(self._api.list(LEASES, "kube-system", label_selector=IDENTITIES)) or None
        except StepFailed:
            return None

    def _left_out(self, host: str) -> bool:
        with self._mutex:
            since = self._silent.get(host)
            return since is not None and self._clock() - since < SILENT_SECONDS

    def _server(self, host: str) -> Api:
        with self._mutex:
            if host not in self._servers:
                self._servers[host] = _at(self._api, host, SERVER_NAME)
            return self._servers[host]


def _hosts(endpoint_slice: Json) -> list[str]:
    port = next(
        (
            item["port"]
            for item in endpoint_slice.get("ports") or []
            if item.get("name") == "https"
        ),
        443,
    )
    return [
        f"https://[{address}]:{port}" if ":" in address else f"https://{address}:{port}"
        for endpoint in endpoint_slice.get("endpoints") or []
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint.get("addresses") or []
    ]


def _at(api: Api, host: str, server_name: str | None = None) -> Api:
    settings: client.Configuration = copy.deepcopy(api.client.configuration)
    settings.host = host
    if server_name is not None:
        settings.tls_server_name = server_name
    return Api(client.ApiClient(settings), host)
