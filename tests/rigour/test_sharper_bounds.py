"""Sharper bounds in balls: against the calculators, instances that are solved by hand, and what floats leave open."""

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

import fa_theory as ft
from fa_theory import bounds
from fa_theory.model import Network, Problem
from fa_theory.rigour import (
    ExactStart,
    exponential_decay_growth,
    exponential_decay_patterns,
    linear_decay_growth,
    linear_growth,
    multi_output_decay_projection,
)
from fa_theory.rigour.linear_growth import LinearStart
from fa_theory.rigour.patterns import _Start, supported_rate
from fa_theory.rigour.pieces import Pieces
from fa_theory.rigour.projection import KeptForm
from fa_theory.rigour.spectra import certainly_positive
from fa_theory.verification import enclosed
from tests.bounds.bound_instances import aligned, regression
from tests.rigour.exact_checks import contains

seeds = st.integers(0, 2**32 - 1)
TIMES = np.array([0.0, 0.1, 1.0, 10.0])


def neuron(w, v, b, slope="linear", X=((1.0,),), y=(1.0,), loss="squared"):
    """A network with one hidden neuron."""
    network = Network([np.array([w], dtype=float), np.array([[v]])], slope, [np.array([[b]])])
    return network, Problem(np.array(X, dtype=float), np.array(y, dtype=float), loss)


