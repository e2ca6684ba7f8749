"""What pip needs of this machine inside a build: its authorities and its index, never kept."""

import configparser
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

# pip reads the folder `pip` of every XDG configuration folder
# (https://pip.pypa.io/en/stable/topics/configuration/). It is mounted while a RUN step runs, so
# that neither the image nor its history holds anything of the machine that built it.
FOLDER = "/etc/xdg/pip"
PASSED_ON = ("index-url", "extra-index-url", "trusted-host", "default-timeout", "proxy")


def write(folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Writes pip's settings of this machine into a folder to be mounted as `FOLDER`.

    Args:
        folder: Where `pip.conf` and `authorities.pem` are put.
        environment: Where PIP_INDEX_URL and the like are read from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = configparser.ConfigParser(interpolation=None)
    host.read("/etc/pip.conf")
    settings = dict(host["global"]) if host.has_section("global") else {}
    for key in PASSED_ON:
        value = environment.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            settings[key] = value
    authorities = environment.get("PIP_CERT") or settings.get("cert")
    if authorities:
        shutil.copyfile(authorities, folder / "authorities.pem")
        settings["cert"] = f"{FOLDER}/authorities.pem"
    lines = [f"{key} = {value}" for key, value in sorted(settings.items())]
    (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
