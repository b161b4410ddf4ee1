from io import StringIO

import pytest
from rich.console import Console
from runs import result, results

from flywheel.display import DESCRIPTIONS, Display, rates
from flywheel.journal import Happening, News, Progress
from flywheel.loop import FINAL, STAGES

TASKS = ("metaworld/reach-v3", "metaworld/push-v3")


def shown(*news, terminal=False):
    """What a console of 40 columns says."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=40 if not terminal else 100, _environ={})
    with Display(console=console) as display:
        for one in news:
            display.show(one)
    return out.getvalue()


def happened(kind, stage=None, iteration=1, progress=None, message="", **outcome):
    happening = Happening(kind=kind, iteration=iteration, stage=stage, outcome=outcome, message=message)
    return News(happenings=(happening,), progress=progress)


def test_an_iteration_is_announced_by_its_first_stage():
    assert shown(happened("started", "plan", 0)) == "iteration 0  pretraining\n"
    assert shown(happened("started", "plan", 3)) == "iteration 3  improvement\n"
    assert shown(happened("started", "relabel", 3)) == ""


@pytest.mark.parametrize(
    ("stage", "outcome", "line"),
    [
        (
            "plan",
            {
                "live": "policy-0000",
                "collect": {"suite/reach-v3": {"fresh": 40, "revisit": [1, 2]}, "push-v3": {"fresh": 9, "revisit": []}},
                "gate": {"alpha": 0.02},
            },
            "policy-0000 is live; collect reach-v3 42, push-v3 9; gate alpha 0.02",
        ),
        ("plan", {"live": None, "collect": {}, "gate": None}, "nobody is live"),
        ("ingest", {"tasks": results([30, 10], 40)}, "reach-v3 75%, push-v3 25% (n 40 each)"),
        ("collect", {"tasks": results([40, 0], 40)}, "reach-v3 100%, push-v3 0% (n 40 each)"),
        ("relabel", {"labels_version": 7}, "labels at version 7"),
        (
            "train",
            {"policy_id": "policy-0001", "num_updates": 1000, "metrics": {"loss": 1.256}},
            "policy-0001 after 1000 updates, loss 1.26",
        ),
        (
            "evaluate",
            {"tasks": results([20, 30], 40), "decision": "promote", "reason": "mean success 0.6 against 0.5"},
            "reach-v3 50%, push-v3 75% (n 40 each): promote, mean success 0.6 against 0.5",
        ),
        ("deploy", {"live": "policy-0001", "deployed": True}, "policy-0001 is live"),
        ("deploy", {"live": "policy-0000", "deployed": False}, "policy-0000 stays live"),
        ("deploy", {"live": None, "deployed": False}, "no version is live"),
        ("final", {"tasks": results([100, 99], 100)}, "reach-v3 100%, push-v3 99% (n 100 each)"),
    ],
)
def test_a_finished_stage_is_one_line_that_is_never_broken(stage, outcome, line):
    assert shown(happened("completed", stage, wall_s=12.34, **outcome)) == f"  {stage:<9}   12.3 s  {line}\n"


def test_every_stage_can_be_told():
    assert DESCRIPTIONS.keys() == {*map(str, STAGES), FINAL}


def test_events_are_told_as_they_are():
    message = "episode 0001 failed: KeyError: [red]'x'[/] " + "and more " * 10
    assert shown(happened("event", message=message)) == f"  {message}\n"


def test_elsewhere_than_on_a_terminal_there_are_no_bars_and_no_colours():
    progress = Progress(iteration=1, stage="collect", done=3, total=10)
    text = shown(
        happened("started", "plan"),
        happened("started", "collect", progress=progress),
        News(happenings=(), progress=progress),
        happened("completed", "collect", wall_s=1.0, tasks=results([1, 1], 2)),
    )
    assert text == "iteration 1  improvement\n  collect      1.0 s  reach-v3 50%, push-v3 50% (n 2 each)\n"


@pytest.mark.parametrize(("stage", "unit"), [("collect", "episodes"), ("train", "updates")])
def test_on_a_terminal_a_bar_shows_how_far_the_running_stage_is(stage, unit):
    progress = Progress(iteration=1, stage=stage, done=3, total=10)
    text = shown(happened("started", stage, progress=progress), terminal=True)
    assert "3/10" in text
    assert unit in text
    assert stage in text


def test_on_a_terminal_the_bar_of_a_finished_stage_is_gone():
    early = happened("started", "collect", progress=Progress(iteration=1, stage="collect", done=3, total=10))
    done = happened("completed", "collect", wall_s=1.0, tasks=results([1, 1], 2))
    late = happened("started", "relabel", progress=Progress(iteration=1, stage="relabel", done=5, total=8))
    text = shown(early, done, late, terminal=True)
    assert text.rindex("5/8") > text.index("reach-v3 50%")
    assert "3/10" not in text[text.index("reach-v3 50%") :]


def test_progress_without_a_bar_or_a_total_is_no_error():
    assert shown(News(happenings=(), progress=Progress(iteration=1, stage="collect", done=1, total=2))) == ""
    started = happened("started", "relabel", progress=Progress(iteration=1, stage="relabel"))
    assert "relabel" in shown(started, terminal=True)


def test_where_nothing_was_scored_there_is_no_rate():
    assert rates({"gym/A": result(0, 0), "gym/B": result(1, 4)}) == "A -, B 25% (n 0 to 4 each)"
