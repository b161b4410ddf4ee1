"""SQL over the tables of a store, read-only, by Delta Lake's own query engine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from flywheel.core.errors import ConfigError, FlywheelError, StoreUnavailableError
from flywheel.store import layout
from flywheel.store.delta_errors import translated
from flywheel.store.objects import Objects

TABLES = (layout.EPISODES, layout.LABELS)
READING = re.compile(r"\s*\(*\s*(explain\s+)?(select|with|values)\b", re.IGNORECASE)
"""The engine could also write files and make tables, which a query has no business to."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The rows of a query, read once and batch by batch."""

    reader: pa.RecordBatchReader

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return list(self.reader.schema.names)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Plain values. ConfigError: the query fails on what the tables hold; StoreError: they cannot be read."""
        try:
            for batch in self.reader:
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        except (pa.ArrowException, DeltaError, OSError) as failure:
            raise _translated(failure) from failure


def query(objects: Objects, text: str) -> Answer:
    """ConfigError: the store has no tables, or the query is wrong."""
    if READING.match(text) is None:
        raise ConfigError(f"sql: only SELECT and WITH queries are possible, not: {text.strip() or 'nothing'}")
    builder = QueryBuilder()
    there = [name for name in TABLES if _registered(builder, objects, name)]
    if not there:
        raise ConfigError(f"{objects.url(layout.EPISODES)}: nothing is there yet: no episodes and no labels")
    try:
        return Answer(reader=pa.RecordBatchReader.from_stream(builder.execute(text)))
    except DeltaError as failure:
        raise _translated(failure, hint=f" (the tables are {' and '.join(there)})") from failure


def _registered(builder: QueryBuilder, objects: Objects, name: str) -> bool:
    try:
        table = DeltaTable(objects.url(name), storage_options=dict(objects.options))
    except TableNotFoundError:
        return False
    except (DeltaError, OSError) as failure:
        raise translated(failure, what=f"table {name}: cannot be opened") from failure
    builder.register(name, table)
    return True


def _translated(failure: Exception, *, hint: str = "") -> FlywheelError:
    """Whatever is not the store's silence is the query's fault: the engine does not tell them apart."""
    found = translated(failure, what="sql")
    if isinstance(found, StoreUnavailableError):
        return found
    return ConfigError(f"sql: {' '.join(str(failure).splitlines()[:2])}{hint}")
