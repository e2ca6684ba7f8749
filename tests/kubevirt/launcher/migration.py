"""Live migration between two launchers (KubeVirt facts 3, 6.4 and 11).

The source's libvirt reaches the target's through a forwarded socket, as in KubeVirt, and hands it
the *live* XML. Volumes whose claims differ are copied by QEMU; all others must be shared.
"""

import logging
import os
import socket
import threading
from pathlib import Path

import libvirt

from . import images, paths
from .domain import Domain

log = logging.getLogger("virt-launcher")
FLAGS = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_PEER2PEER
    | libvirt.VIR_MIGRATE_PERSIST_DEST
    | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
)


class Migration:
    """The part a launcher takes in a migration, as its source or as its target."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.outcome: dict = {"state": ""}

    def commands(self) -> dict:
        """The command table."""
        return {
            "PrepareMigrationTarget": self.prepare_target,
            "FinalizeMigrationTarget": self.finalize_target,
            "MigrateVMI": self.migrate,
            "GetMigration": lambda _: {"migration": self.outcome},
            "CancelMigration": self.cancel,
        }

    def prepare_target(self, request: dict) -> dict:
        """Makes missing images and lets the source's libvirt reach this pod's."""
        if not self.domain.incoming:
            images.create_missing(request["vmi"])
            self.domain.incoming = True
            listener = socket.create_server(("", paths.MIGRATION_LIBVIRT_PORT))
            forward(listener, lambda: _connect_unix(paths.LIBVIRT_SOCKET))
        return {}

    def finalize_target(self, _request: dict) -> dict:
        """The guest runs here now: from here on it is synced as any other."""
        self.domain.incoming = False
        return {}

    def migrate(self, request: dict) -> dict:
        """Starts the migration in the background; `GetMigration` tells how it goes."""
        if self.outcome["state"] != "Running":
            self.outcome = {"state": "Running"}
            threading.Thread(target=self._migrate, args=(request,), daemon=True).start()
        return {}

    def cancel(self, _request: dict) -> dict:
        """Aborts a running migration."""
        domain = self.domain.find()
        if domain is not None and self.outcome["state"] == "Running":
            domain.abortJob()
        return {}

    def _migrate(self, request: dict) -> None:
        address = request["address"]
        proxy = Path(paths.MIGRATION_SOCKET)
        proxy.parent.mkdir(parents=True, exist_ok=True)
        proxy.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(proxy))
        listener.listen()
        forward(
            listener, lambda: socket.create_connection((address, paths.MIGRATION_LIBVIRT_PORT), 30)
        )
        try:
            self._run(address, request.get("copy") or [])
            self.outcome = {"state": "Succeeded"}
        except (libvirt.libvirtError, OSError) as error:
            log.warning("live migration failed: %s", error)
            self.outcome = {"state": "Failed", "error": str(error)}
        finally:
            listener.close()

    def _run(self, address: str, copied: list[str]) -> None:
        domain = self.domain.find()
        xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_MIGRATABLE | libvirt.VIR_DOMAIN_XML_SECURE)
        parameters = {
            libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{address}:{paths.MIGRATION_QEMU_PORT}",
            libvirt.VIR_MIGRATE_PARAM_DEST_XML: xml,
            libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: xml,
        }
        flags = FLAGS
        if copied:
            flags |= libvirt.VIR_MIGRATE_NON_SHARED_INC
            targets = [d["target"] for d in self.domain.disks() if d["volume"] in copied]
            parameters[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = targets
            parameters[libvirt.VIR_MIGRATE_PARAM_DISKS_PORT] = paths.MIGRATION_NBD_PORT
        domain.migrateToURI3(
            f"qemu+unix:///session?socket={paths.MIGRATION_SOCKET}", parameters, flags
        )


def forward(listener: socket.socket, connect: object) -> None:
    """Joins each connection the listener takes with a new one, in the background."""

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                peer = connect()
            except OSError:
                client.close()
                continue
            peer.settimeout(None)
            for source, sink in ((client, peer), (peer, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
        try:
            end.shutdown(how)
        except OSError:
            continue


def _connect_unix(path: str) -> socket.socket:
    peer = socket.socket(socket.AF_UNIX)
    # The path may be long; the folder's descriptor shortens it.
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        peer.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    finally:
        os.close(folder)
    return peer
