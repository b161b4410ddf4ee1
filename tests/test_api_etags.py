"""ETags."""

import pytest
from pydantic import BaseModel

from flywheel.api.etags import check_match, has, tag_of
from flywheel.api.problems import RequestRefusedError


class Seen(BaseModel):
    state: str = "queued"


def test_equal_values_have_equal_tags_whatever_their_order() -> None:
    assert tag_of({"a": 1, "b": [2]}) == tag_of({"b": [2], "a": 1})
    assert tag_of({"a": 1}) != tag_of({"a": 2})
    assert tag_of({}).startswith('"')


def test_a_header_names_one_or_many_or_any() -> None:
    tag = tag_of(1)
    assert has(tag, tag)
    assert has(f'"other", W/{tag}', tag)
    assert has("*", tag)
    assert not has("", tag)
    assert not has(tag[1:-1], tag)


def test_who_saw_another_state_is_refused() -> None:
    check_match(None, Seen())
    check_match(tag_of({"state": "queued"}), Seen())
    with pytest.raises(RequestRefusedError) as refused:
        check_match(tag_of({"state": "running"}), Seen())
    assert refused.value.status == 412
