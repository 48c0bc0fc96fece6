"""gd-decay-growth in balls: against the calculator, one neuron by hand, the certified step, and what is false."""

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory import bounds
from fa_theory.model import Network, Problem
from fa_theory.rigour import ExactStart, balls, gd_decay_growth
from fa_theory.rigour.gd_growth import _Descent
from fa_theory.rigour.linear_growth import LinearStart
from fa_theory.verification import enclosed
from tests.bounds.bound_instances import aligned, regression

seeds = st.integers(0, 2**32 - 1)


def neuron(w, v, b, y):
    return Network([np.array([[w]]), np.array([[v]])], "linear", [np.array([[b]])]), Problem(np.eye(1), np.array([y]))


@settings(max_examples=4)
@given(seeds, st.sampled_from([3, 6]), st.sampled_from([1, 5]))
def test_it_agrees_with_the_calculator_at_the_certified_step(seed, n_samples, width):
    network, problem = aligned(seed, 4, width, slack=0.06), regression(seed, n_samples, 4)
    step_size = bounds.gd_decay_growth(network, problem).step_size / 2
    known = bounds.gd_decay_growth(network, problem, step_size)
    found = gd_decay_growth(ExactStart(network, problem), step_size)
    assert found.applicable is known.applicable is True
    times = step_size * np.array([0, 1, 7, 50, 400])
    np.testing.assert_allclose(found.as_bound(known)(times), known(times), rtol=1e-8)
    assert found.enclosed_constants()["room"] >= 0


def test_the_certified_step_passes_and_a_hair_more_does_not():
    network, problem = aligned(3, 3, 4), regression(3, 6, 3)
    start, certified = ExactStart(network, problem), bounds.gd_decay_growth(network, problem).step_size
    assert gd_decay_growth(start, certified).applicable
    above = gd_decay_growth(start, certified * (1 + 1e-6))
    assert [each.holds for each in above.assumptions if each.name.startswith("step size")] != [True, True]
    assert not above.applicable
    report = ft.verify(network, problem, method="gd", steps=4, step_size=certified * (1 + 1e-6), rigorous=True)
    assert report.verdict("gd-decay-growth").verdict == "not_applicable"


def test_the_room_of_one_neuron_by_hand():
    """w = 1, v = 1, b = 1, y = 3: a = 1/2, K = 0, E_0 = 2, zeta from (theta a + x^2 / 2) x = |v w - y + b v w...|."""
    known = LinearStart(ExactStart(*neuron(1.0, 1.0, 1.0, 3.0))).with_form()
    descent = _Descent(known, 0.0)
    theta, mu, eta = fmpq(1, 2), fmpq(1), fmpq(1, 100)
    assert (known.a, descent.kappa, descent.still) == (fmpq(1, 2), 0, 0)
    # b.v w - |b| p = 1 + 2, and |b| sqrt(2 E_0) = 2: m = 5
    assert descent.pull == 9
    zeta = max(np.roots([0.5, 0, 0.25, -5]).real)
    expected = 1 - 0.01 * (0.5 + 1.5 * zeta**2 + 0.01 * zeta * 2)
    with ctx.workprec(128):
        assert float(descent.room(theta, mu, eta).mid()) == pytest.approx(expected, rel=1e-9)


def test_a_kappa_that_is_too_large_is_not_believed():
    network, problem = aligned(1, 2, 4), regression(1, 4, 2)
    known = LinearStart(ExactStart(network, problem)).with_form()
    kappa = bounds.gd_decay_growth(network, problem).constants["kappa"]
    assert _Descent(known, kappa).kappa == balls.rational(kappa)
    assert _Descent(known, 1.001 * kappa).kappa == 0


def test_each_step_falls_by_at_least_the_first_factor_and_ends_faster():
    network, problem = neuron(0.5, 0.375, 1.0, 5.0)
    step_size = bounds.gd_decay_growth(network, problem).step_size
    found = gd_decay_growth(ExactStart(network, problem), step_size)
    constants = found.enclosed_constants()
    assert constants["factor_at_end"] < constants["factor_at_start"] < 1
    values = found.values(tuple(fmpq(k) for k in (0, 1, 2, 10**6, 10**6 + 1)))
    with ctx.workprec(200):
        assert values[1] <= constants["factor_at_start"] * values[0] * (1 + arb(2) ** -60)
        assert (values[4] / values[3]).overlaps(constants["factor_at_end"])


def test_what_is_missing_is_named():
    network, problem = neuron(1 - 2.0**-53, 1 - 2.0**-53, 0.5, 3.0)
    found = gd_decay_growth(ExactStart(network, problem), 0.1)
    assert found.assumptions[-1].holds is None
    assert found.assumptions[-1].name.startswith("theta and mu are found")
    misaligned = gd_decay_growth(ExactStart(*neuron(1.0, 0.5, 1.0, 3.0)), 0.1)
    assert misaligned.assumptions[-1].holds is False
    fitted = gd_decay_growth(ExactStart(*neuron(1.0, 5.0, 2.0, 5.0)), 0.1)
    assert fitted.applicable
    assert fitted.values((fmpq(0), fmpq(3))) == (0, 0)


def test_descent_is_enclosed_with_its_sharper_bound_and_a_false_one_is_refuted(monkeypatch):
    network, problem = aligned(2, 2, 3), regression(2, 4, 2)
    run = {"method": "gd", "steps": 10, "step_size": 1e-4, "points": 4, "rigorous": True}
    row = ft.verify(network, problem, **run).verdict("gd-decay-growth")
    assert (row.verdict, row.evidence) == ("holds", "enclosed")
    real = enclosed.STEP_BOUNDS["gd-decay-growth"]

    def too_fast(start, step_size):
        bound = real(start, step_size)
        return enclosed.replace(bound, curve=lambda k: bound.curve(1000 * k))

    monkeypatch.setitem(enclosed.STEP_BOUNDS, "gd-decay-growth", too_fast)
    row = ft.verify(network, problem, **run).verdict("gd-decay-growth")
    assert (row.verdict, row.evidence) == ("refuted", "enclosed")
