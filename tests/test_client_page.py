"""docs/client.md: its examples, in their order, against a service over a finished run."""

import re
import shlex
from pathlib import Path

import pytest
from answering import turning
from turned import open_turned

from flywheel.core.access import Scope
from flywheel.core.control import IterationState

PAGE = (Path(__file__).parent.parent / "docs" / "client.md").read_text(encoding="utf-8")


@pytest.fixture
def service(folder, monkeypatch, tmp_path):
    desk = open_turned(folder)
    with turning(desk, IterationState.SUCCEEDED, "better") as url:
        monkeypatch.setenv("FLYWHEEL_URL", url)
        monkeypatch.setenv("FLYWHEEL_TOKEN", desk.secrets[Scope.ADMIN])
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield desk


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_every_example_works(service, flywheel, capsys):
    names = {}
    assert len(blocks("python")) >= 8
    for block in blocks("python"):
        exec(compile(block, "docs/client.md", "exec"), names)
    names["wheel"].close()
    names["robot"].close()
    said = capsys.readouterr().out
    assert "token:admin at http://127.0.0.1:" in said
    assert "succeeded better" in said
    assert "policy-0001 is live, policy-0002 was" in said
    assert "409 Conflict iteration 4 is succeeded already" in said
    lines = [line.removeprefix("$ flywheel ") for block in blocks("console") for line in block.splitlines()]
    assert len(lines) >= 12
    # Campaign 2 is the second of the page: the first is in its Python.
    for line in lines:
        code, out, err = flywheel(*shlex.split(line))
        assert (code, err) == (0, ""), line
        assert out, line


def test_the_exit_codes_are_those_of_the_code():
    from_page = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert from_page == {0, 1, 2, 3, 4, 5, 130}
