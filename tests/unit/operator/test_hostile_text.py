"""What others write and the operator reads: nothing but the documented errors comes of it."""

import json
import re
import urllib.parse

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from detour_crds import quantities
from detour_crds.volume_migration import VolumeMigrationSpec, VolumeMigrationStatus
from detour_operator.adapters import claims, virtual_machines
from detour_operator.adapters.jobs import _object
from detour_operator.adapters.migrations import read
from detour_operator.adapters.resources import CLAIMS, STORAGE_CLASSES
from detour_operator.compute_side.budget import budget_name
from detour_operator.compute_side.holder import holder_name, overlay_pod_name
from detour_operator.errors import Gone, Unreachable
from detour_operator.storage_side import reading
from detour_operator.storage_side.conditions import _progress
from unit.hostile import MANY, json_values
from unit.operator.api_server import serving, status

DEEP = ("[" * 100_000, '{"a":' * 100_000)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")


@pytest.mark.thorough
def test_a_name_leads_to_an_object_of_its_kind_and_namespace_or_to_none():
    nasty = st.sampled_from(
        (
            "..",
            ".",
            "../x",
            "x/../../..",
            "%2e%2e",
            "?watch=true",
            "x#y",
            "a b",
            "é",
            "a;b",
            "\\..",
        )
    )

    @MANY
    @given(st.text(min_size=1, max_size=40) | nasty, st.sampled_from((CLAIMS, STORAGE_CLASSES)))
    def holds(name, kind):
        namespace = "ns" if kind is CLAIMS else None
        try:
            path = kind.path(namespace, name)
        except Gone:
            assert name in (".", "..") or "/" in name or "%" in name
            return
        # As the client's connection sends it.
        sent = urllib3.util.parse_url(f"https://api:6443{path}").request_uri
        above, _, last = sent.rpartition("/")
        assert above == kind.path(namespace)
        assert urllib.parse.unquote(last) == name

    holds()


@pytest.mark.parametrize("name", ["..", "../../ns2/persistentvolumeclaims/x", "x?watch=true", "#"])
def test_a_machine_cannot_have_another_object_read_by_the_name_of_its_claim(name):
    with serving(lambda _: status(404, "NotFound")) as server:
        assert claims.get(server.api(), "ns", name) is None
        under = "/api/v1/namespaces/ns/persistentvolumeclaims/"
        assert [asked.path for asked in server.asked if not asked.path.startswith(under)] == []
        assert all("?" not in asked.path for asked in server.asked)


@pytest.mark.thorough
def test_a_quantity_of_kubernetes_is_a_number_or_refused():
    spelled = st.tuples(
        st.sampled_from(("", "-", "+")),
        st.text("0123456789.", max_size=30),
        st.sampled_from(("", "k", "K", "Ki", "Gi", "E", "Ei", "m", "n", "e3", "E9", "e999999999")),
    ).map("".join)

    @MANY
    @given(st.text(max_size=40) | spelled | st.sampled_from(("NaN", "Infinity", "-Infinity")))
    def holds(text):
        try:
            size = claims.bytes_of(text)
        except ValueError:
            return
        assert isinstance(size, int)
        assert abs(size) < 10**60

    holds()


@pytest.mark.thorough
def test_what_a_spec_can_ask_for_is_one_size_to_all():
    pattern = re.compile(r"[0-9]+([KMGTPE]i?|k)?", re.ASCII)
    longest = st.sampled_from(("9" * 31 + "E", "9" * 30 + "Ei", "9" * 32))

    @MANY
    @given(longest | st.from_regex(pattern, fullmatch=True).filter(lambda text: len(text) <= 32))
    def holds(text):
        asked = quantities.bytes_of(text)
        # Kubernetes keeps no more than eight bytes, and says so in a claim that is there.
        assert min(claims.bytes_of(text), 2**63) == min(asked, 2**63)

    holds()


@pytest.mark.parametrize(
    "text", ["1e999999999", "1E9999", "Infinity", "NaN", "", "1e", "x", "1Zi"]
)
def test_what_no_claim_can_have_is_no_quantity(text):
    with pytest.raises(ValueError, match=r"."):
        claims.bytes_of(text)


