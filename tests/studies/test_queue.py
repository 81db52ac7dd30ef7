"""The order of work: training first, a cohort's scores as soon as it is trained, failures that cost nobody else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from temshift.configuration.model import parse_configuration
from temshift.core.errors import DamagedError
from temshift.execution import Outcome, Task, WorkerLostError
from temshift.studies import Plan, Study
from temshift.studies.planning.part import NetworkRun
from temshift.studies.running.failures import Failure
from temshift.studies.running.network_states import RunState
from temshift.studies.running.queue import Listener, NetworkQueue
from temshift.studies.running.worker_tasks import score_runs, train_runs


class Heard:
    def __init__(self) -> None:
        self.trained: list[str] = []
        self.scored: list[str] = []
        self.failed: dict[str, Failure] = {}

    def listener(self) -> Listener:
        return Listener(
            lambda run: self.trained.append(run.id),
            lambda run: self.scored.append(run.id),
            lambda run, failure: self.failed.update({run.id: failure}),
        )


@pytest.fixture(scope="module")
def plan(tiny_text: str) -> Plan:
    return Plan(parse_configuration(tiny_text + "\nseeds: 2\ncohort: 3\n", Study, "study.yaml"))


def queue_of(plan: Plan, heard: Heard, device: str = "cpu", **known: RunState) -> NetworkQueue:
    states = {run.id: known.get(run.id, RunState(False, plan.tests_of[run.id], None)) for run in plan.networks}
    return NetworkQueue(plan, states, Path("study"), device, heard.listener())


def runs_of(task: Task) -> list[NetworkRun]:
    return [one if isinstance(one, NetworkRun) else one[0] for one in task.arguments[1]]


def settle(queue: NetworkQueue, task: Task, failures: Mapping[str, str] | None = None) -> None:
    queue.settle(Outcome(task, dict(failures or {})))


def test_every_network_is_trained_once_and_scored_under_every_condition(plan: Plan) -> None:
    heard, scored = Heard(), {run.id: set[str]() for run in plan.networks}
    queue = queue_of(plan, heard)
    while (task := queue.take()) is not None:
        if task.function is score_runs:
            for run, tests in task.arguments[1]:
                assert run.id in heard.trained
                assert not scored[run.id] & {test.id for test in tests}
                scored[run.id] |= {test.id for test in tests}
        settle(queue, task)
    assert sorted(heard.trained) == sorted(heard.scored) == sorted(run.id for run in plan.networks)
    assert scored == {run.id: {test.id for test in plan.tests_of[run.id]} for run in plan.networks}
    assert not heard.failed


def test_a_cohort_is_scored_before_others_are_trained(plan: Plan) -> None:
    queue = queue_of(plan, Heard())
    first = [queue.take() for _ in range(3)]
    for task in first:
        assert task is not None and task.function is train_runs
        settle(queue, task)
    following = queue.take()
    assert following is not None and following.function is score_runs
    assert [run.id for run in runs_of(following)] == [run.id for run in plan.cohorts[0]]


def test_nothing_is_handed_out_while_the_last_networks_are_being_trained(plan: Plan) -> None:
    queue = queue_of(plan, Heard())
    tasks = [queue.take() for _ in plan.networks]
    assert all(tasks)
    assert queue.take() is None
    assert [count for _, count in queue.running(3)] == [1, 1, 1]


def test_a_network_that_fails_costs_no_other(plan: Plan) -> None:
    heard = Heard()
    queue = queue_of(plan, heard)
    victim = plan.networks[1].id
    while (task := queue.take()) is not None:
        names = {run.id for run in runs_of(task)}
        settle(queue, task, {victim: "the loss is nan"} if names == {victim} else {})
    assert heard.failed == {victim: Failure("training", "the loss is nan")}
    assert len(heard.scored) == len(plan.networks) - 1


def test_a_network_whose_weights_are_damaged_fails_in_scores_alone(plan: Plan) -> None:
    heard = Heard()
    queue = queue_of(plan, heard)
    victim = plan.networks[2].id
    while (task := queue.take()) is not None:
        settle(queue, task, {victim: "damaged"} if task.function is score_runs else {})
    assert heard.failed == {victim: Failure("scores", "damaged")}
    assert len(heard.scored) == len(plan.networks) - 1


def test_a_lost_worker_costs_a_cohort_s_scores_only_where_one_network_kills_it_alone(plan: Plan) -> None:
    heard = Heard()
    queue = queue_of(plan, heard)
    victim = plan.networks[0].id
    while (task := queue.take()) is not None:
        deadly = task.function is score_runs and victim in {run.id for run in runs_of(task)}
        queue.settle(Outcome(task, {}, WorkerLostError("ended by SIGKILL") if deadly else None))
    assert list(heard.failed) == [victim]
    assert len(heard.scored) == len(plan.networks) - 1


def test_a_part_of_the_scores_that_fails_fails_the_network_once(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other parts, and those of its companions, go on."""
    monkeypatch.setattr("temshift.studies.running.queue.TESTS_PER_TASK", 3)
    heard, victim, parts = Heard(), plan.networks[0].id, 0
    queue = queue_of(plan, heard)
    while (task := queue.take()) is not None:
        scored = task.function is score_runs and victim in {run.id for run in runs_of(task)}
        settle(queue, task, {victim: "damaged"} if scored and not parts else {})
        parts += scored
    assert parts == 3
    assert heard.failed == {victim: Failure("scores", "damaged")}
    assert sorted([victim, *heard.scored]) == sorted(run.id for run in plan.networks)


