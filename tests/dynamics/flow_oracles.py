"""Oracles for dynamics, written from the definitions and sharing no line with the package.

`loop_directions` runs over Python numbers, floats and exact rationals alike. `field` is the flow's right-hand side with
slopes chosen by the caller, for integrators of other people (scipy) or of the tests' own (`fixed_steps`).
"""

from fractions import Fraction

import numpy as np

from fa_theory.model import Network, Problem, activation, feedback_rules, leaky_relu

RULES = ("fa", "sign-fa", "adafa:0.5", "backprop", "dfa")


def draw_network(seed, widths, name="leaky_relu:0.2", rule="fa", biases=False, scale=1.0, exact=False):
    """Draw a network; `exact` makes every number a Fraction with denominator 2."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        if not exact:
            return scale * rng.standard_normal(shape)
        array = np.empty(shape, dtype=object)
        array.ravel()[:] = [Fraction(int(k), 2) for k in rng.integers(-4, 5, array.size)]
        return array

    weights = [
        draw(n, fan_in) / (1 if exact else np.sqrt(fan_in)) for n, fan_in in zip(widths[1:], widths, strict=False)
    ]
    matrices = [draw(W.shape[1], widths[-1] if rule == "dfa" else W.shape[0]) for W in weights[1:]]
    rules = feedback_rules(rule, weights, matrices)
    phi = activation(name)
    if exact:
        rules = tuple(
            type(each)(Fraction(each.kappa), each.B_start, each.W_start) if hasattr(each, "kappa") else each
            for each in rules
        )
        phi = leaky_relu(Fraction(1, 4)) if name.startswith("leaky") else phi
    return Network(weights, phi, rules, [draw(n) for n in widths[1:]] if biases else None)


def draw_problem(seed, n_samples, d, m, loss="squared"):
    rng = np.random.default_rng([seed, 1])
    X, Y = rng.standard_normal((n_samples, d)), rng.standard_normal((n_samples, m))
    if loss in ("logistic", "exponential"):
        Y = np.where(Y > 0, 1.0, -1.0)
    if loss == "cross_entropy":
        Y = np.eye(m)[rng.integers(m, size=n_samples)]
    return Problem(X, Y, loss)


def phi_and_slope(name, z, slope):
    """phi(z) and phi'(z) of one number."""
    if name == "linear":
        return z, 1
    if name.startswith("power"):
        degree = int(name.partition(":")[2])
        return z**degree, degree * z ** (degree - 1)
    if name == "tanh":
        return float(np.tanh(z)), 1 - float(np.tanh(z)) ** 2
    theta = 1 if z > 0 else slope
    return theta * z, theta


def loop_directions(weights, biases, matrices, direct, name, slope, X, Y):
    """F_l and its bias part for the squared loss, sample by sample and number by number (lists of lists)."""
    depth, count = len(weights), len(X)
    F = [[[0] * len(W[0]) for _ in W] for W in weights]
    f = [[0] * len(W) for W in weights]
    for x, y in zip(X, Y, strict=True):
        h, inputs, thetas = list(x), [], []
        for layer, W in enumerate(weights):
            inputs.append(h)
            z = [sum(w * g for w, g in zip(row, h, strict=True)) for row in W]
            if biases is not None:
                z = [a + b for a, b in zip(z, biases[layer], strict=True)]
            pairs = [phi_and_slope(name, a, slope) for a in z]
            h, theta = [p for p, _ in pairs], [t for _, t in pairs]
            thetas.append(theta)
        error = [a - b for a, b in zip(z, y, strict=True)]
        delta = error
        for layer in range(depth - 1, -1, -1):
            if layer < depth - 1:
                source = error if direct else delta
                delta = [
                    thetas[layer][i] * sum(m * s for m, s in zip(matrices[layer][i], source, strict=True))
                    for i in range(len(weights[layer]))
                ]
            for i, signal in enumerate(delta):
                f[layer][i] += signal / count if not isinstance(signal, int) else Fraction(signal, count)
                for k, g in enumerate(inputs[layer]):
                    F[layer][i][k] += signal * g / count
    return F, f


def field(weights, X, Y, matrices, thetas, direct=False):
    """dW_l/dt of a bias-free network under the squared loss, with slopes thetas[l](z) that the caller chooses."""
    inputs, slopes = [X], []
    for layer, W in enumerate(weights[:-1]):
        z = np.einsum("jk,ik->ji", inputs[-1], W)
        theta, h = thetas(layer, z)
        slopes.append(theta)
        inputs.append(h)
    error = np.einsum("jk,ik->ji", inputs[-1], weights[-1]) - Y
    delta, velocity = error, []
    for layer in range(len(weights) - 1, -1, -1):
        if layer < len(weights) - 1:
            delta = np.einsum("jm,im->ji", error if direct else delta, matrices[layer]) * slopes[layer]
        velocity.insert(0, -np.einsum("ji,jk->ik", delta, inputs[layer]) / len(X))
    return velocity


def leaky(slope):
    """phi' and phi by the sign of z."""
    return lambda _, z: (np.where(z > 0, 1.0, slope), np.where(z > 0, z, slope * z))


def loss_at(weights, X, Y, slope):
    h = X
    for W in weights[:-1]:
        z = h @ W.T
        h = np.where(z > 0, z, slope * z)
    return 0.5 * np.mean(np.sum((h @ weights[-1].T - Y) ** 2, axis=1))


def pack(arrays):
    return np.concatenate([array.ravel() for array in arrays])


def unpack(vector, like):
    cuts = np.cumsum([array.size for array in like])[:-1]
    return [part.reshape(array.shape) for part, array in zip(np.split(vector, cuts), like, strict=True)]


def fixed_steps(velocity, y, time, steps):
    """The classical Runge-Kutta method; returns the states after every step."""
    h, states = time / steps, [y]
    for _ in range(steps):
        k1 = velocity(y)
        k2 = velocity(y + h / 2 * k1)
        k3 = velocity(y + h / 2 * k2)
        k4 = velocity(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(y)
    return states
