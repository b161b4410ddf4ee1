import pickle

from flywheel.store.cache import Cache


def asked(cache, name, num_bytes=1):
    """Whether the value had to be made."""
    made = []
    cache.get(name, lambda: (made.append(name) or name.upper(), num_bytes))
    return bool(made)


def test_a_value_is_made_once():
    cache = Cache(max_bytes=10)
    assert cache.get("a", lambda: ("first", 1)) == "first"
    assert cache.get("a", lambda: ("second", 1)) == "first"


def test_what_was_unused_for_longest_goes_first():
    cache = Cache(max_bytes=2)
    assert [asked(cache, name) for name in "abacbaca"] == [True, True, False, True, True, True, True, False]


def test_a_value_larger_than_everything_is_given_and_not_kept():
    cache = Cache(max_bytes=2)
    assert cache.get("a", lambda: ("large", 3)) == "large"
    assert asked(cache, "a")


def test_another_process_gets_an_empty_one():
    cache = Cache(max_bytes=2)
    asked(cache, "a")
    assert asked(pickle.loads(pickle.dumps(cache)), "a")
