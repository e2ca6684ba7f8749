"""One look and at most one effect, over and over; nothing is remembered but by the API.

Every write names the very object it is about, by its uid: a write that arrives late, from a
process that was killed, then meets nothing. What came of the move is noted on the destination
claim, which is the controller's, before the switch is deleted.
"""

import time
from collections.abc import Callable

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from vendor import objects
from vendor.objects import Move, Object

KIND = ("detour.dev", "v1alpha1")
PLURAL = "attachmentswitches"
NOT_FOUND, CONFLICT = 404, 409
JSON_PATCH = "application/json-patch+json"


class NotOursError(Exception):
    """There is a switch of that name that somebody else made."""


class Controller:
    """Moves a disk, or takes a move back."""

    def __init__(
        self, api: client.ApiClient, move: Move, say: Callable[[str], None], *, cancel: bool
    ) -> None:
        self._switches = client.CustomObjectsApi(api)
        self._jobs = client.BatchV1Api(api)
        self._claims = client.CoreV1Api(api)
        self._plain = api
        self._move = move
        self._say = say
        self._cancel = cancel

    def run(self, seconds: float = 1.0) -> str:
        """What came of it: ``Destination``, or ``Source`` and why."""
        while (outcome := self.step()) is None:
            time.sleep(seconds)
        return outcome

    def step(self) -> str | None:
        """The outcome once there is one, else None: look again."""
        switch, outcome = self._switch(), self._outcome()
        if switch is None:
            return outcome or self._start()
        if switch["spec"] | objects.switch(self._move)["spec"] != switch["spec"]:
            raise NotOursError(f"{self._move.name} is about something else: {switch['spec']}")
        if _has_ended(switch):
            return self._clear_away(switch, outcome)
        asked = switch["spec"]["position"]
        # A switch after the end is one whose creation was late.
        if asked != "Source" and (self._cancel or outcome is not None):
            return self._take_back(switch)
        if asked != "Frozen":
            return self._wait(switch, "ending")
        if _condition(switch, "SourceFrozen").get("status") != "True":
            return self._wait(switch, "starting")
        return self._copy(switch)

    def _start(self) -> str | None:
        if self._cancel:
            return "Source: nothing was started"
        self._say("starting")
        self._unless(
            CONFLICT,
            lambda: self._switches.create_namespaced_custom_object(
                *KIND, self._move.namespace, PLURAL, objects.switch(self._move)
            ),
        )
        return None

    def _copy(self, switch: Object) -> None:
        if switch["status"]["compute"]["sourceClaim"]["name"] != self._move.source:
            self._say("the machine is on another claim")
            return self._ask(switch, "Source")
        job = self._job(switch)
        if job is None:
            self._say("copying")
            body, namespace = objects.job(self._move, switch), self._move.namespace
            self._unless(CONFLICT, lambda: self._jobs.create_namespaced_job(namespace, body))
        elif job["spec"].get("suspend"):
            start = [_this(job), {"op": "replace", "path": "/spec/suspend", "value": False}]
            name, namespace = job["metadata"]["name"], self._move.namespace
            self._unless(
                NOT_FOUND,
                lambda: self._jobs.patch_namespaced_job(
                    name, namespace, start, _content_type=JSON_PATCH
                ),
            )
        # Kubernetes says either only when none of the Job's pods is left.
        elif _condition(job, "Failed").get("status") == "True":
            self._say(f"the copy failed: {_condition(job, 'Failed').get('message')}")
            self._ask(switch, "Source")
        elif _condition(job, "Complete").get("status") == "True":
            self._say("completing")
            self._ask(switch, "Destination")
        return None

    def _take_back(self, switch: Object) -> None:
        """No copier of ours may be left when the guest's writes go back into the source."""
        if not self._copier_ended(switch):
            return
        self._say("cancelling")
        self._ask(switch, "Source")

    def _clear_away(self, switch: Object, outcome: str | None) -> None:
        if not self._copier_ended(switch):
            return
        if outcome is None:
            ready = _condition(switch, "Ready")
            self._note(
                "Destination"
                if _position(switch) == "Destination"
                else f"Source: {ready.get('reason')}: {ready.get('message')}"
            )
        uid = client.V1Preconditions(uid=switch["metadata"]["uid"])
        self._unless(
            NOT_FOUND,
            lambda: self._switches.delete_namespaced_custom_object(
                *KIND, self._move.namespace, PLURAL, self._move.name,
                body=client.V1DeleteOptions(preconditions=uid),
            ),
        )  # fmt: skip

    def _copier_ended(self, switch: Object) -> bool:
        """Whether the Job and its pods are gone; asks for it if not."""
        job = self._job(switch)
        if job is None:
            return True
        self._say("ending the copy")
        uid = client.V1Preconditions(uid=job["metadata"]["uid"])
        options = client.V1DeleteOptions(preconditions=uid, propagation_policy="Foreground")
        name, namespace = job["metadata"]["name"], self._move.namespace
        self._unless(
            NOT_FOUND, lambda: self._jobs.delete_namespaced_job(name, namespace, body=options)
        )
        return False

    def _ask(self, switch: Object, position: str) -> None:
        """May be too late for Source: then the switch ends on the destination all the same."""
        change = [_this(switch), {"op": "replace", "path": "/spec/position", "value": position}]
        try:
            self._switches.patch_namespaced_custom_object(
                *KIND, self._move.namespace, PLURAL, self._move.name, change,
                _content_type=JSON_PATCH,
            )  # fmt: skip
        except ApiException as error:
            self._say(f"not {position}: {error.body}")

    def _wait(self, switch: Object, stage: str) -> None:
        ready = _condition(switch, "Ready")
        self._say(f"{stage}: {ready.get('reason')}: {ready.get('message')}")

    def _switch(self) -> Object | None:
        return self._unless(
            NOT_FOUND,
            lambda: self._switches.get_namespaced_custom_object(
                *KIND, self._move.namespace, PLURAL, self._move.name
            ),
        )

    def _job(self, switch: Object) -> Object | None:
        name, namespace = objects.job_name(switch), self._move.namespace
        found = self._unless(NOT_FOUND, lambda: self._jobs.read_namespaced_job(name, namespace))
        return None if found is None else self._plain.sanitize_for_serialization(found)

    def _outcome(self) -> str | None:
        claim = self._claims.read_namespaced_persistent_volume_claim(
            self._move.destination, self._move.namespace
        )
        return (claim.metadata.annotations or {}).get(self._annotation)

    def _note(self, outcome: str) -> None:
        annotations = {self._annotation: outcome}
        self._claims.patch_namespaced_persistent_volume_claim(
            self._move.destination,
            self._move.namespace,
            {"metadata": {"annotations": annotations}},
        )

    @property
    def _annotation(self) -> str:
        return f"move.vendor.example/{self._move.name}"

    @staticmethod
    def _unless(status: int, call: Callable[[], Object]) -> Object | None:
        try:
            return call()
        except ApiException as error:
            if error.status != status:
                raise
            return None


def _condition(item: Object, kind: str) -> Object:
    found = item.get("status", {}).get("conditions") or []
    return next((condition for condition in found if condition["type"] == kind), {})


def _has_ended(switch: Object) -> bool:
    at_end = _position(switch) in ("Destination", "Source")
    return at_end and _condition(switch, "Reconciling").get("reason") == "Ended"


def _position(switch: Object) -> str:
    return switch.get("status", {}).get("position", "")


def _this(item: Object) -> Object:
    return {"op": "test", "path": "/metadata/uid", "value": item["metadata"]["uid"]}
