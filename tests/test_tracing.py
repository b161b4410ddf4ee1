"""Spans as a real collector of OTLP gets them, and nothing where there is none."""

import subprocess
import sys

import pytest
from otlp import Collector, collecting

from flywheel.core.errors import TrainingError
from flywheel.core.iteration import Stage
from flywheel.tracing import choice
from flywheel.tracing.choice import Turns

SERVER = 2
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSET = """
import sys
from flywheel.tracing import choice
turns, requests = choice.turns(lambda: 1 / 0), choice.requests()
turns.began(3); turns.stage_started(3, "train"); turns.event("x"); turns.ended(); turns.close()
with requests.act({}) as say:
    say(task="reach")
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


@pytest.fixture
def collector(monkeypatch):
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


def turns(identity: str = "a store") -> Turns:
    return choice.turns(lambda: identity)


def by_name(collector: Collector):
    return {span.name: span for span in collector.spans}


def test_a_stage_is_a_span_in_the_trace_of_its_iteration(collector):
    traces = turns()
    traces.began(3)
    traces.stage_started(3, Stage.EVALUATE)
    traces.progress(1, 2)
    traces.event("collector 1 died; replaced")
    outcome = {
        "policy_id": "policy-0003", "decision": "promote", "reason": "better", "wall_s": 1.0,
        "tasks": {"a": {"episodes": 25}, "b": {"episodes": 50}},
    }  # fmt: skip
    traces.stage_completed(3, Stage.EVALUATE, outcome)
    traces.stage_started(3, Stage.DEPLOY)
    traces.stage_completed(3, Stage.DEPLOY, {"live": "policy-0003", "deployed": True, "reason": "better"})
    traces.ended()
    traces.close()
    spans = by_name(collector)
    turn, evaluate, deploy = spans["iteration"], spans["evaluate"], spans["deploy"]
    assert {span.trace_id for span in collector.spans} == {turn.trace_id}
    assert turn.parent_id == ""
    assert evaluate.parent_id == deploy.parent_id == turn.span_id
    assert evaluate.attributes == {
        "flywheel.iteration": 3,
        "flywheel.stage": "evaluate",
        "flywheel.policy_version": "policy-0003",
        "flywheel.decision": "promote",
        "flywheel.reason": "better",
        "flywheel.episodes": 75,
    }
    assert evaluate.events == ["collector 1 died; replaced"]
    assert deploy.attributes["flywheel.deployed"] is True
    assert (turn.attributes["flywheel.iteration"], turn.attributes["flywheel.decision"]) == (3, "promote")
    assert {span.error for span in collector.spans} == {None}
    assert {(span.service, span.process) for span in collector.spans} == {("flywheel", "supervisor")}


def test_what_fails_says_why_and_whoever_goes_on_does_so_in_the_same_trace(collector):
    for identity, failure in (("a store", TrainingError("no memory")), ("a store", None), ("another", None)):
        traces = turns(identity)
        traces.began(3)
        traces.stage_started(3, Stage.TRAIN)
        traces.ended(failure)
        traces.close()
    failed, resumed, elsewhere = (
        [span for span in collector.spans if span.name == name] for name in ("iteration", "train", "iteration")
    )
    assert [span.error for span in failed] == [span.error for span in resumed] == ["no memory", None, None]
    assert failed[0].events == ["exception"]
    assert failed[0].trace_id == resumed[0].trace_id == failed[1].trace_id == resumed[1].trace_id
    assert failed[0].span_id != failed[1].span_id
    assert elsewhere[2].trace_id != failed[0].trace_id


def test_where_nobody_says_which_iteration_begins_the_stages_do(collector):
    traces = turns()
    for iteration in (3, 4):
        traces.stage_started(iteration, Stage.PLAN)
        traces.stage_completed(iteration, Stage.PLAN, {"live": None})
    traces.close()
    found = [span for span in collector.spans if span.name == "iteration"]
    assert [span.attributes["flywheel.iteration"] for span in found] == [3, 4]
    assert len({span.trace_id for span in collector.spans}) == 2


def test_a_request_to_act_goes_on_the_trace_of_who_asks(collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    traces = choice.requests()
    with traces.act({"traceparent": CALLER}) as say:
        say(task="reach", policy_version="policy-0003", observations=2)
    with pytest.raises(ValueError, match="unfit"), traces.act({}):
        raise ValueError("unfit")
    first, second = collector.wait(lambda spans: len(spans) == 2)
    assert (first.name, first.kind, first.process) == ("act", SERVER, "endpoint")
    assert (first.trace_id, first.parent_id) == tuple(CALLER.split("-")[1:3])
    assert first.attributes == {
        "flywheel.task": "reach",
        "flywheel.policy_version": "policy-0003",
        "flywheel.observations": 2,
    }
    assert second.trace_id != first.trace_id
    assert second.error == "ValueError: unfit"


def test_the_environment_may_name_the_service(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "wheel-7")
    traces = turns()
    traces.began(3)
    traces.close()
    assert [span.service for span in collector.spans] == ["wheel-7"]


def test_of_what_a_collector_that_is_away_does_not_take_only_so_much_waits(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = turns()
    for number in range(3_000):
        traces.stage_started(number, Stage.PLAN)
        traces.stage_completed(number, Stage.PLAN, {})
    traces.close()
    assert "Queue full, dropping Span." in caplog.messages


@pytest.mark.parametrize(
    "environ",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}],
)
def test_without_an_endpoint_there_are_no_traces(environ):
    assert isinstance(choice.turns(lambda: "", environ), choice.NoTurns)
    assert isinstance(choice.requests(environ), choice.NoRequests)


def test_without_an_endpoint_nothing_is_imported(monkeypatch):
    for name in choice.ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    subprocess.run([sys.executable, "-c", UNSET], check=True)
