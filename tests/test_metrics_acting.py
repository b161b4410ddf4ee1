"""What the endpoint's replicas count: several processes, of which some die."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import metered
import pytest
from prometheus_client.parser import text_string_to_metric_families

from flywheel.cluster.meter import Ending, Meter, Uncounted
from flywheel.core.errors import FlywheelError
from flywheel.metrics import table
from flywheel.metrics.acting import FOLDER, ActingMeter, open_meter
from flywheel.metrics.metric import Where


class Replica:
    """A process that counts."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def do(self, name: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def counts(self) -> dict[str, float]:
        """Series -> value, without buckets."""
        return {
            f"{sample.name}{{{','.join(sample.labels.values())}}}": sample.value
            for family in text_string_to_metric_families(self.do("exposition"))
            for sample in family.samples
            if not sample.name.endswith("_bucket")
        }


@contextmanager
def replicas(folder: Path, number: int) -> Iterator[list[Replica]]:
    started = [
        subprocess.Popen(
            [sys.executable, metered.__file__],
            env=os.environ | {FOLDER: str(folder / "counts")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(number)
    ]
    try:
        yield [Replica(process) for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_the_numbers_of_all_processes_add_up_and_those_of_the_dead_stay(tmp_path: Path):
    with replicas(tmp_path, 3) as (first, second, third):
        for one, duration_s in ((first, 0.003), (second, 0.03), (second, 0.3)):
            one.do("acted", duration_s=duration_s, batch_size=4, age_s=0.1)
        second.do("missed", duration_s=0.7)
        first.do("sessions", live=3, earlier=1)
        second.do("sessions", live=5, earlier=0)
        first.do("serves", policy_version="p1")
        second.do("serves", policy_version="p2")
        before = third.counts()
        assert before["flywheel_act_requests_total{ok}"] == 3
        assert before["flywheel_act_requests_total{late}"] == before["flywheel_act_deadline_missed_total{}"] == 1
        assert before["flywheel_act_duration_seconds_count{}"] == 4
        assert before["flywheel_act_duration_seconds_sum{}"] == pytest.approx(1.033)
        assert before["flywheel_act_observation_age_seconds_sum{}"] == pytest.approx(0.3)
        assert before["flywheel_act_batch_size_sum{}"] == 12
        assert (before["flywheel_act_sessions{live}"], before["flywheel_act_sessions{earlier}"]) == (8, 1)
        assert before["flywheel_endpoint_policy_info{p1}"] == before["flywheel_endpoint_policy_info{p2}"] == 1
        second.kill()
        after = third.counts()
        assert after["flywheel_act_requests_total{ok}"] == 3
        assert after["flywheel_act_duration_seconds_sum{}"] == pytest.approx(1.033)
        assert (after["flywheel_act_sessions{live}"], after["flywheel_act_sessions{earlier}"]) == (3, 1)
        assert "flywheel_endpoint_policy_info{p2}" not in after


def test_a_version_that_was_replaced_is_not_told_of_any_more(tmp_path: Path):
    with replicas(tmp_path, 1) as (one,):
        for version in ("p1", "p2", "p1", "p3"):
            one.do("serves", policy_version=version)
        one.do("refused")
        told = {name: value for name, value in one.counts().items() if "endpoint" in name}
        assert told == {
            "flywheel_endpoint_policy_info{p3}": 1,
            "flywheel_endpoint_swaps_total{ok}": 4,
            "flywheel_endpoint_swaps_total{refused}": 1,
        }


def test_all_of_the_table_is_there_before_anything_happened(tmp_path: Path):
    with replicas(tmp_path, 1) as (one,):
        one.do("serves", policy_version="p1")
        told = {family.name for family in text_string_to_metric_families(one.do("exposition"))}
    assert told == {row.name.removesuffix("_total") for row in table.TABLE if row.where is Where.ACT}


def test_every_ending_of_a_request_has_its_label():
    assert set(map(str, Ending)) == set(table.ANSWERS)


@pytest.mark.parametrize("kind", [ActingMeter, Uncounted])
def test_it_is_what_the_endpoint_tells(kind: type):
    for name, told in vars(Meter).items():
        if not name.startswith("_"):
            assert list(signature(getattr(kind, name)).parameters) == list(signature(told).parameters)


def test_a_process_that_was_not_told_where_to_count_says_so():
    with pytest.raises(FlywheelError, match=f"{FOLDER} was not set when this process began"):
        open_meter()
