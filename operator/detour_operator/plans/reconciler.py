"""One pass for one plan: gather, decide, begin, publish, act."""

import dataclasses

from detour_crds.volume_migration_plan import PlanPhase
from detour_operator.adapters import plans
from detour_operator.adapters.client import Api
from detour_operator.adapters.events import Events
from detour_operator.adapters.plans import FoundPlan
from detour_operator.errors import Refused
from detour_operator.plans import status
from detour_operator.plans.apply import apply
from detour_operator.plans.decision import LOOK_SECONDS, Decision
from detour_operator.plans.decisions import decide
from detour_operator.plans.gather import gather
from detour_operator.plans.news import news
from detour_operator.reconcile.workers import Next

REFUSED = "MigrationRefused"


class Plans:
    """The reconciler of plans; it remembers nothing."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._events = Events(api)

    def reconcile(self, namespace: str, name: str) -> Next:
        """Make one pass.

        Migrations are created before the status is written, which then says whether they could
        be: their names follow from the plan, and one that is there is not made twice. All else
        comes after it: what a dry run has found out is recorded before who was asked is deleted.
        """
        found = plans.get(self._api, namespace, name)
        if found is None:
            return Next(None)
        seen = gather(self._api, found)
        decision = self._begin(found, decide(seen))
        after = status.status(seen, decision)
        published = plans.publish(self._api, found, after)
        told = news(found.status.conditions, after.conditions)
        if told is not None:
            self._events.emit(published.raw, told.reason, told.message, warning=told.warning)
        for action in decision.actions:
            apply(self._api, published, action)
        return Next(decision.after, published.meta.resource_version)

    def _begin(self, found: FoundPlan, decision: Decision) -> Decision:
        """Create what is to be created; at the first refusal the plan waits for somebody."""
        for action in decision.begins:
            try:
                apply(self._api, found, action)
            except Refused as error:
                return dataclasses.replace(
                    decision,
                    phase=PlanPhase.STOPPED,
                    reason=REFUSED,
                    message=(
                        f"the API server does not take the VolumeMigration {action.name}:"
                        f" {error.message}. What is under way goes on; the others are tried again"
                    ),
                    stalled=True,
                    after=LOOK_SECONDS,
                )
        return decision


def reconciler(api: Api) -> Plans:
    """The plans' reconciler, ready to make passes."""
    return Plans(api)
