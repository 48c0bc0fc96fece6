"""A two-layer network with one output at one instance, and how it moves, worked out by loops in exact arithmetic."""

from types import SimpleNamespace

import sympy as sp
from instances import MOVE, rationals

from fa_theory.proofs.lemmas.two_layers import x0
from fa_theory.proofs.notation import N, d, n

INPUTS, NEURONS, SAMPLES = 2, 3, 3
SLOPE, KAPPA = sp.Rational(1, 5), sp.Rational(3, 2)


def network(seed, rule="FA", slope=SLOPE, kappa=KAPPA, v=None, b=None, labels=None):
    """Return a network of leaky ReLU units at a random state, squared loss, moved by -MOVE times its update direction.

    `entries` are the quantities of lemma two-layers by name, as functions of their indices; `speed` is dL/dt, the
    derivative of the loss of the moved network at MOVE = 0; `sizes` are the numbers to put in for the symbols.
    """
    w, beta = rationals(seed, NEURONS, INPUTS), rationals(seed + 1, NEURONS)
    v, b = v or rationals(seed + 2, NEURONS), b or rationals(seed + 3, NEURONS)
    x, y = rationals(seed + 4, SAMPLES, INPUTS), labels or rationals(seed + 5, SAMPLES)
    M = [sp.sign(each) for each in v] if rule == "sign-FA" else b

    def forward(w, beta, v):
        z = [
            [sum(p * q for p, q in zip(row, each, strict=True)) + bias for row, bias in zip(w, beta, strict=True)]
            for each in x
        ]
        theta = [[1 if value.subs(MOVE, 0) > 0 else slope for value in row] for row in z]
        h = [[p * q for p, q in zip(*rows, strict=True)] for rows in zip(z, theta, strict=True)]
        return theta, h, [sum(p * q for p, q in zip(row, v, strict=True)) for row in h]

    def loss(outputs):
        return sum((p - q) ** 2 for p, q in zip(outputs, y, strict=True)) / sp.Integer(2 * SAMPLES)

    def mean(term):
        return sum((term(j) for j in range(SAMPLES)), start=sp.S.Zero) / SAMPLES

    theta, h, f = forward(w, beta, v)
    e = [p - q for p, q in zip(f, y, strict=True)]
    g = [[mean(lambda j, i=i, k=k: e[j] * theta[j][i] * x[j][k]) for k in range(INPUTS)] for i in range(NEURONS)]
    gamma = [mean(lambda j, i=i: e[j] * theta[j][i]) for i in range(NEURONS)]
    G = [mean(lambda j, i=i: e[j] * h[j][i]) for i in range(NEURONS)]
    moved = SimpleNamespace(
        w=[[w[i][k] - MOVE * M[i] * g[i][k] for k in range(INPUTS)] for i in range(NEURONS)],
        beta=[beta[i] - MOVE * M[i] * gamma[i] for i in range(NEURONS)],
        v=[v[i] - MOVE * G[i] for i in range(NEURONS)],
        b=[b[i] - (MOVE * kappa * G[i] if rule == "adaFA" else 0) for i in range(NEURONS)],
    )
    current = [sp.sign(start) for start in v] if rule == "sign-FA" else moved.b
    entries = {
        "w": lambda i, k: moved.w[i - 1][k - 1],
        "beta": lambda i: moved.beta[i - 1],
        "v": lambda i: moved.v[i - 1],
        "b": lambda i: moved.b[i - 1],
        "M": lambda i: current[i - 1],
        "g": lambda i, k: g[i - 1][k - 1],
        "gamma": lambda i: gamma[i - 1],
        "G": lambda i: G[i - 1],
        "e": lambda j: e[j - 1],
        "x": lambda j, k: x[j - 1][k - 1],
        "theta": lambda i, j: theta[j - 1][i - 1],
    }
    at_rest = {name: (lambda *indices, of=of: sp.sympify(of(*indices)).subs(MOVE, 0)) for name, of in entries.items()}
    total = loss(forward(moved.w, moved.beta, moved.v)[2])
    return SimpleNamespace(
        entries=at_rest,
        moving=entries,
        sizes={N: SAMPLES, n: NEURONS, d: INPUTS, x0: 1},
        loss=loss(f),
        speed=sp.diff(total, MOVE).subs(MOVE, 0),
        slope=slope,
        kappa=kappa,
    )


def constants(net, rule):
    """Return the C_i of a rule."""

    def of(name, *indices):
        return net.entries[name](*indices)

    found = []
    for i in range(1, NEURONS + 1):
        size = (sum(of("w", i, k) ** 2 for k in range(1, INPUTS + 1)) + of("beta", i) ** 2) / 2
        potential = {
            "FA": of("b", i) * of("v", i),
            "sign-FA": abs(of("v", i)),
            "adaFA": of("b", i) * of("v", i) - net.kappa / 2 * of("v", i) ** 2,
        }[rule]
        found.append(size - potential)
    return found


def eigenvalues(net):
    """Return exact rational bounds below and above all eigenvalues of the inputs' Gram matrix / N, biases included."""
    X = sp.Matrix(SAMPLES, INPUTS + 1, lambda j, k: net.entries["x"](j + 1, k + 1) if k < INPUTS else 1)
    gram = X * X.T / SAMPLES
    guesses = sorted(sp.Matrix(gram).evalf().eigenvals(multiple=True), key=sp.re)
    below, above = (sp.Rational(str(sp.re(each).round(12))) for each in (guesses[0], guesses[-1]))
    below, above = below * sp.Rational(999, 1000), above * sp.Rational(1001, 1000)
    assert (gram - below * sp.eye(SAMPLES)).is_positive_definite
    assert (above * sp.eye(SAMPLES) - gram).is_positive_definite
    assert below > 0
    return below, above
