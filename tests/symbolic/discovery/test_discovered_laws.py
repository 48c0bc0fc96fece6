"""Which laws: along simulated trajectories, against brute force, and with controls that must fail."""

from fractions import Fraction
from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
import sympy
from flint import fmpq

import fa_theory as ft
from fa_theory.dynamics import forward
from fa_theory.model import AdaptiveFeedback, feedback_rules
from fa_theory.symbolic import discover
from fa_theory.symbolic.discovery.check import _with_two_slopes, conserved, conserved_for_every_pattern
from fa_theory.symbolic.discovery.kernel import MOST_MONOMIALS, check_size, n_monomials, products_up_to
from fa_theory.symbolic.discovery.network_request import make_request
from fa_theory.symbolic.discovery.polynomials import Polynomial

RULES = ["fa", "backprop", "sign-fa", "adafa:1/2", "dfa"]
# the flow is computed to a loss error of 1e-9 relative to the start, and weights stay of size one
TOLERANCE = 1e-6


def floats(matrix):
    return np.array([[int(v.p) / int(v.q) for v in row] for row in matrix.tolist()])


def simulated(found, rule, widths, activation, *, biases, seed=0):
    """Return the states of a run under the feedback that the laws were found for."""
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(0.2, 1.0, (n, k)) * rng.choice([-1, 1], (n, k)) for k, n in pairwise(widths)]
    given = {name: floats(matrix) for name, matrix in found.feedback.items()}
    if rule == "sign-fa":
        for k in range(2, len(widths)):
            weights[k - 1] = abs(weights[k - 1]) * given[f"B{k}"].T
        feedback, given = rule, {}
    elif rule == "backprop":
        feedback = rule
    elif rule.startswith("adafa"):
        feedback = [AdaptiveFeedback(0.5, given[f"D{k + 2}"] + 0.5 * W.T, W) for k, W in enumerate(weights[1:])]
    else:
        feedback = feedback_rules(rule, weights, list(given.values()))
    shifts = [rng.standard_normal(n) / 2 for n in widths[1:]] if biases else None
    network = ft.Network(weights, activation, feedback, shifts)
    X = rng.standard_normal((3, widths[0])) / 4
    problem = ft.Problem(X, forward(network, X).output + rng.standard_normal((3, widths[-1])))
    run = ft.simulate(network, problem, time=0.1, points=4, accuracy=1e-9)
    assert run.outcome == "completed"
    states = []
    for parameters in run.states:
        state = {f"W{i}": W for i, W in enumerate(parameters.weights, start=1)}
        state |= {f"b{i}": b for i, b in enumerate(parameters.biases, start=1) if b is not None}
        states.append(state | given)
    return states


def drift(values):
    return np.ptp(values) / max(1.0, np.max(np.abs(values)))


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", ["linear", "leaky_relu:1/5"])
@pytest.mark.parametrize("widths", [(2, 3, 2), (2, 2, 2, 2)])
@pytest.mark.parametrize("rule", RULES)
def test_every_law_stays_constant_along_a_simulated_flow(rule, widths, activation, biases):
    found = discover(rule, widths=widths, activation=activation, biases=biases)
    assert found.complete
    states = simulated(found, rule, widths, activation, biases=biases)
    assert abs(states[-1]["W2"][0, 0] - states[0]["W2"][0, 0]) > 1e-4
    for law in found.laws:
        values = [law.evaluate(**state) for state in states]
        assert drift(values) < TOLERANCE, law.name
        # the control: the same law plus one weight that moves
        spoiled = [value + state["W2"][0, 0] for value, state in zip(values, states, strict=True)]
        assert drift(spoiled) > 10 * TOLERANCE


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("widths", [(2, 3, 2), (1, 3, 2, 1)])
@pytest.mark.parametrize("biases", [False, True])
def test_the_formula_to_read_is_the_polynomial_that_was_checked(rule, widths, biases):
    """Evaluated at a random state; sign-FA's signs are those of its region."""
    found = discover(rule, widths=widths, biases=biases)
    rng = np.random.default_rng(0)
    state, point = {}, []
    feedback = {name: floats(matrix) for name, matrix in found.feedback.items()}
    for k, (before, n) in enumerate(pairwise(widths), start=1):
        W = rng.integers(1, 9, (n, before)).astype(float)
        if rule == "sign-fa" and k > 1:
            W *= feedback[f"B{k}"].T
        state[f"W{k}"] = W
        point += [fmpq(int(v)) for v in W.ravel()]
        if biases:
            state[f"b{k}"] = rng.integers(-9, 9, n).astype(float)
            point += [fmpq(int(v)) for v in state[f"b{k}"]]
    for law in found.laws:
        value = law.polynomial.at(point)
        assert law.evaluate(**state, **feedback) == pytest.approx(float(Fraction(int(value.p), int(value.q))), rel=1e-9)


