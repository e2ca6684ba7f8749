"""Builds the images of images.toml with buildah and keeps them as docker archives."""

import json
import shutil
import tempfile
from pathlib import Path

from cluster import bases, image_specs, paths, pip_settings, tools
from cluster.buildah import buildah, layers
from cluster.image_specs import ImageSpec
from cluster.process import CommandError, locked

MANY_LAYERS = 200
"""Far more than all images need: what old builds left is thrown away before it fills the disk."""


def archive(name: str) -> Path:
    """The image's docker archive, built first when it is missing or when its inputs changed.

    Args:
        name: An image of images.toml.

    Returns:
        The path of the archive, which holds the one image localhost/<name>:dev.

    Raises:
        UnknownImageError: images.toml has no such image.
        MissingInputError: A file or folder that it depends on does not exist.
        CommandError: The build failed; the message ends with the build's last words.
    """
    spec = image_specs.find(name)
    folder = paths.cache() / "images"
    target, record = folder / f"{name}.tar", folder / f"{name}.json"
    # Nothing long is begun for an image whose parts are not there.
    list(image_specs.files(paths.REPOSITORY, spec))
    with locked(paths.cache() / "images.lock"):
        tools.ensure(*spec.programs)
        base = "" if spec.base == "scratch" else bases.ensure(spec.base)
        wanted = image_specs.digest(paths.REPOSITORY, spec, base, paths.binaries())
        if not (target.exists() and record.exists() and _recorded(record) == wanted):
            folder.mkdir(parents=True, exist_ok=True)
            record.unlink(missing_ok=True)
            _build(spec, target)
            record.write_text(json.dumps({"inputs": wanted}) + "\n")
    return target


def _recorded(record: Path) -> str:
    return str(json.loads(record.read_text())["inputs"])


def _build(spec: ImageSpec, target: Path) -> None:
    print(f"building {spec.reference}", flush=True)
    with tempfile.TemporaryDirectory(prefix="context-", dir=paths.cache()) as name:
        context, pip = Path(name) / "context", Path(name) / "pip"
        _fill(context, spec)
        pip_settings.write(pip)
        _run_build(
            "build",
            "--layers",
            "--isolation=chroot",
            f"--volume={pip}:{pip_settings.FOLDER}:ro",
            f"--file={context / spec.containerfile}",
            f"--tag={spec.reference}",
            *([f"--target={spec.target}"] if spec.target else []),
            *(
                [f"--build-arg=BASE={bases.reference(spec.base)}"]
                if spec.base != "scratch"
                else []
            ),
            context,
        )
        # An existing archive is never added to: buildah refuses to.
        fresh = Path(name) / "image.tar"
        buildah("push", "--quiet", spec.reference, f"docker-archive:{fresh}:{spec.reference}")
        fresh.replace(target)
    # What is left between images is what they share, and what the next build need not make again.
    if layers() > MANY_LAYERS:
        buildah("rmi", "--prune", check=False)


def _run_build(*words: str | Path) -> None:
    try:
        buildah(*words)
    except CommandError:
        # Measured: what a stage of a failed build left cannot be mounted by the next one.
        buildah("rm", "--all", check=False)
        buildah("rmi", "--prune", "--force", check=False)
        raise


def _fill(context: Path, spec: ImageSpec) -> None:
    """Copies what the build may read, and nothing else, into a folder."""
    for path in image_specs.files(paths.REPOSITORY, spec):
        (context / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(paths.REPOSITORY / path, context / path)
    for program in spec.programs:
        (context / "programs").mkdir(exist_ok=True)
        shutil.copy2(paths.binaries() / program, context / "programs" / program)
    for name in spec.sources:
        (context / "sources").mkdir(exist_ok=True)
        # The module cache forbids writing to its files.
        shutil.copy(tools.source(tools.KUBEVIRT_MODULE, "kubevirt") / name, context / "sources")
