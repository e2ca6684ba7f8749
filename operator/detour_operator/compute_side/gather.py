"""Looks: everything one pass needs, read from the API servers and from no cache.

What could not be read is UNKNOWN, which is not ABSENT (row U1). The lock is tried first, so that
all the rest was seen after it was proven.
"""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from detour_crds.attachment_switch import Handover, Order
from detour_crds.conditions import Status, SwitchCondition, find
from detour_crds.names import SWITCH_FINALIZER
from detour_operator.adapters import (
    budgets,
    claims,
    events,
    instances,
    namespaces,
    nodes,
    pods,
    switches,
    virtual_machine_handover,
    virtual_machines,
)
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.lock_proof import LockProof
from detour_operator.adapters.resources import CLAIMS, VIRTUAL_MACHINES
from detour_operator.adapters.switches import FoundSwitch
from detour_operator.adapters.virtual_machine_handover import Acting
from detour_operator.compute_side import facts, machine_trial, overlay_claim, waking
from detour_operator.compute_side.budget import budget_name
from detour_operator.compute_side.finisher import finisher_name
from detour_operator.compute_side.holder import holder_name, overlay_pod_name
from detour_operator.compute_side.observation import (
    Claim,
    Nothing,
    Observation,
    Rival,
    Switch,
)
from detour_operator.compute_side.trials import Trials
from detour_operator.errors import NotServed, StepFailed, Unreachable
from detour_operator.settings import Settings

