from fakes import Notebook

from flywheel.observers import Observers


def test_each_is_told_of_everything():
    books = Notebook(), Notebook()
    observers = Observers(observers=books)
    observers.stage_started(3, "train")
    observers.progress(1, 2, loss=0.5)
    observers.event("a collector was replaced")
    observers.stage_completed(3, "train", {"wall_s": 1.0})
    for book in books:
        assert book.started == [(3, "train")]
        assert book.completed == [(3, "train")]
        assert book.events == ["a collector was replaced"]
        assert len(book.progressed) == 1
