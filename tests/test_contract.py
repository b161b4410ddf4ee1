from flywheel.core.contract import Body, Contract, Modality, modality_names, unite


def body(*, action_size=4, differences=None, **widths):
    return Body(
        modalities={name: Modality(width=width) for name, width in widths.items()},
        differences=differences or {},
        action_size=action_size,
        decision_s=0.1,
    )


def test_modalities_of_one_name_and_width_are_shared():
    contract = unite({"reach": body(hand=3, goal=3), "push": body(hand=3, puck=7)})
    assert contract.tasks == ("reach", "push")
    assert contract.modalities == {"hand": Modality(width=3), "goal": Modality(width=3), "puck": Modality(width=7)}
    assert contract.presence == {"reach": ("hand", "goal"), "push": ("hand", "puck")}


def test_actions_are_padded_to_the_largest():
    contract = unite({"small": body(x=1, action_size=2), "large": body(x=1, action_size=5)})
    assert contract.action_sizes == {"small": 2, "large": 5}
    assert contract.action_size == 5


def test_one_name_for_two_widths_makes_two_modalities():
    contract = unite({"a": body(state=4, hand=3), "b": body(state=6, hand=3)})
    assert contract.modalities == {
        "state/4": Modality(width=4),
        "hand": Modality(width=3),
        "state/6": Modality(width=6),
    }
    assert contract.presence == {"a": ("state/4", "hand"), "b": ("state/6", "hand")}


def test_each_environments_names_find_their_modality():
    contract = unite({"a": body(state=4, hand=3), "b": body(state=6, hand=3)})
    assert modality_names(contract, "a") == {"state": "state/4", "hand": "hand"}
    assert modality_names(contract, "b") == {"state": "state/6", "hand": "hand"}


def test_differences_follow_the_modalities_they_are_made_from():
    contract = unite(
        {
            "a": body(state=4, wish=4, differences={"to_go": ("wish", "state")}),
            "b": body(state=6, wish=6, differences={"to_go": ("wish", "state")}),
        }
    )
    assert contract.differences == {"to_go/4": ("wish/4", "state/4"), "to_go/6": ("wish/6", "state/6")}


def test_one_difference_of_several_tasks_is_kept_once():
    bodies = {task: body(hand=3, goal=3, differences={"to_go": ("goal", "hand")}) for task in ("a", "b")}
    assert unite(bodies).differences == {"to_go": ("goal", "hand")}


def test_one_name_for_differences_of_other_pairs_loses_neither():
    contract = unite(
        {
            "reach": body(hand=3, goal=3, differences={"to_go": ("goal", "hand")}),
            "push": body(puck=3, goal=3, differences={"to_go": ("goal", "puck")}),
        }
    )
    assert contract.differences == {"to_go": ("goal", "hand"), "to_go/goal-puck": ("goal", "puck")}


def test_history_belongs_to_the_contract():
    assert unite({"a": body(x=1)}, history=3).history == 3
    assert unite({"a": body(x=1)}) == Contract(
        modalities={"x": Modality(width=1)},
        differences={},
        tasks=("a",),
        presence={"a": ("x",)},
        action_sizes={"a": 4},
        history=1,
    )
