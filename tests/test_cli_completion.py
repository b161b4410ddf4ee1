"""Completion of commands by the shell."""

import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "from flywheel.cli import main; main()"]


def asked(arguments=(), **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(shell):
    printed = asked(_FLYWHEEL_COMPLETE=f"source_{shell}")
    assert "_FLYWHEEL_COMPLETE=complete_" in printed
    assert "flywheel" in printed


def test_a_command_that_was_begun_is_completed():
    found = asked(_FLYWHEEL_COMPLETE="complete_bash", COMP_WORDS="flywheel ca", COMP_CWORD="1")
    assert found.split() == ["cancel", "campaign"]


def test_an_option_that_was_begun_is_completed():
    found = asked(_FLYWHEEL_COMPLETE="complete_bash", COMP_WORDS="flywheel iterate --w", COMP_CWORD="2")
    assert found.split() == ["--wait"]
