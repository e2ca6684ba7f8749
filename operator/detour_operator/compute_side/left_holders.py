"""Holders with nothing left to hold: the launcher that owns them has ended, and KubeVirt keeps it.

After a live migration the launcher of the old node stays as a completed pod (kubevirt#12451), and
the garbage collector leaves what it owns: the disk would stay attached there, its claim in use.
"""

import logging

import detour_failpoints
from detour_crds.names import SWITCH_LABEL
from detour_operator.adapters import pods, switches
from detour_operator.adapters.client import Api, Json
from detour_operator.compute_side.gather import switch_facts
from detour_operator.compute_side.holder import HOLDER
from detour_operator.errors import Conflict
from detour_operator.reconcile.workers import Next

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0


class LeftHolders:
    """Looks at all holders of the cluster, once a minute."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def reconcile(self, _namespace: str, _name: str) -> Next:
        """Delete the holders that are left; of a switch under way none is."""
        ended = {pod["metadata"]["uid"] for pod in pods.launchers_that_ended(self._api)}
        for holder in pods.of_component(self._api, HOLDER) if ended else ():
            if self._is_left(holder["metadata"], ended):
                self._delete(holder["metadata"])
        return Next(SWEEP_SECONDS)

    def _is_left(self, metadata: Json, ended: set[str]) -> bool:
        owners = metadata.get("ownerReferences") or []
        switch = (metadata.get("labels") or {}).get(SWITCH_LABEL)
        if metadata.get("deletionTimestamp") or len(owners) != 1 or not switch:
            return False
        if owners[0]["uid"] not in ended:
            return False
        found = switches.get(self._api, metadata["namespace"], switch)
        return found is None or switch_facts(found).ended

    def _delete(self, metadata: Json) -> None:
        about = {"object": metadata["name"], "namespace": metadata["namespace"]}
        log.info("Deleting a holder whose launcher has ended", extra=about)
        with detour_failpoints.around("compute.DeleteLeftHolder"):
            try:
                pods.delete(self._api, metadata["namespace"], metadata["name"], metadata["uid"])
            except Conflict:
                log.info("It is another one by now", extra=about)
