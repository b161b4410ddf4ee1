"""Commands on webhooks. Each answers with the entry to be made, or refuses. Pure."""

from collections.abc import Sequence

from flywheel.core.control import Control
from flywheel.core.entry import Action, Draft
from flywheel.core.errors import ConflictError, UnknownError
from flywheel.core.webhook import Webhook


def create(control: Control, name: str, *, by: str, url: str, actions: Sequence[Action]) -> Draft:
    if name in control.webhooks:
        raise ConflictError(f"webhook {name} is there already: delete it first")
    return Draft(
        action=Action.WEBHOOK_CREATED,
        subject=f"webhooks/{name}",
        by=by,
        details={"url": url, "actions": [str(action) for action in actions]},
    )


def delete(control: Control, name: str, *, by: str) -> Draft:
    webhook(control, name)
    return Draft(action=Action.WEBHOOK_DELETED, subject=f"webhooks/{name}", by=by)


def webhook(control: Control, name: str) -> Webhook:
    """UnknownError: there is none with this name."""
    if name not in control.webhooks:
        raise UnknownError(f"there is no webhook {name}")
    return control.webhooks[name]
