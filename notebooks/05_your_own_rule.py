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
# # 05. Your own rule
#
# A rule enters the theory as a *potential*: a function $\Psi_i(v_i)$ of a neuron's outgoing weights whose gradient $M_i
# = \nabla\Psi_i(v_i)$ carries the error back. Give both to `PotentialFeedback`, and `neuron-law` with everything that
# rests on it is checked for your rule as for FA. A rule without a potential has no neuron law, and the check says so.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy

import fa_theory as ft
from fa_theory.model import PotentialFeedback
from fa_theory.plots import PRINT_STYLE, plot_law_drift
from fa_theory.symbolic.discovery import discover_function
from fa_theory.testing import assert_conserved

SEED = 5
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

# %% [markdown]
# ## The rule
#
# *Crossed feedback*, for two outputs: the fixed matrix $B$ of FA, and on top of it each output's feedback follows the
# weight to the *other* output,
#
# $$ M_i = b_i + S\,v_i, \qquad S = \begin{pmatrix} 0 & 1\\ 1 & 0\end{pmatrix}, \qquad
#    \Psi_i(v) = \langle b_i, v\rangle + \tfrac12 v^\top S\,v . $$

# %%
rng = np.random.default_rng(SEED)
n, d, m = 6, 3, 2
B, S = rng.standard_normal((n, m)), np.array([[0.0, 1.0], [1.0, 0.0]])


def gradient(W):
    return B + W.T @ S


def energy(W):
    return np.sum(B * W.T, axis=1) + np.sum(W.T @ S * W.T, axis=1) / 2


crossed = PotentialFeedback(gradient, energy, name="crossed")
start = [rng.standard_normal((n, d)), 0.5 * rng.standard_normal((m, n))]
network = ft.Network(start, "leaky_relu:0.2", [crossed])
problem = ft.Problem(rng.standard_normal((12, d)), rng.standard_normal((12, m)), "squared")

# %% [markdown]
# `ft.verify` runs it and judges every statement that applies; the laws that need more structure are *not applicable*,
# with the reason.

# %%
report = ft.verify(network, problem, time=4.0)
for verdict in report.verdicts:
    if verdict.verdict != "not_applicable":
        print(f"{verdict.id}: {verdict.verdict} ({verdict.evidence}); {verdict.detail}")
assert report.trajectory.completed
for statement in ("neuron-identity", "neuron-law", "dissipation-split"):
    assert report.verdict(statement).verdict == "holds"
assert all(verdict.verdict != "refuted" for verdict in report.verdicts)

# %% [markdown]
# ## What if it has no potential?
#
# Turn one sign of $S$: $S' = \begin{pmatrix} 0 & 1\\ -1 & 0\end{pmatrix}$ is not symmetric, and $b_i + S'v_i$ is the
# gradient of nothing. Handed in with an energy, it is refused, because the gradient is compared with a difference of
# the energy:

# %%
turned = np.array([[0.0, 1.0], [-1.0, 0.0]])
try:
    ft.Network(start, "linear", [PotentialFeedback(lambda W: B + W.T @ turned.T, energy, name="turned")])
except ValueError as refused:
    print(refused)
else:
    raise AssertionError("a matrix that is not the gradient of the energy must be refused")


# %% [markdown]
# Run all the same, by plain array code of our own, its $C_i$ drift, while those of crossed feedback do not. (Explicit
# Euler steps: drift that halves with the step is the step's, drift that stays is the rule's.)


# %%
def largest_drift(matrix, steps, time=2.0):
    """Return how far C of any neuron moves along Euler steps of feedback B + v S."""
    (W, V), X, Y = start, problem.X, problem.Y
    trace = []
    for _ in range(steps + 1):
        trace.append(np.sum(W**2, axis=1) / 2 - energy(V))
        z = X @ W.T
        h, slope = np.where(z > 0, z, 0.2 * z), np.where(z > 0, 1.0, 0.2)
        e = h @ V.T - Y
        signal = e @ (B + V.T @ matrix.T).T * slope
        W, V = W - time / steps * signal.T @ X / len(X), V - time / steps * e.T @ h / len(X)
    return abs(np.array(trace) - trace[0]).max(axis=1)


counts = [250, 500, 1000, 2000, 4000]
drifts = {name: [largest_drift(M, each)[-1] for each in counts] for name, M in {"crossed": S, "turned": turned}.items()}
for name, values in drifts.items():
    print(f"{name}: C moves by", ", ".join(f"{value:.4f}" for value in values))
