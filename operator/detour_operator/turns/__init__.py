"""Who may begin, so that no node, storage class or cluster has more moves than it bears.

Looks at migrations, claims and instances, changes nothing, and knows neither side. It remembers
who waits, and nothing that would be missed: after a restart who waits asks again.
"""

from detour_operator.turns.keeper import Keeper

__all__ = ["Keeper"]
