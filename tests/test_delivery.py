"""Deliveries as records."""

from flywheel.core.delivery import Delivery, DeliveryState, deliveries_of, delivery_key


def test_a_delivery_is_read_as_it_was_recorded() -> None:
    made = Delivery(
        webhook="chat",
        entry=7,
        state=DeliveryState.GIVEN_UP,
        attempts=8,
        status=None,
        problem="nobody answers",
        at="2026-01-05T09:30:00.000Z",
    )
    assert Delivery.of(made.plain) == made
    assert delivery_key("chat", 7) == "deliveries/chat/00000007"
    assert delivery_key("chat", 7).startswith(deliveries_of("chat"))
    assert not delivery_key("chat2", 7).startswith(deliveries_of("chat"))
