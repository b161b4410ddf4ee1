import pytest

from flywheel.api.byte_ranges import wanted_range
from flywheel.api.problems import RequestRefusedError


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("bytes=0-3", "bytes 0-3/10"),
        ("bytes=0-", "bytes 0-9/10"),
        ("bytes=4-99", "bytes 4-9/10"),
        ("bytes=-3", "bytes 7-9/10"),
        ("bytes=-99", "bytes 0-9/10"),
        (" Bytes = 9 - 9 ", "bytes 9-9/10"),
    ],
)
def test_a_range_is_a_part(header, said):
    assert wanted_range(header, total=10).in_words == said


@pytest.mark.parametrize(
    "header", [None, "", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", f"bytes={'9' * 99}-"]
)
def test_what_is_no_single_range_asks_for_all(header):
    assert wanted_range(header, total=10) is None


@pytest.mark.parametrize(("header", "total"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10)])
def test_bytes_that_are_not_there_are_refused_with_how_many_are(header, total):
    with pytest.raises(RequestRefusedError) as refused:
        wanted_range(header, total=total)
    assert refused.value.status == 416
    assert refused.value.headers == {"Content-Range": "bytes */10"}
