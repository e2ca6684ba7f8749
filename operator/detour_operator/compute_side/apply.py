"""Acts: one function per action, each idempotent and fenced by what was observed.

Nobody's return code is believed: that an action had its effect is for the next pass to see.
"""

import contextlib
import logging

import detour_failpoints
from detour_crds.attachment_switch import Compute, ObjectRef
from detour_crds.names import SWITCH_FINALIZER
from detour_crds.volume_migration import VolumeMode
from detour_operator.adapters import (
    budgets,
    claims,
    instances,
    pods,
    stored,
    virtual_machine_handover,
)
from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.events import Events
from detour_operator.adapters.resources import ATTACHMENT_SWITCHES
from detour_operator.compute_side import actions, budget, handover, overlay_claim
from detour_operator.compute_side.finisher import Finisher, finisher_name
from detour_operator.compute_side.finisher import manifest as finisher_manifest
from detour_operator.compute_side.gather import Documents
from detour_operator.compute_side.holder import (
    Holder,
    holder_budget,
    holder_name,
    manifest,
    overlay_pod_name,
)
from detour_operator.errors import AlreadyExists, Conflict, StepFailed
from detour_operator.reconcile.objects import owner_reference
from detour_operator.settings import Settings

log = logging.getLogger(__name__)


class Apply:
    """Carries out actions on the objects of one look."""

    def __init__(self, api: Api, settings: Settings, found: Documents) -> None:
        self._api = api
        self._settings = settings
        self._found = found
        self._events = Events(api)
        self._meta = found.switch.meta
        self._namespace = found.switch.meta.namespace
        self._volume = found.switch.spec.volume

    def action(self, action: actions.Action) -> None:
        """Carry one action out.

        Raises:
            Conflict: an object is not as it was seen; look again.
            Unreachable: it is not known whether it had an effect; look again.
            StepFailed: the API refused.
        """
        with detour_failpoints.around(f"compute.{type(action).__name__}"):
            self._apply(action)

    def _apply(self, action: actions.Action) -> None:  # noqa: C901, PLR0912 - one line each
        match action:
            case actions.AddFinalizer():
                stored.add_finalizer(self._api, ATTACHMENT_SWITCHES, self._meta, SWITCH_FINALIZER)
            case actions.RemoveFinalizer():
                self._remove_finalizer()
            case actions.TakeStrategyOff():
                self._patch_machine(handover.take_strategy_off(self._machine()))
            case actions.PutStrategyBack(strategy):
                self._patch_machine(handover.put_strategy_back(self._machine(), strategy))
            case actions.OpenFence(token):
                self._annotate(handover.open_fence(self._instance(), self._volume, token))
            case actions.CloseFence():
                self._annotate(handover.close_fence(self._instance(), self._volume))
            case actions.CreateHolder(claim, node):
                self._create_holder(claim, node)
            case actions.DeleteHolder(uid):
                pods.delete(self._api, self._namespace, holder_name(self._meta.uid), uid)
            case actions.CreateOverlayClaim():
                self._create_overlay_claim(action)
            case actions.DeleteOverlayClaim(uid):
                claims.delete(
                    self._api, self._namespace, overlay_claim.claim_name(self._meta.uid), uid
                )
            case actions.CreateOverlayPod(claim, node):
                self._create_holder(claim, node, overlay=True)
            case actions.DeleteOverlayPod(uid):
                pods.delete(self._api, self._namespace, overlay_pod_name(self._meta.uid), uid)
            case actions.CreateFinisher():
                self._create_finisher(action)
            case actions.DeleteFinisher(uid):
                pods.delete(self._api, self._namespace, finisher_name(self._meta.uid), uid)
            case actions.DeleteLauncher(name, uid):
                pods.delete(self._api, self._namespace, name, uid)
            case actions.CreateBudget(instance):
                self._create_budget(instance)
            case actions.DeleteBudget(uid):
                name = budget.budget_name(self._meta.name)
                budgets.delete(self._api, self._namespace, name, uid)
            case actions.HandInstance():
                self._hand_instance(action)
            case actions.FinishInstance():
                self._finish_instance()
            case actions.HandMachine():
                self._hand_machine(action)
            case actions.MarkSuperseded(disk=disk, by=by):
                claims.mark_superseded(self._api, _present(self._found.source_claim), disk, by)
            case actions.TakeMarkOff():
                claims.take_mark_off(self._api, _present(self._found.destination_claim))
            case actions.MarkFilled(disk):
                claims.mark_filled(self._api, _present(self._found.destination_claim), disk)
            case actions.WakeKubeVirt():
                self._wake_kubevirt()

    def _remove_finalizer(self) -> None:
        stored.remove_finalizer(self._api, ATTACHMENT_SWITCHES, self._meta, SWITCH_FINALIZER)

    def _hand_instance(self, action: actions.HandInstance) -> None:
        both = (self._found.source_claim, self._found.destination_claim)
        new = _named(both, action.new)
        self._as_kubevirt(
            handover.hand_instance(self._instance(), self._volume, new, action.token),
            "InstanceHandedOver",
            f"pointed the instance from {action.old} at {action.new}",
        )

    def _finish_instance(self) -> None:
        self._as_kubevirt(
            handover.finish_instance(self._instance()),
            "InstanceHandoverFinished",
            "took the note of the handover (status.migratedVolumes) off the instance",
        )

    def _hand_machine(self, action: actions.HandMachine) -> None:
        patch = handover.hand_machine(self._machine(), self._volume, action.new, live=action.live)
        self._patch_machine(patch)
        message = f"pointed the virtual machine from {action.old} at {action.new}"
        self._events.emit(self._found.switch.raw, "MachineHandedOver", message)

    def _create_overlay_claim(self, action: actions.CreateOverlayClaim) -> None:
        claims.create_for_overlay(
            self._api,
            self._namespace,
            overlay_claim.claim_name(self._meta.uid),
            storage_class=action.storage_class,
            access_mode=action.access_mode,
            size=action.size,
            switch_uid=self._meta.uid,
        )

    def _create_holder(self, claim: str, node: str, *, overlay: bool = False) -> None:
        compute = self._found.switch.status.compute or Compute()
        launcher = compute.launcher_pod or ObjectRef()
        holder = Holder(
            namespace=self._namespace,
            switch=self._meta.name,
            switch_uid=self._meta.uid,
            launcher_name=launcher.name or "",
            launcher_uid=launcher.uid or "",
            node=node,
            claim=claim,
            block=compute.volume_mode is VolumeMode.BLOCK,
            overlay=overlay,
            se_linux_level=compute.se_linux_level or "",
            image=self._settings.copier_image,
            pull_policy=self._settings.image_pull_policy,
        )
        with contextlib.suppress(AlreadyExists):
            budgets.create(self._api, self._namespace, holder_budget(holder))
        pods.create(self._api, self._namespace, manifest(holder))

    def _create_finisher(self, action: actions.CreateFinisher) -> None:
        compute = self._found.switch.status.compute or Compute()
        finisher = Finisher(
            namespace=self._namespace,
            switch=self._meta.name,
            switch_uid=self._meta.uid,
            owner=owner_reference(self._found.switch.raw, controller=True),
            node=action.node,
            lost=action.lost,
            source=action.source,
            destination=action.destination,
            overlay=action.overlay,
            block=compute.volume_mode is VolumeMode.BLOCK,
            se_linux_level=compute.se_linux_level or "",
            image=self._settings.copier_image,
            pull_policy=self._settings.image_pull_policy,
        )
        pods.create(self._api, self._namespace, finisher_manifest(finisher))

    def _create_budget(self, instance: str) -> None:
        made = budget.manifest(self._namespace, self._meta.name, self._meta.uid, instance)
        budgets.create(self._api, self._namespace, made)

    def _wake_kubevirt(self) -> None:
        """By the instance, where there is one: no manifest declares that."""
        instance = self._found.instance
        change, raw = (
            (self._patch_machine, self._machine())
            if instance is None
            else (self._annotate, instance)
        )
        try:
            for operations in handover.wake(raw):
                change(operations)
        except StepFailed as error:
            # KubeVirt tries again by itself; the move has ended, whatever a policy says to this.
            log.warning("Could not wake KubeVirt: %s", error, extra={"object": self._meta.name})

    def _machine(self) -> Json:
        return _present(self._found.machine)

    def _instance(self) -> Json:
        return _present(self._found.instance)

    def _patch_machine(self, operations: list[handover.Operation]) -> None:
        name = self._machine()["metadata"]["name"]
        virtual_machine_handover.patch_machine(self._api, self._namespace, name, operations)

    def _annotate(self, operations: list[handover.Operation]) -> None:
        name = self._instance()["metadata"]["name"]
        instances.annotate(self._api, self._namespace, name, operations)

    def _as_kubevirt(self, operations: list[handover.Operation], reason: str, done: str) -> None:
        """Change the instance in the name of KubeVirt's controller, and tell by an event."""
        virtual_machine_handover.patch_instance(
            self._api,
            self._settings.kubevirt_namespace,
            self._namespace,
            self._instance()["metadata"]["name"],
            operations,
        )
        self._events.emit(self._found.switch.raw, reason, f"{done} as KubeVirt's controller")


def _present(found: Json | None) -> Json:
    if found is None:
        raise Conflict("an object that was to be changed has gone")
    return found


def _named(candidates: tuple[Json | None, ...], name: str) -> Json:
    for claim in candidates:
        if claim is not None and claim["metadata"]["name"] == name:
            return claim
    raise StepFailed("ClaimNotFound", f"the claim {name} does not exist: put it back")
