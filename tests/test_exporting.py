import numpy as np
import pytest
from factories import crashed_episode, random_episode
from fakes import MemoryEpisodes
from trading import REACH, admission, kept

from flywheel.core.episode import Outcome, Source
from flywheel.core.errors import ConfigError
from flywheel.exchange.exporting import Selection, export_episodes
from flywheel.exchange.formats import FORMATS, module_of

PUSH = "suite/push"
MADE = [
    random_episode(0),
    random_episode(1, task=PUSH, source=Source.DEMONSTRATION, behaviour_policy="demonstrator"),
    random_episode(2, scored=False, successes=np.zeros(5, np.bool_)),
    crashed_episode(3),
]


@pytest.fixture
def table():
    table = MemoryEpisodes()
    table.commit([table.write(MADE)], transaction="first")
    table.commit([table.write([random_episode(4)])], transaction="second")
    return table


def export(table, out, file_format="parquet", version=1, **selection):
    values = {"file_format": file_format, "out": out, "instructions": {REACH: "reach for it"}, "version": version}
    return export_episodes(table, Selection(**selection), **values)


def seeds(out, file_format="parquet"):
    return sorted(found.seed for found in module_of(file_format).read(out))


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ({}, [0, 1, 2, 3]),
        ({"tasks": (PUSH,)}, [1]),
        ({"sources": (Source.COLLECTION,)}, [0, 2, 3]),
        ({"policies": ("p0000",)}, [0, 2, 3]),
        ({"outcomes": (Outcome.UNSCORED, Outcome.ERROR)}, [2, 3]),
        ({"tasks": (REACH, PUSH), "policies": ("demonstrator",)}, [1]),
    ],
)
def test_episodes_are_chosen_by_all_that_is_asked(table, tmp_path, selection, chosen):
    done = export(table, tmp_path / "out", **selection)
    assert seeds(tmp_path / "out") == chosen
    assert sum(done.episodes.values()) == len(chosen)


def test_the_newest_version_is_exported_unless_another_is_asked_for(table, tmp_path):
    export(table, tmp_path / "out", version=None)
    assert seeds(tmp_path / "out") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("file_format", FORMATS)
def test_whatever_the_format_all_episodes_come_back(table, tmp_path, file_format):
    done = export(table, tmp_path / "out", file_format)
    found = [some for some in module_of(file_format).read(tmp_path / "out") if some.error is None]
    came = sorted((admission().episode(some) for some in found), key=lambda episode: episode.seed)
    assert [kept(episode) for episode in came] == [kept(episode) for episode in MADE[:3]]
    assert done.crashed == (0 if file_format in ("parquet", "arrow") else 1)
    assert done.episodes[REACH] == (3 if file_format in ("parquet", "arrow") else 2)


@pytest.mark.parametrize("file_format", ["minari", "lerobot", "rllib"])
def test_each_task_gets_a_dataset_of_its_own(table, tmp_path, file_format):
    export(table, tmp_path / "out", file_format)
    assert seeds(tmp_path / "out" / "suite", file_format) == [0, 1, 2]
    assert [folder.name.removesuffix("-v0") for folder in sorted((tmp_path / "out" / "suite").iterdir())] == [
        "push",
        "reach",
    ]


def test_a_folder_that_is_there_is_left_alone(table, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=f"--out {tmp_path}: is already there"):
        export(table, tmp_path)
    with pytest.raises(ConfigError, match="is already there"):
        export(table, tmp_path / "mine.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_will_do(table, tmp_path):
    (tmp_path / "out").mkdir()
    export(table, tmp_path / "out")
    assert len(seeds(tmp_path / "out")) == 4


def test_a_dataset_that_cannot_hold_them_all_is_not_begun(table, tmp_path):
    table.commit([table.write([random_episode(5, facts={})])], transaction="third")
    with pytest.raises(ConfigError, match="export them apart, e.g. by --source"):
        export(table, tmp_path / "out", "lerobot", version=None)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_export_is_an_error(table, tmp_path):
    with pytest.raises(ConfigError, match="no episode fits"):
        export(table, tmp_path / "out", tasks=("suite/fly",))
    with pytest.raises(ConfigError, match="no episode fits"):
        export(table, tmp_path / "out", "rllib", outcomes=(Outcome.ERROR,))


def test_a_place_that_cannot_be_written_is_named(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=f"--out {tmp_path}/file/out: cannot be written: Not a directory"):
        export(table, tmp_path / "file" / "out")
