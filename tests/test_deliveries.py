import json
from contextlib import contextmanager
from threading import Condition, Event

import pytest
from diary import Diary
from fakes import MemoryRecords
from receiver import HANG, closed_port, receiving

from flywheel.core.commands import policies, tokens, webhooks
from flywheel.core.delivery import DELIVERIES, Delivery, DeliveryState, attempts_of, delivery_key
from flywheel.core.entry import Action
from flywheel.core.errors import StoreUnavailableError
from flywheel.service import courier
from flywheel.service.courier import FEWEST_ATTEMPTS, Perseverance
from flywheel.service.deliveries import Deliveries
from flywheel.service.posting import Poster
from flywheel.service.signing import signature, signing_secret

KEY = b"k" * 32
PATIENCE_S = 30.0


class AwaitedRecords(MemoryRecords):
    """Tells who waits for a record."""

    def __init__(self):
        super().__init__()
        self._changed = Condition()

    def write(self, key, record):
        with self._changed:
            super().write(key, record)
            self._changed.notify_all()

    def wait(self, key):
        with self._changed:
            assert self._changed.wait_for(lambda: super(AwaitedRecords, self).read(key), PATIENCE_S), key
        return self.read(key)


class Town(Diary):
    """A diary whose webhooks are told."""

    def __init__(self):
        super().__init__()
        self.records = AwaitedRecords()
        self.chronicle = self.another()
        self.gave_up = Event()

    def hook(self, name, url, *actions):
        self.add(webhooks.create, name, url=url, actions=actions or (Action.POLICY_PROMOTED,))

    def promote(self, number):
        """The number of its entry."""
        return self.add(policies.promote, f"policy-{number:04d}", reason="better", iteration=number).number

    def ended(self, webhook, number):
        """How the delivery of an entry did, once it has."""
        return Delivery.of(self.records.wait(delivery_key(webhook, number)))

    @contextmanager
    def delivering(self, *, patience_s=3600.0, timeout_s=10.0, grace_s=0.0, records=None):
        """By a process of its own, which does not wait long."""
        deliveries = Deliveries(
            chronicle=self.another(),
            records=records or self.records,
            key=KEY,
            poster=Poster(timeout_s=timeout_s, allow_link_local=False),
            perseverance=Perseverance(
                patience_s=patience_s, first_pause_s=0.001, longest_pause_s=0.01, grace_s=grace_s
            ),
            now=self.now,
            poll_s=0.01,
            gave_up=self.gave_up.set,
        )
        deliveries.start()
        try:
            yield deliveries
        finally:
            deliveries.stop()


@pytest.fixture
def town():
    return Town()


def numbers(delivered):
    return [request.entry["number"] for request in delivered]


def test_an_entry_is_told_signed_and_recorded(town):
    with receiving() as receiver, town.delivering():
        town.hook("ci", receiver.url)
        number = town.promote(3)
        ended = town.ended("ci", number)
    assert ended == Delivery(
        webhook="ci", entry=number, state=DeliveryState.DELIVERED, attempts=1, status=204, problem="", at=town.time
    )
    assert not town.gave_up.is_set()
    (arrived,) = receiver.delivered
    secret = signing_secret(KEY, "ci")
    # 2026-01-05T09:00:00Z
    assert arrived.headers["flywheel-signature"] == signature(secret, arrived.body, at=1767603600)
    assert arrived.headers["flywheel-event"] == "policy.promoted"
    assert arrived.headers["flywheel-delivery"] == f"ci/{number}"
    assert arrived.headers["content-type"] == "application/json"
    assert json.loads(arrived.body) == {
        "action": "policy.promoted",
        "subject": "policies/policy-0003",
        "by": "token:ann",
        "reason": "better",
        "before": None,
        "after": "policy-0003",
        "details": {"iteration": 3},
        "number": number,
        "at": town.time,
    }
    assert secret not in str(town.records._records)


