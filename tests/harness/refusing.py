"""An admission policy of a test's own, that refuses updates of one kind in one namespace."""

from harness.kube import Kube, Object

GROUP = "admissionregistration.k8s.io/v1"
POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"


def policy(name: str, namespace: str, resource: str, admitted: str, message: str) -> list[Object]:
    """What to apply; it counts a moment later, for which a test has to wait.

    Args:
        name: of the policy and of its binding.
        namespace: the only one in which it counts.
        resource: what the rule is of, with its group: ``virtualmachines.kubevirt.io``, or with a
            subresource ``attachmentswitches/status.detour.dev``.
        admitted: CEL that is true of an update that may pass.
        message: what one reads who is refused.
    """
    plural, _, group = resource.partition(".")
    rule = {
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": [plural],
    }
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return [
        {
            "apiVersion": GROUP,
            "kind": POLICY,
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
                "validations": [{"expression": admitted, "message": message}],
            },
        },
        {
            "apiVersion": GROUP,
            "kind": BINDING,
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


def take_off(kube: Kube, name: str) -> None:
    """Remove it; no error where it is not there."""
    for kind in (BINDING, POLICY):
        kube.run("delete", kind, name, "--ignore-not-found")
