"""``python -m unit.kubectl_plugin.reasons_page``: the page's tables as the plugin's data."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[3]
PAGE = ROOT / "docs" / "when-things-go-wrong.md"
DATA = ROOT / "kubectl-plugin" / "detour_kubectl" / "reasons.json"
OF_COPIED = "reason of `Copied`"

LINK = re.compile(r"\[([^]]+)]\([^)]+\)")
REASON = re.compile(r"`([A-Z][A-Za-z]+)`")
OF_A_CONDITION = re.compile(r" of `[A-Z][A-Za-z]+`")
"""Behind reasons: of which condition they are."""


def data(page: str) -> str:
    """``reasons.json`` as the page has it."""
    return json.dumps(entries(page), indent=1, ensure_ascii=False) + "\n"


def entries(page: str) -> list[dict[str, str]]:
    """One for each reason of each row, in the page's order."""
    found, anchor, section = [], "", ""
    for line in page.splitlines():
        if line.startswith("## "):
            anchor = anchor_of(line.removeprefix("## "))
        if not line.startswith("| "):
            continue
        first, *cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if first.startswith("reason"):
            section = "reason-of-copied" if first == OF_COPIED else anchor
            continue
        for reason in REASON.findall(OF_A_CONDITION.sub("", first)):
            meaning, next_step = (*map(plain, cells), "")[:2]
            found.append(
                {"section": section, "reason": reason, "meaning": meaning, "nextStep": next_step}
            )
    return found


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def plain(cell: str) -> str:
    """A cell for a terminal: without Markdown's marks."""
    return LINK.sub(r"\1", cell).replace("`", "").replace("**", "").strip()


if __name__ == "__main__":
    DATA.write_text(data(PAGE.read_text()))
