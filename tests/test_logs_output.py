"""What processes of the service write, by processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from flywheel.logs.output import VARIABLE

SAY = """
import logging, sys, threading, warnings
from flywheel.logs import output
output.start("tester")
output.start("tester")
logging.getLogger("flywheel.some").info("ours")
serve = logging.getLogger("serve")
serve.addHandler(logging.StreamHandler())
serve.setLevel(logging.INFO)
serve.propagate = False
output.take_over("serve")
serve.info("started")
serve.error("a replica died")
logging.getLogger("httpx2").info("http://somewhere/?key=secret")
logging.getLogger("httpx2").warning("theirs")
warnings.warn("careful")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
raise ValueError("the end")
"""
MANY = """
import logging, sys
from flywheel.logs import output
output.start(sys.argv[1])
for number in range(200):
    logging.getLogger("flywheel").info("%d %s", number, "x" * 9000)
"""


def ran(code: str, *arguments: str, path: Path | None) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    if path is not None:
        environment[VARIABLE] = str(path)
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stderr=subprocess.PIPE)


def lines_of(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.splitlines()]


def test_ours_theirs_warnings_and_what_nobody_caught_are_lines():
    _, said = ran(SAY, path=None).communicate()
    lines = lines_of(said)
    assert [(line["level"], line["logger"]) for line in lines] == [
        ("info", "flywheel.process"),
        ("info", "flywheel.some"),
        ("error", "serve"),
        ("warning", "httpx2"),
        ("warning", "py.warnings"),
        ("critical", "flywheel.process"),
        ("critical", "flywheel.process"),
    ]
    assert "careful" in lines[4]["message"]
    assert "ZeroDivisionError" in lines[5]["exception"]
    assert lines[6]["message"] == "nobody caught ValueError: the end"
    assert {line["process"] for line in lines} == {"tester"}
    assert b"secret" not in said


def test_lines_of_several_processes_do_not_mix(tmp_path):
    path = tmp_path / "service.log"
    processes = [ran(MANY, name, path=path) for name in ("one", "two", "three")]
    assert [process.communicate()[1] for process in processes] == [b"", b"", b""]
    lines = lines_of(path.read_bytes())
    for name in ("one", "two", "three"):
        numbers = [line["message"].split()[0] for line in lines if line["process"] == name]
        assert numbers == [name, *(str(number) for number in range(200))]
    assert path.stat().st_mode & 0o777 == 0o600
