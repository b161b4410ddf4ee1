from dataclasses import replace

import pytest
from fakes import CONTRACT, MemoryRecords, Notebook
from mortal import KilledError
from world import World, contents, skilled

from flywheel.core.code_version import CODE_VERSION, LOOP_VERSION, loop_version
from flywheel.core.errors import CheckpointError, OtherLoopError, ResumeError
from flywheel.core.iteration import Iteration, Stage, record_key
from flywheel.journey import final_key, recorded
from flywheel.loop import run


class Killer(Notebook):
    """The process dies when iteration 1 starts a stage after this one."""

    def __init__(self, after):
        super().__init__()
        self._after = (1, after)

    def stage_started(self, iteration, stage):
        super().stage_started(iteration, stage)
        if self._after in self.completed:
            raise KilledError


def stopped(after: str, **plan) -> World:
    """A world whose run stopped after a stage of iteration 1."""
    world = World(**plan)
    with pytest.raises(KilledError):
        run(world.ports(observer=Killer(after)), iterations=1)
    assert world.records.keys(record_key(1, after))
    return world


def edited(world: World, key: str, **changes) -> None:
    """Another hand's record: sealed like ours, with other content."""
    records = MemoryRecords()
    for known in world.records.keys(""):
        record = world.records.read(known)
        records.write(known, record | changes if known == key else record)
    world.records = records


@pytest.mark.parametrize("after", ["collect", "relabel", "train", "evaluate"])
def test_what_is_as_it_was_recorded_is_gone_on_from(after):
    world, whole = stopped(after), World()
    run(world.ports(), iterations=1)
    run(whole.ports(), iterations=1)
    assert contents(world.ports()) == contents(whole.ports())


def test_every_record_says_which_code_wrote_it():
    world = World()
    run(world.ports(), iterations=1)
    keys = [*world.records.keys("iterations/"), *world.records.keys("final/")]
    assert len(keys) == 13
    said = [world.records.read(key) for key in keys]
    assert {(record["flywheel"], record["loop"]) for record in said} == {(CODE_VERSION, LOOP_VERSION)}


def test_every_record_with_a_version_of_a_table_says_what_it_holds():
    world = World()
    run(world.ports(), iterations=1)
    ports, seen = world.ports(), 0
    for key in [*world.records.keys("iterations/"), *world.records.keys("final/")]:
        record = world.records.read(key)
        versions = record.get("trained_on") or {
            table: record[f"{table}_version"] for table in ("episodes", "labels") if f"{table}_version" in record
        }
        tables = {"episodes": ports.episodes, "labels": ports.labels}
        assert record.get("data_digests", {}) == {
            table: tables[table].digest(version) for table, version in versions.items()
        }
        seen += len(versions)
    # ingest, collect, two evaluations and the final assessment one each; relabelling and training two each, twice.
    assert seen == 5 + 8


@pytest.mark.parametrize(("stage", "table"), [("collect", "episodes"), ("relabel", "labels"), ("train", "episodes")])
def test_a_version_that_holds_other_files_is_refused_with_both_digests(stage, table):
    world = stopped("train")
    key = record_key(1, stage)
    record = world.records.read(key)
    edited(world, key, data_digests={**record["data_digests"], table: "0" * 64})
    before = contents(world.ports())
    version = record.get("trained_on", record).get(table, record.get(f"{table}_version"))
    with pytest.raises(ResumeError) as caught:
        run(world.ports(), iterations=1)
    assert str(caught.value).startswith(
        f"iteration 1, {stage}: version {version} of the table {table} holds other files than were recorded: digest "
    )
    assert f"recorded {'0' * 64}; restore the store" in str(caught.value)
    assert contents(world.ports()) == before


def test_a_version_of_the_iteration_before_counts_too():
    world = stopped("collect")
    edited(world, record_key(0, "evaluate"), data_digests={"episodes": "0" * 64})
    with pytest.raises(ResumeError, match="iteration 0, evaluate: version 2 of the table episodes"):
        run(world.ports(), iterations=1)


def test_a_version_that_is_gone_is_refused():
    world = stopped("collect")
    edited(world, record_key(1, "collect"), episodes_version=99)
    with pytest.raises(ResumeError, match=r"iteration 1, collect: no version 99; restore the store"):
        run(world.ports(), iterations=1)


@pytest.mark.parametrize("after", ["collect", "train"])
def test_weights_that_were_exchanged_are_refused_with_both_digests(after):
    world = stopped(after)
    version, _ = world.policies._saved["policy-0000"]
    world.policies._saved["policy-0000"] = version, {"weights": b"other"}
    recorded_digest = world.records.read(record_key(0, "train"))["file_digests"]["weights"]
    with pytest.raises(ResumeError, match=f"policy-0000: weights is not the one .* recorded was {recorded_digest}"):
        run(world.ports(), iterations=1)


def test_a_file_that_was_added_or_lost_is_refused():
    world = stopped("collect")
    version, files = world.policies._saved["policy-0000"]
    world.policies._saved["policy-0000"] = version, {**files, "more": b""}
    with pytest.raises(ResumeError, match="policy-0000: more is not the one .* recorded was no such file"):
        run(world.ports(), iterations=1)
    world.policies._saved["policy-0000"] = version, {}
    with pytest.raises(ResumeError, match="policy-0000: weights is not the one .* its sha256 is no such file"):
        run(world.ports(), iterations=1)


