"""The lock: ``status.compute.locked`` makes the switch a parameter of the admission policies.

Ordering: the lock is on at every API server, then VMI and VMIM are looked at again, then the
start. The observation asks for the proof before it looks at anything else, so what a proven lock
is recorded from has been seen after it.
"""

from detour_operator.compute_side.observation import Observation, Proof
from detour_operator.compute_side.step import Step, record, wait

PROOF_SECONDS = 1.0
"""API servers take about a second to know of a new parameter of a policy."""


def put_on(seen: Observation) -> Step | None:
    """The next step until the lock is on and proven; None then.

    Also row U2: with an order given it comes before everything else.
    """
    compute = seen.switch.compute
    if not compute.locked:
        message = "locking the virtual machine"
        return record(seen, "Locking", message, locked=True, lock_proven=False)
    if not isinstance(seen.proof, Proof):
        return wait("Locking", "waiting for the proof that the lock is on")
    if not seen.proof.bites:
        return wait(seen.proof.reason, seen.proof.message, after=PROOF_SECONDS)
    if not compute.lock_proven:
        message = "the lock was seen to refuse a live migration"
        return record(seen, "Locking", message, lock_proven=True)
    return None
