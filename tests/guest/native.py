"""Builds the writer for this machine, where it works on a regular file in place of a disk."""

import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent / "writer"


def build_writer(folder: Path) -> Path:
    """Compile the writer with the host's C compiler and return the program's path.

    Raises:
        subprocess.CalledProcessError: it does not compile.
    """
    program = folder / "writer"
    sources = sorted(str(path) for path in SOURCES.glob("*.c"))
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", str(program), *sources], check=True)
    return program
