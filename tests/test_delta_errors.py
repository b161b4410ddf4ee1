import pytest
from factories import random_episode

from flywheel.core.errors import StoreError, StoreUnavailableError
from flywheel.store.delta_errors import translated
from flywheel.store.episodes import DeltaEpisodes
from flywheel.store.objects import open_objects
from flywheel.store.retries import Patience

BRIEF = Patience(deadline_s=0.3, attempt_s=1.0)


def test_a_table_whose_store_is_away_says_so_without_colours(s3_store, monkeypatch):
    table = DeltaEpisodes(objects=open_objects(s3_store))
    part = table.write([random_episode()])
    table.commit([part], transaction="a")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    away = DeltaEpisodes(objects=open_objects(s3_store, patience=BRIEF))
    for call in (away.summaries, lambda: away.committed("a"), lambda: away.summaries(version=0)):
        with pytest.raises(StoreUnavailableError, match="table episodes: cannot be opened: .*refused") as caught:
            call()
        assert "\x1b" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_nothing_to_wait_for(s3_store):
    with pytest.raises(StoreError, match="table episodes: cannot be opened") as caught:
        DeltaEpisodes(objects=open_objects("s3://nobody-made-this/store")).commit([], transaction="a")
    assert not isinstance(caught.value, StoreUnavailableError)


@pytest.mark.parametrize("text", ["Generic S3 error\n   ↳ 503 Service Unavailable: SlowDown", "operation timed out"])
def test_what_passes_by_itself_is_the_stores_absence(text):
    assert isinstance(translated(OSError(text), what="a"), StoreUnavailableError)


def test_of_other_errors_the_first_line_tells():
    found = translated(OSError("\x1b[31mbad log\x1b[0m\n ↳ at line 3"), what="table a")
    assert type(found) is StoreError
    assert str(found) == "table a: bad log"
