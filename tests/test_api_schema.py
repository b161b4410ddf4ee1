"""The API does what its document says, whatever is sent: schemathesis, over a finished run."""

import shutil
from pathlib import Path

import pytest
import schemathesis
from desk import Desk, open_desk
from fastapi import FastAPI
from hypothesis import settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from small import small_config
from turned import POLICIES

from flywheel.api.application import create_app
from flywheel.core.access import Scope

EXAMPLES = 8
"""Of each operation, besides those that its document gives."""
LENIENT = [positive_data_acceptance, negative_data_rejection]
"""A document cannot say everything that makes a request wrong, nor that `"5"` is taken for 5."""
app: FastAPI = create_app(None)  # The document needs no store; the tests bring one.
schema = schemathesis.openapi.from_asgi("/v1/openapi.json", app)


@pytest.fixture(scope="module", autouse=True)
def desk(finished_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    root = tmp_path_factory.mktemp("schema") / "store"
    desk = open_desk(shutil.copytree(finished_folder, root), small_config())
    app.state.plane = desk.plane
    desk.plane.videos.save(desk.plane.episodes.page(size=1).summaries[0].episode_id, b"a video")
    return desk


@schema.parametrize()
@settings(max_examples=EXAMPLES)
def test_whatever_is_sent_is_answered_as_documented(case: schemathesis.Case, desk: Desk) -> None:
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _make_it_meet_what_is_there(case, desk.plane.episodes.page(size=1).summaries[0].episode_id)
    case.call_and_validate(
        headers={"Authorization": f"Bearer {desk.secrets[Scope.ADMIN]}"},
        excluded_checks=LENIENT,
    )


def _make_it_meet_what_is_there(case: schemathesis.Case, episode_id: str) -> None:
    """Names that are made up are seldom of anything."""
    number = len(str(case.body)) + len(case.query)
    name = "MountainCar-v0" if case.path.startswith("/v1/tasks") else "nightly"
    known = {"number": number % 3, "policy_id": POLICIES[number % 3], "name": name, "suite": "gym"}
    known["episode_id"] = episode_id
    if number % 2 or case.path.endswith("/events"):
        case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
