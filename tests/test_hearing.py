from flywheel.journal import Progress
from flywheel.service.hearing import Hearing


def test_it_knows_what_runs_now():
    started: list[str] = []
    hearing = Hearing(started=started.append)
    assert hearing.now is None
    hearing.progress(1, 2)
    assert hearing.now is None
    hearing.stage_started(3, "train")
    assert hearing.now == Progress(iteration=3, stage="train")
    hearing.progress(10, 20, loss=1.5)
    assert hearing.now == Progress(iteration=3, stage="train", done=10, total=20, figures={"loss": 1.5})
    hearing.event("a collector was replaced")
    hearing.stage_completed(3, "train", {})
    assert hearing.now is None
    assert started == ["train"]
