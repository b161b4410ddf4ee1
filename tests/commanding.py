"""The command line, run in the test's own process."""

import sys

import pytest

from flywheel import cli


@pytest.fixture
def flywheel(monkeypatch, capsys):
    """Runs a command: exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["flywheel", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run
