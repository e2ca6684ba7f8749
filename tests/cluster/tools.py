"""The Go programs of the clusters and tests, built from modules with the pinned versions."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from cluster import paths
from cluster.process import locked, run

KUBERNETES = "v1.36.3"
KUBEVIRT = "v1.8.2"
KUBEVIRT_MODULE = "kubevirt.io/kubevirt"
CSI_DRIVER = paths.REPOSITORY / "tests" / "storage" / "csi" / "driver"


@dataclass(frozen=True)
class Module:
    """One go.mod of ours and the programs it makes.

    Attributes:
        name: Its folder below tools/.
        programs: Each `tool` of the go.mod.
        values: Variables that the linker sets: without a version the API server calls itself
            v0.0.0 and clients object (measured).
        own: The folder of one with a program of its own, which is called as the module is.
        cgo: Whether a program is linked against C libraries.
    """

    name: str
    programs: tuple[str, ...]
    values: tuple[str, ...] = ()
    own: Path | None = None
    cgo: bool = False

    @property
    def folder(self) -> Path:
        """Where its go.mod is."""
        return self.own or paths.CLUSTER_SOURCES / "tools" / self.name

    @property
    def packages(self) -> tuple[str, ...]:
        """What is built."""
        return ("tool", ".") if self.own else ("tool",)

    def flags(self) -> str:
        """The linker's flags."""
        return " ".join(["-s", "-w", *(f"-X {value}" for value in self.values)])

    def digest(self) -> str:
        """What decides whether its programs are built again."""
        sources = (path for path in self.folder.rglob("*.go") if not path.match("*_test.go"))
        files = (self.folder / "go.mod", self.folder / "go.sum", *sorted(sources))
        parts = [self.flags(), *(file.read_text() for file in files)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


MODULES = (
    Module(
        "kubernetes",
        (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
        ),
        (
            f"k8s.io/component-base/version.gitVersion={KUBERNETES}",
            "k8s.io/component-base/version.gitMajor=1",
            "k8s.io/component-base/version.gitMinor=36",
            f"k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}",
        ),
    ),
    Module("helpers", ("helm", "kind", "local-path-provisioner")),
    Module("lint", ("actionlint", "helm-docs")),
    Module("csi", ("csi-provisioner", "csi-resizer", "csi-snapshotter", "snapshot-controller")),
    Module("csi-driver", ("csi-driver", "csi-sanity"), own=CSI_DRIVER),
    Module(
        "kubevirt",
        (
            "manifest-templator",
            "virt-api",
            "virt-chroot",
            "virt-controller",
            "virt-freezer",
            "virt-handler",
            "virt-launcher",
            "virt-launcher-monitor",
            "virt-operator",
            "virt-probe",
            "virt-tail",
        ),
        (
            f"kubevirt.io/client-go/version.gitVersion={KUBEVIRT}",
            "kubevirt.io/client-go/version.gitTreeState=clean",
        ),
        cgo=True,
    ),
)


def ensure(*programs: str) -> None:
    """Builds the modules that hold these programs unless they are built from the same go.mod.

    Args:
        programs: Names such as "kubectl".

    Raises:
        LookupError: No module makes such a program.
        CommandError: The build failed.
    """
    known = {program: module for module in MODULES for program in module.programs}
    unknown = set(programs) - set(known)
    if unknown:
        raise LookupError(f"no module makes {', '.join(sorted(unknown))}")
    for module in dict.fromkeys(known[program] for program in programs):
        with locked(paths.cache() / f"{module.name}.lock"):
            _ensure(module)


def _ensure(module: Module) -> None:
    record = paths.binaries() / f".{module.name}"
    wanted = module.digest()
    present = all((paths.binaries() / program).exists() for program in module.programs)
    if present and record.exists() and record.read_text() == wanted:
        return
    print(f"building {', '.join(module.programs)}", flush=True)
    paths.binaries().mkdir(parents=True, exist_ok=True)
    words = ["go", "build", "-trimpath", "-ldflags", module.flags(), "-o", f"{paths.binaries()}/"]
    settings = {"CGO_ENABLED": "1" if module.cgo else "0"}
    run([*words, *module.packages], cwd=module.folder, env={**os.environ, **settings})
    record.write_text(wanted)


def source(module: str, of: str) -> Path:
    """The folder of a published module, downloaded first when it is missing.

    Args:
        module: Its path, such as "kubevirt.io/kubevirt".
        of: The folder below tools/ whose go.mod has its version.

    Raises:
        CommandError: It cannot be downloaded.
    """
    words = ["go", "mod", "download", "-json", module]
    downloaded = run(words, cwd=paths.CLUSTER_SOURCES / "tools" / of).stdout
    return Path(json.loads(downloaded)["Dir"])
