"""SQL over the tables of a store, read-only, by Delta Lake's own query engine."""

import re

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from flywheel.core.errors import ConfigError
from flywheel.store import layout
from flywheel.store.objects import Objects

TABLES = (layout.EPISODES, layout.LABELS)
READING = re.compile(r"\s*\(*\s*(explain\s+)?(select|with|values)\b", re.IGNORECASE)
"""The engine could also write files and make tables, which a query has no business to."""


def query(objects: Objects, text: str) -> pa.RecordBatchReader:
    """The rows, batch by batch. ConfigError: the store has no tables, or the query is wrong."""
    if READING.match(text) is None:
        raise ConfigError(f"sql: only SELECT and WITH queries are possible, not: {text.strip() or 'nothing'}")
    builder = QueryBuilder()
    there = [name for name in TABLES if _registered(builder, objects, name)]
    if not there:
        raise ConfigError(f"{objects.url(layout.EPISODES)}: nothing is there yet: no episodes and no labels")
    try:
        return pa.RecordBatchReader.from_stream(builder.execute(text))
    except DeltaError as failure:
        raise ConfigError(f"sql: {_first_lines(failure)} (the tables are {' and '.join(there)})") from failure


def _registered(builder: QueryBuilder, objects: Objects, name: str) -> bool:
    try:
        table = DeltaTable(objects.url(name), storage_options=dict(objects.options))
    except TableNotFoundError:
        return False
    except (DeltaError, OSError) as failure:
        raise ConfigError(f"table {name}: cannot be opened: {_first_lines(failure)}") from failure
    builder.register(name, table)
    return True


def _first_lines(failure: Exception) -> str:
    """Delta Lake's messages may end in a backtrace."""
    return " ".join(str(failure).split("\n")[:2])
