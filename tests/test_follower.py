from threading import Event

from chronicles import chronicle, doing
from fakes import MemoryRecords

from flywheel.core.commands import iterations
from flywheel.core.errors import StoreUnavailableError
from flywheel.store.chronicle import RecordedChronicle
from flywheel.store.follower import Follower

ASK = doing(iterations.request, by="token:a", overrides={}, max_queued=99)
WAIT_S = 10.0


class Moody(RecordedChronicle):
    """A store that is away while `away`."""

    def __init__(self, **values):
        super().__init__(**values)
        self.away, self.refused = False, Event()

    def control(self):
        if self.away:
            self.refused.set()
            raise StoreUnavailableError("away")
        return super().control()


def test_it_follows_and_tells():
    records, heard, seen = MemoryRecords(), [], Event()

    def hear(control):
        heard.append(len(control.entries))
        seen.set()

    with Follower(chronicle=chronicle(records), heard=[hear], interval_s=0.01) as follower:
        assert follower.control.entries == []
        chronicle(records).append(ASK)
        assert seen.wait(WAIT_S)
        assert len(follower.control.entries) == 1
    assert heard == [1]


def test_while_the_store_is_away_it_goes_on_with_what_it_knows():
    records, seen = MemoryRecords(), Event()
    moody = Moody(records=records)
    moody.append(ASK)
    with Follower(chronicle=moody, heard=[lambda control: seen.set()], interval_s=0.01) as follower:
        moody.away = True
        assert moody.refused.wait(WAIT_S)
        chronicle(records).append(ASK)
        assert len(follower.control.entries) == 1
        moody.away = False
        assert seen.wait(WAIT_S)
        assert len(follower.control.entries) == 2
