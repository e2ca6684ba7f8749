"""The operator's settings, from the environment, read and checked once."""

import dataclasses
from collections.abc import Mapping

LOG_FORMATS = ("json", "text")
FREEZING_SECONDS = 300
STUCK_SECONDS = 900
PREPARING_SECONDS = 900
EXTERNAL_SECONDS = 86400
LEAST_SECONDS = 30
CLUSTER_IN_FLIGHT = 100
NODE_IN_FLIGHT = 8
STORAGE_CLASS_IN_FLIGHT = 40
HEALTH_PORT = 8080
LAST_PORT = 65535


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds after which a stage that does not get on is given up; holding has no limit.

    Attributes:
        preparing: from the lock until the guest's writes are to be diverted: pods are scheduled,
            their images pulled, claims bound.
        freezing: from the order to divert the guest's writes until they are diverted. Measured:
            tens of milliseconds, once the node agent hears of it.
        copying: without the copier having got any further.
        external: of a copy that somebody else makes, in all.
        merging: without the merge having got any further, or, once it is done, without the
            instance handed over. The node agent slows the guest down long before.
    """

    preparing: int = PREPARING_SECONDS
    freezing: int = FREEZING_SECONDS
    copying: int = STUCK_SECONDS
    external: int = EXTERNAL_SECONDS
    merging: int = STUCK_SECONDS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """How many moves may be under way at a time; 0 for any number.

    Attributes:
        cluster: in all.
        per_node: of virtual machines that run on one node.
        per_storage_class: from a storage class, or to it.
    """

    cluster: int = CLUSTER_IN_FLIGHT
    per_node: int = NODE_IN_FLIGHT
    per_storage_class: int = STORAGE_CLASS_IN_FLIGHT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the chart decides.

    Attributes:
        namespace: where the operator itself runs; its Lease lives there.
        pod_name: identity in the leader election.
        copier_image: image of copy Jobs and holder pods.
        image_pull_policy: their ``imagePullPolicy``.
        impersonate: whether the chart granted impersonation of KubeVirt's controller.
        kubevirt_namespace: where KubeVirt is installed.
        log_format: ``json`` or ``text``.
        limits: of the stages of a move.
        in_flight: how many moves may be under way.
        metrics_port: where Prometheus asks; 0 for nowhere.
        fail_points: folder of armed fail points; empty, as in production: there are none.
        health_port: where the liveness endpoint answers; in a pod the chart's, outside of one it
            may be taken.
    """

    namespace: str
    pod_name: str
    copier_image: str
    image_pull_policy: str = "IfNotPresent"
    impersonate: bool = True
    kubevirt_namespace: str = "kubevirt"
    log_format: str = "json"
    limits: Limits = Limits()
    in_flight: InFlight = InFlight()
    metrics_port: int = 0
    fail_points: str = ""
    health_port: int = HEALTH_PORT


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings from ``DETOUR_*`` variables.

    Raises:
        ValueError: a variable is missing or has an unknown value.
    """
    return Settings(
        namespace=_required(environment, "DETOUR_NAMESPACE"),
        pod_name=_required(environment, "DETOUR_POD_NAME"),
        copier_image=_required(environment, "DETOUR_COPIER_IMAGE"),
        image_pull_policy=environment.get("DETOUR_IMAGE_PULL_POLICY") or "IfNotPresent",
        impersonate=_boolean(environment, "DETOUR_IMPERSONATE", default=True),
        kubevirt_namespace=environment.get("DETOUR_KUBEVIRT_NAMESPACE") or "kubevirt",
        log_format=_one_of(environment, "DETOUR_LOG_FORMAT", LOG_FORMATS),
        limits=Limits(
            preparing=_seconds(environment, "DETOUR_PREPARING_SECONDS", PREPARING_SECONDS),
            freezing=_seconds(environment, "DETOUR_FREEZING_SECONDS", FREEZING_SECONDS),
            copying=_seconds(environment, "DETOUR_COPYING_SECONDS", STUCK_SECONDS),
            external=_seconds(environment, "DETOUR_EXTERNAL_COPY_SECONDS", EXTERNAL_SECONDS),
            merging=_seconds(environment, "DETOUR_MERGING_SECONDS", STUCK_SECONDS),
        ),
        in_flight=InFlight(
            cluster=_count(environment, "DETOUR_IN_FLIGHT_CLUSTER", CLUSTER_IN_FLIGHT),
            per_node=_count(environment, "DETOUR_IN_FLIGHT_PER_NODE", NODE_IN_FLIGHT),
            per_storage_class=_count(
                environment, "DETOUR_IN_FLIGHT_PER_STORAGE_CLASS", STORAGE_CLASS_IN_FLIGHT
            ),
        ),
        metrics_port=_port(environment, "DETOUR_METRICS_PORT", 0),
        fail_points=environment.get("DETOUR_FAIL_POINTS", ""),
        health_port=_port(environment, "DETOUR_HEALTH_PORT", HEALTH_PORT),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ValueError(f"{name} must be set")
    return value


def _boolean(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environment.get(name, "")
    if value not in ("", "true", "false"):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return default if not value else value == "true"


def _seconds(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal() or int(value) < LEAST_SECONDS:
        raise ValueError(f"{name} must be a number of at least {LEAST_SECONDS}, not {value!r}")
    return int(value)


def _count(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal():
        raise ValueError(f"{name} must be a number, 0 for no limit, not {value!r}")
    return int(value)


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    """A port; 0, for none, only where that is the default."""
    value = environment.get(name) or str(default)
    if not value.isdecimal() or not min(default, 1) <= int(value) <= LAST_PORT:
        raise ValueError(
            f"{name} must be a port{'' if default else ', or 0 for none'}, not {value!r}"
        )
    return int(value)


def _one_of(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environment.get(name) or allowed[0]
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value
