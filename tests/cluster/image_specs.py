"""Reads images.toml and says what an image depends on; pure but for reading files."""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SPECS = Path(__file__).parent / "images.toml"
IGNORED = {"__pycache__", ".git", ".venv", ".cache", ".cluster", ".mypy_cache", ".ruff_cache"}


class MissingInputError(Exception):
    """An image names a file or a folder that is not there."""


class UnknownImageError(Exception):
    """images.toml has no image of that name."""


@dataclass(frozen=True)
class ImageSpec:
    """One `[[image]]` of images.toml.

    Attributes:
        name: The image is called localhost/<name>:dev.
        containerfile: Relative to the repository.
        base: The Debian suite of ARG BASE, or "scratch".
        inputs: Files and folders of the repository that the build may read.
        target: The Containerfile's stage, or "" for the last one.
        programs: Programs built by `tools` that are put into the context's folder `programs`.
        sources: Files of KubeVirt's own source that are put into its folder `sources`.
    """

    name: str
    containerfile: str
    base: str
    inputs: tuple[str, ...]
    target: str = ""
    programs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The name a pod asks for."""
        return f"localhost/{self.name}:dev"


def load(path: Path = SPECS) -> dict[str, ImageSpec]:
    """All images by name."""
    entries = tomllib.loads(path.read_text())["image"]
    specs = [
        ImageSpec(
            name=entry["name"],
            containerfile=entry["containerfile"],
            base=entry["base"],
            inputs=tuple(entry["inputs"]),
            target=entry.get("target", ""),
            programs=tuple(entry.get("programs", ())),
            sources=tuple(entry.get("sources", ())),
        )
        for entry in entries
    ]
    return {spec.name: spec for spec in specs}


def find(name: str) -> ImageSpec:
    """One image's entry.

    Raises:
        UnknownImageError: There is none.
    """
    specs = load()
    if name not in specs:
        raise UnknownImageError(f"images.toml has no image {name}; it has {', '.join(specs)}")
    return specs[name]


def files(root: Path, spec: ImageSpec) -> Iterator[Path]:
    """The files of an image's inputs, relative to the repository, in a fixed order.

    Raises:
        MissingInputError: An input or the Containerfile does not exist.
    """
    found: set[Path] = set()
    for name in (spec.containerfile, *spec.inputs):
        path = root / name
        if not path.exists():
            raise MissingInputError(f"image {spec.name}: {name} does not exist (yet)")
        found.update(_below(path) if path.is_dir() else [path])
    yield from sorted(path.relative_to(root) for path in found)


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not IGNORED.intersection(path.relative_to(folder).parts):
            yield path


def digest(root: Path, spec: ImageSpec, base: str, programs: Path) -> str:
    """What decides whether an image is built again: inputs, their modes, base and programs.

    Args:
        root: The repository.
        spec: The image.
        base: The base image's id.
        programs: The folder of the programs built by `tools`.

    Raises:
        MissingInputError: An input does not exist.
    """
    total = hashlib.sha256(repr((spec, base)).encode())
    paths = [(str(path), root / path) for path in files(root, spec)]
    paths += [(f"programs/{name}", programs / name) for name in spec.programs]
    for name, path in paths:
        executable = bool(path.stat().st_mode & 0o100)
        total.update(f"\0{name}\0{executable}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
