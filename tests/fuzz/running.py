"""Carries cases out, and says what of each must not be."""

import dataclasses
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from cluster import paths
from detour_crds import names
from fuzz.cases import MIGRATION, PLURALS, SWITCH, Case
from unit.chart.locked import api
from unit.chart.server import Server

DETOUR = "detour.dev/v1alpha1"
PATIENCE_SECONDS = 300
"""For the operator to answer; no case is faster or slower for it."""
PAUSE_SECONDS = 0.1
REASON = re.compile(r"^[A-Z][A-Za-z0-9]*$")
FIELD = re.compile(r"\b(spec|metadata|ObjectMeta\.\w+|kind|apiVersion|namespace|Name parameter)\b")
NO_TIME = re.compile(r'parsing time "[^"]*" as ')
"""Kubernetes' own word on a time in the metadata that is none: it has the value, and no field."""
OWN_FINALIZERS = {MIGRATION: names.MIGRATION_FINALIZER, SWITCH: names.SWITCH_FINALIZER}
BEGUN = "Pending"
"""What a migration says that was looked at and not judged yet."""
SOURCES = ("operator", "crds", "node-agent", "copier")
REJECTIONS = range(400, 500)
NOT_AT_CREATION = re.compile(r"^resourceVersion should not be set on objects to be created")
"""What the API server itself answers with 500 (apiserver 1.36, ``registry/generic/registry``)."""


@dataclasses.dataclass(slots=True)
class Outcome:
    """What became of a case.

    Attributes:
        case: the case.
        answers: of the API server, to each thing that was asked.
        reasons: of ``Ready``, as they were seen, or that there is no object.
        problems: what must not be.
    """

    case: Case
    answers: list[str] = dataclasses.field(default_factory=list)
    reasons: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Whether the API server has taken its object."""
        return bool(self.reasons)


def known_reasons() -> str:
    """All of Detour's code: a reason that it gives stands in it."""
    files = (file for name in SOURCES for file in (paths.REPOSITORY / name).rglob("*.py"))
    return "\n".join(file.read_text() for file in files)


def names_what_is_wrong(message: str) -> bool:
    """Whether a rejection says what it is about."""
    return bool(FIELD.search(message) or NO_TIME.search(message))


