"""One look for the guest in a pass: what follows from it is of the same guest."""

import dataclasses

import pytest

from detour_agent.domain.ports import Place, Process
from detour_agent.errors import Unreachable
from detour_crds.attachment_switch import ObjectRef, Order
from detour_crds.volume_migration import OverlayPlace, OverlaySpec
from unit.agent.machine import Agent, Machine

ON_A_VOLUME = (OverlayPlace.CLAIM, OverlayPlace.SOURCE_VOLUME)


class Torn(Machine):
    """Cannot see the guest at every other look, and has no process of the overlay's pod.

    Whatever is done has to be journalled where the guest has the overlay.
    """

    looks = 0
    passes = 0
    place: Place | None = None

    def settle(self, _uid: str, place: Place | None) -> None:
        self.place = place
        self.passes += 1

    def find_guest(self, pod_uid: str, domain: str) -> Process | None:
        self.looks += 1
        if self.looks % 2:
            raise Unreachable("ProcessUnreadable", "it was just starting")
        return super().find_guest(pod_uid, domain)

    def find_overlay_holder(self, _pod_uid: str) -> Process | None:
        return None

    def write(self, record) -> None:
        assert self.place is not None
        assert self.place.process is not None, f"{record.stage} is not beside the overlay"
        super().write(record)


def moving(machine: Machine, where: OverlayPlace) -> Agent:
    agent = Agent(machine)
    compute = dataclasses.replace(
        agent.switch.compute, overlay_pod=ObjectRef(name="overlay", uid="o")
    )
    overlay = OverlaySpec(where=where)
    agent.switch = dataclasses.replace(agent.switch, overlay=overlay, compute=compute)
    return agent


@pytest.mark.parametrize("where", ON_A_VOLUME)
@pytest.mark.parametrize(
    "orders", [(Order.OVERLAY, Order.MIRRORED, Order.DESTINATION), (Order.OVERLAY, Order.SOURCE)]
)
def test_no_intent_is_written_where_the_guest_s_overlay_is_not(where, orders):
    machine = Torn()
    agent = moving(machine, where)
    for order in orders:
        agent.reach(order)
    assert machine.looks == machine.passes
