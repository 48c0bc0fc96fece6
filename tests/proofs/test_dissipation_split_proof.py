"""dissipation-split: wrong variants of the proof must fail, and its conclusions hold at an instance."""

import pytest
import sympy as sp
from evaluation import evaluate, holds
from instances import rationals
from mutants import assert_mutants_fail

from fa_theory.proofs.dissipation_split import PROOF, N, c, depth, layer, loss, t

WIDTHS = (2, 3, 2, 2)
SAMPLES = 3
SLOPE = sp.Rational(1, 5)
MOVE = sp.Symbol("s")


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "dissipation-split",
        [
            ("climb", "sign * psi[layer, i]", "-sign * psi[layer, i]"),
            ("signal without the slope", '"=", theta[layer, j, i] * U[layer, j, i])', '"=", U[layer, j, i])'),
            (
                "gradient at the wrong layer",
                "Delta[layer, j, i] * h[layer - 1, j, k]))",
                "Delta[layer, j, i] * h[layer, j, k]))",
            ),
            ("biases forgotten", "k, layer - 1) + beta[layer, i]\n", "k, layer - 1)\n"),
            ("missing 1/N", "return sp.Sum(summand, (j, 1, N)) / N", "return sp.Sum(summand, (j, 1, N))"),
            (
                "one hidden layer too few",
                "s: lambda one: -pairing(one), last: depth - 1",
                "s: lambda one: -pairing(one), last: depth - 2",
            ),
            ("polarised with the wrong sign", "squared(F, psi) - distance) / 2,", "squared(F, psi) + distance) / 2,"),
            (
                "dominance of the wrong sign",
                'c * over_hidden_layers(size), "<=", over_hidden_layers(pairing())',
                'over_hidden_layers(pairing()), "<=", c * over_hidden_layers(size)',
            ),
            (
                "inputs that move",
                '    still = proof.given("inputs", rate(h[0, j, k]), "=", 0)',
                '    still = proof.given("inputs", rate(h[0, j, k]), "=", 1)',
            ),
            ("an assumption removed", '        "last layer": r"', '        "first layer": r"'),
        ],
    )


def network(seed):
    """Return the entries of a network of three layers with feedback weights, and dL/dt along the flow, by loops.

    Leaky ReLU, loss (f - y)^2 / 2. The rate is the derivative of the loss at weights moved by -s F, at s = 0.
    """
    layers = range(1, len(WIDTHS))
    W = {at: rationals(seed + at, WIDTHS[at], WIDTHS[at - 1]) for at in layers}
    beta = {at: rationals(seed + 10 + at, WIDTHS[at]) for at in layers}
    B = {at: rationals(seed + 20 + at, WIDTHS[at - 1], WIDTHS[at]) for at in layers}
    X, Y = rationals(seed + 30, SAMPLES, WIDTHS[0]), rationals(seed + 31, SAMPLES, WIDTHS[-1])

    def forward(x, W, beta):
        h, z = {0: x}, {}
        for at in layers:
            z[at] = [
                sum(a * b for a, b in zip(row, h[at - 1], strict=True)) + bias
                for row, bias in zip(W[at], beta[at], strict=True)
            ]
            h[at] = [each * slope(each) for each in z[at]] if at < layers[-1] else z[at]
        return h, z

    def slope(z):
        return 1 if z.subs(MOVE, 0) > 0 else SLOPE

    def directions(transposed):
        F = {at: [[0] * WIDTHS[at - 1] for _ in range(WIDTHS[at])] for at in layers}
        bias = {at: [0] * WIDTHS[at] for at in layers}
        for x, y in zip(X, Y, strict=True):
            h, z = forward(x, W, beta)
            delta = [a - b for a, b in zip(h[layers[-1]], y, strict=True)]
            for at in reversed(layers):
                for i in range(WIDTHS[at]):
                    bias[at][i] += delta[i] / SAMPLES
                    for k in range(WIDTHS[at - 1]):
                        F[at][i][k] += delta[i] * h[at - 1][k] / SAMPLES
                if at > 1:
                    M = (
                        [[W[at][i][k] for i in range(WIDTHS[at])] for k in range(WIDTHS[at - 1])]
                        if transposed
                        else B[at]
                    )
                    delta = [
                        slope(z[at - 1][k]) * sum(a * b for a, b in zip(M[k], delta, strict=True))
                        for k in range(WIDTHS[at - 1])
                    ]
        return F, bias

    (G, gamma), (F, psi) = directions(True), directions(False)
    W_moved = {
        at: [[W[at][i][k] - MOVE * F[at][i][k] for k in range(WIDTHS[at - 1])] for i in range(WIDTHS[at])]
        for at in layers
    }
    beta_moved = {at: [beta[at][i] - MOVE * psi[at][i] for i in range(WIDTHS[at])] for at in layers}
    total = sum(
        sum((a - b) ** 2 for a, b in zip(forward(x, W_moved, beta_moved)[0][layers[-1]], y, strict=True)) / 2
        for x, y in zip(X, Y, strict=True)
    ) / sp.Integer(SAMPLES)
    entries = {
        "n": lambda at: WIDTHS[at],
        "G": lambda at, i, k: G[at][i - 1][k - 1],
        "F": lambda at, i, k: F[at][i - 1][k - 1],
        "gamma": lambda at, i: gamma[at][i - 1],
        "psi": lambda at, i: psi[at][i - 1],
    }
    return entries, sp.diff(sp.sympify(total), MOVE).subs(MOVE, 0)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_split_at_an_instance(seed):
    entries, speed = network(seed)
    conclusions = [fact.claim for fact in PROOF.theorem().conclusions]
    plain = {depth: len(WIDTHS) - 1, N: SAMPLES}
    for claim in (conclusions[0], conclusions[2]):
        assert holds(claim, plain, entries, {loss(t): speed})
        assert not holds(claim, plain, entries, {loss(t): -speed})
    assert all(holds(conclusions[1], plain | {layer: at}, entries) for at in (1, 2))


@pytest.mark.parametrize("form", [3, 5])
def test_dominance_bounds_the_rate_as_far_as_it_reaches(form):
    entries, speed = network(3)
    claim = PROOF.theorem().conclusions[form].claim
    plain = {depth: len(WIDTHS) - 1, N: SAMPLES}
    weights, biases = ("F", "psi") if form == 3 else ("G", "gamma")
    ratios = []
    for at in (1, 2):
        pairs = [("G", "F", "gamma", "psi"), (weights, weights, biases, biases)]
        top, bottom = (
            sum(
                entries[a](at, i, k) * entries[b](at, i, k)
                for i in range(1, WIDTHS[at] + 1)
                for k in range(1, WIDTHS[at - 1] + 1)
            )
            + sum(entries[p](at, i) * entries[q](at, i) for i in range(1, WIDTHS[at] + 1))
            for a, b, p, q in pairs
        )
        ratios.append(top / bottom)
    assert holds(claim, plain | {c: min(ratios)}, entries, {loss(t): speed})
    assert not holds(claim, plain | {c: max(ratios) + 1}, entries, {loss(t): speed})
    assert evaluate(PROOF.theorem().conclusions[form + 1].claim.rhs, plain, entries) == 0
