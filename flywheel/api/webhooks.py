"""Webhooks: who outside is told of what, and how that went."""

from functools import partial

from fastapi import APIRouter, Response

from flywheel.api.etags import IfMatch, check_match
from flywheel.api.guards import Admin, Desk, MaybeClaimed
from flywheel.api.names import WebhookName
from flywheel.api.pages import Page, PageSize, PageToken, page
from flywheel.api.problems import documented
from flywheel.api.route import Route
from flywheel.api.webhook_view import CreatedWebhook, DeliveryView, WebhookRequest, WebhookView
from flywheel.core.commands import webhooks as commands
from flywheel.core.control import Control
from flywheel.core.delivery import Delivery, deliveries_of
from flywheel.core.entry import Draft
from flywheel.core.errors import NotFoundError

router = APIRouter(tags=["webhooks"], route_class=Route)


@router.post("/webhooks", status_code=201, responses=documented(409))
def create_webhook(
    request: WebhookRequest, plane: Desk, who: Admin, claim: MaybeClaimed, response: Response
) -> CreatedWebhook:
    """Have an address told of what happens from now on."""
    decide = partial(commands.create, name=request.name, by=who.name, url=str(request.url), actions=request.actions)
    entry = plane.chronicle.append(decide, claim=claim)
    assert entry is not None, "creating a webhook always makes an entry"
    response.headers["Location"] = f"/v1/{entry.subject}"
    shown = WebhookView.of(entry).model_dump()
    return CreatedWebhook(**shown, signing_secret=plane.signing_secret(request.name))


@router.get("/webhooks", responses=documented(400))
def list_webhooks(plane: Desk, who: Admin, page_size: PageSize = 50, page_token: PageToken = None) -> Page[WebhookView]:
    """Webhooks, by name."""
    chosen = [webhook for _, webhook in sorted(plane.chronicle.control().webhooks.items())]
    return page(chosen, size=page_size, token=page_token, key=lambda one: one.name, show=WebhookView.model_validate)


@router.get("/webhooks/{name}", responses=documented(404))
def get_webhook(name: WebhookName, plane: Desk, who: Admin) -> WebhookView:
    """One webhook."""
    return WebhookView.model_validate(commands.webhook(plane.chronicle.control(), name))


@router.delete("/webhooks/{name}", status_code=204, responses=documented(404, 412))
def delete_webhook(name: WebhookName, plane: Desk, who: Admin, if_match: IfMatch = None) -> None:
    """Tell it nothing any more."""

    def decide(control: Control) -> Draft:
        check_match(if_match, WebhookView.model_validate(commands.webhook(control, name)))
        return commands.delete(control, name, by=who.name)

    plane.chronicle.append(decide)


@router.get("/webhooks/{name}/deliveries", responses=documented(400, 404))
def list_deliveries(
    name: WebhookName, plane: Desk, who: Admin, page_size: PageSize = 50, page_token: PageToken = None
) -> Page[DeliveryView]:
    """What it was told, and what nobody could tell it; the newest first."""
    webhook = commands.webhook(plane.chronicle.control(), name)
    prefix = deliveries_of(name)
    numbers = sorted((int(key.removeprefix(prefix)) for key in plane.records.keys(prefix)), reverse=True)
    # One of the same name may have been deleted before.
    chosen = [number for number in numbers if number > webhook.since]

    def show(number: int) -> DeliveryView:
        record = plane.records.read(f"{prefix}{number:08d}")
        if record is None:
            raise NotFoundError(f"{prefix}{number:08d}: was there a moment ago")
        return DeliveryView.model_validate(Delivery.of(record))

    return page(chosen, size=page_size, token=page_token, key=str, show=show)
