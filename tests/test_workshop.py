import pickle
import subprocess
import sys

import pytest
from small import TASKS, small_config

from flywheel.core.allocation import Allocation, AllocationRules
from flywheel.core.error_budget import ErrorBudget, Scheme
from flywheel.core.gate_rules import GateRules
from flywheel.core.label_errors import LabelErrors
from flywheel.core.mixture import Mixture
from flywheel.core.plan import InitialWeights
from flywheel.workshop import Workshop


@pytest.mark.parametrize(
    ("algorithm", "bc_weight"),
    [("bc", (1.0,)), ("filtered_bc", (1.0,)), ("pac", (0.0,)), ("alpha_pac", (0.7, 0.2))],
)
def test_algorithms_are_weights_of_one_loss(algorithm, bc_weight, tmp_path):
    config = small_config(train={"algorithm": algorithm, "bc_weight": [0.7, 0.2]})
    assert Workshop(config=config, store=str(tmp_path)).plan().bc_weight == bc_weight


def test_the_plan_is_the_configurations(tmp_path):
    config = small_config(
        suites=[
            {
                "suite": "gym",
                "tasks": ["MountainCar-v0"],
                "max_decisions": 10,
                "success_key": "terminated",
                "demonstrations": {"episodes_per_task": 7},
            },
            {
                "suite": "metaworld",
                "tasks": ["reach-v3"],
                "max_decisions": 40,
                "demonstrations": {"episodes_per_task": 5},
            },
        ],
        train={"initial_weights": "live", "mixture": {"sources": {"demonstration": 0.25, "relabelled": 0.75}}},
        collect={"allocation": "uniform", "floor": 0.25, "revisit": 0.1},
        gate={
            "margin": 0.2,
            "margins": {"metaworld/reach-v3": 0.05},
            "scheme": "fdr",
            "label_errors": {"metaworld/reach-v3": {"false_positive": 0.02}},
        },
    )
    plan = Workshop(config=config, store=str(tmp_path)).plan()
    assert plan.demonstrations == {"gym/MountainCar-v0": 7, "metaworld/reach-v3": 5}
    assert plan.initial_weights is InitialWeights.LIVE
    assert plan.mixture == (Mixture(sources={"demonstration": 0.25, "relabelled": 0.75}),)
    assert plan.allocation == AllocationRules(allocation=Allocation.UNIFORM, floor=0.25, revisit=0.1)
    assert plan.gate == GateRules(
        budget=ErrorBudget(scheme=Scheme.FDR, total=0.1, attempts=5),
        max_pairs=200,
        batch=25,
        margin=0.2,
        narrow_margin=0.1,
        margins={"metaworld/reach-v3": 0.05},
        label_errors={"metaworld/reach-v3": LabelErrors(false_positive=0.02)},
    )


def test_a_workshop_can_be_sent_to_another_process(tmp_path):
    workshop = Workshop(config=small_config(), store=str(tmp_path))
    received = pickle.loads(pickle.dumps(workshop))
    assert received.plan() == workshop.plan()
    assert received.contract == workshop.contract


def test_the_contract_is_of_all_tasks(tmp_path):
    contract = Workshop(config=small_config(), store=str(tmp_path)).contract
    assert contract.tasks == TASKS
    assert contract.action_sizes == dict.fromkeys(TASKS, 1)
    assert contract.presence[TASKS[0]] != contract.presence[TASKS[1]]


def test_who_works_need_not_wait_for_what_only_the_owner_of_the_loop_needs():
    needless = {"ray", "fastapi", "matplotlib"}
    code = f"import sys, flywheel.workshop; print(sorted({needless} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
