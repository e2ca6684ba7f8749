"""The operator's settings, from the environment, read and checked once."""

import dataclasses
from collections.abc import Mapping

LOG_FORMATS = ("json", "text")


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
    """

    namespace: str
    pod_name: str
    copier_image: str
    image_pull_policy: str = "IfNotPresent"
    impersonate: bool = True
    kubevirt_namespace: str = "kubevirt"
    log_format: str = "json"


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


def _one_of(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environment.get(name) or allowed[0]
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value
