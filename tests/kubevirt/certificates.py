"""virt-api's own certificate authority, made when it is installed."""

import subprocess
import tempfile
from pathlib import Path

DAYS = "3650"


def issue(host: str) -> tuple[bytes, bytes, bytes]:
    """Certificate, key and authority for a server of that name, as PEM."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _openssl(
            place, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS,
            "-subj", "/CN=kubevirt.io", "-keyout", "ca.key", "-out", "ca.crt",
            "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign",
        )  # fmt: skip
        _openssl(
            place, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}",
            "-keyout", "tls.key", "-out", "tls.csr",
        )  # fmt: skip
        (place / "extensions").write_text(
            f"subjectAltName=DNS:{host}\nextendedKeyUsage=serverAuth\n"
        )
        _openssl(
            place, "x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", DAYS, "-extfile", "extensions", "-out", "tls.crt",
        )  # fmt: skip
        certificate, key, authority = (
            (place / name).read_bytes() for name in ("tls.crt", "tls.key", "ca.crt")
        )
    return certificate, key, authority


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
