"""What a Parquet file's statistics say of its columns."""

from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq


def extents(metadata: pq.FileMetaData, columns: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Smallest and largest value of each column of a file; a column without statistics is left out."""
    least: dict[str, Any] = {}
    greatest: dict[str, Any] = {}
    if not metadata.num_row_groups:
        return {}, {}
    # Not `metadata.schema`, which would make a cycle with it.
    names = [metadata.row_group(0).column(index).path_in_schema for index in range(metadata.num_columns)]
    for column in columns:
        chunks = [metadata.row_group(index).column(names.index(column)) for index in range(metadata.num_row_groups)]
        found = [chunk.statistics for chunk in chunks if chunk.statistics is not None and chunk.statistics.has_min_max]
        if found and len(found) == len(chunks):
            least[column] = min(statistics.min for statistics in found)
            greatest[column] = max(statistics.max for statistics in found)
    return least, greatest
