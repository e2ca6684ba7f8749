"""The lock: ``status.compute.locked`` makes the switch a parameter of the admission policies.

Ordering: the lock is on at every API server, then VMI and VMIM are looked at again, then the
start. The observation asks for the proof before it looks at anything else, so what a proven lock
is recorded from has been seen after it.
"""

from detour_operator.compute_side.observation import Observation, Proof
from detour_operator.compute_side.step import Step, record, wait


def put_on(seen: Observation) -> Step | None:
    """The next step until the lock is on and proven; None then.

    Also row U2: with an order given it comes before everything else.
    """
    compute = seen.switch.compute
    if not compute.locked:
        message = "locking the virtual machine"
        # A limit of time counts from here on, until something is ordered.
        since = compute.order_time if seen.switch.begun else seen.now or None
        return record(seen, "Locking", message, locked=True, lock_proven=False, order_time=since)
    if not isinstance(seen.proof, Proof):
        return wait("Locking", "waiting for the proof that the lock is on")
    if seen.proof.namespace_ends and seen.switch.begun:
        return None  # nobody can create a live migration there, or prove anything by trying one
    if not seen.proof.bites:
        return wait(seen.proof.reason, seen.proof.message, after=seen.proof.after)
    if not compute.lock_proven:
        message = "the lock was seen to refuse a live migration and a new instance"
        return record(seen, "Locking", message, lock_proven=True)
    return None
