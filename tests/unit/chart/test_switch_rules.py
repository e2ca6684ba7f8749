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
TOLD = (None, "", "Frozen", "Source", "Destination")
"""The position that the status tells."""
CANCELLED = "the switch was cancelled: nothing follows the position Source"
STARTED = "Frozen is the position a switch starts in; it cannot be returned to"
TOO_LATE = "the switch to the destination was ordered and cannot be cancelled any more"
TOO_EARLY = "the source is not frozen, so that nothing can have been copied from it"
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


def at(asked, position, **spec):
    """The path of a new switch that has come to a position of its spec."""
    path = made(asked, {"position": "Frozen"}, **TO, **spec)
    asked.do("PATCH", path, {"spec": {"position": position}})
    return path


def state(order, refused):
    return {"compute": {"order": order}, "node": {"refused": refused}}


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
    path = at(asked, before)
    asked.do("PATCH", f"{path}/status", {"status": state(order, refused)})
    for after in POSITIONS:
        told = asked.refusal("PATCH", path, {"spec": {"position": after}})
        words = expected(before, order, refused, after)
        assert (words in told) if words else told == "", f"{after}: {told or 'admitted'}"


@pytest.mark.parametrize("told", TOLD)
def test_the_destination_is_asked_for_once_the_source_is_frozen(asked, told):
    """Before that a caller has copied nothing, or what the guest has written over since."""
    path = made(asked, None if told is None else {"position": told}, **TO)
    words = asked.refusal("PATCH", path, {"spec": {"position": "Destination"}})
    assert (words == "") if told == "Frozen" else TOO_EARLY in words
    assert asked.refusal("PATCH", path, {"spec": {"position": "Source"}}) == ""


def test_nor_is_it_asked_for_from_the_beginning(asked):
    wish = body("restored", position="Destination", **TO)
    assert TOO_EARLY in asked.refusal("POST", SWITCHES, wish)
    of_qemu = body("of-qemu", position="Destination", mirror={}, **TO)
    assert asked.refusal("POST", SWITCHES, of_qemu) == ""


def test_once_it_was_asked_for_the_rest_may_be_changed_whatever_is_told(asked):
    path = at(asked, "Destination")
    asked.do("PATCH", f"{path}/status", {"status": {"position": ""}})
    assert asked.refusal("PATCH", path, {"spec": {"whenStopped": "Finish"}}) == ""


@pytest.mark.parametrize("where", ["Claim", "SourceVolume", "NodeLocal"])
def test_a_place_for_an_overlay_is_not_ignored_where_there_is_none(asked, where):
    told = asked.refusal("POST", SWITCHES, body("both", mirror={}, overlay={"where": where}))
    assert ("leave it away" in told) is (where != "NodeLocal"), told


def test_a_switch_starts_frozen(asked):
    path = made(asked)
    assert asked.do("GET", path)["spec"]["position"] == "Frozen"


def test_a_destination_comes_at_the_latest_with_its_position_and_stays(asked):
    path = made(asked, {"position": "Frozen"})
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