def brute_force_dimension(variables, fields, degree):
    """The dimension of the polynomial laws, by comparing coefficients in SymPy."""
    monomials = [sympy.prod(m) for k in range(1, degree + 1) for m in combinations_with_replacement(variables, k)]
    unknown = sympy.symbols(f"c:{len(monomials)}")
    P = sum(c * m for c, m in zip(unknown, monomials, strict=True))
    equations = []
    for field in fields:
        rate = sympy.Poly(sum(sympy.diff(P, v) * f for v, f in zip(variables, field, strict=True)), *variables)
        equations += rate.coeffs()
    matrix, _ = sympy.linear_eq_to_matrix(equations, unknown)
    return len(monomials) - matrix.rank()


@pytest.mark.parametrize(
    ("n", "d", "m", "degree"), [(2, 1, 1, 2), (2, 1, 1, 3), (2, 2, 1, 2), (2, 1, 2, 2), (1, 1, 2, 4)]
)
def test_the_space_of_polynomial_laws_is_that_of_brute_force(n, d, m, degree):
    B = [[k + 1 + 2 * i for k in range(m)] for i in range(n)]
    B[0][0] = -1
    W = sympy.Matrix(n, d, sympy.symbols(f"w:{n * d}"))
    V = sympy.Matrix(m, n, sympy.symbols(f"v:{m * n}"))
    fields = []
    for j in range(m):
        for k in range(d):
            M = sympy.zeros(m, d)
            M[j, k] = 1
            fields.append([*(-sympy.Matrix(B) * M), *(-M * W.T)])
    found = discover("fa", (n, d, m), degree=degree, feedback=[B])
    assert found.listing_certain
    assert found.polynomial_dimension == brute_force_dimension([*W, *V], fields, degree)


def test_the_search_alone_finds_the_laws_that_the_theory_names():
    """The same fields without any named candidates: the kernel must lift everything to the rationals."""
    from fa_theory.symbolic.discovery.discover import search

    for rule, shape in (("fa", (3, 2, 2)), ("adafa:1/3", (2, 2, 2)), ("backprop", (3, 1, 2))):
        made = make_request(
            rule,
            (shape[1], shape[0], shape[2]),
            "linear",
            biases=False,
            seed=3,
            feedback=None,
            weights=None,
            patterns=None,
        )
        named, unnamed = discover(rule, shape, seed=3), search(made.system, 2)
        assert unnamed.complete
        assert (unnamed.count, unnamed.polynomial_dimension) == (named.count, named.polynomial_dimension)
        assert all(conserved(made.system, [law.polynomial for law in unnamed.laws]))


def test_a_wrong_law_is_not_conserved():
    made = make_request("fa", (2, 2, 2), "relu", biases=False, seed=0, feedback=None, weights=None, patterns="all")
    right = discover("fa", (2, 2, 2), activation="relu").laws[0].polynomial
    for wrong in (
        right + Polynomial({(0,): fmpq(1, 1000)}),
        right - Polynomial({max(right.terms): right.terms[max(right.terms)]}),
        Polynomial({m: -v if len(m) == 1 else v for m, v in right.terms.items()}),
    ):
        assert conserved(made.system, [right, wrong]) == [True, False]
        assert conserved_for_every_pattern(made.system, [right, wrong]) == [True, False]


def test_a_slope_is_one_of_two_numbers():
    """(s - 1)(s - a) is zero as a function of the pattern, but not as a polynomial in s."""
    s, a = Polynomial.variable(5), fmpq(1, 3)
    vanishing = s * s - s.scaled(1 + a) + Polynomial.constant(a)
    assert vanishing
    assert not _with_two_slopes(vanishing * (s + Polynomial.variable(0)), 5, a)
    assert _with_two_slopes(vanishing + Polynomial.variable(0), 5, a) == Polynomial.variable(0)
    assert _with_two_slopes(vanishing, 6, a) == vanishing


def test_off_diagonal_matrix_laws_and_projections_are_refused_with_gating():
    gated = discover("fa", (3, 2, 1), activation="leaky_relu:1/2")
    assert {law.statement for law in gated.laws} == {"neuron-law"}
    assert gated.polynomial_dimension == 3


def test_what_a_lower_degree_misses_is_said():
    linear_only = discover("fa", (3, 2, 1), degree=1)
    assert linear_only.complete is False
    assert {law.statement for law in linear_only.laws} == {"projection-law"}
    assert (linear_only.count, len(linear_only.laws)) == (7, 4)
    assert "3 more exist" in " ".join(linear_only.explanation)
    counted = discover("fa", (3, 2, 1), degree=0)
    assert (counted.count, counted.laws, counted.complete) == (7, (), None)


