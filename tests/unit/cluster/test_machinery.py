"""Certificates, records and what is known of processes."""

import json
import os
import subprocess

import pytest

from cluster import pip_settings, tools
from cluster.local import leftovers, machines
from cluster.local.certificates import Authority
from cluster.process import CommandError, run, wait_until


def verify(authority, certificate, *words):
    argv = ["openssl", "verify", "-CAfile", authority.certificate, *words, certificate]
    return run(argv, check=False).returncode == 0


def test_certificates_are_for_what_they_were_made_for(tmp_path):
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    ours.make()
    other.make()
    server, key = ours.sign(tmp_path, "server", "/CN=server", ["IP:10.0.0.1", "DNS:name"])
    client, _ = ours.sign(tmp_path, "client", "/O=group/CN=client")
    assert verify(ours, server, "-purpose", "sslserver", "-verify_ip", "10.0.0.1")
    assert not verify(ours, server, "-purpose", "sslserver", "-verify_ip", "10.0.0.2")
    assert verify(ours, client, "-purpose", "sslclient")
    assert not verify(ours, client, "-purpose", "sslserver")
    assert not verify(other, client)
    assert key.stat().st_mode & 0o077 == 0


def test_a_signed_certificate_signs_nothing(tmp_path):
    authority = Authority(tmp_path, "ca")
    authority.make()
    certificate, _ = authority.sign(tmp_path, "leaf", "/CN=leaf")
    text = run(["openssl", "x509", "-in", certificate, "-noout", "-text"]).stdout
    assert text.count("CA:FALSE") == 1
    assert "CA:TRUE" not in text


def test_a_process_is_known_by_its_start_until_it_is_dead():
    with subprocess.Popen(["sleep", "60"]) as child:
        assert machines._started(child.pid) is not None
        child.kill()
        # Not yet waited for, it is a zombie, and that is as good as gone.
        wait_until(lambda: machines._started(child.pid) is None, "the end of sleep", 30)


def test_a_machine_without_a_record_is_not_running(tmp_path, monkeypatch):
    monkeypatch.setattr("cluster.paths.state", lambda: tmp_path / "none")
    assert machines.running("node-1") is None
    with pytest.raises(LookupError, match="node-1 is not running"):
        machines.enter("node-1")


def test_a_record_of_another_process_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr("cluster.paths.state", lambda: tmp_path)
    folder = tmp_path / "machines" / "node-1"
    folder.mkdir(parents=True)
    (folder / "process.json").write_text(f'{{"pid": {os.getpid()}, "started": "1"}}')
    assert machines.running("node-1") is None


def test_a_process_in_the_clusters_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("cluster.paths.state", lambda: tmp_path)
    assert leftovers._processes_of(str(tmp_path)) == []
    with subprocess.Popen(["tail", "-f", "/dev/null", str(tmp_path / "log")]) as child:
        # A process that is just being started has no command line for a moment.
        wait_until(lambda: leftovers._processes_of(str(tmp_path)) != [], "the process", 30)
        found = leftovers._processes_of(str(tmp_path))
        child.kill()
    assert [line.split(":")[0] for line in found] == [str(child.pid)]


def test_a_network_namespace_that_nobody_is_in_is_found():
    lines = [
        f"{number} 25 0:4 net:[{inode}] /run/netns/{name} rw shared:1 - nsfs nsfs rw"
        for number, inode, name in ((70, 11, "cni-1"), (71, 12, "cni-2"), (72, 13, "vpn"))
    ]
    lines.append("73 25 0:4 mnt:[14] /run/snapd/ns/cni-x.mnt rw - nsfs nsfs rw")
    assert leftovers._namespaces(lines, {12}) == ["/run/netns/cni-1"]
    assert os.stat("/proc/self/ns/net").st_ino in leftovers._in_use()


def test_a_failed_command_says_what_it_said():
    with pytest.raises(CommandError, match=r"sh -c .* ended with 3: the reason"):
        run(["sh", "-c", "echo the reason >&2; exit 3"])
    assert run(["sh", "-c", "exit 3"], check=False).returncode == 3


def test_waiting_ends_with_an_error():
    with pytest.raises(TimeoutError, match="still waiting for the moon"):
        wait_until(lambda: False, "the moon", 0)


def test_pip_gets_what_this_machine_needs(tmp_path):
    authorities = tmp_path / "bundle.pem"
    authorities.write_text("trusted")
    environment = {"PIP_CERT": str(authorities), "PIP_INDEX_URL": "https://packages.example/"}
    pip_settings.write(tmp_path / "pip", environment)
    written = (tmp_path / "pip" / "pip.conf").read_text()
    assert "index-url = https://packages.example/" in written
    assert f"cert = {pip_settings.FOLDER}/authorities.pem" in written
    assert str(tmp_path) not in written
    assert (tmp_path / "pip" / "authorities.pem").read_text() == "trusted"


def test_programs_are_built_from_pinned_modules():
    for module in tools.MODULES:
        text = run(["go", "mod", "edit", "-json"], cwd=module.folder).stdout
        said = json.loads(text)
        own = {said["Module"]["Path"].rsplit("/", 1)[-1]} if module.own else set()
        listed = {tool["Path"].rsplit("/", 1)[-1] for tool in said["Tool"]}
        assert listed | own == set(module.programs)
    assert (
        f"k8s.io/kubernetes {tools.KUBERNETES}" in (tools.MODULES[0].folder / "go.mod").read_text()
    )


def test_a_program_of_our_own_is_built_anew_when_its_sources_change(tmp_path):
    for name in ("go.mod", "go.sum", "main.go", "main_test.go"):
        (tmp_path / name).write_text(name)
    module = tools.Module("own", ("own",), own=tmp_path)
    before = module.digest()
    (tmp_path / "main_test.go").write_text("other tests")
    assert module.digest() == before
    (tmp_path / "main.go").write_text("other")
    assert module.digest() != before


def test_an_unknown_program_is_refused():
    with pytest.raises(LookupError, match="no module makes nothing"):
        tools.ensure("nothing")