class Running:
    """One case in a namespace that has a scene."""

    def __init__(self, server: Server, namespace: str, case: Case, code: str) -> None:
        self._server = server
        self._namespace = namespace
        self._case = case
        self._code = code
        self._outcome = Outcome(case)
        other = next(kind for kind in PLURALS if kind != case.kind)
        self._own, self._other = self._paths(case.kind), self._paths(other)

    def outcome(self) -> Outcome:
        """Do everything that the case says, then end it."""
        case = self._case
        if case.beside is not None:
            self._create(self._other[0], next(k for k in PLURALS if k != case.kind), case.beside)
        self._create(self._own[0], case.kind, case.spec)
        for step in case.steps:
            if step["settled"]:
                self._settle()
            self._step(step)
        self._settle()
        self._end()
        return self._outcome

    def _paths(self, kind: str) -> tuple[str, str | None]:
        """Of the kind, and of the object; None for a name that no object can have."""
        root = f"{api(self._namespace, DETOUR)}/{PLURALS[kind]}"
        name = self._case.metadata["name"]
        if not isinstance(name, str) or name in ("", ".", ".."):
            return root, None
        return root, f"{root}/{urllib.parse.quote(name, safe='')}"

    def _create(self, path: str, kind: str, spec: Any) -> None:
        body = {
            "apiVersion": DETOUR,
            "kind": kind,
            "metadata": self._case.metadata if path == self._own[0] else self._name(),
            "spec": spec,
        }
        self._ask("POST", path, body)

    def _name(self) -> dict[str, Any]:
        return {"name": self._case.metadata["name"]}

    def _ask(self, method: str, path: str, body: Any = None) -> bool:
        """Whether the API server did it; if not, it has to say why."""
        validation = "Strict" if self._case.strict else "Warn"
        query = "" if method == "DELETE" else f"?fieldValidation={validation}"
        status, told = self._server.ask(method, f"{path}{query}", body)
        message = str(told.get("message", ""))
        said = f"{method} {status} {told.get('reason', '')} {message[:300]}".strip()
        self._outcome.answers.append(said)
        if status in REJECTIONS and status not in (404, 409) and not names_what_is_wrong(message):
            self._outcome.problems.append(f"rejected without a field: {said}")
        if status >= REJECTIONS.stop and not NOT_AT_CREATION.search(message):
            self._outcome.problems.append(f"the API server failed: {said}")
        return status < REJECTIONS.start

    def _step(self, step: dict[str, Any]) -> None:
        own, other = self._own[1], self._other[1]
        if own is None or other is None:
            return
        match step["do"]:
            case "edit":
                self._ask("PATCH", own, {"spec": step["patch"]})
            case "metadata":
                self._ask("PATCH", own, {"metadata": step["patch"]})
            case "delete":
                self._ask("DELETE", own)
            case "again":
                self._create(self._own[0], self._case.kind, step["spec"])
            case "strip":
                self._ask("PATCH", own, {"metadata": {"finalizers": None}})
            case "delete the other":
                self._ask("DELETE", other)

    def _settle(self) -> None:
        """Wait until the operator has answered for the object as it is now."""
        path = self._own[1]
        if path is None:
            return
        found: dict[str, Any] = {}

        def answered() -> bool:
            found.clear()
            status, told = self._server.ask("GET", path)
            found.update(told if status == 200 else {})
            return not found or bool(found["metadata"].get("deletionTimestamp")) or _told(found)

        if not _in_time(answered):
            self._problem("not answered", found)
            return
        if found:
            self._judge(found)

    def _judge(self, found: dict[str, Any]) -> None:
        conditions = found.get("status", {}).get("conditions") or []
        for item in conditions:
            if not REASON.match(item["reason"]):
                self._problem(f"{item['type']} has the reason {item['reason']!r}", found)
            elif not re.search(rf"\b{item['reason']}\b", self._code):
                self._problem(f"{item['type']} has a reason of nobody: {item['reason']}", found)
        self._outcome.reasons.append(_ready(found) or "none")

    def _end(self) -> None:
        """Delete, which cancels, and see that both objects go.

        The migration first: it would make the switch of its name again.
        """
        for _, path in (self._paths(MIGRATION), self._paths(SWITCH)):
            if path is None:
                continue
            if self._server.ask("DELETE", path)[0] != 200:
                continue  # there is none, and perhaps none can have that name
            left: dict[str, Any] = {}
            if not _in_time(lambda path=path, left=left: self._is_gone(path, left)):
                self._problem("not gone after its deletion", left)

    def _is_gone(self, path: str, left: dict[str, Any]) -> bool:
        status, told = self._server.ask("GET", path)
        if status != 200:
            return status == 404
        left.clear()
        left.update(told)
        finalizers = told["metadata"].get("finalizers") or []
        if finalizers and OWN_FINALIZERS[told["kind"]] not in finalizers:
            # Detour has let it go; whoever holds it besides lets it go at last.
            self._server.ask("PATCH", path, {"metadata": {"finalizers": None}})
        return False

    def _problem(self, what: str, found: dict[str, Any]) -> None:
        metadata, status = found.get("metadata", {}), found.get("status", {})
        told = [
            f"{item['type']}={item['status']} {item['reason']}: {item.get('message', '')[:200]}"
            for item in status.get("conditions") or []
            if item["type"] in ("Ready", "Stalled", "Accepted")
        ]
        self._outcome.problems.append(
            f"{what} (generation {metadata.get('generation')}, answered "
            f"{status.get('observedGeneration')}, finalizers {metadata.get('finalizers')}): "
            + "; ".join(told)
        )


def _told(found: dict[str, Any]) -> bool:
    status = found.get("status") or {}
    current = status.get("observedGeneration") == found["metadata"]["generation"]
    return current and _ready(found) not in ("", BEGUN)


def _ready(found: dict[str, Any]) -> str:
    conditions = found.get("status", {}).get("conditions") or []
    return next((item["reason"] for item in conditions if item["type"] == "Ready"), "")


def _in_time(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE_SECONDS)
    return True
