"""Namespaces, as far as anything can still be created in them."""

from detour_operator.adapters.client import Api
from detour_operator.adapters.resources import NAMESPACES
from detour_operator.errors import Unreachable


def is_ending(api: Api, name: str) -> bool:
    """Whether the namespace is being deleted, which nothing takes back.

    From then on every creation in it is refused (403, cause ``NamespaceTerminating``; apiserver
    1.36, ``plugin/namespace/lifecycle``).

    Raises:
        Unreachable: there is no such namespace, though an object in it was just read.
    """
    found = api.get(NAMESPACES, None, name)
    if found is None:
        raise Unreachable(f"the namespace {name} cannot be found")
    terminating = (found.get("status") or {}).get("phase") == "Terminating"
    return terminating or bool(found["metadata"].get("deletionTimestamp"))
