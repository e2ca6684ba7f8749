"""Reading copiers' logs: each at most every few seconds, whichever worker asks."""

import json
import threading

from typing_extensions import override

from detour_operator.storage_side.gather import PROGRESS_SECONDS, Progress
from unit.operator.api_server import serving, status

WORD = json.dumps({"bytesDone": 1, "bytesTotal": 2, "bytesPerSecond": 1})
HELD_UP_SECONDS = 0.3


def log(_request):
    return 200, WORD


def reader(api, *times):
    clock = iter(times)
    return Progress(api, lambda: next(clock))


def test_a_log_is_read_at_most_every_few_seconds():
    with serving(log) as server:
        progress = reader(server.api(), 0.0, 1.0, PROGRESS_SECONDS + 1)
        assert progress.read("ns", "pod").bytes_done == 1
        assert progress.read("ns", "pod") is None
        assert progress.read("ns", "pod").bytes_done == 1


def test_a_container_that_is_being_made_has_said_nothing_yet():
    """kubelet refuses: its log cannot be read. No pass fails for that."""
    refused = status(400, "BadRequest", "container is waiting to start: ContainerCreating")
    with serving(lambda _: refused) as server:
        assert reader(server.api(), 0.0).read("ns", "pod") is None


class Interrupted(float):
    """A time at which another worker comes in between, as far as it is let."""

    @override
    def __lt__(self, other):
        if other is not self:
            self.meanwhile()
        return float(self) < float(other)


def test_what_one_worker_read_is_not_forgotten_by_another():
    with serving(log) as server:
        now = Interrupted(1.0)
        progress = reader(server.api(), 0.0, now, 1.0, 2.0)
        other = threading.Thread(target=progress.read, args=("ns", "other"))

        def meanwhile():
            other.start()
            other.join(HELD_UP_SECONDS)

        now.meanwhile = meanwhile
        progress.read("ns", "first")
        progress.read("ns", "second")
        other.join()
        assert progress.read("ns", "other") is None
        assert len(server.asked) == 3