halved = np.divide(drifts["crossed"][:-1], drifts["crossed"][1:])
assert (abs(halved - 2) < 0.3).all()
assert abs(drifts["turned"][-1] / drifts["turned"][-2] - 1) < 0.05
assert drifts["turned"][-1] > 20 * drifts["crossed"][-1]

# %% alt="C drifts less than its tolerance in the flow; in Euler steps its drift falls with the step, the control not."
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9))
plot_law_drift(report.trajectory, left, laws=["neuron-law"])
left.set_title(f"Crossed feedback, the flow\n(seed {SEED})")
for style, (name, values) in zip(("o-", "s--"), drifts.items(), strict=True):
    right.loglog(2.0 / np.array(counts), values, style, label=name)
right.set_title(f"Drift of C at time 2, Euler steps\n(seed {SEED})")
right.set_xticks(2.0 / np.array(counts), [f"{2 / each:g}" for each in counts])
right.minorticks_off()
right.set_xlabel("step size (time)")
right.set_ylabel("change of a C (weights squared)")
right.legend()
plt.show()


# %% [markdown]
# ## Test it, as your own project would
#
# `fa_theory.testing` takes a rule as plain array code: a function of weights, inputs and errors that returns updates.
# `assert_conserved` compares the *rate* of the law at states along the flow, so no integrator's error is in it. A rule
# that breaks the law gets an error that says which neuron, when and by how much.


# %%
def array_rule(matrix):
    """Return the updates of feedback B + v S as a function of arrays."""

    def updates(weights, X, e):
        W, V = weights
        z = X @ W.T
        slope = np.where(z > 0, 1.0, 0.2)
        signal = e @ (B + V.T @ matrix.T).T * slope
        return [-signal.T @ X / len(X), -e.T @ (slope * z) / len(X)]

    return updates


assert_conserved(array_rule(S), "neuron-law", network, problem)
try:
    assert_conserved(array_rule(turned), "neuron-law", network, problem)
except AssertionError as broken:
    print(str(broken).splitlines()[0])
else:
    raise AssertionError("turned feedback must be seen to break the law")

# %% [markdown]
# ## Ask what is conserved
#
# You need not know a potential. `discover_function` takes the velocities of a linear network for one sample $x$ with
# error $e$, in SymPy matrices, and finds all polynomial laws, with a certified count.


# %%
def field(matrix):
    """Return the velocities of feedback B + v S, with a small rational B."""
    feedback = sympy.Matrix([[1, 2], [3, -1]])

    def velocities(W1, W2, x, e):
        M = feedback + W2.T * sympy.Matrix(matrix).T
        return -M * e * x.T, -e * (W1 * x).T

    return velocities


shapes = {"W1": (2, 2), "W2": (2, 2)}, {"x": (2, 1), "e": (2, 1)}
found = {
    name: discover_function(field(M), *shapes)
    for name, M in {"crossed": S.astype(int), "turned": turned.astype(int)}.items()
}
for name, answer in found.items():
    print(f"{name}: {answer.count} laws, complete: {answer.complete}")
    for law in answer.laws:
        print("   ", law.python)

# %% [markdown]
# Crossed feedback has three laws, as FA has at this shape; turned feedback has none at all. The search lists them in a
# basis of its own, in which the neuron laws $|w_i|^2 - 2\Psi_i(v_i)$ must be contained:

# %%
W1, W2 = sympy.Matrix(2, 2, sympy.symbols("w:4")), sympy.Matrix(2, 2, sympy.symbols("v:4"))
b, shares = sympy.Matrix([[1, 2], [3, -1]]), sympy.symbols("a:3")
listed = [eval(law.python, {"W1": W1, "W2": W2}) for law in found["crossed"].laws]
combined = sum(share * law for share, law in zip(shares, listed, strict=True))


def contained(i, sign):
    """Tell whether |w_i|^2 - 2 (<b_i, v> + sign v_1 v_2) is a combination of the listed laws."""
    v = W2[:, i]
    law = W1[i, :].dot(W1[i, :]) - 2 * (b[i, :].dot(v) + sign * v[0] * v[1])
    return bool(sympy.solve(sympy.Poly(combined - law, *W1, *W2).coeffs(), shares))


assert contained(0, 1)
assert contained(1, 1)
assert not contained(0, -1)  # nor is another potential's law
assert found["crossed"].count == 3
assert found["crossed"].complete
assert (found["turned"].count, found["turned"].proof is not None) == (0, True)
