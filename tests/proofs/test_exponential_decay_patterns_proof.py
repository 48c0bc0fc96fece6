"""exponential-decay-patterns and its lemmas: wrong variants must fail, a run keeps to a rate that supports itself."""

import numpy as np
import pytest
import sympy as sp
from mutants import assert_mutants_fail

from fa_theory.proofs.exponential_decay_patterns import (
    PROOF,
    RULES,
    floor,
    least,
    least_eigenvalue,
    loss,
    rho,
    t,
)
from fa_theory.proofs.lemmas.self_supporting_rate import D, nu, root

SLOPE = 0.2


def test_wrong_proofs_fail():
    assert_mutants_fail(
        "exponential-decay-patterns",
        [
            ("misaligned start", 'start of {rule}", C[i], "<=", 0)', 'start of {rule}", 0, "<=", C[i])'),
            ("lengths twice", '"=", low[i] ** 2 / 2 - C[i])', '"=", low[i] ** 2 - C[i])'),
            ("neurons counted twice", 'frozen[i] + others[i], "=", 1)', 'frozen[i] + others[i], "=", 2)'),
            (
                "slow weights",
                '"speed of weights", nu**2, "=", 2 * high)\n    at',
                '"speed of weights", nu**2, "=", high)\n    at',
            ),
            ("missing N", "        together * N * total", "        together * total"),
            ("twice the linear rate", 'rho, "<=", 2 * least * amount)', 'rho, "<=", 4 * least * amount)'),
            ("an assumption removed", '        "frozen or not": r"', '        "frozen": r"'),
        ],
    )


@pytest.mark.parametrize(
    ("lemma", "mutations"),
    [
        (
            "self-supporting-rate",
            [
                ("y that grows", 'y(t).diff(t), "<=", 0)', '0, "<=", y(t).diff(t))'),
                ("faster than said", '"=", nu * root(t))', '"=", 2 * nu * root(t))'),
                ("room at the start", 'room(0), "=", D)', 'room(0), "=", D / 2)'),
                ("no room", 'room(t), "=", inside(t) * (D - moved(t)))', 'room(t), "=", inside(t) * (moved(t) - D))'),
                ("an assumption removed", '        "moves": r"', '        "move": r"'),
            ],
        ),
        (
            "slow-weights",
            [
                ("large feedback", 'M[i] ** 2, "<=", feedback[i] ** 2)', 'feedback[i] ** 2, "<=", M[i] ** 2)'),
                (
                    "far away",
                    'inside(t) * moved(t), "<=", inside(t) * D)',
                    'inside(t) * D, "<=", inside(t) * moved(t))',
                ),
                ("a long direction", 'reference_bias[i] ** 2, "=", 1)', 'reference_bias[i] ** 2, "=", 2)'),
                (
                    "no regard to the sample",
                    "(preactivation_kept[i, j] - radius[j] * feedback[i] * D)",
                    "(preactivation_kept[i, j] - feedback[i] * D)",
                ),
                (
                    "the other side of the kink",
                    'keeps[i, j] * theta[i, j], "="',
                    '(1 - keeps[i, j]) * theta[i, j], "="',
                ),
                ("an assumption removed", '        "samples": r"', '        "data": r"'),
            ],
        ),
    ],
)
def test_wrong_lemmas_fail(lemma, mutations):
    assert_mutants_fail(f"lemmas/{lemma}", mutations)


def test_what_is_concluded():
    kinds = [(loss(t), least_eigenvalue), (loss(t) - floor, least)] * len(RULES)
    for fact, (quantity, eigenvalue) in zip(PROOF.theorem().conclusions, kinds, strict=True):
        assert fact.claim.lhs == quantity
        assert fact.claim.rhs == quantity.subs(t, 0) * sp.exp(-rho * t)
        (allowed,) = (p.claim for p in fact.premises if p.key.startswith("rate of"))
        assert (allowed.lhs, allowed.relation) == (rho, "<=")
        assert allowed.rhs.has(eigenvalue)
        (balance,) = (p.claim for p in fact.premises if p.key == "rate")
        assert (balance.lhs, balance.rhs) == (rho * D, 2 * nu * root(0))


def network(seed, width=40):
    """Return a start with large weights: inputs, labels, w, v, b, with c_i = 1 / width."""
    chance = np.random.default_rng(seed)
    X = np.array([[1.0, 0.2], [-0.3, 1.1]])
    w = chance.normal(size=(width, 2)) * 3
    b = chance.choice([-1.0, 1.0], width) / 4
    v = (np.sum(w**2, axis=1) / 2 + 1 / width) / b
    f = np.maximum(SLOPE * (X @ w.T), X @ w.T) @ v
    return X, f - np.array([3.0, -4.0]), w, v, b


def rate_of(X, y, w, v, b):
    """Return the largest rate found that is at most what the statement allows at its D, and that D."""
    N = len(X)
    eigenvalues = np.linalg.eigvalsh(X @ X.T / N)
    z, lengths = X @ w.T, np.linalg.norm(w, axis=1)
    start = np.sum((np.maximum(SLOPE * z, z) @ v - y) ** 2) / (2 * N)
    c = v * b - lengths**2 / 2
    slopes = np.where(z > 0, 1.0, SLOPE)
    best = 0.0, np.inf
    for rate in np.geomspace(1, 1e5, 400):
        D = 2 * np.sqrt(2 * eigenvalues[-1] * start) / rate
        q = c + np.maximum(lengths - abs(b) * D, 0) ** 2 / 2
        frozen = np.min(abs(z) / np.linalg.norm(X, axis=1)[:, None], axis=0) > abs(b) * D
        form = sum((q[i] * np.outer(slopes[:, i], slopes[:, i]) for i in np.flatnonzero(frozen)), np.zeros((N, N)))
        mu = np.linalg.eigvalsh(form * (X @ X.T) / N)[0]
        if rate <= 2 * (mu + SLOPE**2 * eigenvalues[0] * np.sum(q[~frozen])):
            best = rate, D
    return best


def test_a_run_keeps_to_the_rate():
    X, y, w, v, b = network(0)
    rate, D = rate_of(X, y, w, v, b)
    plain = 2 * SLOPE**2 * np.linalg.eigvalsh(X @ X.T / 2)[0] * np.sum(v * b - np.sum(w**2, axis=1) / 2)
    assert rate > 1000 * plain > 0
    first, lengths, step = w.copy(), [], 1e-4 / rate
    for _ in range(20000):
        z = X @ w.T
        h, slope = np.maximum(SLOPE * z, z), np.where(z > 0, 1.0, SLOPE)
        e = h @ v - y
        lengths.append(np.mean(e**2) / 2)
        w = w - step * b[:, None] * (e[:, None] * slope).T @ X / len(X)
        v = v - step * h.T @ e / len(X)
    times = step * np.arange(len(lengths))
    assert np.all(lengths <= lengths[0] * np.exp(-rate * times) * (1 + 1e-6))
    assert np.all(np.linalg.norm(w - first, axis=1) < abs(b) * D)
