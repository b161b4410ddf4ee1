import subprocess
import sys
from dataclasses import is_dataclass

from flywheel import client

REPORT_IMPORTS = """
import sys
import flywheel.client
print(sorted({name.partition(".")[0] for name in sys.modules} & {
    "fastapi", "starlette", "uvicorn", "ray", "torch", "numpy", "pyarrow", "deltalake"
}))
print(sorted({name for name in sys.modules if name.count(".") == 1 and name.startswith("flywheel.")}))
"""


def test_a_client_imports_nothing_of_what_is_behind_the_api():
    ended = subprocess.run([sys.executable, "-c", REPORT_IMPORTS], capture_output=True, text=True, check=True)
    foreign, own = ended.stdout.splitlines()
    assert foreign == "[]"
    assert own == "['flywheel.client', 'flywheel.core', 'flywheel.services']"


def test_what_it_offers_is_there_and_explained():
    for name in client.__all__:
        found = getattr(client, name)
        assert found.__doc__, name
        if is_dataclass(found):
            assert found.__dataclass_params__.frozen, name
    assert client.__all__ == sorted(client.__all__)


def test_every_resource_has_methods_that_explain_themselves_or_need_not(tmp_path):
    wheel = client.Flywheel("http://127.0.0.1:9", "fw_any")
    resources = {name: value for name, value in vars(wheel).items() if hasattr(value, "all")}
    assert set(resources) == {
        "iterations", "campaigns", "schedules", "deployments", "policies", "episodes", "tasks", "datasets", "tokens",
        "webhooks",
    }  # fmt: skip
    assert repr(wheel) == "Flywheel('http://127.0.0.1:9')"
    wheel.close()
