"""Why a person may make a version live."""

import pytest

from flywheel.core.commands.policies import why
from flywheel.core.errors import ConflictError


def test_the_reason_that_is_given_is_the_reason() -> None:
    assert why("p", gate=None, reason="gentler") == "gentler"
    assert why("p", gate=("reject", "worse"), reason="gentler") == "gentler"
    assert why("p", gate=("promote", "better"), reason="gentler") == "gentler"


def test_where_the_gate_said_promote_its_own_reason_will_do() -> None:
    assert why("p", gate=("promote", "better"), reason=" ") == "better"


@pytest.mark.parametrize(
    ("gate", "words"), [(None, "not judged by the gate"), (("reject", "worse on push"), "worse on push")]
)
def test_otherwise_somebody_has_to_say_why(gate, words) -> None:
    with pytest.raises(ConflictError, match=words):
        why("p", gate=gate, reason=" \n")
