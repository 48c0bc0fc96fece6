"""How many laws: against closed formulas, published counts, and the conditions of law-completeness and dfa-law."""

import itertools

import pytest
from flint import fmpq_mat

from fa_theory.symbolic import discover

SHAPES_UP_TO_654 = [(n, d, m) for n, d, m in itertools.product(range(1, 7), range(1, 6), range(1, 5)) if n >= m]


def proved(rule, shape=None, **options):
    """Return a count that two sides certify: the rank at a point from below, laws that hold from above."""
    found = discover(rule, shape, degree=options.pop("degree", 0), **options)
    assert found.proof == "laws"
    assert found.count == found.dimension - found.orbit_dimension
    return found.count


@pytest.mark.parametrize(
    ("shape", "count"),
    [((2, 2, 1), 4), ((3, 2, 1), 7), ((2, 2, 2), 3), ((3, 2, 2), 7), ((3, 3, 2), 8), ((4, 2, 3), 11)],
)
def test_the_six_counts_of_law_completeness(shape, count):
    found = discover("fa", shape)
    assert (found.count, found.proof, found.complete) == (count, "laws", True)
    assert len(found.laws) == count
    assert {law.statement for law in found.laws} <= {"neuron-law", "matrix-law", "projection-law"}


@pytest.mark.parametrize("shape", SHAPES_UP_TO_654, ids=str)
def test_the_formula_of_law_completeness(shape):
    n, d, m = shape
    assert proved("fa", shape) == n * d + m * n - m * d - m * (m - 1) // 2


def of_rank(r, n, m):
    """A matrix of rank r with small whole entries: Vandermonde factors, whose minors do not vanish."""
    left = fmpq_mat(n, r, [(i + 1) ** k for i in range(n) for k in range(r)])
    right = fmpq_mat(r, m, [(j + 2) ** k for k in range(r) for j in range(m)])
    return [[int(v.p) for v in row] for row in (left * right).tolist()]


@pytest.mark.parametrize(
    ("n", "d", "m", "r"),
    [(n, d, m, r) for n, d, m in itertools.product(range(1, 5), (1, 2, 4), range(1, 5)) for r in range(min(n, m) + 1)],
)
def test_own_formula_for_any_shape_and_any_rank_of_the_feedback(n, d, m, r):
    feedback = of_rank(r, n, m) if r else [[0] * m for _ in range(n)]
    found = discover("fa", (n, d, m), feedback=[feedback], degree=0)
    formula = n * d + m * n - m * d - m * (m - 1) // 2 + (m - r) * max(d - n + r, 0) + (m - r) * (m - r - 1) // 2
    # whether through laws that meet the rank, or through the closed algebra
    assert found.proof in ("laws", "closed")
    assert found.count == formula
    if r == n <= m:
        assert formula == n * (n + 1) // 2


