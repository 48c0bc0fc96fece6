"""Sums in the kernel: limits that depend on indices, sizes that stand for one thing, and how many terms there are."""

import pytest
import sympy as sp

from fa_theory.proofs.notation import N, d, i, j, n, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.equality import equal, is_nonnegative
from fa_theory.symbolic.inference import StepFailed
from fa_theory.symbolic.rates import rate
from fa_theory.symbolic.sums import canonical

widths = sp.IndexedBase("n", integer=True, positive=True)
layer = sp.Symbol("l", integer=True)


def test_limits_that_depend_on_an_index_stay_with_it():
    inner = sp.Sum(w[i], (i, 1, widths[layer]))
    nested = sp.Sum(x[layer] * inner, (layer, 1, N))
    flat = sp.Sum(x[layer] * w[j], (j, 1, widths[layer]), (layer, 1, N))
    assert equal(nested, flat)
    assert not equal(nested, sp.Sum(x[layer], (layer, 1, N)) * inner)
    assert layer not in canonical(flat).free_symbols


def test_terms_are_counted_where_the_count_depends_on_an_index():
    counted = sp.Sum(x[layer], (j, 1, widths[layer]), (layer, 1, N))
    assert equal(counted, sp.Sum(x[layer] * widths[layer], (layer, 1, N)))
    assert equal(sp.Sum(1, (j, 1, widths[layer]), (layer, 1, N)), sp.Sum(widths[layer], (layer, 1, N)))
    assert not equal(counted, N * sp.Sum(x[layer], (layer, 1, N)))


def test_an_equation_at_a_size_is_not_one_at_every_index():
    derivation = Derivation({"end": "the last one is 1"})
    end = derivation.given("end", x[N], "=", 1)
    assert derivation.equal("the last", x[N] + 1, 2, using=[end]).claim.rhs == 2
    with pytest.raises(StepFailed, match="not shown"):
        derivation.equal("every", x[i], 1, using=[end])
    with pytest.raises(ValueError, match="stands for one thing"):
        end.at({N: 5})


def test_an_equation_for_every_index_is_one_at_a_size():
    derivation = Derivation({"all": "each is 1"})
    each = derivation.given("all", x[i], "=", 1)
    assert derivation.equal("the last", x[N], 1, using=[each]).claim.lhs == x[N]


def test_a_delta_is_contracted_only_within_its_range():
    def picked(index, *, high=n):
        return sp.Sum(sp.KroneckerDelta(i, index) * x[i], (i, 1, high))

    assert equal(picked(n), x[n])
    assert not equal(picked(j), x[j])  # j may be 0
    assert not equal(picked(5), x[5])
    assert not equal(sp.Sum(picked(j), (j, 1, d)), sp.Sum(x[j], (j, 1, d)))
    assert equal(sp.Sum(picked(j), (j, 1, n)), sp.Sum(x[j], (j, 1, n)))


def test_a_sum_of_squares_needs_its_limits_in_order():
    assert is_nonnegative(sp.Sum(x[i] ** 2, (i, 1, N)))
    assert is_nonnegative(sp.Sum(x[i] ** 2, (i, 1, N - 1)))
    assert is_nonnegative(sp.Sum(x[i] ** 2, (i, 1, j - 1), (j, 1, N)))
    # summed backwards the sum is minus that of what lies between
    assert not is_nonnegative(sp.Sum(x[i] ** 2, (i, 5, 1)))
    assert not is_nonnegative(sp.Sum(x[i] ** 2, (i, 1, N - 2)))


def test_powers_of_what_may_vanish_have_no_sign():
    real, positive = sp.Symbol("s", real=True), sp.Symbol("q", positive=True)
    squares = sp.Sum(x[i] ** 2, (i, 1, N))
    assert is_nonnegative(1 / (1 + squares))
    assert is_nonnegative(positive**-3)
    assert not is_nonnegative(1 / squares)
    assert not is_nonnegative(real**-2)


def test_an_equation_for_a_quantity_leaves_its_rate_to_the_equation_for_the_rate():
    derivation = Derivation({"a": "any"})
    value = derivation.given("a", w[i], "=", sp.exp(-x[i]))
    moved = derivation.differentiated("moved", value)
    claimed = -sp.exp(-x[i]) * rate(x[i])
    assert derivation.equal("chain rule", rate(w[i]), claimed, using=[moved, value]).claim.rhs == claimed
    with pytest.raises(StepFailed, match="not shown"):
        derivation.equal("chain rule", rate(w[i]), -claimed, using=[moved, value])
