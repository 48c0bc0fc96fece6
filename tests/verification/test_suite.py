"""The standard suite over iris: everything exercised, nothing refuted, every exception for a sound reason."""

from dataclasses import replace

import pytest

from fa_theory.statements import STATEMENTS
from fa_theory.verification import (
    Report,
    Verdict,
    instance_from_data,
    run_instance,
    run_suite,
    standard_suite,
    summarise,
)

SOUND_REASONS = (
    "linear activation",
    "squared loss",
    "exponential or logistic loss",
    "two layers",
    "scalar output",
    "rule is fa",
    "rule is dfa",
    "a rule with quadratic laws",
    "linearly independent samples",
    "flow, or midpoint",
    "continuous-time flow",
    "gradient descent with the full data",
    "logistic loss",
    "step size at most the certified one",
    "no bias above the first layer",
    "no output bias",
    "the excess loss has vanished",
    "midpoint rule",
    "no weight decay",
    "no output bias",
    "weight decay: none in this run",
)


@pytest.fixture(scope="module", params=standard_suite(), ids=lambda instance: instance.name)
def report(request):
    return run_instance(request.param)


def test_each_run_completes_and_nothing_is_refuted_or_undecided(report):
    assert report.trajectory.outcome == "completed"
    assert report.trajectory.unique
    for verdict in report.verdicts:
        assert verdict.verdict in ("holds", "not_applicable"), verdict
        if verdict.verdict == "not_applicable":
            assert verdict.detail.startswith(SOUND_REASONS), verdict
        else:
            assert verdict.margin > 0
            assert verdict.evidence in STATEMENTS[verdict.id].evidence


def test_the_suite_holds_every_statement_up_to_be_judged():
    """What holds where follows from the statements' assumptions, not from running them."""
    suite = {instance.name: instance for instance in standard_suite()}
    rules = {instance.network.rule_name.partition(":")[0] for instance in suite.values()}
    assert rules == {"fa", "sign-fa", "adafa", "backprop", "dfa"}
    assert {instance.problem.loss.name for instance in suite.values()} == {
        "squared",
        "logistic",
        "exponential",
        "cross_entropy",
    }
    runs = [instance.run for instance in suite.values()]
    assert {run.get("method", "flow") for run in runs} == {"flow", "gd", "sgd", "midpoint"}
    assert any("weight_decay" in run for run in runs)
    assert max(instance.network.depth for instance in suite.values()) == 4
    assert all(any("standard" in each for each in i.description["transforms"]) for i in suite.values())


def made(instance, verdict, margin):
    results = tuple(Verdict(each, verdict, "float-checked", margin, "") for each in STATEMENTS)
    return Report(instance, None, (), results)


def test_a_summary_takes_the_gravest_verdict_and_its_smallest_margin():
    suite = standard_suite()
    rows = summarise(
        [
            made(suite[0], "holds", 0.5),
            made(suite[1], "holds", 0.2),
            made(suite[2], "not_applicable", -1.0),
        ]
    )
    assert [row.id for row in rows] == list(STATEMENTS)
    assert (rows[0].verdict, rows[0].margin) == ("holds", 0.2)
    assert "2 of 2" in rows[0].detail
    assert suite[1].name in rows[0].detail
    assert "not applicable in 1" in rows[0].detail
    for grave in ("refuted", "undecided"):
        worse = summarise([made(suite[0], "holds", 0.5), made(suite[1], grave, -0.1)])
        assert (worse[0].verdict, worse[0].margin) == (grave, -0.1)
    nowhere = summarise([made(suite[0], "not_applicable", -1.0)])
    assert nowhere[0].verdict == "not_applicable"


def small_runs():
    return tuple(
        instance_from_data(name=f"run {k}", width=2, seed=k, run={"time": 0.2, "points": 3, "accuracy": 1e-5})
        for k in range(3)
    )


def test_several_processes_give_the_same_reports_in_the_same_order():
    asked = []
    alone = list(run_suite(small_runs()))
    together = list(run_suite(small_runs(), lambda instance, part: asked.append((instance.name, part)), jobs=2))
    assert [each.to_json() for each in together] == [each.to_json() for each in alone]
    assert asked == [("run 0", 0.0), ("run 1", 0.0), ("run 2", 0.0)]


def test_an_error_in_another_process_is_the_error():
    broken = replace(small_runs()[0], run={"time": -1.0})
    with pytest.raises(ValueError, match="time must be"):
        list(run_suite((broken, *small_runs()), jobs=2))
    with pytest.raises(ValueError, match="jobs must be at least 1, got 0"):
        list(run_suite(small_runs(), jobs=0))
