"""What to do about a claim that has the name of the one to be made; pure.

A cancelled or failed move leaves the claim that it made from its template, with half a copy or
none. The object that is applied again is another one, and takes over no claim that is not its own:
that nothing says a disk was moved there does not prove that none was, as where the objects of a
move were stripped of their finalizers. So a person looks, and deletes it.
"""

from detour_operator.storage_side.observation import Observation, SeenClaim, Surroundings


def message(seen: Observation, around: Surroundings, there: SeenClaim) -> str:
    """Why the claim is in the way, with the next step."""
    name = there.name
    if there.deleting:
        return f"a claim {name} exists, and is being deleted: this begins once it is gone"
    if not _is_left(around, there):
        return (
            f"a claim {name} exists that was not created for this migration; name another one in "
            "spec.destination.claimTemplate.name, or use it with spec.destination.claimName"
        )
    return (
        f"a claim {name} exists that was made for another VolumeMigration, and nothing says that"
        " a disk was moved to it: if that one was cancelled or failed, it has half a copy at most,"
        f" and this begins once it is deleted (kubectl delete pvc {name} -n"
        f" {seen.meta.namespace}); else name another one in spec.destination.claimTemplate.name"
    )


def _is_left(around: Surroundings, there: SeenClaim) -> bool:
    """Whether it looks as what a move left that came to nothing."""
    a_disk = there.holds is not None or there.superseded_for is not None
    return there.created_for is not None and not a_disk and not around.destination_users