def test_a_policy_that_is_gone_is_named():
    world = stopped("collect")
    del world.policies._saved["policy-0000"]
    with pytest.raises(CheckpointError, match="policy-0000"):
        run(world.ports(), iterations=1)


def test_the_candidate_of_this_iteration_counts_before_it_is_evaluated():
    world = stopped("train")
    version, _ = world.policies._saved["policy-0001"]
    world.policies._saved["policy-0001"] = version, {"weights": b"other"}
    with pytest.raises(ResumeError, match="policy-0001: weights"):
        run(world.ports(), iterations=1)


def test_a_policy_of_another_contract_is_refused():
    world = stopped("collect")
    with pytest.raises(ResumeError, match=f"policy-0000: sees or does other .* is new, recorded was {CONTRACT}"):
        run(replace(world.ports(), contract=lambda: "new"), iterations=1)


@pytest.mark.parametrize("recorded_by", ["0.0.9", "1.1.0"])
def test_an_iteration_of_another_loop_version_is_refused_unless_that_is_accepted(recorded_by):
    world = stopped("relabel")
    edited(world, record_key(1, "collect"), flywheel=recorded_by, loop=LOOP_VERSION + 1)
    before = contents(world.ports())
    with pytest.raises(OtherLoopError) as caught:
        run(world.ports(), iterations=1)
    assert caught.value.differs == (
        f"iteration 1, collect: was recorded by flywheel {recorded_by}, loop version {LOOP_VERSION + 1}; "
        f"this is {CODE_VERSION}, loop version {LOOP_VERSION}"
    )
    assert str(caught.value).endswith(
        f". Finish the iteration with flywheel {recorded_by}, or accept that two make it: --accept-version"
    )
    assert contents(world.ports()) == before
    assert run(world.ports(), iterations=1, accept_version=True).remaining() == ()


def test_a_record_that_lacks_what_this_loop_records_is_refused_by_its_loop_version():
    world = stopped("relabel")
    records = MemoryRecords()
    for key in world.records.keys(""):
        record = world.records.read(key)
        records.write(key, {"flywheel": "9.0.0", "loop": 9} if key == record_key(1, "plan") else record)
    world.records = records
    with pytest.raises(OtherLoopError, match=r"iteration 1, plan: .* 9\.0\.0, loop version 9"):
        run(world.ports(), iterations=1)


@pytest.mark.parametrize("recorded_by", ["0.0.9", f"{CODE_VERSION}.post1", "9.0.0"])
def test_another_release_of_the_same_loop_version_goes_on(recorded_by):
    world = stopped("relabel")
    edited(world, record_key(1, "collect"), flywheel=recorded_by)
    assert run(world.ports(), iterations=1).remaining() == ()


def test_records_from_before_there_were_loop_versions_are_of_the_first():
    assert loop_version({"flywheel": "0.1.0"}) == 1


def test_a_new_release_goes_on_from_a_finished_iteration():
    world = World()
    run(world.ports(), iterations=0)
    for stage in Iteration(number=0).stages:
        edited(world, record_key(0, stage), flywheel="0.0.9", loop=LOOP_VERSION + 1)
    assert run(world.ports(), iterations=1).number == 1
    assert recorded(0, world.ports()).outcomes[Stage.INGEST]["flywheel"] == "0.0.9"


def test_a_new_iteration_is_checked_against_what_it_builds_on():
    world = World()
    run(world.ports(), iterations=0)
    version, _ = world.policies._saved["policy-0000"]
    world.policies._saved["policy-0000"] = version, {"weights": b"other"}
    with pytest.raises(ResumeError, match="policy-0000: weights"):
        run(world.ports(), iterations=1)


def test_the_final_assessment_is_checked_too():
    world = World()
    run(world.ports(), iterations=0)
    records = MemoryRecords()
    for key in world.records.keys(""):
        if key != final_key(0):
            records.write(key, world.records.read(key))
    world.records = records
    version, _ = world.policies._saved["policy-0000"]
    world.policies._saved["policy-0000"] = version, {"weights": b"other"}
    with pytest.raises(ResumeError, match="policy-0000: weights"):
        run(world.ports(), iterations=0)


def test_where_nothing_is_left_to_do_nothing_is_checked():
    """The report of a finished run can still be written after its weights were archived elsewhere."""
    world = World()
    run(world.ports(), iterations=0)
    world.policies._saved.clear()
    again = Notebook()
    run(world.ports(observer=again), iterations=0)
    assert again.started == []


def test_however_long_the_history_is_the_same_is_read_before_going_on():
    class Dying(Notebook):
        def stage_started(self, iteration, stage):
            raise KilledError

    class Counting(MemoryRecords):
        def read(self, key):
            reads.append(key)
            return super().read(key)

    counts = []
    for iterations in (1, 4):
        reads, world = [], World(script=skilled({"policy-0000": 4}))
        run(world.ports(), iterations=iterations)
        counting = Counting()
        counting._records = world.records._records
        with pytest.raises(KilledError):
            run(world.ports(records=counting, observer=Dying()), iterations=iterations + 1)
        counts.append(len(reads))
    assert counts[0] == counts[1] > 0
