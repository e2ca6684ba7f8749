"""The rights the doctor asks about are those that the commands use."""

import pathlib
import re

import yaml

from detour_kubectl.domain.rights import RIGHTS
from detour_kubectl.port import INSTANCES, MACHINES, MIGRATIONS
from unit.kubectl_plugin import healthy, objects

ROOT = pathlib.Path(__file__).parents[3]
OF_THE_DOCTOR = {
    "daemonsets",
    "deployments",
    "kubevirts",
    "nodes",
    "selfsubjectaccessreviews",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
}
"""What it looks at on the cluster; it says of each whether it could."""


def test_what_all_commands_ask_of_the_api(cluster, clock, run):
    healthy.make(cluster)
    cluster.add(MACHINES, objects.machine("web"))
    cluster.add(INSTANCES, {"metadata": {"name": "web", "namespace": "vms"}})
    cluster.add(MIGRATIONS, objects.copying("move"))
    for_the_copier = {"detour.dev/migration": "move", "detour.dev/component": "copier"}
    pod = objects.pod("copier-1", "copier", namespace="vms", labels=for_the_copier)
    cluster.objects["pods", "vms", "copier-1"] = pod
    for words in (
        "move web --to-class fast --name other",
        "move web --to-class fast",
        "move web --to-class fast --dry-run --timeout 1s",
        "list",
        "status",
        "explain move",
        "continue move",
        "trust move Source --yes",
        "cancel move",
        "plan create all --map slow=fast",
        "plan status all",
        "plan pause all",
        "doctor --all",
        "version",
    ):
        run(*words.split())
    asked = {(verb, plural) for verb, plural in cluster.asked if plural not in OF_THE_DOCTOR}
    rights = {
        (right.verb, "/".join(filter(None, (right.kind.plural, right.subresource))))
        for right in RIGHTS
    }
    assert asked == rights


def test_the_chart_gives_people_what_the_plugin_does_to_detours_own_kinds():
    text = (ROOT / "charts" / "detour" / "templates" / "rbac-users.yaml").read_text()
    plain = re.sub(r" *{{.*?}}", "", text)
    given = {
        (resource, verb)
        for role in yaml.safe_load_all(plain)
        if role["metadata"]["name"] in ("detour-view", "detour-edit")
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    wanted = {
        (right.kind.plural, right.verb) for right in RIGHTS if right.kind.group == "detour.dev"
    }
    assert wanted <= given
