"""The operator's settings from its environment."""

import pytest

from detour_operator.settings import InFlight, Limits, from_environment

LEAST = {
    "DETOUR_NAMESPACE": "detour",
    "DETOUR_POD_NAME": "pod",
    "DETOUR_COPIER_IMAGE": "image",
}


def test_defaults():
    found = from_environment(LEAST)
    assert (found.impersonate, found.kubevirt_namespace, found.log_format) == (
        True,
        "kubevirt",
        "json",
    )


@pytest.mark.parametrize("missing", LEAST)
def test_what_must_be_set(missing):
    with pytest.raises(ValueError, match=missing):
        from_environment({**LEAST, missing: ""})


@pytest.mark.parametrize(
    ("name", "value"), [("DETOUR_IMPERSONATE", "yes"), ("DETOUR_LOG_FORMAT", "xml")]
)
def test_unknown_values_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        from_environment({**LEAST, name: value})


def test_limits_of_time():
    assert from_environment(LEAST).limits == Limits(
        preparing=900, freezing=300, copying=900, merging=900
    )
    found = from_environment({**LEAST, "DETOUR_COPYING_SECONDS": "60"})
    assert found.limits == Limits(copying=60)


@pytest.mark.parametrize("value", ["29", "-1", "1.5", "soon"])
def test_limits_that_make_no_sense(value):
    with pytest.raises(ValueError, match="DETOUR_MERGING_SECONDS"):
        from_environment({**LEAST, "DETOUR_MERGING_SECONDS": value})


def test_moves_under_way():
    assert from_environment(LEAST).in_flight == InFlight(
        cluster=100, per_node=8, per_storage_class=40
    )
    found = from_environment({**LEAST, "DETOUR_IN_FLIGHT_PER_NODE": "0"})
    assert found.in_flight == InFlight(per_node=0)


@pytest.mark.parametrize("value", ["-1", "1.5", "many"])
def test_numbers_of_moves_that_make_no_sense(value):
    with pytest.raises(ValueError, match="DETOUR_IN_FLIGHT_CLUSTER"):
        from_environment({**LEAST, "DETOUR_IN_FLIGHT_CLUSTER": value})


def test_fail_points_are_off_unless_there_is_a_folder():
    assert from_environment(LEAST).fail_points == ""
    found = from_environment({**LEAST, "DETOUR_FAIL_POINTS": "/fail-points"})
    assert found.fail_points == "/fail-points"


def test_impersonation_can_be_off():
    assert not from_environment({**LEAST, "DETOUR_IMPERSONATE": "false"}).impersonate


def test_metrics_are_off_unless_there_is_a_port():
    assert from_environment(LEAST).metrics_port == 0
    assert from_environment({**LEAST, "DETOUR_METRICS_PORT": "8081"}).metrics_port == 8081


@pytest.mark.parametrize("value", ["-1", "65536", "http"])
def test_a_port_that_makes_no_sense_is_refused(value):
    with pytest.raises(ValueError, match="DETOUR_METRICS_PORT"):
        from_environment({**LEAST, "DETOUR_METRICS_PORT": value})


def test_the_health_port_is_the_chart_s_unless_told_otherwise():
    assert from_environment(LEAST).health_port == 8080
    assert from_environment({**LEAST, "DETOUR_HEALTH_PORT": "1234"}).health_port == 1234


@pytest.mark.parametrize("value", ["0", "65536", "-1", "http"])
def test_a_port_is_one(value):
    with pytest.raises(ValueError, match="DETOUR_HEALTH_PORT"):
        from_environment({**LEAST, "DETOUR_HEALTH_PORT": value})
