"""What the code cites of KubeVirt is to be found."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[3]
FOLDERS = ("operator", "node-agent", "copier", "crds", "charts", "kubectl-plugin", "tests")
ONE = r"(?:D[0-9]+|[0-9][0-9.]*)"
CITED = re.compile(rf"KubeVirt facts,? ({ONE}(?:(?:, | and ){ONE})*)")
PAGE = (ROOT / "docs" / "kubevirt-facts.md").read_text()


def cited():
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".yaml", ".md", ""} and path.is_file():
                for found in CITED.findall(path.read_text(errors="replace")):
                    yield from (word.strip(".") for word in re.split(r", | and ", found))


def test_each_section_that_is_cited_is_there():
    sections = set(re.findall(r"^##+ ([0-9.]+) ", PAGE, re.MULTILINE))
    dangers = set(re.findall(r"^\| (D[0-9]+) \|", PAGE, re.MULTILINE))
    found = set(cited())
    assert found - sections - dangers == set()
    assert len(found) > 10, "the citations are not recognised any more"
