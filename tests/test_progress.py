from flywheel.cluster.progress import Progress


def test_there_is_nothing_before_the_first_report():
    assert Progress().said() is None
    assert Progress().told(0) == []


def test_only_what_was_said_last_is_kept():
    progress = Progress()
    progress.say(50, 100, {"loss": 1.0})
    progress.say(100, 100, {"loss": 0.5})
    assert progress.said() == (100, 100, {"loss": 0.5})


def test_all_that_was_told_is_kept_for_who_has_not_heard_it():
    progress = Progress()
    for message in ("one", "two", "three"):
        progress.tell(message)
    assert progress.told(0) == ["one", "two", "three"]
    assert progress.told(2) == ["three"]
