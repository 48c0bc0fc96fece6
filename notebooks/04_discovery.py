# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04. What else is conserved: discovery
#
# The neuron law is one number for each neuron. Is there more? `discover` answers three questions for a rule and a
# shape, over all data sets and losses: *how many* independent laws there are (exact ranks over the rationals, with a
# certificate), *which* (all polynomial ones up to a degree), and *is that all*.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy

import fa_theory as ft
from fa_theory.plots import PRINT_STYLE
from fa_theory.symbolic.discovery import discover, discover_function

SEED = 4
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

# %% [markdown]
# ## Two-layer linear FA
#
# Four neurons, three inputs, two outputs:

# %%
found = discover("fa", (4, 3, 2), seed=SEED)
for sentence in found.explanation:
    print(sentence, end="\n\n")
for law in found.laws:
    print(f"{law.name}: {law.python}")
assert found.complete
assert found.proof == "laws"

# %% [markdown]
# Statement `law-completeness` says how many there are for $n \ge m$: $nd + mn - md - m(m-1)/2$, all from `matrix-law`
# ($W_1W_1^\top - BW_2 - W_2^\top B^\top$ is constant) and `projection-law` ($(I - UU^\top)W_1$ is constant, $U$ a basis
# of the range of $B$). Counted against the formula:

# %%
shapes = [(2, 2, 1), (3, 2, 1), (2, 2, 2), (3, 2, 2), (3, 3, 2), (4, 2, 3), (5, 4, 2)]
for n, d, m in shapes:
    count = discover("fa", (n, d, m), degree=0, seed=SEED).count
    print(f"n = {n}, d = {d}, m = {m}: {count} laws")
    assert count == n * d + m * n - m * d - m * (m - 1) // 2

# %% [markdown]
# ## They hold along a run
#
# Each law can be evaluated at any state. The search drew its own rational feedback; the run takes the same.


# %%
def exact_floats(matrix):
    """Return a matrix of rationals as floats."""
    return np.array([[int(entry.p) / int(entry.q) for entry in row] for row in matrix.tolist()])


B = exact_floats(found.feedback["B2"])
rng = np.random.default_rng(SEED)
network = ft.Network([rng.standard_normal((4, 3)), rng.standard_normal((2, 4))], "linear", [B])
problem = ft.Problem(rng.standard_normal((10, 3)), rng.standard_normal((10, 2)), "squared")
run = ft.simulate(network, problem, time=1.0)


def along(quantity):
    """Return a quantity along the run, less its value at the start."""
    values, _ = run.along(lambda now: np.array(quantity(W1=now.weights[0], W2=now.weights[1], B2=B)))
    return values - values[0]


drifts = {law.name: along(law.evaluate) for law in found.laws}
wrong = along(lambda W1, W2, B2: W1[0] @ W1[1] - B2[0] @ W2[:, 1])  # one term of a matrix law left out
print(f"largest drift of {len(drifts)} laws: {max(abs(d).max() for d in drifts.values()):.0e}")
print(f"a matrix law without one of its terms: {abs(wrong).max():.1f}")
assert run.completed
assert max(abs(each).max() for each in drifts.values()) < 1e-5
assert abs(wrong).max() > 0.1

# %% alt="The 13 laws change by less than 1e-9 along the run, the negative control by about 1."
figure, ax = plt.subplots(figsize=(5, 2.8))
for number, each in enumerate(drifts.values()):
    ax.semilogy(
        run.t[1:], np.maximum(abs(each[1:]), 1e-16), color="C0", alpha=0.6, label="13 laws" if not number else None
    )
ax.semilogy(run.t[1:], abs(wrong[1:]), "C1--", label="negative control: a term left out")
ax.set_title(f"What is found stays (4 neurons, 3 inputs, 2 outputs, seed {SEED})")
ax.set_xlabel("time t")
ax.set_ylabel("change since the start\n(weights squared)")
ax.legend()
plt.show()

# %% [markdown]
# ## What takes laws away, and what adds them
#
# Gating leaves one law for each neuron, the neuron law. Momentum takes that away too. A feedback matrix of smaller
# rank, a further linear layer, or biases add laws.

