"""Looking after what was logged: verify, repair, garbage collection."""

from datetime import UTC, datetime, timedelta

import pytest
from stored import tree

from flywheel.store.logs import ObjectLogs
from flywheel.upkeep.finding import Area, Kind
from flywheel.upkeep.garbage import collect_garbage, plan_garbage
from flywheel.upkeep.repair import plan_repair, repair
from flywheel.upkeep.verify import verify

LINE = b'{"time": "t", "level": "info", "logger": "some", "message": "hello"}\n'


@pytest.fixture
def logs(store) -> ObjectLogs:
    """Of a finished run: iterations 0 to 2 logged something."""
    logs = ObjectLogs(objects=store.objects)
    for iteration in range(3):
        logs.append(iteration, LINE, at=datetime.now(UTC))
    return logs


def log_files(folder):
    return [name for name in tree(folder) if name.startswith("logs/")]


def test_what_was_changed_is_damage_and_a_repair_takes_it_away(store, folder, logs):
    assert not verify(store).findings
    changed = folder / log_files(folder)[1]
    changed.write_bytes(LINE + LINE)
    found = verify(store)
    ((area, key),) = [(finding.area, finding.key) for finding in found.of(Kind.DAMAGE)]
    assert (area, key) == (Area.LOGS, str(changed.relative_to(folder)))
    assert not verify(store, quick=True).damaged
    repair(store, plan_repair(store, found))
    assert not verify(store).damaged
    assert logs.page(1, size=1).lines == []
    assert [path.read_bytes() for path in folder.glob("quarantine/*/logs/**/*.jsonl")] == [LINE + LINE]


@pytest.mark.parametrize(("age", "kept"), [(None, [0, 1, 2]), (2, [0, 1, 2]), (1, [1, 2])])
def test_old_logs_are_garbage_where_the_settings_say_so(store, logs, age, kept):
    plan = plan_garbage(
        store,
        rollback_versions=0,
        grace=timedelta(0),
        now=datetime.now(UTC) + timedelta(hours=1),
        max_log_age_iterations=age,
    )
    assert {some.area for some in plan.garbage} <= {Area.LOGS}
    collect_garbage(store, plan)
    assert [number for number in range(3) if logs.page(number, size=1).lines] == kept
    assert not verify(store).damaged
