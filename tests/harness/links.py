"""Every relative link of the documents leads somewhere: ``python -m harness.links PATH...``."""

import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The anchors that a document's headings make."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken(document: pathlib.Path) -> list[str]:
    """The links of one document that lead nowhere."""
    text = document.read_text()
    found = []
    for link in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists():
            found.append(f"{document}: {link}: no such file")
        elif anchor and anchor not in anchors(target.read_text()):
            found.append(f"{document}: {link}: no such heading")
    return found


def main(names: list[str]) -> int:
    """Print what is broken; 1 if anything is."""
    documents: list[pathlib.Path] = []
    for name in names:
        path = pathlib.Path(name)
        documents += sorted(path.rglob("*.md")) if path.is_dir() else [path]
    lines = [line for document in documents for line in broken(document)]
    print("\n".join(lines) or f"{len(documents)} documents, no broken link")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
