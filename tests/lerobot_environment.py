"""Makes `.lerobot`, an interpreter with LeRobot's own code: `python tests/lerobot_environment.py`.

LeRobot's pins exclude the versions of torch and others that Flywheel runs on, so it cannot live in the same
environment. It gets one of its own that sees ours, and only the packages that loading a dataset imports.
"""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".lerobot"
PYTHON = FOLDER / "bin" / "python"
PACKAGES = (
    "lerobot==0.4.4",
    "accelerate==1.15.0",
    "av==15.1.0",
    "datasets==4.8.4",
    "dill==0.4.1",
    "hf-xet==1.8.0",
    "httpcore==1.0.9",
    "httpx==0.28.1",
    "huggingface_hub==0.35.3",
    "multiprocess==0.70.19",
    "sniffio==1.3.1",
    "torchvision==0.28.0",
    "xxhash==4.1.0",
)


def make() -> None:
    """Does nothing where it is whole already."""
    whole = [PYTHON, "-c", "import lerobot, datasets"]
    if PYTHON.exists() and subprocess.run(whole, check=False, capture_output=True).returncode == 0:
        return
    venv.create(FOLDER, with_pip=False, clear=True)
    (folder,) = FOLDER.glob("lib/python*/site-packages")
    ours = f"import site; site.addsitedir({sysconfig.get_paths()['purelib']!r})"
    (folder / "flywheel_environment.pth").write_text(ours, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-qq", "--no-deps", *PACKAGES], check=True)


if __name__ == "__main__":
    if not PYTHON.exists():
        print(f"Setting up {FOLDER.name} (about 200 MB; once) ...")
    make()
