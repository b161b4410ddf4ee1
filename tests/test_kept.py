import pickle

from flywheel.store.kept import Kept


def asked(kept, name, num_bytes=1):
    """Whether the value had to be made."""
    made = []
    kept.get(name, lambda: (made.append(name) or name.upper(), num_bytes))
    return bool(made)


def test_a_value_is_made_once():
    kept = Kept(max_bytes=10)
    assert kept.get("a", lambda: ("first", 1)) == "first"
    assert kept.get("a", lambda: ("second", 1)) == "first"


def test_what_was_unused_for_longest_goes_first():
    kept = Kept(max_bytes=2)
    assert [asked(kept, name) for name in "abacbaca"] == [True, True, False, True, True, True, True, False]


def test_a_value_larger_than_everything_is_given_and_not_kept():
    kept = Kept(max_bytes=2)
    assert kept.get("a", lambda: ("large", 3)) == "large"
    assert asked(kept, "a")


def test_another_process_gets_an_empty_one():
    kept = Kept(max_bytes=2)
    asked(kept, "a")
    assert asked(pickle.loads(pickle.dumps(kept)), "a")
