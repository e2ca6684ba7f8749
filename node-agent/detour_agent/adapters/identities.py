"""Which image something is, as the CRDs have it."""

import os

from detour_agent.adapters import numbers
from detour_agent.adapters.numbers import Plain
from detour_crds.attachment_switch import Identity


def identity_of(found: os.stat_result) -> Identity | None:
    """Which image it is; None if it is none."""
    image = numbers.of_image(found)
    return None if image is None else Identity(**image)


def of_file(found: os.stat_result) -> Identity:
    """The file itself, whatever it is: a folder, or the node of a device."""
    return Identity(**numbers.of_file(found))


def plain(identity: Identity) -> Plain:
    """An identity in a request to the child, and in what the child compares with it."""
    return {"device": identity.device, "inode": identity.inode}
