"""Why a start is refused, or an attempt given up."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """One CamelCase word, and a sentence with the next step."""

    reason: str
    message: str
