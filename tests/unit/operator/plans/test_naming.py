"""Names are valid, short, the same each time, and no two disks have one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detour_crds.volume_migration_plan import DEFAULT_CLAIM_NAME
from detour_operator.plans import naming

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
SUBDOMAIN = (
    st.lists(LABEL, min_size=1, max_size=4)
    .map(lambda parts: ".".join(parts)[:253])
    .map(lambda name: name.rstrip("-."))
)
SOME = settings(derandomize=True, database=None, deadline=None)


@pytest.mark.thorough
@SOME
@given(plan=LABEL, machine=SUBDOMAIN, volume=LABEL, target=SUBDOMAIN)
def test_whatever_the_names_are_they_make_one(plan, machine, volume, target):
    own = naming.disk_id("plan", machine, volume)
    made = naming.migration_name(plan, machine, volume, own)
    claim = naming.claim_name(
        DEFAULT_CLAIM_NAME, machine=machine, volume=volume, storage_class=target, own=own
    )
    for name in (made, claim):
        assert NAME.fullmatch(name), name
        assert len(name) <= 63
        assert name.endswith(f"-{own}")
    assert made == naming.migration_name(plan, machine, volume, own)


@pytest.mark.thorough
@SOME
@given(first=st.tuples(LABEL, SUBDOMAIN, LABEL), second=st.tuples(LABEL, SUBDOMAIN, LABEL))
def test_two_disks_have_two_names(first, second):
    names = {
        naming.migration_name("plan", machine, volume, naming.disk_id(uid, machine, volume))
        for uid, machine, volume in (first, second)
    }
    assert len(names) == len({first, second})


def test_dashes_do_not_make_two_disks_one():
    names = {
        naming.migration_name("p", machine, volume, naming.disk_id("u", machine, volume))
        for machine, volume in (("a-b", "c"), ("a", "b-c"))
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{machine}-{volume}-{storageClass}", "web-data-fast"),
        ("{volume}.{machine}", "data.web"),
        ("moved-{id}", "moved-aaaabbbb"),
        ("{machine}-{volume}-" + "x" * 60, "web-data-" + "x" * 45 + "-aaaabbbb"),
        ("{machine}-{volume}-" + "x" * 44 + "-" + "y" * 30, "web-data-" + "x" * 44 + "-aaaabbbb"),
    ],
)
def test_the_template_says_what_a_claim_is_called(template, expected):
    found = naming.claim_name(
        template, machine="web", volume="data", storage_class="fast", own="aaaabbbb"
    )
    assert found == expected
