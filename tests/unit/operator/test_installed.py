"""`helm test` says that Detour works when it does, and else what is missing."""

import pytest

from detour_operator import installed
from detour_operator.adapters import client
from detour_operator.errors import Unreachable
from unit.operator.api_server import serving, status

EMPTY = (200, {"items": []})
MISSING = status(404, "NotFound")


def lease(holder, renewed):
    return 200, {"spec": {"holderIdentity": holder, "renewTime": renewed}}


@pytest.fixture
def told():
    def ask(*leases, kinds=EMPTY):
        """What is wrong, with these leases seen one after the other, the last one for ever."""
        coming = iter(leases)
        last = []

        def answer(request):
            if "/leases/" not in request.path:
                return kinds
            last[:] = [next(coming, None) or last[0]]
            return last[0]

        pauses = []
        with serving(answer) as server:
            said = installed.complaint(server.api(), "detour-system", pauses.append)
        return said, len(pauses)

    return ask


def test_a_lease_that_is_renewed_is_an_operator_that_leads(told):
    assert told(lease("a", "1"), lease("a", "2")) == ("", 1)


def test_one_that_starts_is_waited_for(told):
    assert told(MISSING, MISSING, lease("", ""), lease("a", "1")) == ("", 3)


@pytest.mark.parametrize(
    "leases",
    [(MISSING,), (lease("a", "1"),), (lease("a", "1"), lease("", "2"))],
    ids=["never led", "not renewed", "given up"],
)
def test_nobody_leads(told, leases):
    said, pauses = told(*leases)
    assert "No operator leads" in said
    assert "--namespace detour-system" in said
    assert pauses == installed.LOOKS


def test_a_kind_that_is_not_there_is_named(told):
    said, _ = told(lease("a", "1"), kinds=MISSING)
    assert said.startswith("The kind volumemigrations.detour.dev is not installed")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (status(403, "Forbidden"), 1, "not known"),
        (status(404, "NotFound"), 1, "not installed"),
    ],
)
def test_the_program_says_so_and_fails(monkeypatch, capsys, answer, code, words):
    monkeypatch.setenv("DETOUR_NAMESPACE", "detour-system")
    with serving(lambda _: answer) as server:
        monkeypatch.setattr(client, "connect", server.api)
        assert installed.main() == code
    assert words in capsys.readouterr().out


def test_without_a_cluster_it_fails(monkeypatch):
    def nowhere():
        raise Unreachable("no cluster is configured")

    monkeypatch.setenv("DETOUR_NAMESPACE", "detour-system")
    monkeypatch.setattr(client, "connect", nowhere)
    assert installed.main() == 1
