"""The krew manifest, once `make krew` has filled it in, and the script that krew links to."""

import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).parents[3]
KREW = ROOT / "kubectl-plugin" / "krew"
FILLED = {
    "VERSION": "0.1.0",
    "URI": "https://x/y.tar.gz",
    "SHA256": "0" * 64,
    "RELEASES": "https://x",
}


def test_the_manifest_is_what_krew_reads():
    text = (KREW / "detour.yaml").read_text()
    for name, value in FILLED.items():
        text = text.replace(f"@{name}@", value)
    manifest = yaml.safe_load(text)
    assert "@" not in text.split("\n", 1)[1]
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert manifest["metadata"]["name"] == "detour"
    spec = manifest["spec"]
    assert spec["version"] == "v0.1.0"
    assert len(spec["shortDescription"]) <= 50, "krew's own rule for its index"
    (platform,) = spec["platforms"]
    assert (KREW / platform["bin"]).is_file()
    assert (platform["uri"], platform["sha256"]) == (FILLED["URI"], FILLED["SHA256"])


def test_the_script_runs_what_was_installed_before(tmp_path):
    """By the link that krew makes, with the words it was given."""
    archive, cache = tmp_path / "archive", tmp_path / "cache"
    archive.mkdir()
    (archive / "detour-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (archive / "kubectl-detour").write_text((KREW / "kubectl-detour").read_text())
    (archive / "kubectl-detour").chmod(0o755)
    (tmp_path / "kubectl-detour").symlink_to(archive / "kubectl-detour")
    told = subprocess.run(["cksum"], input=b"a wheel", capture_output=True, check=True).stdout
    there = cache / "kubectl-detour" / told.split()[0].decode() / "bin" / "kubectl-detour"
    there.parent.mkdir(parents=True)
    there.write_text('#!/bin/sh\necho "$@"\n')
    there.chmod(0o755)
    done = subprocess.run(
        [tmp_path / "kubectl-detour", "move", "a b"],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "move a b\n"


def test_a_python_that_is_too_old_is_told(tmp_path):
    (tmp_path / "detour-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (tmp_path / "kubectl-detour").write_text((KREW / "kubectl-detour").read_text())
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text("#!/bin/sh\nexit 1\n")
    (programs / "python3").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", tmp_path / "kubectl-detour"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "3.11 or newer" in done.stderr
    assert not (tmp_path / ".cache").exists()