def test_where_cohorts_are_many_each_network_has_all_its_scores_in_one_file(tiny_text: str) -> None:
    plan = Plan(parse_configuration(tiny_text + "\nseeds: 2\ncohort: 1\n", Study, "study.yaml"))
    queue, tested = queue_of(plan, Heard()), []
    while (task := queue.take()) is not None:
        settle(queue, task)
        tested += [len(tests) for _, tests in task.arguments[1]] if task.function is score_runs else []
    assert tested == [len(plan.tests_of[run.id]) for run in plan.networks]


@pytest.mark.parametrize(
    ("error", "failed"), [(MemoryError("CUDA out of memory"), 1), (DamagedError("waves are damaged"), 3)]
)
def test_only_a_fault_that_one_network_may_have_caused_is_looked_for_one_by_one(
    plan: Plan, error: Exception, failed: int
) -> None:
    heard = Heard()
    queue = queue_of(plan, heard, device="cuda")
    victim = plan.networks[1].id
    while (task := queue.take()) is not None:
        deadly = task.function is train_runs and victim in {run.id for run in runs_of(task)}
        queue.settle(Outcome(task, {}, error if deadly else None))
    assert len(heard.failed) == failed and victim in heard.failed
    assert sorted([*heard.scored, *heard.failed]) == sorted(run.id for run in plan.networks)


def test_on_a_gpu_networks_of_one_kind_are_trained_together(plan: Plan) -> None:
    queue = queue_of(plan, Heard(), device="cuda")
    tasks = [queue.take() for _ in plan.cohorts]
    assert [[run.id for run in runs_of(task)] for task in tasks if task] == [
        [run.id for run in cohort] for cohort in plan.cohorts
    ]


@pytest.mark.parametrize(
    ("swept", "values", "groups"),
    [
        ("training.learning_rate", "[0.01, 0.001]", 1),
        ("training.weight_decay", "[0.01, 0.1]", 1),
        ("training.batch", "[4, 8]", 2),
        ("training.steps", "[4, 8]", 2),
        ("training.precision", "[float32, bfloat16]", 2),
        ("network.stem", "[2, 4]", 2),
        ("specimens.particles.crystal", "[Ag, CdSe]", 2),
    ],
)
def test_on_a_gpu_networks_of_another_kind_are_trained_apart(
    tiny_text: str, swept: str, values: str, groups: int
) -> None:
    text = f"{tiny_text}\ncohort: 100\nsweep: {{{swept}: {values}}}\n"
    queue, tasks = queue_of(Plan(parse_configuration(text, Study, "study.yaml")), Heard(), device="cuda"), []
    while (task := queue.take()) is not None:
        tasks.append([run.settings[swept] for run in runs_of(task)])
    assert len(tasks) == groups and sum(map(len, tasks)) == 2 * 4
    assert groups == 1 or all(len(set(one)) == 1 for one in tasks)


def test_what_is_there_is_left_alone(plan: Plan) -> None:
    heard, (first, second, third, *_) = Heard(), plan.networks
    known: dict[str, Any] = {
        first.id: RunState(True, (), None),
        second.id: RunState(True, plan.tests_of[second.id][:1], None),
        third.id: RunState(False, plan.tests_of[third.id], Failure("training", "before")),
    }
    queue = queue_of(plan, heard, **known)
    task = queue.take()
    assert task is not None and task.function is score_runs
    ((run, tests),) = task.arguments[1]
    assert (run, tests) == (second, plan.tests_of[second.id][:1])
    while task is not None:
        settle(queue, task)
        task = queue.take()
    assert {first.id, third.id}.isdisjoint([*heard.trained, *heard.scored])
