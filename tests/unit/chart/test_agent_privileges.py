"""Each capability that the node agent uses stands in the chart with the functions that use it."""

import ast
import re
from collections.abc import Iterator

import pytest

from unit.chart.chart import CHART, ROOT, of_kind

pytestmark = pytest.mark.timeout(1800)  # Helm may have to be built first

SOURCES = ROOT / "node-agent" / "detour_agent"
CALLS = {
    "os.setxattr": {"SYS_ADMIN"},  # of security.selinux (capabilities(7))
    "_C.umount2": {"SYS_ADMIN"},
    "privileged.bpf:call": {"SYS_ADMIN"},  # bpf(2)
    "os.mknod": {"MKNOD"},
    "os.chown": {"CHOWN"},
    "os.fchown": {"CHOWN"},
    "os.chmod": {"FOWNER"},
    "os.seteuid": {"SETUID"},
    "os.setegid": {"SETGID"},
    "os.setgroups": {"SETGID"},
    "_C.setfsuid": {"SETUID"},
    "_C.setfsgid": {"SETGID"},
}
NAMESPACES = {"CLONE_NEWNS": {"SYS_ADMIN", "SYS_CHROOT"}, "CLONE_NEWCGROUP": {"SYS_ADMIN"}}
"""setns(2), by what is entered."""
MOUNTING = {"OPEN_TREE", "MOVE_MOUNT"}
OF_OTHERS = re.compile(r"(^|/)(root|ns|fd)(/|$)")
"""Of another process, in ``/proc``: takes the right to trace it (proc(5))."""


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in sorted(SOURCES.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCES).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{module}.{node.name}", node


def used() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, function in functions():
        for node in ast.walk(function):
            for capability in _of(node, name.rpartition(".")[0]):
                found.setdefault(capability, set()).add(name)
    return found


def _of(node: ast.AST, module: str) -> set[str]:
    if isinstance(node, ast.Call):
        return _of_call(module, ast.unparse(node.func), {ast.unparse(item) for item in node.args})
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        word = node.right.value if isinstance(node.right, ast.Constant) else ""
        return {"SYS_PTRACE"} if word in ("root", "ns", "fd") else set()
    if isinstance(node, ast.JoinedStr) and isinstance(
        node.values[0], ast.Constant | ast.FormattedValue
    ):
        text = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
        own = "getpid" in ast.unparse(node) or "/self/" in text
        return {"SYS_PTRACE"} if OF_OTHERS.search(text) and not own else set()
    return set()


def _of_call(module: str, function: str, arguments: set[str]) -> set[str]:
    if function == "_C.setns":
        return set().union(*(NAMESPACES[item] for item in arguments & set(NAMESPACES)))
    if function == "_C.syscall":
        return {"SYS_ADMIN"} if arguments & MOUNTING else set()
    if function.endswith(".chmod") and function != "os.chmod":
        return set()  # of a path: the agent's own files, but for the one that is chowned before
    return CALLS.get(function) or CALLS.get(f"{module}:{function}", set())


def named() -> dict[str, set[str]]:
    text = (CHART / "templates" / "node-agent.yaml").read_text()
    lines = re.findall(r"^ +# ([A-Z_]+): ([\w., ]+)$", text, re.MULTILINE)
    return {capability: set(names.split(", ")) for capability, names in lines}


def test_each_capability_in_use_is_justified_by_the_functions_that_use_it():
    told, found = named(), used()
    assert set(told) == set(found)
    for capability, names in found.items():
        assert told[capability] == names, capability


def test_the_child_alone_enters_and_changes():
    """What changes mounts, nodes, device rules or identities is in ``privileged``."""
    where = used()
    entering = {
        name
        for capability in ("SYS_CHROOT", "MKNOD", "SETUID", "SETGID")
        for name in where[capability]
    }
    assert all(name.startswith("privileged.") for name in entering)
    outside = {name for name in where["SYS_ADMIN"] if not name.startswith("privileged.")}
    assert outside == {"adapters.images.label"}


def test_the_agent_has_no_network_of_the_node_and_sees_no_folder_but_its_own():
    pod = of_kind("DaemonSet")["detour-node-agent"]["spec"]["template"]["spec"]
    assert {"hostNetwork", "hostIPC"} & set(pod) == set()
    paths = [volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume]
    assert paths == ["/var/lib/detour"]
