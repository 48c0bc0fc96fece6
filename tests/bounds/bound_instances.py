"""Random instances for the bounds, and quantities computed from their definitions by other means than the package's."""

import numpy as np
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory.model import Network, Problem, feedback_rules

RULES = ("fa", "sign-fa", "adafa:0.5", "adafa:2", "backprop")

seeds = st.integers(0, 2**32 - 1)

TWO_SAMPLES = np.array([[1.0, 0.2], [0.0, 1.0]])

# what is changed of `two_neurons`, and the assumption of the reduced flow's bounds that this breaks
BREAKS_OF_THE_REDUCED_FLOW = [
    ({}, None),
    ({"activation": "leaky_relu:0.5"}, "linear activation"),
    ({"feedback": "sign-fa"}, "rule is fa"),
    ({"biases": [None, np.zeros(1)]}, "no output bias"),
    ({"biases": [np.zeros(2), None]}, None),
    ({"feedback": [np.array([[1.0], [1.0]])]}, "aligned start"),
]


def two_neurons(activation, changes=None):
    """Two neurons under FA, aligned by a wide margin, but for the changes."""
    weights = [np.array([[0.5, 0.0], [0.0, 0.5]]), np.array([[1.0, -1.0]])]
    own = {"weights": weights, "activation": activation, "feedback": [np.array([[1.0], [-1.0]])]}
    return Network(**(own | (changes or {})))


def aligned(seed, d, width, activation="linear", rule="fa", biases=False, slack=0.3):
    """A two-layer scalar network with every c_i in [0, slack] or so, solved for v_i by hand."""
    rng = np.random.default_rng(seed)
    W = rng.uniform(-1, 1, (width, d))
    b = rng.uniform(-1, 1, width) if biases else None
    half = (np.sum(W**2, axis=1) + (0 if b is None else b**2)) / 2
    target = half + rng.uniform(0.05, slack, width)
    B = rng.choice([-1, 1], width) * rng.uniform(0.5, 1.5, width)
    kappa = float(rule.partition(":")[2] or 0)
    match rule.partition(":")[0]:
        case "backprop":
            v = np.sqrt(2 * target) * np.sign(B)
        case "sign-fa":
            v = target * np.sign(B)
        case "adafa":  # own potential from the start: B v - kappa/2 v^2 = target, so B = target / v + kappa/2 v
            v = B
            B = target / v + kappa / 2 * v
        case _:
            v = target / B
    V = v[None, :]
    given = [b, rng.uniform(-1, 1, 1)] if biases else None
    return Network([W, V], activation, feedback_rules(rule, [W, V], [B[:, None]]), given)


def wide(seed, width, size, n_samples=3, slope=0.3, rule="fa"):
    """Weights of a given size and outputs of zero: neurons in pairs of opposite feedback."""
    rng = np.random.default_rng([seed, 5])
    half = rng.standard_normal((width // 2, 4)) * size
    W = np.vstack([half, half])
    sizes = rng.uniform(0.8, 1.2, width // 2)
    b = np.concatenate([sizes, -sizes])
    target = np.sum(W**2, axis=1) / 2 + 1e-3
    v = target * np.sign(b) if rule == "sign-fa" else target / b
    network = Network([W, v[None, :]], f"leaky_relu:{slope}", rule if rule == "sign-fa" else [b[:, None]])
    return network, regression(seed, n_samples, 4)


def own_alignment(network):
    """c_i = Psi_i - 1/2 |w_i|^2 of a two-layer scalar network, for each rule from its definition."""
    W, v = network.weights[0], network.weights[1][0]
    b = network.biases[0]
    half = np.sum(W**2, axis=1) / 2 + (0 if b is None else b**2 / 2)
    rule = network.feedback[0]
    match rule.name.partition(":")[0]:
        case "backprop":
            psi = v**2 / 2
        case "sign-fa":
            psi = abs(v)
        case "adafa":  # THEORY, T11: -C_i = b_i(0) v_i(0) - kappa/2 v_i(0)^2 - 1/2 |w_i|^2
            psi = rule.B_start[:, 0] * v - rule.kappa / 2 * v**2
        case _:
            psi = rule.B[:, 0] * v
    return psi - half


def gram(network, X):
    """X X^T / N as an explicit matrix, with ones for a hidden bias."""
    columns = X if network.biases[0] is None else np.column_stack([X, np.ones(len(X))])
    return columns @ columns.T / len(X)


def output(network, X):
    """f(x) of a two-layer network by the formula, in plain NumPy."""
    (W, V), (b, c) = network.weights, network.biases
    z = X @ W.T + (0 if b is None else b)
    a = network.activation.slope
    return np.where(z > 0, z, a * z) @ V.T + (0 if c is None else c)


def run(network, problem, time, points=9, accuracy=1e-7):
    return ft.simulate(network, problem, time=time, points=points, accuracy=accuracy)


def regression(seed, n_samples, d, m=1, loss="squared"):
    rng = np.random.default_rng([seed, 7])
    return Problem(rng.uniform(-1, 1, (n_samples, d)), rng.uniform(-2, 2, (n_samples, m)), loss)


def separable(seed, n_samples, d, loss):
    """Samples with a margin of at least 0.2 in a random direction."""
    rng = np.random.default_rng([seed, 8])
    u = rng.standard_normal(d)
    u /= np.linalg.norm(u)
    y = rng.choice([-1.0, 1.0], n_samples)
    X = rng.uniform(-1, 1, (n_samples, d))
    X += ((y * rng.uniform(0.2, 1, n_samples)) - X @ u)[:, None] * u
    return Problem(X, y, loss)


def largest(allowed):
    """The largest number up to 1e6 that is allowed, by bisection: all smaller ones must be."""
    below, above = 0.0, 1e6
    for _ in range(120):
        middle = (below + above) / 2
        below, above = (middle, above) if allowed(middle) else (below, middle)
    return below


def failing(bound):
    """The names of the assumptions that do not hold, up to a colon."""
    return [each.name.partition(":")[0] for each in bound.failed]
