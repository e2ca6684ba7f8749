"""The flush of a frozen image where a server has root be nobody (exports(5), ``root_squash``)."""

import os
import subprocess
import sys

import pytest

from detour_crds.names import QEMU_UID

SQUASHED = """
import os, sys
from detour_agent.privileged import flush

flush.namespaces.enter = lambda _: os.open("/", os.O_PATH)
found = os.stat(sys.argv[1])
expected = {"device": found.st_dev, "inode": found.st_ino}
print(flush.flush({"path": sys.argv[1], "expected": expected}, {"guest": None}))
"""


@pytest.mark.parametrize(("owner", "done"), [(QEMU_UID, True), (1, False)])
def test_what_the_guest_s_user_may_open_is_flushed(tmp_path, owner, done):
    """Root may not open it then, and is who asks all the same."""
    tmp_path.chmod(0o755)
    image = tmp_path / "disk.img"
    image.write_bytes(b"1")
    image.chmod(0o660)
    os.chown(image, owner, owner)
    nobody = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    found = subprocess.run(
        [*nobody, sys.executable, "-c", SQUASHED, image],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout == "done\n") is done, found.stderr
    assert done or "PermissionError" in found.stderr
