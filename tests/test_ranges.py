import io
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flywheel.core.errors import StoreUnavailableError
from flywheel.store.ranges import READ_AHEAD_BYTES, RangeFile


class Source:
    """Bytes, and how they were asked for."""

    def __init__(self, data: bytes) -> None:
        self.data, self.asked = data, []

    def fetch(self, start: int, length: int) -> bytes:
        self.asked.append((start, length))
        return self.data[start : start + length]

    def file(self, *, tail: int) -> RangeFile:
        size = len(self.data)
        return RangeFile(fetch=self.fetch, size=size, tail=self.data[max(0, size - tail) :])


@pytest.mark.parametrize("tail", [0, 1, 10, 10_000])
def test_it_reads_like_the_file_itself(tail):
    rng = random.Random(0)
    source = Source(rng.randbytes(3000))
    ours, plain = source.file(tail=tail), io.BytesIO(source.data)
    for _ in range(300):
        start, length = rng.randrange(3100), rng.randrange(500)
        assert ours.seek(start) == plain.seek(start)
        assert ours.read(length) == plain.read(length)
        assert ours.tell() == plain.tell()
    ours.seek(-5, io.SEEK_END)
    ours.seek(2, io.SEEK_CUR)
    assert ours.read() == source.data[-3:]
    assert ours.read(1) == b""


def test_the_end_that_is_held_costs_no_request_and_small_reads_share_one():
    source = Source(bytes(2 * READ_AHEAD_BYTES))
    file = source.file(tail=100)
    file.seek(-100, io.SEEK_END)
    file.read(100)
    assert source.asked == []
    file.seek(10)
    for _ in range(1000):
        assert file.read(7) == bytes(7)
    assert source.asked == [(10, READ_AHEAD_BYTES)]
    file.seek(0)
    assert len(file.read(READ_AHEAD_BYTES + 5)) == READ_AHEAD_BYTES + 5
    assert source.asked[1:] == [(0, READ_AHEAD_BYTES + 5)]


def test_a_parquet_footer_costs_no_request():
    buffer = pa.BufferOutputStream()
    rows = pa.table({"a": list(range(100_000))})
    pq.write_table(rows, buffer, row_group_size=1000)
    source = Source(buffer.getvalue().to_pybytes())
    with pq.ParquetFile(pa.PythonFile(source.file(tail=64 << 10), mode="r")) as file:
        assert file.metadata.num_rows == 100_000
        assert source.asked == []
        assert file.read().equals(rows)


def test_a_store_that_goes_away_is_told_as_that_by_readers_of_parquet():
    def fetch(start: int, length: int) -> bytes:
        raise StoreUnavailableError("away")

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": list(range(100_000))}), buffer)
    data = buffer.getvalue().to_pybytes()
    ranged = RangeFile(fetch=fetch, size=len(data), tail=data[-(64 << 10) :])
    with pq.ParquetFile(pa.PythonFile(ranged, mode="r")) as file, pytest.raises(StoreUnavailableError, match="away"):
        file.read()
