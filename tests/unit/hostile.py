"""Properties of what reads hostile text, over many examples."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MANY = settings(
    max_examples=2000,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
"""For a property, in a thorough test."""

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from((2**31, 2**63, 2**64, 10**40, -1))
    | st.floats()
    | st.text(max_size=20)
)


def json_values(keys=None):
    """Any value of JSON; ``keys`` are those that the reader looks for, taken often."""
    names = st.text(max_size=8) if keys is None else st.sampled_from(keys) | st.text(max_size=8)
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
        max_leaves=12,
    )