def wide(seed, width=20, size=3.0, rule="fa"):
    """Large weights and outputs of zero: neurons in pairs of opposite feedback."""
    rng = np.random.default_rng([seed, 5])
    half = rng.standard_normal((width // 2, 4)) * size
    W = np.vstack([half, half])
    sizes = rng.uniform(0.8, 1.2, width // 2)
    b = np.concatenate([sizes, -sizes])
    target = np.sum(W**2, axis=1) / 2 + 1e-3
    v = target * np.sign(b) if rule == "sign-fa" else target / b
    network = Network([W, v[None, :]], "leaky_relu:0.3", rule if rule == "sign-fa" else [b[:, None]])
    return network, regression(seed, 3, 4)


def several_outputs(seed, kept=True, biases=False):
    """-U^T C U is about 0.3 I; W reaches out of the range of B where `kept`."""
    rng = np.random.default_rng(seed)
    B = np.vstack([np.diag([1.0, 2.0]), np.zeros((3, 2))])
    W = rng.uniform(-1, 1, (5, 3)) * (1 if kept else B @ np.ones((2, 1)) > 0)
    hidden = rng.uniform(-1, 1, 5) if biases else None
    first = W if hidden is None else np.column_stack([W, hidden])
    V = np.zeros((2, 5))
    V[:, :2] = np.diag([1.0, 0.5]) @ ((first @ first.T)[:2, :2] + 0.3 * np.eye(2)) / 2
    return Network([W, V], "linear", [B], None if hidden is None else [hidden, None]), regression(seed, 4, 3, 2)


def agrees(enclosed_bound, known, times=TIMES, rtol=1e-9):
    assert enclosed_bound.applicable is known.applicable is True
    ours = enclosed_bound.as_bound(known)
    assert ours.quantity == known.quantity
    drift = known.rounding + rtol * (1 + (known.rate or 1) * max(times))
    np.testing.assert_allclose(ours(times), known(times), rtol=drift, atol=1e-300)
    return ours


@settings(max_examples=10)
@given(seeds, st.sampled_from(["fa", "sign-fa"]))
def test_patterns_agree_with_the_calculator(seed, rule):
    for network, problem in (
        wide(seed, rule=rule),
        (aligned(seed, 4, 5, "leaky_relu:0.3", rule), regression(seed, 3, 4)),
        (aligned(seed, 2, 5, "linear", rule, biases=True), regression(seed, 5, 2)),
    ):
        known = bounds.exponential_decay_patterns(network, problem)
        found = exponential_decay_patterns(ExactStart(network, problem))
        assert agrees(found, known).rate == pytest.approx(known.rate, rel=1e-9)
        assert found.witness == ({} if known.constants["frozen"] == 0 else found.witness)


@pytest.mark.parametrize("rule", ["fa", "sign-fa"])
def test_wide_starts_have_a_certain_rate_that_is_much_larger(rule):
    start = ExactStart(*wide(1, 60, rule=rule))
    found = exponential_decay_patterns(start)
    rate = found.witness["rate"]
    assert arb(rate) > 500 * 2 * arb(start.slope**2 * start.s) * start.smallest_nonzero()
    assert not _Start(start).supports(fmpq(*(1.1 * rate).as_integer_ratio()))
    assert supported_rate(start, 10 * rate) is None


def test_the_largest_rate_of_one_neuron_is_sixteen():
    """w = 4, b = 1, e = 1, lambda = 1: c is such that (4 - 2 / r)^2 + 2 c = r at r = 16, and less beyond."""
    c = 0.4921875
    network, problem = neuron([4.0], c + 8, 1.0, y=[4 * (c + 8) - 1])
    known = _Start(ExactStart(network, problem))
    with ctx.workprec(256):
        assert known.supports(16 - fmpq(1, 2**60))
        assert not known.supports(16 + fmpq(1, 2**60))
    rate = exponential_decay_patterns(ExactStart(network, problem)).witness["rate"]
    assert 16 * (1 - 1e-9) < rate <= 16


def test_patterns_of_an_alignment_within_rounding_of_zero_are_decided():
    network, problem = neuron([1 - 2.0**-53], 1 - 2.0**-53, 0.5, "leaky_relu:0.5")
    assert bounds.exponential_decay_patterns(network, problem).undecided
    found = exponential_decay_patterns(ExactStart(network, problem))
    assert found.applicable
    assert found.enclosed_constants()["rate"] > 0


def test_positive_matrices_are_told_from_others():
    assert certainly_positive(arb_mat([[2, 1], [1, 2]]))
    assert not certainly_positive(arb_mat([[1, 2], [2, 1]]))
    assert not certainly_positive(arb_mat([[1, 1], [1, 1]]))


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_projections_agree_with_the_calculator(kept, biases):
    network, problem = several_outputs(3, kept, biases)
    known = bounds.multi_output_decay_projection(network, problem)
    found = multi_output_decay_projection(ExactStart(network, problem))
    agrees(found, known)
    for name in ("a0", "mu", "lambda_min_H", "V"):
        assert float(found.enclosed_constants()[name].mid()) == pytest.approx(known.constants[name], rel=1e-9)


def test_a_projection_of_two_neurons_is_rational():
    """B = (1, 0), W = diag(1, 3), N = 1, x = (1, 1): K = diag(0, 9), a0 = v - 1/2, mu = 2 a0 + 9."""
    network = Network([np.diag([1.0, 3.0]), np.array([[0.25, 0.0]])], "linear", [np.array([[1.0], [0.0]])])
    found = multi_output_decay_projection(ExactStart(network, Problem(np.array([[1.0, 1.0]]), np.array([2.0]))))
    assert found.applicable
    constants = found.enclosed_constants()
    assert contains(constants["a0"], fmpq(-1, 4))
    assert contains(constants["mu"], fmpq(17, 2))
    assert contains(constants["rate"], fmpq(17))


def test_projections_that_floats_leave_open_are_decided():
    """mu = 2 a0 with a0 = b v - 1/2 w^2 = -2^-57."""
    network, problem = neuron([1.0, 2.0**-28], 1.0, 0.5, X=[[1.0, 1.0]])
    assert bounds.multi_output_decay_projection(network, problem).undecided
    found = multi_output_decay_projection(ExactStart(network, problem))
    assert found.assumptions[-1].holds is False


def test_projections_name_what_fails():
    rank = Network([np.ones((2, 2)), np.ones((2, 2))], "linear", [np.ones((2, 2))])
    found = multi_output_decay_projection(ExactStart(rank, Problem(np.eye(2), np.eye(2))))
    assert [each.name for each in found.assumptions if not each.holds] == ["B of full column rank"]
    biased = aligned(1, 2, 3, biases=True)
    found = multi_output_decay_projection(ExactStart(biased, regression(1, 4, 2)))
    assert [each.name for each in found.assumptions if not each.holds] == ["no output bias"]


def test_the_kept_form_is_what_its_definition_says():
    network, problem = several_outputs(5)
    form = KeptForm(ExactStart(network, problem))
    W, B = network.weights[0], network.feedback[0].B
    K = W.T @ (np.eye(5) - B @ np.linalg.inv(B.T @ B) @ B.T) @ W
    matrix = problem.X @ (0.7 * np.eye(3) + K) @ problem.X.T / 4
    least = sorted(np.linalg.eigvalsh(matrix))[1]  # four samples of rank three
    assert float(form.least(arb(0.7)).mid()) == pytest.approx(least, rel=1e-9)


@settings(max_examples=8)
@given(seeds, st.sampled_from(["fa", "sign-fa"]), st.sampled_from(["linear", "leaky_relu:0.3"]))
def test_growth_agrees_with_the_calculator(seed, rule, activation):
    network = aligned(seed, 4, 5, activation, rule, slack=0.06)
    problem = regression(seed, 6 if activation == "linear" else 3, 4)
    known = bounds.exponential_decay_growth(network, problem)
    agrees(exponential_decay_growth(ExactStart(network, problem)), known, np.array([0.0, 0.1, 1.0, 30.0]), 1e-8)


def test_growth_of_one_neuron_solves_its_equation():
    """x = b = 1, w^2 = 1/2, v = 1/2, so c = 1/4: dE/dt = -2 (1/4 + z^2 / 2) E, z^3 / 2 + z / 4 = y - sqrt(2 E)."""
    network, problem = neuron([0.5], 0.375, 1.0, y=[5.0])

    def rate(loss):
        z = brentq(lambda z: z**3 / 2 + z / 4 - max(5 - np.sqrt(2 * loss), 0), 0, 5)
        return 2 * (0.25 + z**2 / 2)

    start = (0.1875 - 5) ** 2 / 2
    loss = start / 100
    time = quad(lambda log: 1 / rate(np.exp(log)), np.log(loss), np.log(start))[0]
    found = exponential_decay_growth(ExactStart(network, problem))
    (value,) = found.values((fmpq(*float(time).as_integer_ratio()),))
    assert loss * (1 - 1e-6) < float(value.mid()) < loss * 1.03
    assert found.enclosed_constants()["rate_at_end"] > 4


def test_growth_of_an_alignment_within_rounding_of_zero_is_decided():
    network, problem = neuron([1 - 2.0**-53], 1 - 2.0**-53, 0.5, "leaky_relu:0.5", y=(3.0,))
    assert bounds.exponential_decay_growth(network, problem).undecided
    found = exponential_decay_growth(ExactStart(network, problem))
    assert found.applicable
    assert found.enclosed_constants()["rate_at_end"] > 0.5


def test_growth_from_the_best_fit_is_nothing():
    network, problem = neuron([1.0], 5.0, 2.0, y=[5.0])
    found = exponential_decay_growth(ExactStart(network, problem))
    assert found.values((fmpq(0), fmpq(1))) == (0, 0)
    assert "rate_at_end" not in found.enclosed_constants()


def test_growth_needs_all_feedback():
    network = Network([np.eye(2), np.array([[3.0, 3.0]])], "linear", [np.array([[1.0], [0.0]])])
    found = exponential_decay_growth(ExactStart(network, Problem(np.eye(2), np.ones(2))))
    assert [each.name for each in found.assumptions if not each.holds] == ["no feedback b_i is zero"]


def test_a_piece_without_decay_lasts_for_ever():
    pieces = Pieces([arb(4), arb(2), arb(1)], [arb(1), arb(0), arb(5)])
    assert pieces.at(fmpq(100)).contains(2)
    assert abs(pieces.at(fmpq(1, 2)) - 4 * (-arb(0.5)).exp()) < 1e-12


@settings(max_examples=4)
@given(seeds, st.sampled_from([3, 6]))
def test_linear_growth_agrees_with_the_calculator(seed, n_samples):
    network, problem = aligned(seed, 4, 5, slack=0.06), regression(seed, n_samples, 4)
    known = bounds.linear_decay_growth(network, problem)
    agrees(linear_decay_growth(ExactStart(network, problem)), known, np.array([0.0, 0.1, 1.0, 30.0]), 1e-8)


def test_linear_growth_of_one_neuron_solves_its_equation():
    """As above: K = 0, a = c, and here z is the least |w| itself, up to the distance of the levels."""
    network, problem = neuron([0.5], 0.375, 1.0, y=[5.0])

    def rate(loss):
        return 2 * (0.25 + brentq(lambda z: z**3 / 2 + z / 4 - max(5 - np.sqrt(2 * loss), 0), 0, 5) ** 2 / 2)

    start = (0.1875 - 5) ** 2 / 2
    loss = start / 100
    time = quad(lambda log: 1 / rate(np.exp(log)), np.log(loss), np.log(start))[0]
    found = linear_decay_growth(ExactStart(network, problem))
    (value,) = found.values((fmpq(*float(time).as_integer_ratio()),))
    assert loss * (1 - 1e-6) < float(value.mid()) < loss * 1.2
    constants = found.enclosed_constants()
    assert contains(constants["a"], fmpq(1, 4))
    assert constants["rate_at_end"] > 4


def test_linear_growth_with_an_alignment_within_rounding_of_zero_is_decided():
    for w, v, holds in ([1.0, 2.0**-28], 1.0, False), ([1 - 2.0**-53], 1 - 2.0**-53, True):
        network, problem = neuron(w, v, 0.5, X=[[1.0] * len(w)], y=(3.0,))
        assert bounds.linear_decay_growth(network, problem).undecided
        found = linear_decay_growth(ExactStart(network, problem))
        assert found.applicable is holds
        assert not holds or found.enclosed_constants()["rate_at_start"] > 0


def test_linear_growth_from_the_best_fit_is_nothing_and_needs_feedback():
    network, problem = neuron([1.0], 5.0, 2.0, y=[5.0])
    found = linear_decay_growth(ExactStart(network, problem))
    assert found.values((fmpq(0), fmpq(1))) == (0, 0)
    assert "rate_at_end" not in found.enclosed_constants()
    network, problem = neuron([1.0], 5.0, 0.0)
    found = linear_decay_growth(ExactStart(network, problem))
    assert [each.name for each in found.assumptions if not each.holds] == ["some feedback b_i is not zero"]


def test_few_levels_are_valid_and_looser(monkeypatch):
    start = ExactStart(aligned(1, 3, 5, slack=0.06), regression(1, 5, 3))
    (fine,) = linear_decay_growth(start).values((fmpq(20),))
    monkeypatch.setattr(linear_growth, "_MOST_PRODUCTS", 200)
    (coarse,) = linear_decay_growth(start).values((fmpq(20),))
    assert fine < coarse < start.excess


def test_sizes_without_a_direction_give_no_level(monkeypatch):
    start = ExactStart(aligned(1, 3, 5, slack=0.06), regression(1, 5, 3))
    known = LinearStart(start).with_form()
    assert known.levels(known.a)
    monkeypatch.setattr(linear_growth.LinearGrowth, "dual", lambda *_: (None, 0.0))
    monkeypatch.setattr(linear_growth.LinearGrowth, "levels", lambda _: (np.array([0.0, 1.0]), np.array([2.0, 1.0])))
    assert known.levels(known.a) == []


def test_a_level_for_which_no_direction_speaks_is_none():
    known = LinearStart(ExactStart(*neuron([0.5], 0.375, 1.0, y=[5.0]))).with_form()
    one = fmpq_mat(1, 1, [1])
    assert known.certain_loss(10.0, one).is_zero()
    # at z = 2: (5 - (a + 2) 2)^2 / 2, a = 1/4
    assert contains(known.certain_loss(2.0, one), fmpq(1, 8))


LINEAR_FLOW = (
    "linear-decay-growth",
    "exponential-decay-growth",
    "exponential-decay-patterns",
    "multi-output-decay-projection",
)


def test_sharper_bounds_of_a_linear_flow_are_enclosed():
    report = ft.verify(aligned(1, 2, 3), regression(1, 4, 2), time=0.5, points=4, rigorous=True)
    for name in LINEAR_FLOW:
        assert report.verdict(name).evidence == "enclosed"
        assert report.verdict(name).verdict == "holds"


@pytest.mark.parametrize("name", LINEAR_FLOW)
def test_a_sharper_bound_that_is_false_is_refuted_with_certainty(monkeypatch, name):
    real = enclosed.FLOW_BOUNDS[name]

    def too_fast(start):
        bound = real(start)
        return enclosed.replace(bound, curve=lambda t: bound.curve(100 * t))

    monkeypatch.setitem(enclosed.FLOW_BOUNDS, name, too_fast)
    report = ft.verify(aligned(1, 2, 3), regression(1, 4, 2), time=0.5, points=4, rigorous=True)
    row = report.verdict(name)
    assert (row.verdict, row.evidence) == ("refuted", "enclosed")