def test_only_what_is_wanted_is_told_and_nothing_from_before(town):
    with receiving() as receiver:
        town.promote(0)
        town.hook("ci", receiver.url, Action.POLICY_PROMOTED)
        first = town.promote(1)
        town.add(policies.roll_back, reason="it drops cups")
        town.add(tokens.create, "ann", scopes=[], digest="d" * 64, expires_at=None)
        last = town.promote(2)
        with town.delivering():
            town.ended("ci", last)
    assert numbers(receiver.delivered) == [first, last]


def test_who_fails_is_tried_again_and_the_order_stays(town):
    with receiving(500, 503, "close", 302, 429) as receiver:
        town.hook("ci", receiver.url)
        first, second = town.promote(1), town.promote(2)
        with town.delivering():
            assert town.ended("ci", second).attempts == 1
    assert town.ended("ci", first).attempts == 6
    assert numbers(receiver.delivered) == [first] * 6 + [second]


def test_each_attempt_is_signed_at_its_time(town):
    with receiving(500) as receiver:
        town.hook("ci", receiver.url)
        number = town.promote(1)
        times = iter(f"2026-01-05T09:00:{second:02d}Z" for second in range(60))
        town.now = lambda: next(times)
        with town.delivering():
            town.ended("ci", number)
    signed = [request.headers["flywheel-signature"].partition(",")[0] for request in receiver.delivered]
    assert len(set(signed)) == 2


def test_who_is_dead_or_hangs_delays_nobody_else(town):
    with receiving(*[HANG] * 100) as hanging, receiving() as receiver:
        town.hook("hanging", hanging.url)
        town.hook("dead", f"http://127.0.0.1:{closed_port()}/")
        town.hook("ci", receiver.url)
        some = [town.promote(number) for number in range(5)]
        with town.delivering(timeout_s=0.2):
            town.ended("ci", some[-1])
            hanging.wait(2)
        assert numbers(receiver.delivered) == some
        assert set(numbers(hanging.delivered)) == {some[0]}
    assert town.records.keys("deliveries/hanging/") == town.records.keys("deliveries/dead/") == []


def test_what_is_too_old_is_given_up_and_those_after_it_are_told(town, caplog):
    with receiving(*[500] * FEWEST_ATTEMPTS) as receiver:
        town.hook("ci", receiver.url)
        old = town.promote(1)
        town.time = "2026-01-05T10:00:01.000Z"
        new = town.promote(2)
        with town.delivering(patience_s=3600.0):
            town.ended("ci", new)
    ended = town.ended("ci", old)
    assert (ended.state, ended.attempts, ended.status) == (DeliveryState.GIVEN_UP, FEWEST_ATTEMPTS, 500)
    assert ended.problem == "answered 500: Internal Server Error"
    assert town.ended("ci", new).state is DeliveryState.DELIVERED
    assert f"webhook ci: entry {old} is given up: answered 500" in caplog.text
    assert town.gave_up.is_set()


def test_who_refuses_is_not_asked_all_day(town):
    with receiving(*[410] * FEWEST_ATTEMPTS) as receiver:
        town.hook("ci", receiver.url)
        number = town.promote(1)
        with town.delivering():
            ended = town.ended("ci", number)
    assert (ended.state, ended.attempts, ended.status) == (DeliveryState.GIVEN_UP, FEWEST_ATTEMPTS, 410)


def test_where_credentials_can_be_had_nothing_is_sent(town):
    town.hook("ci", "http://169.254.169.254/latest/meta-data/")
    number = town.promote(1)
    with town.delivering(patience_s=-1.0):
        ended = town.ended("ci", number)
    assert (ended.state, ended.status) == (DeliveryState.GIVEN_UP, None)
    assert "link-local" in ended.problem


def test_a_restarted_service_does_not_tell_again(town):
    with receiving() as receiver:
        town.hook("ci", receiver.url)
        first = town.promote(1)
        with town.delivering():
            town.ended("ci", first)
        second = town.promote(2)
        with town.delivering():
            town.ended("ci", second)
    assert numbers(receiver.delivered) == [first, second]