# %%
rank_one = [[[1, 2], [2, 4], [1, 2]]]
searches = {
    "linear FA, (3, 3, 2)": {"rule": "fa", "shape": (3, 3, 2)},
    "the same, B of rank one": {"rule": "fa", "shape": (3, 3, 2), "feedback": rank_one},
    "linear FA, (3, 2, 1)": {"rule": "fa", "shape": (3, 2, 1)},
    "the same with biases": {"rule": "fa", "shape": (3, 2, 1), "biases": True},
    "the same with a third layer": {"rule": "fa", "shape": (3, 2, 1), "depth": 3},
    "the same by backprop": {"rule": "backprop", "shape": (3, 2, 1)},
    "the same with ReLU": {"rule": "fa", "shape": (3, 2, 1), "activation": "relu"},
    "ReLU with momentum": {"rule": "fa", "shape": (2, 2, 1), "activation": "relu", "friction": 1},
}
counts = {}
for name, options in searches.items():
    answer = discover(**options, degree=0, seed=SEED)
    counts[name] = answer.count, answer.dimension
    assert answer.proof is not None
    print(f"{name}: {answer.count} laws, {answer.dimension} parameters")
assert counts["the same with ReLU"][0] == 3  # one for each neuron
assert counts["ReLU with momentum"][0] == 0
assert counts["the same, B of rank one"][0] > counts["linear FA, (3, 3, 2)"][0]

# %% alt="Bars: independent laws found for eight settings, 16 with a third layer, 0 with momentum."
figure, ax = plt.subplots(figsize=(6, 2.8))
names = list(counts)[::-1]
ax.barh(names, [counts[name][1] for name in names], color="0.85", label="parameters (with momentum: and velocities)")
bars = ax.barh(names, [counts[name][0] for name in names], color="C0", label="independent laws")
ax.bar_label(bars, fontsize=7, padding=2)
ax.set_title(f"Laws found, over all data and losses (exact; seed {SEED} draws B and the points)")
ax.set_xlabel("number; (n, d, m): neurons, inputs, outputs")
ax.set_xlim(0, 34)
ax.legend(loc="lower right")
ax.grid(visible=False, axis="y")
plt.show()

# %% [markdown]
# ## A rule without a name
#
# Two neurons that take each other's weight as feedback, one of them with the other sign: $M = (v_2, -v_1)$. It has no
# potential, so there is *no* law for either neuron. The search still finds two laws, both of the pair. (Why: the neuron
# identity reads $\frac12\frac{d}{dt}|w_1|^2 = v_2 \dot v_1$ and $\frac12\frac{d}{dt}|w_2|^2 = -v_1\dot v_2$; neither
# right side is a derivative, their difference is one, of $v_1 v_2$.)


# %%
def crossed(W1, W2, x, e):
    """Velocities of the two layers for one sample x with error e."""
    M = sympy.Matrix([W2[1], -W2[0]])
    return -M * e * x.T, -e * (W1 * x).T


pair = discover_function(crossed, {"W1": (2, 2), "W2": (1, 2)}, {"x": (2, 1), "e": (1, 1)})
print(pair.explanation[2])
for law in pair.laws:
    print(law.python)

# checked by hand: along the velocities, for symbols, each law's rate vanishes identically, and neuron 1's does not
W1, W2 = sympy.Matrix(2, 2, sympy.symbols("a:4")), sympy.Matrix(1, 2, sympy.symbols("v:2"))
x, e = sympy.Matrix(sympy.symbols("x:2")), sympy.Symbol("e")
velocity = [*crossed(W1, W2, x, e)[0], *crossed(W1, W2, x, e)[1]]


def rate(formula):
    return sympy.expand(sum(sympy.diff(formula, z) * dz for z, dz in zip([*W1, *W2], velocity, strict=True)))


assert pair.count == len(pair.laws) == 2
assert all(rate(eval(law.python, {"W1": W1, "W2": W2})) == 0 for law in pair.laws)
assert rate((W1[0, 0] ** 2 + W1[0, 1] ** 2) / 2 - W2[0] * W2[1]) != 0
