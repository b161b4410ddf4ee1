import pytest

from flywheel.filming.pace import LONGEST_S, MOST_FRAMES, SHORTEST_S, pace


@pytest.mark.parametrize(
    ("num_decisions", "decision_s", "speed"),
    [
        (100, 0.05, "real time"),
        (40, 0.025, "1/4 x real time"),
        (3, 0.025, "1/16 x real time"),
        (1000, 0.05, "4 x real time"),
        (1, 1.0, "real time"),
        (2, 3600.0, "512 x real time"),
    ],
)
def test_what_is_too_short_or_too_long_to_watch_runs_at_another_speed(num_decisions, decision_s, speed):
    assert pace(num_decisions=num_decisions, decision_s=decision_s).in_words == speed


@pytest.mark.parametrize("num_decisions", [60, 100, 250, 5000])
def test_frames_are_spread_evenly_and_end_with_the_last_decision(num_decisions):
    found = pace(num_decisions=num_decisions, decision_s=0.05)
    assert 1 <= found.shown[0] <= num_decisions / len(found.shown) + 1
    assert found.shown[-1] == num_decisions
    assert len(found.shown) <= MOST_FRAMES
    steps = [after - before for before, after in zip(found.shown, found.shown[1:], strict=False)]
    assert max(steps) - min(steps) <= 1
    assert min(steps) > 0


@pytest.mark.parametrize("num_decisions", [8, 60, 100, 250, 5000])
def test_a_video_lasts_as_long_as_its_speed_says(num_decisions):
    found = pace(num_decisions=num_decisions, decision_s=0.05)
    seen_s = found.frame_s * len(found.shown)
    assert seen_s == pytest.approx(num_decisions * 0.05 / float(found.speed))
    assert SHORTEST_S <= seen_s <= LONGEST_S


def test_no_more_frames_are_rendered_than_can_be_told_apart():
    assert len(pace(num_decisions=500, decision_s=0.008).shown) == 120
