"""Proves that the lock bites: a live migration is tried, as a dry run, at every API server.

A server that has not heard of the lock yet would let the machine live-migrate or restart onto the
frozen source (recovery, ordering: the lock is on at every API server before the start). Only a
refusal by our own policy in the name of this very switch counts.
"""

import copy
import dataclasses
import threading

from kubernetes import client

from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import LIVE_MIGRATIONS, Resource
from detour_operator.errors import Conflict, Forbidden, Refused

POLICY = "detour-lock-live-migrations"
"""Name of the ValidatingAdmissionPolicy in the chart."""
SERVER_NAME = "kubernetes.default.svc"
"""A name in every API server's certificate."""
ENDPOINT_SLICES = Resource(group="discovery.k8s.io", version="v1", plural="endpointslices")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API servers said; with reason and message where one did not refuse as it must."""

    bites: bool
    reason: str = ""
    message: str = ""


BITES = Answer(bites=True)


class LockProof:
    """Asks every API server; keeps its connections to them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._servers: dict[str, Api] = {}
        self._mutex = threading.Lock()

    def ask(self, namespace: str, machine: str, switch: str) -> Answer:
        """Whether all refuse a live migration of the machine because of the switch.

        Raises:
            Unreachable: one of them could not be asked.
        """
        for server in self._all_servers():
            answer = _ask_one(server, namespace, machine, switch)
            if not answer.bites:
                return answer
        return BITES

    def _all_servers(self) -> list[Api]:
        selector = "kubernetes.io/service-name=kubernetes"
        slices = self._api.list(ENDPOINT_SLICES, "default", label_selector=selector)
        hosts = sorted(host for item in slices for host in _hosts(item))
        return [self._server(host) for host in hosts] or [self._api]

    def _server(self, host: str) -> Api:
        with self._mutex:
            if host not in self._servers:
                self._servers[host] = _at(self._api, host)
            return self._servers[host]


def _ask_one(api: Api, namespace: str, machine: str, switch: str) -> Answer:
    try:
        api.create(LIVE_MIGRATIONS, namespace, _trial(machine, switch), dry_run=True)
    except Forbidden as error:
        return _judge(error.message, switch)
    except (Refused, Conflict) as error:
        return _not_proven(str(error))
    return Answer(
        bites=False,
        reason="LockNotEffective",
        message=(
            f"the API server would accept a live migration of {machine}: the policy {POLICY} of"
            " Detour's chart is missing, or has not taken effect yet"
        ),
    )


def _judge(message: str, switch: str) -> Answer:
    ours = f"ValidatingAdmissionPolicy '{POLICY}'" in message
    return BITES if ours and f"AttachmentSwitch {switch} " in message else _not_proven(message)


def _not_proven(message: str) -> Answer:
    told = f"the trial of the lock was refused by something else: {message}"
    return Answer(bites=False, reason="LockNotProven", message=told)


def _trial(machine: str, switch: str) -> Json:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": f"detour-trial-{switch}"[:253].rstrip("-.")},
        "spec": {"vmiName": machine},
    }


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


def _at(api: Api, host: str) -> Api:
    settings: client.Configuration = copy.deepcopy(api.client.configuration)
    settings.host = host
    settings.tls_server_name = SERVER_NAME
    return Api(client.ApiClient(settings))
