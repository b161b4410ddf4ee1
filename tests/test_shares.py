from collections.abc import Sequence

import pytest
from counting import counting_requests
from factories import random_episode

from flywheel.cluster.shares import Pending, Share, split
from flywheel.core.episode import EpisodeRequest, EpisodeSummary
from flywheel.ports import Part
from flywheel.workers.collecting import summary


def seeds(requests: Sequence[EpisodeRequest]) -> list[int]:
    return [request.seed for request in requests]


def finished(request: EpisodeRequest) -> EpisodeSummary:
    return summary(random_episode(request.seed, episode_id=request.episode_id))


def part(num_rows: int) -> Part:
    return Part(path="part", num_bytes=1, num_rows=num_rows)


def test_requests_are_dealt_out_in_turn():
    assert [seeds(share.requests) for share in split(counting_requests(5), 2)] == [[0, 2, 4], [1, 3]]


def test_nobody_gets_an_empty_share():
    assert [seeds(share.requests) for share in split(counting_requests(1), 3)] == [[0]]


def test_what_was_written_is_not_made_again():
    requests = counting_requests(7)
    share = Share(requests)
    for made in (finished(requests[1]), finished(requests[0]), part(2), finished(requests[3])):
        share.receive(made)
    # Written: 0 and 1. Finished but lost: 3. Two environments were busy with 2 and 4. Not started: 5 and 6.
    left = share.left(num_environments=2)
    assert [seeds(one.requests) for one in left] == [[3, 5, 6], [2], [4]]
    assert [one.suspect for one in left] == [False, True, True]
    assert [one.seed for one in share.written] == [1, 0]


def test_parts_may_come_later_than_their_episodes_and_in_their_order():
    requests = counting_requests(6)
    share = Share(requests)
    for made in (*map(finished, requests[:3]), part(2), finished(requests[3]), part(1)):
        share.receive(made)
    assert [one.seed for one in share.written] == [0, 1, 2]
    assert [one.seed for one in share.unwritten] == [3]
    assert len(share.parts) == 2


def test_a_part_of_episodes_that_nobody_saw_is_a_mistake():
    share = Share(counting_requests(2))
    with pytest.raises(AssertionError, match="whose summaries came before"):
        share.receive(part(1))


def test_a_collector_that_dies_while_writing_its_last_part_leaves_no_suspects():
    requests = counting_requests(2)
    share = Share(requests)
    for request in requests:
        share.receive(finished(request))
    left = share.left(num_environments=2)
    assert [(seeds(one.requests), one.suspect) for one in left] == [([0, 1], False)]


def test_when_the_machine_is_gone_all_that_is_not_written_is_made_again_and_nobody_is_suspect():
    requests = counting_requests(5)
    share = Share(requests)
    for made in (finished(requests[1]), part(1), finished(requests[0])):
        share.receive(made)
    assert [(seeds(one.requests), one.suspect) for one in share.orphaned()] == [([0, 2, 3, 4], False)]
    assert [(seeds(one.requests), one.suspect) for one in Share(requests[:1], suspect=True).orphaned()] == [([0], True)]
    written = Share(requests[:1])
    written.receive(finished(requests[0]))
    written.receive(part(1))
    assert written.orphaned() == []


def test_what_is_given_back_is_the_later_half_of_what_nobody_has_begun():
    pending = Pending(counting_requests(6))
    taken = iter(pending)
    assert next(taken).seed == 0
    assert seeds(pending.give_back()) == [3, 4, 5]
    assert seeds(pending.give_back()) == [2]
    assert seeds(pending.give_back()) == [1]
    assert list(taken) == pending.give_back() == []


def test_requests_that_were_given_back_are_no_longer_the_shares():
    requests = counting_requests(4)
    share = Share(requests)
    share.receive(finished(requests[0]))
    share.release(requests[2:])
    assert (seeds(share.requests), share.num_unfinished) == ([0, 1], 1)