def deep_orbit(widths):
    """Own: s_1 d + sum over hidden layers of s_l s_{l+1} - s_l (s_l + 1) / 2, s_l the rank of B_{l+1} ... B_L."""
    s = {len(widths) - 1: widths[-1]}
    for layer in range(len(widths) - 2, 0, -1):
        s[layer] = min(widths[layer], s[layer + 1])
    gained = sum(s[k] * s[k + 1] - s[k] * (s[k] + 1) // 2 for k in range(1, len(widths) - 1))
    return s[1] * widths[0] + gained


@pytest.mark.parametrize(
    "widths", [*itertools.product((1, 2, 3), repeat=4), *itertools.product((1, 2), repeat=5), (2, 5, 4, 3, 2)], ids=str
)
def test_own_formula_for_deep_linear_fa(widths):
    parameters = sum(a * b for a, b in itertools.pairwise(widths))
    assert proved("fa", widths=widths) == parameters - deep_orbit(widths)


@pytest.mark.parametrize(
    "widths", [*itertools.product((1, 2, 3), repeat=3), *itertools.product((1, 2), repeat=4)], ids=str
)
def test_biases_add_one_law_for_each_hidden_neuron_of_linear_fa(widths):
    assert proved("fa", widths=widths, biases=True) == proved("fa", widths=widths) + sum(widths[1:-1])


@pytest.mark.parametrize("shape", list(itertools.product((1, 2, 3, 4), (1, 2, 3), (1, 2, 3))), ids=str)
def test_backprop_in_two_layer_linear_networks_as_published(shape):
    """Marcotte, Gribonval, Peyre (NeurIPS 2023): for U (m, r) and V (d, r) stacked to a matrix of full rank."""
    r, d, m = shape
    rank = min(r, d + m)
    assert proved("backprop", shape) == rank * r - rank * (rank - 1) // 2 - (rank if rank > r else 0)


@pytest.mark.parametrize("shape", list(itertools.product((1, 2, 3), (1, 2), (1, 2, 3))), ids=str)
def test_adafa_in_two_layer_linear_networks_has_as_many_laws_as_backprop(shape):
    assert proved("adafa:1/2", shape) == proved("backprop", shape)


def test_sign_fa_on_an_orthant_is_fa_with_the_signs():
    weights = [[[1, 2], [3, 4], [5, 7]], [[2, -1, 3], [1, 4, -2]]]
    signs = [[1, 1], [-1, 1], [1, -1]]
    found, fa = discover("sign-fa", (3, 2, 2), weights=weights), discover("fa", (3, 2, 2), feedback=[signs])
    assert [law.polynomial for law in found.laws] == [law.polynomial for law in fa.laws]
    assert (found.count, found.complete) == (fa.count, True) == (7, True)
    assert "np.abs(W2[:, 0]).sum()" in found.laws[0].python


@pytest.mark.parametrize("rule", ["backprop", "fa", "sign-fa", "adafa:1/3"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu:1/5"])
@pytest.mark.parametrize(
    ("shape", "biases"), [((1, 2, 1), False), ((3, 2, 2), False), ((4, 3, 1), False), ((3, 1, 2), True)]
)
def test_one_law_for_each_neuron_of_two_layer_gated_families(rule, activation, shape, biases):
    found = discover(rule, shape, activation=activation, biases=biases)
    assert (found.count, found.complete) == (shape[0], True)
    assert {law.statement for law in found.laws} == {"neuron-law"}


@pytest.mark.parametrize("rule", ["backprop", "fa", "sign-fa", "adafa:2"])
def test_one_law_for_each_neuron_of_deep_gated_networks(rule):
    found = discover(rule, (2, 2, 2), depth=4, activation="relu")
    assert (found.count, found.complete) == (6, True)


def test_gated_networks_have_more_laws_where_a_condition_of_law_completeness_fails():
    one_output = [[1, 1, 1]]
    generic = [[1, 2], [3, -1], [1, 1]]
    parallel = [[1, 2], [2, 4], [1, 1]]
    assert proved("fa", (3, 2, 1), activation="relu", weights=[generic, one_output]) == 3
    more = discover("fa", (3, 2, 1), activation="relu", weights=[parallel, one_output], feedback=[[[2], [3], [1]]])
    assert (more.count, more.complete) == (5, True)
    assert [law.python for law in more.laws if law.statement is None] == [
        "3 * W1[0, 0] - 2 * W1[1, 0]",
        "3 * W1[0, 1] - 2 * W1[1, 1]",
    ]
    assert proved("fa", (3, 2, 1), activation="relu", weights=[generic, one_output], feedback=[[[2], [3], [1]]]) == 3
    without = discover("fa", (3, 2, 1), activation="relu", feedback=[[[0], [3], [1]]])
    assert (without.count, without.complete) == (4, True)  # row one stands still, and v_1 moves
    line = discover("fa", (2, 1, 1), activation="relu", weights=[[[1], [2]], [[1, 1]]], feedback=[[[2], [3]]])
    assert (line.count, line.complete) == (3, True)
    assert line.laws[-1].python == "3 * W1[0, 0] - 2 * W1[1, 0]"


@pytest.mark.parametrize("activation", ["relu", "leaky_relu:1/3"])
def test_one_input_alone_does_not_make_more_laws(activation):
    """A correction to law-completeness: with d = 1 there are more only if two neurons point the same way."""
    for weights, count in (([[1], [-2]], 2), ([[1], [2]], 3), ([[1], [-2], [4]], 4)):
        found = discover("fa", (len(weights), 1, 1), activation=activation, weights=[weights, [[1] * len(weights)]])
        assert (found.count, found.complete) == (count, True)


def test_with_hidden_biases_parallel_weights_are_no_exception():
    """What must not be parallel is (w_i, b_i); the seed draws different biases."""
    weights = [[[1, 2], [2, 4], [1, -1]], [[1, 1, 1]]]
    found = discover("fa", (3, 2, 1), activation="relu", biases=True, weights=weights)
    assert (found.count, found.complete) == (3, True)


def test_own_deep_gated_networks_have_more_laws_near_some_starts_than_everywhere():
    """With d = 1 the reachable patterns are known exactly: two neurons that are never on together stop a weight."""
    near = discover("fa", (2, 1, 2), depth=3, activation="relu", patterns="reachable")
    everywhere = discover("fa", (2, 1, 2), depth=3, activation="relu", patterns="all")
    assert (near.count, near.complete) == (6, True)
    assert (everywhere.count, everywhere.complete) == (4, True)
    sampled = discover("fa", (2, 2, 2), depth=3, activation="relu", patterns="reachable", seed=8)
    assert (sampled.count, sampled.proof, sampled.listing_certain, len(sampled.laws)) == (5, None, False, 4)
    assert "at most 5" in sampled.explanation[0]


def test_dfa_law_both_ways():
    linear = discover("dfa", (2, 2, 2), depth=3)
    assert (linear.count, linear.complete) == (6, True)
    assert [law.statement for law in linear.laws].count("dfa-law") == 3
    gated = discover("dfa", (2, 2, 2), depth=3, activation="relu")
    assert (gated.count, gated.complete) == (2, True)
    assert {law.name for law in gated.laws} == {"neuron-law (layer 2, neuron 1)", "neuron-law (layer 2, neuron 2)"}


def test_own_part_of_the_dfa_law_that_is_left_without_its_assumption():
    """For a with a^T B_2 in the row space of B_3 the law holds along a: here one direction, so one law."""
    feedback = [[[1, 0, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0]]]
    found = discover("dfa", widths=(2, 2, 2, 3), feedback=feedback)
    assert found.complete
    (extra,) = [law for law in found.laws if law.statement is None]
    assert extra.python == "W1[0, 0]**2 + W1[0, 1]**2 - 2 * W2[0, 0]"
    assert found.count == 3 + 1  # layer 2 has the three of FA


def momentum_formula(n, d, m, friction):
    """Own, n >= m: c = n - m directions that the feedback does not reach."""
    c = n - m
    moving = c * d + m * c + m * (m - 1) // 2
    return c * d + m * max(c - d, 0) + (max(moving - 1, 0) if friction else moving - (c * d > 0))


@pytest.mark.parametrize("friction", [0, 1])
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1), (3, 2, 1), (2, 2, 2), (3, 2, 2), (4, 1, 2), (3, 1, 3)],
    ids=str,
)
def test_own_formula_for_fa_with_momentum(shape, friction):
    found = discover("fa", shape, friction=friction, degree=0)
    assert found.proof in ("laws", "closed")
    assert found.count == momentum_formula(*shape, friction)


def test_momentum_leaves_no_law_of_a_gated_network():
    for friction in (0, 1):
        assert proved("fa", (2, 2, 1), activation="relu", friction=friction) == 0


def test_momentum_laws_without_friction_are_polynomial_and_with_friction_some_are_not():
    without = discover("fa", (2, 2, 1), friction=0)
    assert (without.count, without.complete, len(without.laws)) == (4, True, 4)
    slowed = discover("fa", (2, 2, 1), friction=1)
    assert (slowed.count, slowed.proof, slowed.complete, len(slowed.laws)) == (4, "closed", False, 2)
    assert "2 more exist" in " ".join(slowed.explanation)
