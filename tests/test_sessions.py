"""Sessions and the versions that they keep, by a clock that is only told."""

from flywheel.cluster.sessions import Sessions


def test_the_first_version_that_answered_is_kept():
    sessions = Sessions()
    assert sessions.version_of("a", now=0.0) is None
    assert sessions.answered("a", version="p1", among=("p1",), now=0.0) == "p1"
    assert sessions.answered("a", version="p2", among=("p1", "p2"), now=1.0) == "p1"
    assert sessions.version_of("a", now=2.0) == "p1"
    assert (sessions.count("p1"), sessions.count("p2"), len(sessions)) == (1, 0, 1)


def test_a_version_that_is_not_left_is_not_kept():
    sessions = Sessions()
    sessions.answered("a", version="p1", among=("p1",), now=0.0)
    assert sessions.answered("a", version="p2", among=("p2",), now=1.0) == "p2"
    assert (sessions.count("p1"), sessions.count("p2")) == (0, 1)


def test_being_asked_for_keeps_no_session_active_but_being_answered_does():
    sessions = Sessions(idle_limit_s=60.0)
    sessions.answered("a", version="p1", among=("p1",), now=0.0)
    sessions.answered("b", version="p1", among=("p1",), now=0.0)
    sessions.answered("b", version="p1", among=("p1",), now=50.0)
    assert sessions.version_of("a", now=60.0) == "p1"
    assert sessions.version_of("a", now=61.0) is None
    assert sessions.version_of("b", now=61.0) == "p1"
    assert (sessions.count("p1"), len(sessions)) == (1, 1)


def test_the_number_of_sessions_is_bounded():
    sessions = Sessions(max_sessions=2)
    for name in ("a", "b", "a", "c"):
        sessions.answered(name, version="p1", among=("p1",), now=0.0)
    assert [sessions.version_of(name, now=0.0) for name in ("a", "b", "c")] == ["p1", None, "p1"]
    assert (sessions.count("p1"), len(sessions)) == (2, 2)


def test_a_forgotten_version_has_no_sessions():
    sessions = Sessions()
    sessions.answered("a", version="p1", among=("p1",), now=0.0)
    sessions.answered("b", version="p2", among=("p2",), now=0.0)
    sessions.forget("p1")
    assert (sessions.version_of("a", now=0.0), sessions.version_of("b", now=0.0)) == (None, "p2")
    assert (sessions.count("p1"), len(sessions)) == (0, 1)
