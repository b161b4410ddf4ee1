from flywheel.core.exclusion import Exclusion, Recall, active, exclusion, recall_key

FIRST = Recall(number=1, policies=("p1",), episodes=(), reason="a broken gripper")
SECOND = Recall(number=2, policies=("p2",), episodes=("e7",), reason="a loose camera")
UNDONE = Recall(number=3, policies=(), episodes=(), reason="it was not broken", undoes=1)


def test_an_episode_is_excluded_by_its_policy_or_by_its_name():
    excluded = Exclusion(policies=frozenset({"p1"}), episodes=frozenset({"e7"}))
    assert excluded.excludes("e1", "p1")
    assert excluded.excludes("e7", "p2")
    assert not excluded.excludes("e1", "p2")


def test_nothing_is_excluded_where_nothing_was_recalled():
    assert exclusion([]) == Exclusion()
    assert not Exclusion().excludes("e1", "p1")


def test_recalls_add_up():
    assert exclusion([FIRST, SECOND]) == Exclusion(policies=frozenset({"p1", "p2"}), episodes=frozenset({"e7"}))


def test_a_recall_that_was_undone_no_longer_counts():
    assert active([FIRST, SECOND, UNDONE]) == [SECOND]
    assert exclusion([UNDONE, SECOND, FIRST]) == Exclusion(policies=frozenset({"p2"}), episodes=frozenset({"e7"}))


def test_what_was_undone_can_be_recalled_anew():
    again = Recall(number=4, policies=("p1",), episodes=(), reason="it was broken after all")
    assert active([again, UNDONE, FIRST]) == [again]


def test_a_recall_is_read_as_it_was_recorded():
    for recall in (FIRST, SECOND, UNDONE):
        assert Recall.of(recall_key(recall.number), recall.record) == recall


def test_equal_exclusions_are_equal_as_plain_values():
    one = Exclusion(policies=frozenset({"p1", "p2"}), episodes=frozenset({"b", "a"}))
    assert one.plain == {"policies": ["p1", "p2"], "episodes": ["a", "b"]}