def test_what_was_not_recorded_is_told_again_under_the_same_name(town, monkeypatch):
    monkeypatch.setattr(courier, "STORE_PAUSE_S", 0.01)

    class AwayRecords(AwaitedRecords):
        """Takes down that it is attempted, and not how it ends."""

        def write(self, key, record):
            if key.startswith(DELIVERIES):
                raise StoreUnavailableError(f"{key}: no answer")
            super().write(key, record)

    away = AwayRecords()
    away._records = town.records._records
    with receiving() as receiver:
        town.hook("ci", receiver.url)
        number = town.promote(1)
        with town.delivering(records=away):
            receiver.wait(1)
        with town.delivering():
            town.ended("ci", number)
    assert [request.headers["flywheel-delivery"] for request in receiver.delivered] == [f"ci/{number}"] * 2


def test_of_several_processes_one_tells_each_entry(town):
    with receiving(*[500] * 4) as receiver:
        town.hook("ci", receiver.url)
        some = [town.promote(number) for number in range(6)]
        with town.delivering(grace_s=PATIENCE_S), town.delivering(grace_s=PATIENCE_S):
            for number in some:
                town.ended("ci", number)
    assert numbers(receiver.delivered) == [some[0]] * 4 + some


def test_another_process_goes_on_where_one_died_in_an_attempt(town):
    with receiving() as receiver:
        town.hook("ci", receiver.url)
        number = town.promote(1)
        town.records.write(f"{attempts_of('ci', number)}000001", {"at": town.time})
        with town.delivering(grace_s=0.05):
            assert town.ended("ci", number).attempts == 1
    assert numbers(receiver.delivered) == [number]
    assert len(town.records.keys(attempts_of("ci", number))) == 2


def test_a_store_that_is_back_gets_the_record(town, monkeypatch):
    monkeypatch.setattr(courier, "STORE_PAUSE_S", 0.01)
    failures = [StoreUnavailableError("no answer")] * 3

    class Tired:
        """Answers at the fourth try, whatever is asked."""

        def keys(self, prefix):
            return town.records.keys(prefix)

        def write(self, key, record):
            if failures:
                raise failures.pop()
            town.records.write(key, record)

    with receiving() as receiver:
        town.hook("ci", receiver.url)
        number = town.promote(1)
        with town.delivering(records=Tired()):
            town.ended("ci", number)
    assert len(receiver.delivered) == 1


def test_a_webhook_that_is_deleted_is_told_nothing_more(town):
    with receiving(*[500] * 10_000) as receiver, receiving() as other:
        town.hook("ci", receiver.url)
        town.promote(1)
        with town.delivering() as deliveries:
            receiver.wait(2)
            old = deliveries._couriers["ci"]
            town.add(webhooks.delete, "ci")
            old.join(PATIENCE_S)
            assert not old.works
            told = len(receiver.delivered)
            town.hook("ci", other.url)
            number = town.promote(2)
            town.ended("ci", number)
        assert numbers(other.delivered) == [number]
        assert len(receiver.delivered) == told
    assert town.records.keys("deliveries/ci/") == [delivery_key("ci", number)]


def test_who_stops_it_does_not_wait_for_the_pauses(town):
    with receiving(*[500] * 100) as receiver:
        town.hook("ci", receiver.url)
        town.promote(1)
        deliveries = Deliveries(
            chronicle=town.another(),
            records=town.records,
            key=KEY,
            poster=Poster(timeout_s=10.0, allow_link_local=False),
            perseverance=Perseverance(patience_s=3600.0, first_pause_s=3600.0, longest_pause_s=7200.0),
            now=town.now,
            poll_s=3600.0,
        )
        deliveries.start()
        receiver.wait(1)
        deliveries.stop(timeout_s=PATIENCE_S)
        assert not deliveries._couriers["ci"].works
    assert len(receiver.delivered) == 1
