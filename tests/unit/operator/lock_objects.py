"""The policies of the lock and their bindings as an API server has them, as far as they matter."""

from detour_crds import names

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = f"{ADMISSION}/validatingadmissionpolicies"
BINDINGS = f"{ADMISSION}/validatingadmissionpolicybindings"
LABELS = {"detour.dev/component": "lock"}


def policies():
    return [
        {"metadata": {"name": name, "labels": LABELS}, "spec": {"failurePolicy": "Fail"}}
        for name in names.LOCK_POLICIES
    ]


def bindings():
    return [
        {
            "metadata": {"name": name, "labels": LABELS},
            "spec": {
                "policyName": name,
                "validationActions": ["Deny"],
                "paramRef": {"selector": _selector(name), "parameterNotFoundAction": "Allow"},
            },
        }
        for name in names.LOCK_POLICIES
    ]


def _selector(name):
    marked = {"matchLabels": {"detour.dev/superseded": "true"}}
    return marked if name == "detour-superseded" else {}
