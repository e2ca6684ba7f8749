"""Authorities, certificates and keys, made with openssl."""

from collections.abc import Sequence
from pathlib import Path

from cluster.process import run

DAYS = "3650"
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """A certificate authority whose files are in one folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    @property
    def certificate(self) -> Path:
        """What others trust."""
        return self._folder / f"{self._name}.crt"

    @property
    def key(self) -> Path:
        """What signs."""
        return self._folder / f"{self._name}.key"

    def make(self) -> None:
        """Makes the authority's key and its certificate."""
        _request(
            self.certificate,
            self.key,
            f"/CN=detour-{self._name}",
            ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
            [],
        )

    def sign(
        self, folder: Path, name: str, subject: str, hosts: Sequence[str] = ()
    ) -> tuple[Path, Path]:
        """Makes a key and a certificate for servers (when it has hosts) and for clients.

        Args:
            folder: Where both are put.
            name: The files' name without its end.
            subject: Such as "/O=system:nodes/CN=system:node:node-1".
            hosts: Subject alternative names, such as "IP:127.0.0.1" and "DNS:localhost".

        Returns:
            The certificate and the key.
        """
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        extensions = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            f"extendedKeyUsage={'serverAuth,clientAuth' if hosts else 'clientAuth'}",
        ]
        if hosts:
            extensions.append(f"subjectAltName={','.join(hosts)}")
        signer = ["-CA", str(self.certificate), "-CAkey", str(self.key)]
        _request(certificate, key, subject, extensions, signer)
        return certificate, key


def _request(
    certificate: Path, key: Path, subject: str, extensions: Sequence[str], signer: Sequence[str]
) -> None:
    certificate.parent.mkdir(parents=True, exist_ok=True)
    # Debian's own openssl.cnf would add CA:TRUE to every certificate made with -x509.
    config = certificate.parent / "openssl.cnf"
    config.write_text("[req]\ndistinguished_name = subject\n[subject]\n")
    added = [word for extension in extensions for word in ("-addext", extension)]
    made = [
        "openssl",
        "req",
        "-x509",
        "-config",
        str(config),
        *CURVE,
        "-days",
        DAYS,
        "-subj",
        subject,
    ]
    run([*made, *added, *signer, "-keyout", str(key), "-out", str(certificate)])
    key.chmod(0o600)


def signing_key(path: Path) -> None:
    """Makes the key that signs the tokens of service accounts, in the form the servers read."""
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
    path.chmod(0o600)
