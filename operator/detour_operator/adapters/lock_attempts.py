"""What the lock must refuse, tried as a dry run at one API server.

A live migration of the machine, and a new instance of it: what would run the guest on the frozen
source. Both are asked in the operator's own name, which the policies about them do not exempt.
Kubernetes asks its policies before it asks webhooks, and before it looks whether an object of that
name is there (apiserver 1.36, ``registry/generic/registry/store.go``): it matters to neither.
"""

import dataclasses
from collections.abc import Iterator

from detour_operator.adapters.client import Api, Json
from detour_operator.adapters.resources import INSTANCES, LIVE_MIGRATIONS, Resource
from detour_operator.errors import AlreadyExists, Conflict, Forbidden, Refused

LIVE_MIGRATION_POLICY = "detour-lock-live-migrations"
INSTANCE_POLICY = "detour-lock-instances"
TRIED = (LIVE_MIGRATION_POLICY, INSTANCE_POLICY)
"""Names of ValidatingAdmissionPolicies in the chart."""
NOWHERE = {"detour.dev/trial": "never-scheduled"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API servers said; with reason and message where one did not refuse as it must.

    ``namespace_ends``: all of them said that nothing can be created in the namespace any more.
    """

    bites: bool
    namespace_ends: bool = False
    reason: str = ""
    message: str = ""


BITES = Answer(bites=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """A lock, and the machine that it has to keep as it is.

    ``restarting``: the guest waits for its restart on the destination, which the lock lets pass.
    """

    namespace: str
    machine: str
    switch: str
    restarting: bool = dataclasses.field(default=False, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class _Attempt:
    what: str
    policy: str
    resource: Resource
    body: Json


def ask_one(api: Api, trial: Trial, *, proven: bool) -> Answer:
    """What one API server says to each attempt, until one is not refused as it must be.

    Raises:
        Unreachable: it could not be asked.
    """
    for attempt in _attempts(trial):
        answer = _try(api, trial, attempt, proven=proven)
        if answer.namespace_ends or not answer.bites:
            return answer
    return BITES


def _attempts(trial: Trial) -> Iterator[_Attempt]:
    yield _Attempt(
        f"a live migration of {trial.machine}",
        LIVE_MIGRATION_POLICY,
        LIVE_MIGRATIONS,
        _live_migration(trial),
    )
    if not trial.restarting:
        yield _Attempt(
            f"a new instance of {trial.machine}", INSTANCE_POLICY, INSTANCES, _instance(trial)
        )


def _try(api: Api, trial: Trial, attempt: _Attempt, *, proven: bool) -> Answer:
    try:
        api.create(attempt.resource, trial.namespace, attempt.body, dry_run=True)
    except Forbidden as error:
        if _namespace_ends(error.message, trial.namespace):
            told = dataclasses.replace(_not_proven(error.message), namespace_ends=True)
            return dataclasses.replace(BITES, namespace_ends=True) if proven else told
        return _judge(error.message, trial.switch, attempt.policy)
    except AlreadyExists:
        return _accepted(attempt)
    except (Refused, Conflict) as error:
        return _not_proven(str(error))
    return _accepted(attempt)


def _accepted(attempt: _Attempt) -> Answer:
    message = (
        f"the API server would accept {attempt.what}: the policy {attempt.policy} of Detour's"
        " chart is missing, or has not taken effect yet; if this stays, install the chart again"
    )
    return Answer(bites=False, reason="LockNotEffective", message=message)


def _namespace_ends(message: str, namespace: str) -> bool:
    """Whether nothing can be created in the namespace any more, a live migration included.

    It is asked before the policies (apiserver 1.36, ``lifecycle``): without this a move that is
    under way could not be ended, nor its namespace be deleted (measured).
    """
    return f"namespace {namespace} because it is being terminated" in message


def _judge(message: str, switch: str, policy: str) -> Answer:
    ours = f"ValidatingAdmissionPolicy '{policy}'" in message
    return BITES if ours and f"AttachmentSwitch {switch} " in message else _not_proven(message)


def _not_proven(message: str) -> Answer:
    told = f"the trial of the lock was refused by something else: {message}"
    return Answer(bites=False, reason="LockNotProven", message=told)


def _live_migration(trial: Trial) -> Json:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": f"detour-trial-{trial.switch}"[:253].rstrip("-.")},
        "spec": {"vmiName": trial.machine},
    }


def _instance(trial: Trial) -> Json:
    """One without a disk, for no node: even if it were made it could neither run nor write."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": trial.machine},
        "spec": {
            "nodeSelector": NOWHERE,
            "domain": {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}},
        },
    }
