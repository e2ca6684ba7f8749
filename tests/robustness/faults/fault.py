"""What a fault is."""

import abc

from robustness.scene import Scene


class Fault(abc.ABC):
    """One thing that goes wrong, once.

    Attributes:
        seconds: how long it lasts; 0 if there is nothing to be undone.
        ends_guest: the guest may be another instance afterwards.
        ends_move: the move may end as if it had been cancelled.
        fails_move: the move may fail, with a reason.
        slack: operations of a guest that ends meanwhile whose acknowledgements nobody may have
            read, because its log could not be had before it was gone.
    """

    seconds: float = 0
    ends_guest = False
    ends_move = False
    fails_move = False
    slack = 0

    @abc.abstractmethod
    def inject(self, scene: Scene) -> None:
        """Make it happen.

        Raises:
            NothingThereError: there is nothing now that it could happen to.
        """

    def undo(self, scene: Scene) -> None:  # noqa: B027 - most leave nothing to be undone
        """End it, some seconds later or when the run ends; twice is no error."""
