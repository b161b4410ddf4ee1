import os

import ray
from ray.exceptions import RayTaskError

from flywheel.cluster import nodes
from flywheel.cluster.session import RaySession


def fail() -> None:
    raise ValueError("not here")


def test_a_part_keeps_away_from_the_nodes_of_the_others(ray_session: RaySession):
    assert nodes.for_role(nodes.TRAIN) == {nodes.ROLE: "!in(head,rollout,serve)"}


def test_what_is_done_on_each_node_comes_back_by_its_address(ray_session: RaySession):
    (found,) = nodes.on_each(os.getpid).items()
    assert found[0] == "127.0.0.2"
    assert isinstance(found[1], int)
    assert found[1] != os.getpid()


def test_a_node_where_it_fails_says_why(ray_session: RaySession):
    (failure,) = nodes.on_each(fail).values()
    assert isinstance(failure, RayTaskError)
    assert "not here" in str(failure)


def test_what_stays_here_is_placed_here(ray_session: RaySession):
    here = ray.remote(nodes.this_node).options(num_cpus=0, label_selector=nodes.this_node())
    assert ray.get(here.remote()) == nodes.this_node()
