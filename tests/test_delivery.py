"""Deliveries as records."""

from flywheel.core.delivery import Delivery, deliveries_to, delivery_key


def test_a_delivery_is_read_as_it_was_recorded() -> None:
    made = Delivery(
        webhook="chat",
        entry=7,
        action="policy.promoted",
        delivered=False,
        attempts=8,
        status=None,
        error="nobody answers",
        finished_at="2026-01-05T09:30:00.000Z",
    )
    assert Delivery.of(made.plain) == made
    assert delivery_key("chat", 7) == "deliveries/chat/00000007"
    assert delivery_key("chat", 7).startswith(deliveries_to("chat"))
    assert not delivery_key("chat2", 7).startswith(deliveries_to("chat"))