def test_reachable_patterns_of_deep_networks_are_sampled_and_that_is_said_where_it_matters():
    found = discover("backprop", widths=(2, 8, 2, 7, 3), activation="relu", patterns="reachable", degree=0)
    assert found.proof is None
    assert found.count >= 17
    assert "at most" in found.explanation[0]
    assert "near the start" in found.explanation[-1]
    everywhere = discover("backprop", widths=(2, 8, 2, 7, 3), activation="relu", degree=0)
    assert (everywhere.count, everywhere.proof) == (17, "laws")


def test_a_seed_draws_the_feedback_and_decides_nothing_else():
    one, two = discover("fa", (3, 2, 2), seed=0), discover("fa", (3, 2, 2), seed=1)
    assert one.feedback["B2"] != two.feedback["B2"]
    assert one.count == two.count
    assert discover("fa", (3, 2, 2), seed=0).to_json() == one.to_json()


def test_too_large_a_request_is_refused_with_an_estimate():
    with pytest.raises(ValueError, match=r"65340 monomials and about \d+ MB; the limit is 5000 monomials"):
        discover("fa", (20, 10, 8))
    with pytest.raises(ValueError, match="600 parameters; the limit is 500"):
        discover("fa", (20, 20, 10), degree=0)
    assert n_monomials(20, 2) == 230
    check_size(98, 2)
    assert n_monomials(99, 2) > MOST_MONOMIALS


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"rule": "hebb"}, "rule"),
        ({"rule": "adafa:K"}, "kappa"),
        ({"rule": "adafa:-1"}, "kappa"),
        ({"rule": "adafa:x"}, "kappa"),
        ({"shape": (2, 2)}, "shape"),
        ({"shape": (2, 0, 2)}, "shape"),
        ({"shape": (2, 2.5, 2)}, "shape"),
        ({"shape": None}, "exactly one of shape and widths"),
        ({"widths": (2, 2, 2)}, "exactly one of shape and widths"),
        ({"shape": None, "widths": (2, 2)}, "widths"),
        ({"depth": 1}, "depth"),
        ({"activation": "tanh"}, "activation"),
        ({"activation": "leaky_relu"}, "activation"),
        ({"activation": "leaky_relu:2"}, "slope"),
        ({"activation": "leaky_relu:1/0"}, "slope"),
        ({"activation": "relu", "patterns": "some"}, "patterns"),
        ({"patterns": "some"}, "patterns"),
        ({"degree": -1}, "degree"),
        ({"degree": 1.5}, "degree"),
        ({"friction": "x"}, "friction"),
        ({"friction": -1}, "friction"),
        ({"feedback": [[[1, 2]]]}, "B2 in feedback must have shape"),
        ({"feedback": []}, "feedback must have 1"),
        ({"feedback": [[["a", 2], [1, 2]]]}, "an entry of B2"),
        ({"rule": "backprop", "feedback": [[[1, 2], [1, 2]]]}, "feedback is for"),
        ({"activation": "relu", "weights": [[[0, 0], [1, 2]], [[1, 1], [1, 1]]]}, "row 0 of W1"),
    ],
    ids=str,
)
def test_bad_input_is_refused_by_name(options, named):
    with pytest.raises(ValueError, match=named):
        discover(**{"rule": "fa", "shape": (2, 2, 2)} | options)


def test_leaky_relu_with_slope_one_is_linear_and_adafa_with_kappa_zero_is_fa():
    assert discover("fa", (3, 2, 1), activation="leaky_relu:1").to_json() == discover("fa", (3, 2, 1)).to_json()
    assert discover("adafa:0", (3, 2, 1)).to_json() == discover("fa", (3, 2, 1)).to_json()


def test_a_law_names_what_it_needs():
    law = discover("fa", (2, 2, 1)).laws[0]
    with pytest.raises(ValueError, match="B2 must be given"):
        law.evaluate(W1=np.eye(2), W2=np.ones((1, 2)))


def test_products_of_laws():
    x, y = Polynomial.variable(0), Polynomial.variable(1)
    found = products_up_to([x, y * y], 3)
    assert [p.terms for p in found] == [{(0,): 1}, {(0, 0): 1}, {(0, 0, 0): 1}, {(0, 1, 1): 1}, {(1, 1): 1}]


def test_progress_is_told():
    said = []
    discover("fa", (2, 2, 2), progress=said.append)
    assert any("degree 2" in message for message in said)
