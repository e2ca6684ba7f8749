"""Many moves at once, by the operator's process and a real API server: each has its turn."""

import time

import pytest

from detour_operator.turns.keeper import UNDER_WAY
from fuzz import scene, whole
from unit.chart.locked import api
from unit.chart.rights import migration

pytestmark = pytest.mark.timeout(1800)  # the programs may have to be built first

NAMESPACES = [f"turns-{number}" for number in range(5)]
AT_A_TIME = 2
PATIENCE_SECONDS = 300


def path(namespace, name=""):
    return f"{api(namespace, 'detour.dev/v1alpha1')}/volumemigrations{name and f'/{name}'}"


def test_no_more_than_allowed_are_under_way_and_each_has_its_turn():
    """Nothing runs a pod: a move that has begun is copied for ever, until it is cancelled."""
    with whole.prepared(AT_A_TIME) as (asked, operator):
        for namespace in NAMESPACES:
            scene.build(asked, namespace)
            wish = migration(scene.STOPPED, "move", destination={"claimName": "spare"})
            asked.do("POST", path(namespace), wish)
        end, begun, left = time.monotonic() + PATIENCE_SECONDS, [], None
        while left != 0:
            assert time.monotonic() < end, phases(asked)
            seen = phases(asked)
            under_way = sorted(key for key, (phase, _) in seen.items() if phase in UNDER_WAY)
            left = sum(phase not in ("Cancelled", "Failed") for phase, _ in seen.values())
            assert len(under_way) <= AT_A_TIME, seen
            begun += [key for key in under_way if key not in begun]
            if len(under_way) == min(AT_A_TIME, left):
                for namespace, name in under_way[:1]:
                    asked.do("PATCH", path(namespace, name), {"spec": {"cancel": True}})
            time.sleep(0.2)
        assert operator.bugs() == []
    assert len(begun) == len(NAMESPACES)


def phases(asked):
    """Phase and reason of each migration."""
    found = {}
    for namespace in NAMESPACES:
        for item in asked.do("GET", path(namespace))["items"]:
            status = item.get("status") or {}
            ready = [one for one in status.get("conditions") or [] if one["type"] == "Ready"]
            key = (namespace, item["metadata"]["name"])
            found[key] = (status.get("phase"), ready[0]["reason"] if ready else "")
    return found
