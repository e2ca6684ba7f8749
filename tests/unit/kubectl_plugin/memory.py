"""The plugin's port in memory, with an operator whose next step is taken whenever time passes."""

import copy
import datetime
import itertools

from detour_kubectl import port
from detour_kubectl.errors import NotAllowedError, RefusedError


class Memory:
    """Objects by kind, namespace and name; ``forbidden`` holds (verb, plural)."""

    def __init__(self):
        self.objects = {}
        self.logs = {}
        self.forbidden = set()
        self.denied = set()
        self.served = frozenset({"volumemigrations", "attachmentswitches", "volumemigrationplans"})
        self.kubernetes = "v1.36.0"
        self.failures = []
        self.asked = []
        self.patched = lambda: None
        self.patches = []
        self._numbers = itertools.count(1)

    def add(self, kind, *objects):
        for item in objects:
            meta = item["metadata"]
            self.objects[kind.plural, meta.get("namespace"), meta["name"]] = item

    def of(self, kind, name, namespace="vms"):
        return self.objects.get((kind.plural, namespace, name))

    def get(self, kind, namespace, name):
        self._ask("get", kind)
        return copy.deepcopy(self.objects.get((kind.plural, namespace, name)))

    def list(self, kind, namespace, *, labels="", fields=""):
        self._ask("list", kind)
        return [
            copy.deepcopy(item)
            for (plural, where, _), item in self.objects.items()
            if plural == kind.plural and namespace in (None, where)
            if _matches(item["metadata"].get("labels") or {}, labels)
            if all(_field(item, *pair.split("=", 1)) for pair in fields.split(",") if pair)
        ]

    def create(self, kind, namespace, body):
        self._ask("create", kind)
        if kind is port.ACCESS_REVIEWS:
            wanted = body["spec"]["resourceAttributes"]
            asked = (wanted["verb"], wanted["resource"], wanted["subresource"])
            return {**body, "status": {"allowed": asked not in self.denied}}
        made = copy.deepcopy(dict(body))
        meta = made["metadata"]
        number = next(self._numbers)
        meta.setdefault("name", f"{meta.get('generateName', '')}{number:05}")
        if self.of(kind, meta["name"], namespace) is not None:
            message = f'{kind.plural}.{kind.group} "{meta["name"]}" already exists'
            raise RefusedError(message, "choose another name with --name")
        meta |= {"uid": f"uid-{number}", "creationTimestamp": "2026-01-01T10:00:00Z"}
        self.add(kind, made)
        return copy.deepcopy(made)

    def patch(self, kind, namespace, name, patch):
        self._ask("patch", kind)
        found = self.objects.get((kind.plural, namespace, name))
        if found is None:
            return None
        self.patches.append(copy.deepcopy(dict(patch)))
        held = patch.get("metadata", {})
        if held != {name: found["metadata"][name] for name in held}:
            message = f'Operation cannot be fulfilled on {kind.plural}.{kind.group} "{name}"'
            raise RefusedError(message, "somebody changed it at the same moment")
        found["spec"].update(patch["spec"])
        self.patched()
        return copy.deepcopy(found)

    def delete(self, kind, namespace, name):
        self._ask("delete", kind)
        self.objects.pop((kind.plural, namespace, name), None)

    def log(self, namespace, pod, *, lines):
        self._ask("get", port.Kind(name="log", plural="pods/log"))
        return "\n".join(self.logs.get(pod, "").splitlines()[-lines:])

    def kinds(self, group, version):
        return self.served if (group, version) == ("detour.dev", "v1alpha1") else frozenset()

    def version(self):
        return self.kubernetes

    def _ask(self, verb, kind):
        self.asked.append((verb, kind.plural))
        if self.failures:
            raise self.failures.pop(0)
        if (verb, kind.plural) in self.forbidden:
            raise NotAllowedError(f"you may not {verb} {kind.plural}", "ask an administrator")


class Clock:
    """Time that passes by sleeping alone; each sleep is one step of who works meanwhile."""

    def __init__(self, *steps):
        self.time = datetime.datetime(2026, 1, 1, 10, 0, 30, tzinfo=datetime.UTC)
        self.steps = list(steps)

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += datetime.timedelta(seconds=seconds)
        if self.steps:
            self.steps.pop(0)()


def _matches(labels, selector):
    pairs = (part.split("=", 1) for part in selector.split(",") if part)
    return all(labels.get(name) == value for name, value in pairs)


def _field(item, path, value):
    for part in path.split("."):
        item = (item or {}).get(part)
    return item == value
