"""Rigorous verdicts: certain where the loss is enclosed, and with the reason where it is not."""

import numpy as np
import pytest
from flint import arb

import fa_theory as ft
from fa_theory.bounds import BOUNDS
from fa_theory.rigour import balls
from fa_theory.statements import STATEMENTS
from fa_theory.verification import enclosed
from tests.bounds.bound_instances import aligned, own_alignment, regression, separable

FLOW = {"time": 0.5, "points": 4, "rigorous": True}


def rows(report):
    return {verdict.id: (verdict.verdict, verdict.evidence) for verdict in report.verdicts}


def test_a_linear_flow_is_enclosed_with_its_bounds():
    report = ft.verify(aligned(1, 2, 3), regression(1, 4, 2), **FLOW)
    found = rows(report)
    for name in ("descent", "exponential-decay", "multi-output-decay"):
        assert found[name] == ("holds", "enclosed")
    c, b = own_alignment(report.trajectory.network), report.trajectory.network.feedback[0].B[:, 0]
    predicted = f"dominance at least {np.min(c / b**2):.4g} by the exact start"
    assert predicted in report.verdict("descent").detail
    assert found["neuron-law"] == ("holds", "float-checked")
    assert "not enclosed: it is evaluated" in report.verdict("neuron-law").detail
    assert list(found) == list(STATEMENTS)
    written = report.to_json()["enclosure"]
    assert np.allclose(written["loss"], report.trajectory.loss, rtol=1e-6)
    assert written["reason"] is None


def test_a_start_with_a_negative_alignment_tells_no_dominance():
    """c = (2, -1/2): the sum decides in linear networks, and the loss falls, but no neuron's constant is known."""
    network = ft.Network([np.eye(2), np.array([[2.5, 0.0]])], "linear", [np.ones((2, 1))])
    report = ft.verify(network, ft.Problem(np.eye(2), np.ones(2)), **FLOW)
    assert rows(report)["descent"] == ("holds", "enclosed")
    assert report.verdict("descent").detail.endswith("the start tells no constant")


def test_gradient_descent_is_enclosed():
    network, problem = aligned(2, 2, 3), regression(2, 4, 2)
    report = ft.verify(network, problem, method="gd", steps=10, step_size=1e-4, points=4, rigorous=True)
    assert rows(report)["gd-decay"] == ("holds", "enclosed")
    assert report.verdict("gd-decay").detail == "below the bound at all 3 steps after the start, in balls"
    assert rows(report)["descent"] == ("not_applicable", None)


def test_a_gated_flow_says_why_it_is_not_enclosed():
    report = ft.verify(aligned(3, 3, 3, "leaky_relu:0.2"), separable(3, 5, 3, "logistic"), **FLOW)
    row = report.verdict("separable-decay")
    assert (row.verdict, row.evidence) == ("holds", "float-checked")
    assert "not enclosed: the bound is enclosed, the run is not: only the flow of two-layer linear" in row.detail


def test_a_bound_that_is_false_is_refuted_with_certainty(monkeypatch):
    """Negative control: a rate that is 100 times too fast."""
    real = enclosed.FLOW_BOUNDS["exponential-decay"]

    def too_fast(start):
        bound = real(start)
        return enclosed.replace(bound, curve=lambda t: bound.curve(100 * t))

    monkeypatch.setitem(enclosed.FLOW_BOUNDS, "exponential-decay", too_fast)
    report = ft.verify(aligned(1, 2, 3), regression(1, 4, 2), **FLOW)
    assert rows(report)["exponential-decay"] == ("refuted", "enclosed")
    assert report.refuted


@pytest.fixture(scope="module", params=[(2, "at the one time"), (3, "at all 2 times")])
def enclosed_run(request):
    points, places = request.param
    trajectory = ft.simulate(aligned(1, 2, 3), regression(1, 4, 2), time=0.5, points=points)
    return trajectory, enclosed.enclose_run(trajectory), f"{places} after the start, in balls"


