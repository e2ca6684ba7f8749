"""What may follow what in an AttachmentSwitch: its CRD's rules, asked of a real API server."""

import itertools

import pytest
import yaml

from unit.chart import server
from unit.chart.chart import CHART
from unit.chart.locked import api, define

pytestmark = pytest.mark.timeout(1800)  # the API server may have to be built first

CRDS = CHART / "crds"
SWITCHES = f"{api('default', 'detour.dev/v1alpha1')}/attachmentswitches"
POSITIONS = ("Frozen", "Destination", "Source")
ORDERS = (None, "", "Overlay", "Mirrored", "Destination", "Source")
REFUSED = (None, False, True)
CANCELLED = "the switch was cancelled: nothing follows the position Source"
STARTED = "Frozen is the position a switch starts in; it cannot be returned to"
TOO_LATE = "the switch to the destination was ordered and cannot be cancelled any more"
TO = {"destination": {"claimName": "new"}}

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def asked():
    with server.running() as running:
        define(running, *(yaml.safe_load(file.read_text()) for file in CRDS.glob("*.yaml")))
        yield running


def made(asked, status=None, **spec):
    """The path of a new switch."""
    name = f"switch-{next(_numbers)}"
    asked.do("POST", SWITCHES, body(name, **spec))
    if status:
        asked.do("PATCH", f"{SWITCHES}/{name}/status", {"status": status})
    return f"{SWITCHES}/{name}"


def body(name, **spec):
    return {
        "apiVersion": "detour.dev/v1alpha1",
        "kind": "AttachmentSwitch",
        "metadata": {"name": name},
        "spec": {"virtualMachine": {"name": "web"}, "volume": "data", **spec},
    }


def state(order, refused):
    compute = {} if order is None else {"compute": {"order": order}}
    return compute | ({} if refused is None else {"node": {"refused": refused}})


def expected(before, order, refused, after):
    """What docs/states.md says of the three calls; empty where it is admitted."""
    if before == after:
        return ""
    if before == "Source":
        return CANCELLED
    if after == "Frozen":
        return STARTED
    too_late = after == "Source" and order == "Destination" and refused is not True
    return TOO_LATE if too_late else ""


@pytest.mark.parametrize("refused", REFUSED)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("before", POSITIONS)
def test_which_position_follows_which(asked, before, order, refused):
    """A cancel is final, the beginning is not returned to, and what was ordered is not undone."""
    path = made(asked, state(order, refused), position=before, **TO)
    for after in POSITIONS:
        told = asked.refusal("PATCH", path, {"spec": {"position": after}})
        words = expected(before, order, refused, after)
        assert (words in told) if words else told == "", f"{after}: {told or 'admitted'}"


def test_a_switch_starts_frozen(asked):
    path = made(asked)
    assert asked.do("GET", path)["spec"]["position"] == "Frozen"


def test_a_destination_comes_at_the_latest_with_its_position_and_stays(asked):
    path = made(asked)
    told = asked.refusal("PATCH", path, {"spec": {"position": "Destination"}})
    assert "spec.destination.claimName must be set at the latest together with" in told
    together = {"spec": {"position": "Destination", **TO}}
    assert asked.refusal("PATCH", path, together) == ""
    asked.do("PATCH", path, {"spec": TO})
    for other in ({"claimName": "another"}, None):
        told = asked.refusal("PATCH", path, {"spec": {"destination": other}})
        assert "spec.destination cannot be changed once it is set" in told


FIXED = {
    "virtualMachine": {"name": "other"},
    "volume": "other",
    "overlay": {"where": "SourceVolume"},
    "mirror": {},
    "handover": "WaitForDeclared",
    "dryRun": True,
}


@pytest.mark.parametrize("field", FIXED)
def test_what_a_switch_is_about_stays_as_it_was(asked, field):
    told = asked.refusal("PATCH", made(asked), {"spec": {field: FIXED[field]}})
    assert f"spec.{field} cannot be changed" in told


def test_what_comes_when_the_guest_stops_may_be_changed_at_any_time(asked):
    for order in ORDERS:
        path = made(asked, state(order, None))
        for wish in ("Finish", "Cancel", "Auto"):
            assert asked.refusal("PATCH", path, {"spec": {"whenStopped": wish}}) == ""


MIGRATIONS = f"{api('default', 'detour.dev/v1alpha1')}/volumemigrations"
KEPT = {
    "virtualMachine": {"name": "other"},
    "volume": "other",
    "destination": {"claimTemplate": {"size": "2Gi"}},
    "copy": {"method": "External"},
    "overlay": {"where": "SourceVolume"},
    "handover": "WaitForDeclared",
    "dryRun": True,
}
CHANGED = {
    "hold": True,
    "whenStopped": "Finish",
    "sourceReclaimPolicy": "Delete",
}


@pytest.fixture(scope="module")
def migration(asked):
    item = body("move", destination={"claimTemplate": {}})
    asked.do("POST", MIGRATIONS, item | {"kind": "VolumeMigration"})
    return f"{MIGRATIONS}/move"


@pytest.mark.parametrize("field", KEPT)
def test_what_a_migration_is_about_stays_as_it_was(asked, migration, field):
    told = asked.refusal("PATCH", migration, {"spec": {field: KEPT[field]}})
    assert f"spec.{field} cannot be changed" in told


@pytest.mark.parametrize("field", CHANGED)
def test_what_is_wished_of_a_migration_may_be_changed_and_taken_back(asked, migration, field):
    before = asked.do("GET", migration)["spec"].get(field)
    asked.do("PATCH", migration, {"spec": {field: CHANGED[field]}})
    asked.do("PATCH", migration, {"spec": {field: before}})


def test_a_cancel_of_a_migration_is_final(asked):
    item = body("cancelled", destination={"claimTemplate": {}})
    asked.do("POST", MIGRATIONS, item | {"kind": "VolumeMigration"})
    path = f"{MIGRATIONS}/cancelled"
    asked.do("PATCH", path, {"spec": {"cancel": True}})
    for wish in (False, None):
        told = asked.refusal("PATCH", path, {"spec": {"cancel": wish}})
        assert "a cancel cannot be taken back" in told