def test_a_snapshot_whose_size_cannot_be_read_has_none():
    raw = {"metadata": {"name": "s", "uid": "u"}, "status": {"restoreSize": "1e999999999"}}
    assert reading.snapshot({**raw, "spec": {}}).restore_bytes is None


WORDS = ("bytesDone", "bytesTotal", "bytesPerSecond", "verifying", "reason", "message")


@pytest.mark.thorough
def test_a_copier_s_words_make_a_status_that_can_be_written():
    numbers = st.integers() | st.sampled_from((2**63, 2**63 - 1, 0, 10**40, True))
    told = json_values(WORDS) | st.dictionaries(st.sampled_from(WORDS), numbers)

    @MANY
    @given(st.lists(told.map(json.dumps) | st.text(), max_size=3))
    def holds(lines):
        found = reading.progress([line for text in lines if (line := _object(text)) is not None])
        if found is not None:
            shown = _progress(found, None)
            counts = (shown.bytes_done, shown.bytes_total, shown.bytes_per_second, shown.percent)
            assert all(count is not None and 0 <= count < 2**63 for count in counts)

    holds()


@pytest.mark.thorough
def test_what_a_container_leaves_as_its_result_is_read_or_nothing():
    @MANY
    @given(json_values(WORDS).map(json.dumps) | st.text() | st.sampled_from(DEEP))
    def holds(message):
        state = {"terminated": {"message": message}}
        pod = {"metadata": {"name": "p"}, "status": {"containerStatuses": [{"state": state}]}}
        found = reading.copier(pod)
        assert isinstance(found.result_reason, str)
        assert found.result_bytes is None or 0 <= found.result_bytes < 2**63

    holds()


MANIFEST = ("spec", "template", "volumes", "name", "persistentVolumeClaim", "claimName",
            "dataVolume")  # fmt: skip


@pytest.mark.thorough
def test_what_was_applied_last_is_read_or_nothing():
    volumes = st.lists(json_values(MANIFEST), max_size=3)
    manifests = volumes.map(lambda v: {"spec": {"template": {"spec": {"volumes": v}}}})

    @MANY
    @given((manifests | json_values(MANIFEST)).map(json.dumps) | st.text() | st.sampled_from(DEEP))
    def holds(noted):
        machine = {"metadata": {"annotations": {virtual_machines.LAST_APPLIED: noted}}}
        found = virtual_machines.applied_claims_of(machine)
        assert all(claim is None or isinstance(claim, str) for claim in found.values())

    holds()


@pytest.mark.parametrize("body", [*DEEP, "", "nul", '"a"', "1" * 10_000])
def test_an_answer_that_cannot_be_read_says_nothing(body):
    with serving(lambda _: (200, body)) as server, pytest.raises(Unreachable):
        server.api().get(CLAIMS, "ns", "c")
    with serving(lambda _: (500, body)) as server, pytest.raises(Unreachable):
        server.api().get(CLAIMS, "ns", "c")


SPEC = ("virtualMachine", "name", "volume", "destination", "claimName", "copy", "method", "limit")


@pytest.mark.thorough
def test_an_object_of_ours_is_read_or_refused():
    metadata = {"name": "m", "uid": "u", "namespace": "ns"}

    @MANY
    @given(json_values(SPEC), json_values(("conditions", "type", "status", "progress", "phase")))
    def holds(spec, status):
        try:
            found = read({"metadata": metadata, "spec": spec, "status": status})
        except (ValueError, TypeError, AttributeError):
            return  # such an object the API server takes from nobody
        assert isinstance(found.spec, VolumeMigrationSpec)
        assert isinstance(found.status, VolumeMigrationStatus)

    holds()


@pytest.mark.thorough
def test_what_is_made_for_a_switch_has_a_name():
    uids = st.uuids().map(str)

    @MANY
    @given(st.from_regex(SUBDOMAIN, fullmatch=True).filter(lambda name: len(name) <= 253), uids)
    def holds(name, uid):
        for made in (budget_name(name), holder_name(uid), overlay_pod_name(uid)):
            assert len(made) <= 253
            assert SUBDOMAIN.fullmatch(made), made

    holds()