@pytest.mark.parametrize(
    ("verdict", "change", "said"),
    [
        ("holds", lambda loss: loss, "below the bound {}"),
        ("refuted", lambda loss: 9 * loss, "the loss exceeds the bound: compared {}"),
        ("undecided", lambda loss: loss + arb(0, 9), "loss and bound are too close to tell: compared {}"),
    ],
)
def test_what_was_compared_is_said_whatever_came_of_it(verdict, change, said, enclosed_run):
    trajectory, run, places = enclosed_run
    losses = {name: tuple(map(change, values)) for name, values in run.losses.items()}
    changed = enclosed.replace(run, losses=losses)
    float_bounds = {each.id: each for each in ft.bounds.all_bounds(trajectory.network_at(0), trajectory.problem)}
    for name in ("exponential-decay", "descent"):
        row = enclosed.assess_enclosed(run.bound(name), float_bounds[name], trajectory, changed)
        assert (row.verdict, row.evidence) == (verdict, "enclosed")
        falls = name == "descent" and verdict == "holds"
        expected = said.format(places) + "; never rises between them" * falls
        if name == "descent":
            expected = expected.replace("the bound: compared", "the bound, or rises: compared")
            assert row.detail.startswith(f"{expected}; dominance at least ")
        else:
            assert row.detail == expected


def test_a_start_at_the_best_fit_holds_with_equality():
    network = ft.Network([np.array([[1.0, 2.0]]), np.array([[5.0]])], "linear", [np.array([[2.0]])])
    report = ft.verify(network, ft.Problem(np.eye(2), [5.0, 10.0]), **FLOW)
    assert rows(report)["exponential-decay"] == ("holds", "enclosed")


def test_what_has_no_rational_values_is_float_checked_with_the_reason():
    network = ft.Network([np.ones((2, 1)), np.ones((1, 2))], "tanh", "backprop")
    report = ft.verify(network, ft.Problem(np.ones((1, 1)), np.ones(1)), **FLOW)
    assert report.enclosure is None
    assert "not enclosed: activation tanh" in report.verdict("dissipation-split").detail


def test_every_statement_is_enclosed_or_exact_or_says_why_not():
    made = {*enclosed.FLOW_BOUNDS, *enclosed.HITTING_TIMES, *enclosed.STEP_BOUNDS}
    exact = {each.id for each in STATEMENTS.values() if each.evidence == ("exact",)}
    assert made | exact | set(enclosed.NOT_ENCLOSED) == set(STATEMENTS)
    assert not made & set(enclosed.NOT_ENCLOSED)
    assert {bound.__name__.replace("_", "-") for bound in BOUNDS} - made == set(enclosed.WHY_NOT)


def test_a_bound_that_is_not_enclosed_says_why():
    report = ft.verify(aligned(1, 2, 3, "leaky_relu:0.5"), regression(1, 2, 2), **FLOW)
    row = report.verdict("exponential-decay-path")
    assert row.evidence == "float-checked"
    assert row.detail.endswith("; not enclosed: " + enclosed.WHY_NOT["exponential-decay-path"])


def test_weight_decay_is_never_enclosed():
    report = ft.verify(aligned(1, 2, 3), regression(1, 4, 2), weight_decay=0.1, **FLOW)
    assert report.enclosure is None
    assert "enclosed" not in {evidence for _, evidence in rows(report).values()}


def test_a_run_that_stays_undecided_says_so(monkeypatch):
    def never(*_):
        raise balls.UndecidedError("the loss is not decided with 8192 bits, the limit")

    monkeypatch.setattr(enclosed.reduced_flow, "enclosed_losses", never)
    report = ft.verify(aligned(1, 2, 3), regression(1, 4, 2), **FLOW)
    assert rows(report)["exponential-decay"] == ("holds", "float-checked")
    assert "8192 bits, the limit" in report.verdict("exponential-decay").detail


@pytest.mark.parametrize("seed", range(3))
def test_the_rigorous_bound_is_never_below_the_loss(seed):
    network, problem = aligned(seed, 2, 3, biases=True), regression(seed, 4, 2)
    report = ft.verify(network, problem, **FLOW)
    for bound in report.bounds:
        if bound.applicable and bound.method == "flow":
            slack = bound(report.trajectory.t) - (report.trajectory.loss - bound.floor)
            assert np.all(slack >= -report.trajectory.error)
