"""Small networks, and an oracle for them: forward and backward passes as explicit loops over Python numbers.

The oracle shares no line with the package. It works over floats and over exact rationals alike.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from flint import fmpq
from hypothesis import strategies as st

from fa_theory.model import Network, PotentialFeedback, activation, feedback_rules, leaky_relu

RULES = ("fa", "sign-fa", "adafa:0.5", "adafa:3", "backprop", "dfa", "potential")
HOMOGENEOUS = ("linear", "relu", "leaky_relu:0.25", "power:2", "power:3")


def fraction_array(rng, shape, kind=Fraction):
    """Halves between -2 and 2, zeros among them, so that a sign-FA step flips signs and starts at zeros."""
    array = np.empty(shape, dtype=object)
    array.ravel()[:] = [kind(int(k), 2) for k in rng.integers(-4, 5, array.size)]
    return array


def _quartic_gradient(weight):
    return ((weight**2).sum(axis=0) * weight).T


def _quartic_energy(weight):
    return (weight**2).sum(axis=0) ** 2 / 4


# a user's own rule: Psi_i = |v_i|^4 / 4
QUARTIC = PotentialFeedback(_quartic_gradient, _quartic_energy, degree=4)


def build(seed, widths, name, rule, biases, kind=None):
    """Draw a network of floats, or of exact rationals of the given kind (Fraction, fmpq)."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.standard_normal(shape) if kind is None else fraction_array(rng, shape, kind)

    weights = [draw(n, fan_in) for n, fan_in in zip(widths[1:], widths[:-1], strict=True)]
    matrices = [draw(W.shape[1], widths[-1] if rule == "dfa" else W.shape[0]) for W in weights[1:]]
    rules = (QUARTIC,) * len(matrices) if rule == "potential" else feedback_rules(rule, weights, matrices)
    if kind is not None and rule.startswith("adafa"):
        kappa = kind(rules[0].kappa.as_integer_ratio()[0], rules[0].kappa.as_integer_ratio()[1])
        rules = tuple(type(each)(kappa, each.B_start, each.W_start) for each in rules)
    phi = activation(name)
    if kind is not None and phi.has_kink and phi.slope:
        phi = leaky_relu(kind(1, 4))
    given = [draw(n) for n in widths[1:]] if biases else None
    return Network(weights, phi, rules, given)


@st.composite
def shapes(draw, max_depth=5, max_width=4):
    depth = draw(st.integers(2, max_depth))
    return tuple(draw(st.integers(1, max_width)) for _ in range(depth + 1))


seeds = st.integers(0, 2**32 - 1)
exact_kinds = st.sampled_from([Fraction, fmpq])


def phi_and_slope(name, quarter=0.25):
    """phi and phi' on numbers; at z <= 0 the left slope, as the package takes it."""
    kind, _, number = name.partition(":")
    if kind == "power":
        k = int(number)
        return (lambda z: z**k), (lambda z: k * z ** (k - 1)), k
    low = {"linear": 1, "relu": 0, "leaky_relu": quarter}[kind]
    return (lambda z: z if z > 0 else low * z), (lambda z: 1 if z > 0 else low), 1


@dataclass
class Directions:
    weights: list
    biases: list


def loop_directions(network, X, errors, matrix_of=None, name=None):
    """F_l and the biases' directions, by loops. `matrix_of(sample)` may give each sample its own feedback."""
    name = name or network.activation.name
    kind = type(network.weights[0].ravel()[0])
    phi, slope, _ = phi_and_slope(name, quarter=0.25 if kind is np.float64 else kind(1, 4))
    weights = [W.tolist() for W in network.weights]
    biases = [[0] * len(W) if b is None else b.tolist() for W, b in zip(weights, network.biases, strict=True)]
    if matrix_of is None:
        fixed = [M.tolist() for M in network.matrices()]

        def matrix_of(sample):
            return fixed

    n = len(X)
    total = [[[0] * len(W[0]) for _ in W] for W in weights]
    total_b = [[0] * len(W) for W in weights]
    for j in range(n):
        h, z = [X[j].tolist()], []
        for layer, W in enumerate(weights):
            z.append([sum(W[i][k] * h[-1][k] for k in range(len(W[i]))) + biases[layer][i] for i in range(len(W))])
            h.append([phi(value) for value in z[-1]])
        e = errors[j].tolist()
        delta = e
        for layer in range(len(weights) - 1, -1, -1):
            if layer < len(weights) - 1:
                M = matrix_of(j)[layer]
                above = e if network.feedback[layer].direct else delta
                delta = [sum(M[i][k] * above[k] for k in range(len(above))) * slope(z[layer][i]) for i in range(len(M))]
            for i in range(len(weights[layer])):
                total_b[layer][i] += delta[i]
                for k in range(len(weights[layer][i])):
                    total[layer][i][k] += delta[i] * h[layer][k]
    return Directions(
        [[[value / n for value in row] for row in W] for W in total], [[value / n for value in b] for b in total_b]
    )


def loop_potential(rule, weight):
    """Psi_i by loops, from the definitions in the theory."""
    v = [[row[i] for row in weight.tolist()] for i in range(weight.shape[1])]
    match rule.name.partition(":")[0]:
        case "backprop":
            return [sum(x * x for x in column) / 2 for column in v]
        case "sign-fa":
            return [sum(abs(x) for x in column) for column in v]
        case "adafa":
            k, B, W0 = rule.kappa, rule.B_start.tolist(), rule.W_start.tolist()
            return [
                k * sum(x * x for x in v[i]) / 2 + sum((B[i][r] - k * W0[r][i]) * v[i][r] for r in range(len(v[i])))
                for i in range(len(v))
            ]
        case "potential":
            return [sum(x * x for x in column) ** 2 / 4 for column in v]
    return [sum(b * x for b, x in zip(rule.B.tolist()[i], v[i], strict=True)) for i in range(len(v))]


def loop_neuron_law(network, layer, degree):
    """C_i of one hidden layer, by loops."""
    W, b = network.weights[layer].tolist(), network.biases[layer]
    squared = [sum(x * x for x in row) + (0 if b is None else b[i] * b[i]) for i, row in enumerate(W)]
    psi = loop_potential(network.feedback[layer], network.weights[layer + 1])
    return [squared[i] / 2 - degree * psi[i] for i in range(len(W))]


def layers_with_law(network):
    """All hidden layers; under direct feedback the last one only."""
    last = network.depth - 2
    return [last] if network.feedback[0].direct else list(range(last + 1))
