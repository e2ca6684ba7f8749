"""Detour does not go while a disk is on its way, nor while that is not known."""

import pytest

from detour_operator import uninstall
from detour_operator.adapters import client
from detour_operator.errors import Unreachable
from unit.operator.api_server import serving, status


def switch(name, status=None):
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "1"},
        "spec": {"virtualMachine": {"name": "web"}, "volume": "data"},
        "status": status or {},
    }


def ready(reason, message):
    return {"type": "Ready", "status": "False", "reason": reason, "message": message}


ENDED = [
    switch("there", {"position": "Destination", "compute": {"locked": False}}),
    switch("back", {"position": "Source", "compute": {}}),
]
UNDER_WAY = {
    "just created": switch("move"),
    "refused": switch("move", {"position": "", "compute": {}}),
    "frozen": switch("move", {"position": "Frozen", "compute": {"locked": True}}),
    "waiting for a restart": switch(
        "move", {"position": "Destination", "compute": {"locked": True}}
    ),
}


def stale(name, **annotations):
    return {"metadata": {"name": name, "namespace": "ns", "annotations": annotations}}


NO_CLAIMS = 200, {"items": []}
STALE = [
    stale(
        "old",
        **{"detour.dev/superseded-for": "web/data", "detour.dev/superseded-by": "new"},
    ),
    stale("bare"),
]


@pytest.fixture
def asked(monkeypatch, capsys):
    def ask(answer, claims=NO_CLAIMS):
        def answered(request):
            return claims if "persistentvolumeclaims" in request.path else answer

        with serving(answered) as server:
            monkeypatch.setattr(client, "connect", server.api)
            return uninstall.main(), capsys.readouterr().out

    return ask


@pytest.mark.parametrize("items", [[], ENDED], ids=["none", "ended"])
def test_it_goes_when_nothing_is_under_way(asked, items):
    assert asked((200, {"items": items})) == (0, "No disk is being moved.\n")


@pytest.mark.parametrize("found", UNDER_WAY.values(), ids=UNDER_WAY)
def test_it_stays_while_a_switch_has_not_ended(asked, found):
    code, told = asked((200, {"items": [*ENDED, found]}))
    assert code == 1
    assert "ns/move: volume data of VirtualMachine web" in told
    assert "ns/back" not in told
    assert "spec.cancel: true" in told


def test_it_says_how_far_the_move_is(asked):
    conditions = [{**ready("Frozen", "copy it"), "lastTransitionTime": "2026-01-01T00:00:00Z"}]
    _, told = asked((200, {"items": [switch("move", {"conditions": conditions})]}))
    assert "(Frozen: copy it)" in told


def test_it_goes_when_the_kind_is_gone(asked):
    assert asked(status(404, "NotFound"))[0] == 0


@pytest.mark.parametrize("answer", [status(403, "Forbidden"), status(503, "Unavailable")])
def test_it_stays_when_it_is_not_known(asked, answer):
    code, told = asked(answer)
    assert code == 1
    assert "not known" in told


@pytest.mark.parametrize("switches", [(200, {"items": ENDED}), status(404, "NotFound")], ids=str)
def test_it_says_which_stale_claims_nothing_keeps_from_being_booted_then(asked, switches):
    code, told = asked(switches, (200, {"items": STALE}))
    assert code == 0, "they are kept for as long as their owners like: nothing would ever go"
    assert "ns/old: the disk web/data was moved to the claim new" in told
    assert "ns/bare" in told
    assert "detour.dev/superseded=true" in told


def test_it_asks_for_the_marked_claims_alone(monkeypatch):
    with serving(lambda _: NO_CLAIMS) as server:
        monkeypatch.setattr(client, "connect", server.api)
        assert uninstall.main() == 0
    paths = [request.path for request in server.asked if "claims" in request.path]
    assert len(paths) == 1
    assert "labelSelector=detour.dev/superseded%3Dtrue" in paths[0]


@pytest.mark.parametrize("answer", [status(403, "Forbidden"), status(503, "Unavailable")])
def test_it_says_so_when_it_cannot_see_the_stale_claims(asked, answer):
    code, told = asked((200, {"items": ENDED}), answer)
    assert code == 0
    assert "could not be seen" in told
    assert "detour.dev/superseded=true" in told


def test_it_stays_without_a_cluster(monkeypatch):
    def nowhere():
        raise Unreachable("no cluster is configured")

    monkeypatch.setattr(client, "connect", nowhere)
    assert uninstall.main() == 1