S = TypeVar("S")
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The objects an observation was made from, as the API gave them, for making patches."""

    switch: FoundSwitch
    machine: Json | None = None
    instance: Json | None = None
    launcher: Json | None = None
    holder: Json | None = None
    source_claim: Json | None = None
    destination_claim: Json | None = None


class Gather:
    """Makes observations."""

    def __init__(self, api: Api, settings: Settings, clock: Callable[[], float]) -> None:
        self._api = api
        self._settings = settings
        self._trials = Trials(LockProof(api), clock)

    def look(self, found: FoundSwitch) -> tuple[Observation, Documents]:
        """Everything about one switch; of an ended one only itself."""
        switch = switch_facts(found)
        if switch.ended:
            self._trials.forget(switch)
            now = events.now()
            if not waking.is_due(switch, now):
                return Observation(switch=switch, now=now), Documents(switch=found)
            return self._of(found, switch).at_end(now)
        return self._of(found, switch).all()

    def _of(self, found: FoundSwitch, switch: Switch) -> "_Look":
        return _Look(self._api, self._settings, self._trials, found, switch)


def switch_facts(found: FoundSwitch) -> Switch:
    """The switch itself."""
    return Switch(
        namespace=found.meta.namespace,
        name=found.meta.name,
        uid=found.meta.uid,
        created=found.raw["metadata"].get("creationTimestamp", ""),
        generation=found.meta.generation,
        deleting=found.meta.deleting,
        finalizer=SWITCH_FINALIZER in found.meta.finalizers,
        spec=found.spec,
        status=found.status,
    )


class _Look:
    """One look: each object is read once, in an order that matters."""

    def __init__(
        self, api: Api, settings: Settings, trials: Trials, found: FoundSwitch, switch: Switch
    ) -> None:
        self._api = api
        self._settings = settings
        self._trials = trials
        self._found = found
        self._switch = switch
        self._namespace = switch.namespace
        self._machine_name = switch.spec.virtual_machine.name

    def all(self) -> tuple[Observation, Documents]:
        proof = self._read(lambda: self._trials.proof(self._switch))
        machine = self._read(self._get(VIRTUAL_MACHINES, self._machine_name))
        instance = self._read(
            lambda: instances.get(self._api, self._namespace, self._machine_name)
        )
        launcher = self._of(instance, lambda found: pods.launcher_of(self._api, found))
        holder = self._read(
            lambda: pods.get(self._api, self._namespace, holder_name(self._switch.uid))
        )
        finisher = self._read(self._finisher)
        budget = self._read(
            lambda: budgets.get(self._api, self._namespace, budget_name(self._switch.name))
        )
        of_overlay = self._read(self._overlay_claim), self._read(self._overlay_pod)
        source = self._source(machine)
        destination = self._claim(self._switch.destination)
        node = self._read(self._node)
        volume = self._switch.spec.volume
        seen = Observation(
            switch=self._switch,
            machine=_fact(machine, lambda raw: facts.machine(raw, volume)),
            instance=_fact(instance, lambda raw: facts.instance(raw, volume)),
            launcher=_fact(launcher, facts.pod),
            holder=_fact(holder, facts.pod),
            finisher=_fact(finisher, facts.pod),
            budget=_fact(budget, facts.budget),
            source_claim=_fact(source, _claim),
            destination_claim=_fact(destination, _claim),
            overlay_claim=_fact(of_overlay[0], facts.claim),
            overlay_pod=_fact(of_overlay[1], facts.pod),
            live_migrations=self._read(self._live_migrations),
            source_users=self._read(lambda: self._source_users(source, launcher)),
            source_machines=self._read(lambda: self._source_machines(source)),
            destination_users=self._read(lambda: self._destination_users(destination, instance)),
            rivals=self._read(self._rivals),
            proof=proof,
            permitted=self._read(self._permitted),
            without_controller=self._read(lambda: self._without_controller(instance)),
            machine_refuses=self._read(
                lambda: self._refused_by_machine(machine, instance, destination)
            ),
            node_lost=_fact(node, lambda found: found.lost),
            node_given_up=_fact(node, lambda found: found.given_up),
            namespace_ends=self._read(lambda: namespaces.is_ending(self._api, self._namespace)),
            now=events.now(),
            limits=self._settings.limits,
        )
        return seen, Documents(
            switch=self._found,
            machine=_document(machine),
            instance=_document(instance),
            launcher=_document(launcher),
            holder=_document(holder),
            source_claim=_document(source),
            destination_claim=_document(destination),
        )

    def at_end(self, now: str) -> tuple[Observation, Documents]:
        """What tells whether the machine is up again."""
        machine = self._read(self._get(VIRTUAL_MACHINES, self._machine_name))
        instance = self._read(
            lambda: instances.get(self._api, self._namespace, self._machine_name)
        )
        volume = self._switch.spec.volume
        seen = Observation(
            switch=self._switch,
            machine=_fact(machine, lambda raw: facts.machine(raw, volume)),
            instance=_fact(instance, lambda raw: facts.instance(raw, volume)),
            now=now,
        )
        machine_raw, instance_raw = _document(machine), _document(instance)
        return seen, Documents(switch=self._found, machine=machine_raw, instance=instance_raw)

    def _read(self, read: Callable[[], T | None]) -> T | Nothing:
        try:
            found = read()
        except (NotServed, Unreachable, StepFailed) as error:
            # A kind that is not served, or may not be read, is as unknown as if nobody answered.
            log.warning("Could not look: %s", error, extra={"object": self._switch.name})
            return Nothing.UNKNOWN
        return Nothing.ABSENT if found is None else found

    def _of(self, found: Json | Nothing, read: Callable[[Json], Json | None]) -> Json | Nothing:
        return found if isinstance(found, Nothing) else self._read(lambda: read(found))

    def _get(self, resource: Any, name: str) -> Callable[[], Json | None]:
        return lambda: self._api.get(resource, self._namespace, name)

    def _finisher(self) -> Json | None:
        """Of use once something was ordered only."""
        if self._switch.order is Order.NONE:
            return None
        return pods.get(self._api, self._namespace, finisher_name(self._switch.uid))

    def _overlay_claim(self) -> Json | None:
        if not overlay_claim.is_asked(self._switch):
            return None
        return self._api.get(CLAIMS, self._namespace, overlay_claim.claim_name(self._switch.uid))

    def _overlay_pod(self) -> Json | None:
        if not overlay_claim.is_asked(self._switch):
            return None
        return pods.get(self._api, self._namespace, overlay_pod_name(self._switch.uid))

    def _source(self, machine: Json | Nothing) -> Json | Nothing:
        """The recorded source once something was ordered, until then what the machine names."""
        if self._switch.begun:
            return self._claim(self._switch.source)
        if isinstance(machine, Nothing):
            return machine
        return self._claim(facts.machine(machine, self._switch.spec.volume).claim)

    def _claim(self, name: str | None) -> Json | Nothing:
        return Nothing.ABSENT if name is None else self._read(self._get(CLAIMS, name))

    def _live_migrations(self) -> tuple[str, ...]:
        return instances.live_migrations(self._api, self._namespace, self._machine_name)

    def _source_users(self, source: Json | Nothing, launcher: Json | Nothing) -> tuple[str, ...]:
        """Of use before the start only; then the claim is Detour's to read."""
        if self._switch.begun or isinstance(source, Nothing):
            return ()
        own = "" if isinstance(launcher, Nothing) else launcher["metadata"]["uid"]
        name = source["metadata"]["name"]
        return pods.other_users(self._api, self._namespace, name, own)

    def _source_machines(self, source: Json | Nothing) -> tuple[str, ...]:
        """Of use before the start only; pods do not tell of machines that are stopped."""
        if self._switch.begun or isinstance(source, Nothing):
            return ()
        found = virtual_machines.using(self._api, self._namespace, source["metadata"]["name"])
        return tuple(name for name in found if name != self._machine_name)

    def _destination_users(
        self, destination: Json | Nothing, instance: Json | Nothing
    ) -> tuple[str, ...]:
        """Of use for a stopped machine only, until it is pointed there."""
        ordered, runs = self._switch.order is not Order.NONE, not isinstance(instance, Nothing)
        if ordered or runs or isinstance(destination, Nothing):
            return ()
        name = destination["metadata"]["name"]
        return pods.other_users(self._api, self._namespace, name, launcher_uid="")

    def _rivals(self) -> tuple[Rival, ...]:
        """Of use before the start only; read, as all of this, after the own lock was."""
        if self._switch.begun:
            return ()
        others = switches.in_namespace(self._api, self._namespace)
        return tuple(rivals_of(self._switch, map(switch_facts, others)))

    def _permitted(self) -> bool | None:
        """Asked only when it is to be decided, so that the answer is fresh."""
        compute = self._switch.compute
        if compute.order is not Order.MIRRORED or compute.handover is not Handover.PENDING:
            return None
        return self._settings.impersonate and self._acting() is Acting.ALLOWED

    def _without_controller(self, instance: Json | Nothing) -> str:
        """Of use before anything is changed only, and for a machine that runs."""
        begun = self._switch.begun or self._switch.compute.locked
        if begun or isinstance(instance, Nothing) or not self._settings.impersonate:
            return ""
        missing = self._acting() is Acting.NO_CONTROLLER
        return self._settings.kubevirt_namespace if missing else ""

    def _refused_by_machine(
        self, machine: Json | Nothing, instance: Json | Nothing, destination: Json | Nothing
    ) -> str:
        if isinstance(machine, Nothing):
            return ""
        claim = None if isinstance(destination, Nothing) else destination
        live = not isinstance(instance, Nothing) and self._settings.impersonate
        tried = machine_trial.patch(self._switch, machine, claim, live=live)
        if not tried:
            return ""
        name = self._machine_name
        found = virtual_machine_handover.machine_refuses(self._api, self._namespace, name, tried)
        return found or ""

    def _acting(self) -> Acting:
        kubevirt = self._settings.kubevirt_namespace
        return virtual_machine_handover.acting(self._api, kubevirt, self._namespace)

    def _node(self) -> nodes.Node | None:
        """Of use once the node's agent has something to do."""
        name = self._switch.compute.node
        if self._switch.order is Order.NONE or name is None:
            return None
        return nodes.look(self._api, name)


def rivals_of(own: Switch, others: Any) -> list[Rival]:
    """Other switches of the same virtual machine that have not ended."""
    return [
        Rival(
            name=other.name,
            uid=other.uid,
            created=other.created,
            locked=bool(other.compute.locked),
            ordered=other.begun,
            refused=_refused(other),
        )
        for other in others
        if other.uid != own.uid
        and other.spec.virtual_machine == own.spec.virtual_machine
        and not other.spec.dry_run
        and not other.ended
    ]


def _refused(switch: Switch) -> bool:
    accepted = find(switch.status.conditions, SwitchCondition.ACCEPTED)
    return accepted is not None and accepted.status is Status.FALSE


def _fact(found: S | Nothing, read: Callable[[S], T]) -> T | Nothing:
    return found if isinstance(found, Nothing) else read(found)


def _claim(raw: Json) -> Claim:
    requested, capacity = claims.sizes(raw)
    found = facts.claim(raw)
    return dataclasses.replace(
        found,
        requested_bytes=requested,
        capacity_bytes=capacity,
        filling=claims.is_being_filled(raw),
    )


def _document(found: Json | Nothing) -> Json | None:
    return None if isinstance(found, Nothing) else found
