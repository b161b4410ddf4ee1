from threading import Thread

from flywheel.core.iteration import Stage
from flywheel.journal import Happening, Journal, News, Progress


def test_news_are_what_happened_since_one_last_asked():
    journal = Journal()
    journal.stage_started(0, Stage.INGEST)
    journal.event("a collector was replaced")
    first = journal.since(0)
    journal.stage_completed(0, Stage.INGEST, {"wall_s": 1.5})
    assert first.happenings == (
        Happening(kind="started", iteration=0, stage="ingest"),
        Happening(kind="event", message="a collector was replaced"),
    )
    assert journal.since(2).happenings == (
        Happening(kind="completed", iteration=0, stage="ingest", outcome={"wall_s": 1.5}),
    )
    assert journal.since(3).happenings == ()
    assert len(journal.since(0).happenings) == 3


def test_progress_is_of_the_stage_that_runs():
    journal = Journal()
    assert journal.since(0) == News(happenings=(), progress=None)
    journal.stage_started(2, Stage.TRAIN)
    assert journal.since(0).progress == Progress(iteration=2, stage="train")
    journal.progress(50, 200, loss=1.25)
    assert journal.since(0).progress == Progress(iteration=2, stage="train", done=50, total=200, figures={"loss": 1.25})
    journal.stage_completed(2, Stage.TRAIN, {})
    assert journal.since(0).progress is None


def test_progress_outside_a_stage_is_nobodys():
    journal = Journal()
    journal.progress(1, 2)
    assert journal.since(0).progress is None


def test_a_new_stage_begins_without_the_progress_of_the_one_before():
    journal = Journal()
    journal.stage_started(0, Stage.INGEST)
    journal.progress(3, 4)
    journal.stage_started(0, Stage.RELABEL)
    assert journal.since(0).progress == Progress(iteration=0, stage="relabel")


def test_what_was_told_does_not_change_later():
    journal, outcome = Journal(), {"wall_s": 1.0}
    journal.stage_completed(0, Stage.INGEST, outcome)
    outcome["wall_s"] = 2.0
    assert journal.since(0).happenings[0].outcome == {"wall_s": 1.0}


def test_whoever_asks_while_others_write_misses_and_repeats_nothing():
    journal, heard = Journal(), []
    writers = [
        Thread(target=lambda name=name: [journal.event(f"{name}{count}") for count in range(500)]) for name in "ab"
    ]
    for writer in writers:
        writer.start()
    while len(heard) < 1000:
        heard += [happening.message for happening in journal.since(len(heard)).happenings]
    for writer in writers:
        writer.join()
    assert [message for message in heard if message[0] == "a"] == [f"a{count}" for count in range(500)]
    assert sorted(heard) == sorted(f"{name}{count}" for name in "ab" for count in range(500))
