"""multi-output-decay-projection against its definition with explicit projectors, and random flows."""

from dataclasses import replace

import numpy as np
import pytest
from bound_instances import failing, regression, run, seeds
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from fa_theory.bounds import multi_output_decay, multi_output_decay_projection
from fa_theory.model import Network, Problem
from fa_theory.verification import assess_bound


def instance(seed, d, n, m, n_samples, alignment=0.3, bias=False):
    """-U^T C U = alignment I and more, U = B (B^T B)^{-1/2}; W is as large outside the range of B as inside."""
    rng = np.random.default_rng(seed)
    W, B = rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m))
    B[:m] += 2 * np.eye(m)
    b = rng.uniform(-1, 1, n) if bias else None
    first = W if b is None else np.column_stack([W, b])
    root = np.real(sqrtm(B.T @ B))
    U = B @ np.linalg.inv(root)
    seen = U.T @ first
    V = np.linalg.inv(root) @ (seen @ seen.T + alignment * np.eye(m)) @ U.T / 2
    network = Network([W, V], "linear", [B], None if b is None else [b, None])
    return network, regression(seed, n_samples, d, m)


def by_definition(network, problem):
    """a0 and mu from the statement, on explicit orthogonal bases."""
    (W, V), B = network.weights, network.feedback[0].B
    bias = network.biases[0]
    first = W if bias is None else np.column_stack([W, bias])
    X = problem.X if bias is None else np.column_stack([problem.X, np.ones(len(problem.X))])
    U = B @ np.linalg.inv(np.real(sqrtm(B.T @ B)))
    C = first @ first.T - B @ V - V.T @ B.T
    a0 = np.linalg.eigvalsh(-U.T @ C @ U)[0] / 2
    K = first.T @ (np.eye(len(B)) - U @ U.T) @ first
    rank = np.linalg.matrix_rank(X)
    values = np.linalg.eigvals(X @ (a0 * np.eye(X.shape[1]) + K) @ X.T / len(X)).real
    # N - rank of the eigenvalues are zero, up to rounding
    return a0, np.min(sorted(values, key=abs)[len(X) - rank :])


@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4), st.booleans())
@example(0, 3, 3, 3, 0, True)  # the two rates agree but for 1e-9: B is close to singular
def test_rate_by_definition(seed, n_samples, d, m, extra, bias):
    alignment = [0.3, 0.01, -0.1][seed % 3]
    network, problem = instance(seed, d, m + extra, m, n_samples, alignment, bias)
    bound, plain = multi_output_decay_projection(network, problem), multi_output_decay(network, problem)
    if plain.constants["lambda"] < 1e-4:
        return
    a0, mu = by_definition(network, problem)
    np.testing.assert_allclose(bound.constants["a0"], a0, atol=1e-9)
    if abs(mu) < 1e-3:
        return
    np.testing.assert_allclose(bound.rate, 2 * mu, rtol=1e-6)
    assert bound.applicable == (mu > 0)
    assert bound.constants["V"] == plain.constants["V"]
    if plain.applicable:
        assert bound.rate >= plain.rate * (1 - 1e-6)


@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4), st.booleans())
@settings(max_examples=25)
def test_never_violated_by_a_random_admissible_instance(seed, n_samples, d, m, extra, bias):
    network, problem = instance(seed, d, m + extra, m, n_samples, [0.3, 0.01, -0.1][seed % 3], bias)
    bound = multi_output_decay_projection(network, problem)
    verdict = assess_bound(bound, run(network, problem, time=0.5))
    if not bound.applicable:
        assert verdict.verdict in ("not_applicable", "undecided")
        return
    allowed = ("holds",) if 1e-3 < bound.rate < 20 else ("holds", "undecided")
    assert verdict.verdict in allowed, verdict


def test_what_is_out_of_reach_drives_wide_networks_even_without_alignment():
    network, problem = instance(3, 3, 60, 2, 8, alignment=-0.2)
    bound, plain = multi_output_decay_projection(network, problem), multi_output_decay(network, problem)
    assert failing(plain) == ["aligned start"]
    assert bound.applicable
    assert bound.rate > 1
    trajectory = run(network, problem, 1.0)
    assert assess_bound(bound, trajectory).verdict == "holds"
    # negative control: as if all of W_1^T W_1 were out of reach
    W = network.weights[0]
    values = np.linalg.eigvalsh(problem.X @ W.T @ W @ problem.X.T / problem.n_samples)
    hasty = replace(bound, curve=lambda t: bound([0.0])[0] * np.exp(-2 * (values[-3] + 10) * t))
    assert assess_bound(hasty, trajectory).verdict == "refuted"


W = np.array([[0.5, 0.0], [0.0, 0.5], [1.0, 1.0]])
BASE = {
    "weights": [W, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])],
    "activation": "linear",
    "feedback": [np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])],
}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({}, None),
        ({"activation": "leaky_relu:0.5"}, "linear activation"),
        ({"feedback": "sign-fa"}, "rule is fa"),
        ({"biases": [None, np.zeros(2)]}, "no output bias"),
        ({"biases": [np.zeros(3), None]}, None),
        ({"feedback": [np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])]}, "B of full column rank"),
        ({"weights": [W, -BASE["weights"][1]]}, "decay"),
    ],
)
def test_each_assumption_broken_alone_is_the_one_named(change, name):
    bound = multi_output_decay_projection(
        Network(**{**BASE, **change}), Problem([[1.0, 0.2], [0.0, 1.0]], [[1.0, 0.0], [0.0, -1.0]])
    )
    assert failing(bound)[:1] == ([] if name is None else [name])
