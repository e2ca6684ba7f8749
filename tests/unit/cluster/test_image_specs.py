"""What an image depends on."""

import dataclasses

import pytest

from cluster import image_specs
from cluster.image_specs import ImageSpec, MissingInputError, UnknownImageError


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    (tmp_path / "part" / "__pycache__").mkdir(parents=True)
    (tmp_path / "part" / "__pycache__" / "a.pyc").write_text("compiled")
    (tmp_path / "part" / "a.py").write_text("a")
    (tmp_path / "other.py").write_text("not an input")
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "tool").write_text("one build")
    return tmp_path


SPEC = ImageSpec("thing", "Containerfile", "trixie", ("part",), programs=("tool",))


def digest(root, spec=SPEC, base="base"):
    return image_specs.digest(root, spec, base, root / "programs")


def test_only_inputs_and_the_containerfile_are_in_the_context(repository):
    names = [str(path) for path in image_specs.files(repository, SPEC)]
    assert names == ["Containerfile", "part/a.py"]


def test_the_digest_is_that_of_the_content(repository):
    before = digest(repository)
    (repository / "part" / "a.py").touch()
    (repository / "other.py").write_text("changed")
    assert digest(repository) == before


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("part/a.py", "b"),
        ("part/new.py", "a"),
        ("Containerfile", "FROM x\n"),
        ("programs/tool", "next build"),
    ],
)
def test_the_digest_changes_with_every_part(repository, path, content):
    before = digest(repository)
    (repository / path).write_text(content)
    assert digest(repository) != before


def test_the_digest_changes_with_a_mode(repository):
    before = digest(repository)
    (repository / "part" / "a.py").chmod(0o755)
    assert digest(repository) != before


def test_the_digest_changes_with_base_and_target(repository):
    other_target = dataclasses.replace(SPEC, target="last")
    found = {digest(repository), digest(repository, base="x"), digest(repository, other_target)}
    assert len(found) == 3


def test_a_moved_file_changes_the_digest(repository):
    before = digest(repository)
    (repository / "part" / "a.py").rename(repository / "part" / "b.py")
    assert digest(repository) != before


def test_a_missing_input_is_named(repository):
    spec = dataclasses.replace(SPEC, inputs=("part", "nowhere"))
    with pytest.raises(MissingInputError, match="thing: nowhere does not exist"):
        digest(repository, spec)


def test_every_image_is_found_by_its_name():
    specs = image_specs.load()
    assert {"detour-operator", "detour-node-agent", "detour-busybox"} <= set(specs)
    assert image_specs.find("detour-operator").reference == "localhost/detour-operator:dev"


def test_an_unknown_image_is_refused():
    with pytest.raises(UnknownImageError, match="no image detour-nothing"):
        image_specs.find("detour-nothing")
