"""The name of a stop that asks a person, which the answer has to repeat (``spec.answeredStop``).

It has the attempt's token in it, and so can be known to nobody before the attempt has begun, and
never names a stop of another one. Within an attempt a guest that is gone stays gone, and nothing
but the answer itself changes what its images hold: there the reason tells the stops apart. A node
may be lost again and again, with all that the guest writes between: those are counted.
"""

NODE_LOST = "NodeLost"
OF_GUEST = (
    "AmbiguousPivot",
    "AmbiguousCommit",
    "ChainAgainstRecord",
    "DestinationFailed",
    "JournalMissing",
    "OverlayMissing",
)
"""Reasons of the node agent's that take an answer."""


def of_guest(reason: str, token: str) -> str | None:
    """The name of the node agent's stop; None if it takes no answer."""
    return f"{reason}-{token}" if reason in OF_GUEST and token else None


def of_lost_node(token: str, losses: int) -> str:
    """The name of the stop at the node's loss, which is the one of that number."""
    return f"{NODE_LOST}-{token}-{losses}"


def reason_in(stop: str) -> str:
    """The reason of the stop of that name, of whatever attempt it is."""
    return stop.partition("-")[0]


def reason_of(answered: str | None, token: str | None) -> str | None:
    """The reason of the node agent's stop that an answer is given to; None if it is another's."""
    reasons = (reason for reason in OF_GUEST if token and answered == of_guest(reason, token))
    return next(reasons, None)
