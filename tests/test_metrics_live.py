"""What happens right now, in numbers."""

import pytest
from scraped import families, scraped, value

from flywheel.metrics.live import LEARNED, LiveMetrics
from flywheel.metrics.metric import Where
from flywheel.metrics.table import TABLE
from flywheel.ports import CollectorCounts, Spooled
from flywheel.store.calls import CallOutcome, Operation

IDLE = CollectorCounts()


class Clock:
    """Goes on when told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def live(*, counts: CollectorCounts = IDLE, clock: Clock | None = None) -> LiveMetrics:
    return LiveMetrics(collectors=lambda: counts, spool_bytes=1000, clock=clock or Clock())


def test_the_running_stage_says_how_far_it_is_and_no_other_does():
    metrics = live()
    assert value(metrics.text(), "flywheel_stage_progress_ratio", stage="collect") is None
    metrics.stage_started(1, "collect")
    assert value(metrics.text(), "flywheel_stage_progress_ratio", stage="collect") == 0
    metrics.progress(3, 12)
    assert value(metrics.text(), "flywheel_stage_progress_ratio", stage="collect") == 0.25
    metrics.progress(0, 0)
    assert value(metrics.text(), "flywheel_stage_progress_ratio", stage="collect") == 0.25
    metrics.stage_completed(1, "collect", {})
    assert [name for name, _ in scraped(metrics.text()) if "progress" in name] == []


def test_the_final_assessment_is_no_stage():
    metrics = live()
    metrics.stage_started(1, "final")
    metrics.progress(1, 2)
    assert [name for name, _ in scraped(metrics.text()) if "progress" in name] == []


def test_updates_are_counted_once_however_often_they_are_reported():
    clock = Clock()
    metrics = live(clock=clock)
    metrics.stage_started(1, "train")
    clock.now += 100.0
    figures = {"loss": 2.5, "update_s": 0.5, "data_wait_s": 0.125}
    for done in (20, 20, 60, 60):
        metrics.progress(done, 100, **figures)
    text = metrics.text()
    assert value(text, "flywheel_updates_total") == 60
    assert value(text, "flywheel_update_duration_seconds_count") == 60
    assert value(text, "flywheel_update_duration_seconds_sum") == 30
    assert value(text, "flywheel_data_wait_seconds_total") == 7.5
    metrics.stage_completed(1, "train", {})
    metrics.stage_started(2, "train")
    metrics.progress(10, 100, **figures)
    assert value(metrics.text(), "flywheel_updates_total") == 60
    clock.now += 100.0
    metrics.progress(15, 100, **figures)
    assert value(metrics.text(), "flywheel_updates_total") == 65


def test_a_training_that_goes_on_from_a_checkpoint_counts_what_was_made_since():
    clock = Clock()
    metrics = live(clock=clock)
    metrics.stage_started(1, "train")
    clock.now += 10.0
    metrics.progress(520, 1000, loss=1.0, update_s=0.5)
    assert value(metrics.text(), "flywheel_updates_total") == 20
    metrics.progress(600, 1000, loss=1.0, update_s=0.5)
    assert value(metrics.text(), "flywheel_updates_total") == 100


def test_a_training_that_says_no_times_counts_all_the_same():
    metrics = live()
    metrics.stage_started(1, "train")
    metrics.progress(30, 30, loss=1.0)
    assert value(metrics.text(), "flywheel_updates_total") == 30
    assert value(metrics.text(), "flywheel_update_duration_seconds_sum") == 0


def test_what_the_learner_measures_stays_until_it_measures_again():
    metrics = live()
    assert "flywheel_policy_entropy_nats" not in families(metrics.text())
    metrics.stage_started(1, "train")
    metrics.progress(10, 30, entropy=1.5, loss=2.0, cloning_loss=0.5, unheard_of=7.0)
    metrics.progress(20, 30, entropy=1.25, loss=1.0)
    metrics.stage_completed(1, "train", {})
    metrics.stage_started(1, "evaluate")
    metrics.progress(1, 8, entropy=9.0)
    text = metrics.text()
    assert value(text, "flywheel_policy_entropy_nats") == 1.25
    assert value(text, "flywheel_loss", part="total") == 1.0
    assert value(text, "flywheel_loss", part="cloning") == 0.5
    assert "7.0" not in text


def test_collectors_and_their_spools_are_added_up():
    spooled = (Spooled(num_parts=2, num_bytes=300), Spooled(num_parts=1, num_bytes=900, is_full=True))
    text = live(counts=CollectorCounts(alive=3, lost=1, num_decisions=120, spooled=spooled)).text()
    assert value(text, "flywheel_collectors") == 3
    assert value(text, "flywheel_collectors_lost_total") == 1
    assert value(text, "flywheel_episode_decisions_total") == 120
    assert value(text, "flywheel_spool_parts") == 3
    assert value(text, "flywheel_spool_bytes") == 1200
    assert value(text, "flywheel_spool_limit_bytes") == 3000
    assert value(text, "flywheel_collecting_paused") == 1


def test_calls_to_the_store_are_counted_and_timed():
    metrics = live()
    metrics.store_called(Operation.GET, CallOutcome.OK, 0.004)
    metrics.store_called(Operation.GET, CallOutcome.RETRIED, 0.2)
    metrics.store_called(Operation.PUT, CallOutcome.FAILED, 60.0)
    text = metrics.text()
    assert value(text, "flywheel_store_requests_total", operation="get", outcome="ok") == 1
    assert value(text, "flywheel_store_requests_total", operation="get", outcome="retried") == 1
    assert value(text, "flywheel_store_requests_total", operation="put", outcome="failed") == 1
    assert value(text, "flywheel_store_requests_total", operation="list", outcome="failed") == 0
    assert value(text, "flywheel_store_request_duration_seconds_sum", operation="get") == pytest.approx(0.204)
    assert value(text, "flywheel_store_request_duration_seconds_bucket", operation="get", le="0.005") == 1


def test_webhooks_that_were_given_up_are_counted():
    metrics = live()
    metrics.webhook_failed()
    metrics.event("what a person should read is no number")
    assert value(metrics.text(), "flywheel_webhook_failures_total") == 1


def test_all_of_the_table_and_nothing_else_is_exported():
    metrics = live()
    metrics.store_called(Operation.GET, CallOutcome.OK, 0.1)
    metrics.stage_started(1, "train")
    metrics.progress(1, 2, **dict.fromkeys(LEARNED, 1.0))
    expected = {metric.name: str(metric.kind) for metric in TABLE if metric.where is Where.LIVE}
    assert families(metrics.text()) == expected
    by_name = {metric.name: metric for metric in TABLE}
    for name, labels in scraped(metrics.text()):
        metric = by_name.get(name)
        for label, found in labels if metric else ():
            assert found in metric.values[label]
