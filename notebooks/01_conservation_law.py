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
# # 01. The conservation law, from derivation to trajectory
#
# Feedback alignment (FA) sends the error back through a fixed random matrix $B$ in place of the transposed weights. Yet
# every hidden neuron $i$ keeps one number along the flow $\dot W = -F$ (statement `neuron-law`):
#
# $$ C_i = \tfrac12\bigl(|w_i|^2 + \beta_i^2\bigr) - p\,\Psi_i(v_i) = \text{constant}. $$
#
# Here $w_i$ are the neuron's incoming weights, $\beta_i$ its bias, $v_i$ its outgoing weights, $p$ the degree of
# homogeneity of the activation (1 for linear, ReLU and leaky ReLU), and $\Psi_i$ the potential of the feedback, of
# which the feedback is the gradient; for FA it is $\langle b_i, v_i\rangle$ with $b_i$ row $i$ of $B$. This notebook
# derives the law, watches it along a run, and sees it fail where an assumption does.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from flint import fmpq
from IPython.display import Markdown, display

import fa_theory as ft
from fa_theory.plots import PRINT_STYLE, plot_law_drift
from fa_theory.proofs import check_proofs, proof
from fa_theory.verification import (
    assess_dfa_law,
    assess_matched_decay,
    assess_midpoint_exactness,
    neuron_law_drift,
)

SEED = 1
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

# %% [markdown]
# ## The derivation
#
# Everything rests on one identity, `neuron-identity`: $\frac{d}{dt}\frac12(|w_i|^2+\beta_i^2) = p\,\langle M_i, \dot
# v_i\rangle$ for any feedback $M$ that is the same for all samples. Its proof is five steps, checked symbolically for
# every size. Below, $j$ counts samples, $\delta$ is the signal that arrives at the neuron, $\Delta$ that of the layer
# above, and $F$, $G$ are the update directions of $w$, $v$.


# %%
def show(proof_id, *names):
    """Show the steps of a proof that have these names, or all that are derived."""
    lines = [f"**{proof(proof_id).title}** (`{proof_id}`)", ""]
    for step in proof(proof_id).theorem().steps:
        if step.name in names or (not names and step.kind == "identity"):
            formula = f"{sp.latex(step.claim.lhs)} = {sp.latex(step.claim.rhs)}"
            lines += [f"- {step.name} ({step.why}):", "", f"  $$ {formula} $$", ""]
    display(Markdown("\n".join(lines)))


show("neuron-identity")
show("neuron-law", "potential: no drift", "potential: the law", "FA: the law", "FA: the cosine")

# %% [markdown]
# A proof counts only if its negative controls fail: wrong variants whose steps must be rejected, and exact
# counterexamples.

# %%
for checked in check_proofs(["neuron-identity", "neuron-law"], jobs=1):
    controls = "; ".join(control.name for control in proof(checked.id).controls)
    print(f"{checked.id}: {checked.status}, {checked.steps} steps; seen to fail: {controls}")
    assert checked.status == "proved"
    assert checked.controls > 0
    assert not checked.by_hand

# %% [markdown]
# ## Along a trajectory
#
# A network with 3 inputs, 5 leaky ReLU neurons with biases, and one output learns signs by FA with the logistic loss.
# The flow is integrated with an error estimate; what $C_i$ may seem to move is therefore known.

# %%
rng = np.random.default_rng(SEED)
X = rng.standard_normal((16, 3))
problem = ft.Problem(X, np.sign(X @ [1.0, -2.0, 0.5] + 0.3), "logistic")
network = ft.initialise("gaussian", (3, 5, 1), "leaky_relu:0.2", "fa", seed=SEED, biases=True)
run = ft.simulate(network, problem, time=12.0)

C, _ = run.along(lambda state: ft.laws.neuron_law(state)[0])
size, _ = run.along(lambda state: (np.sum(state.weights[0] ** 2, axis=1) + state.biases[0] ** 2) / 2)
potential = size - C
drift = neuron_law_drift(run)
print(f"the terms move by up to {np.ptp(size, axis=0).max():.1f}, C_i by {drift.drift.max():.0e}")
assert run.completed
assert np.ptp(size, axis=0).min() > 0.05  # the law says something: every neuron's terms move
assert (drift.drift <= drift.tolerance).all()

# %% alt="Terms of the law move along the run, their difference C is flat; its drift stays below the tolerance."
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9))
for i in range(5):
    color = f"C{i}"
    left.plot(run.t, size[:, i], color=color, label=f"neuron {i + 1}")
    left.plot(run.t, potential[:, i], color=color, linestyle="--")
    left.plot(run.t, C[:, i], color=color, linestyle=":", linewidth=2)
left.set_title(f"½(|w|² + β²) solid, ⟨b, v⟩ dashed,\ntheir difference C dotted (seed {SEED})")
left.set_xlabel("time t")
left.set_ylabel("weights squared")
left.legend()
plot_law_drift(run, right, laws=["neuron-law"])
right.set_title(f"{right.get_title()}, seed {SEED}")
plt.show()

# %% [markdown]
# ## What it is good for
#
# For FA the law ties alignment to growth: $\langle b_i, v_i\rangle = \frac12(|w_i|^2 + \beta_i^2) - C_i$. A neuron
# whose incoming weights grow **must** turn its outgoing weights towards the feedback. With one output the cosine is a
# sign, so with $C_i \le 0$ at the start it is $+1$ for ever (statement `descent`, notebook 03).

# %%
b, v = network.matrices()[0][:, 0], run.along(lambda state: state.weights[1][0])[0]
assert np.allclose(b * v, potential, rtol=0, atol=drift.tolerance.max())
aligned_at_start, aligned_at_end = (b * v[0] > 0).sum(), (b * v[-1] > 0).sum()
print(f"neurons whose outgoing weight has the sign of its feedback: {aligned_at_start} of 5, then {aligned_at_end}")
assert aligned_at_end > aligned_at_start

# %% [markdown]
# ## Deeper down: direct feedback
#
# DFA sends the output's error straight to each hidden layer through its own $B_l$, so only the last hidden layer has
# the law above. In a *linear* network the deeper ones have one too (statement `dfa-law`): with $E_l = B_l B_{l+1}^+$,
#
# $$ W_l W_l^\top - E_l W_{l+1} - W_{l+1}^\top E_l^\top = \text{constant}. $$
#
# With gating, as in leaky ReLU, there is none: the negative control.


# %%
def dfa_drift(activation):
    """Return how far the quantities of the three hidden layers move along a run under DFA, and the verdict."""
    rng = np.random.default_rng(SEED)
    inputs = rng.standard_normal((12, 3))
    deep = ft.initialise("gaussian", (3, 5, 4, 4, 2), activation, "dfa", seed=SEED)
    E = ft.laws.effective_feedback(deep)
    targets = ft.Problem(inputs, rng.standard_normal((12, 2)))
    deep_run = ft.simulate(deep, targets, time=2.0, accuracy=1e-7)
    each_layer = [deep_run.along(lambda state, k=k: ft.laws.dfa_law(state, E)[k])[0] for k in range(3)]
    return [float(abs(Q - Q[0]).max()) for Q in each_layer], assess_dfa_law(deep_run).verdict


(linear, verdict), (gated, refused) = dfa_drift("linear"), dfa_drift("leaky_relu:0.2")
print("linear, moved in layers 1, 2 and 3:", *(f"{each:.0e}" for each in linear), f"({verdict})")
print("leaky ReLU, moved in layers 1, 2 and 3:", *(f"{each:.0e}" for each in gated), f"({refused})")
assert max(linear) < 1e-6
assert verdict == "holds"
assert min(gated[:2]) > 0.01
assert refused == "not_applicable"

# %% [markdown]
# ## With weight decay
#
# Weight decay, $\dot W_l = -F_l - \lambda_l W_l$, breaks the law in general. If the rates match, $q\lambda_{l+1} =
# 2\lambda_l$ with $q$ the degree of $\Psi$ (1 for FA), then $C_i(t) = C_i(0)\,e^{-2\lambda_l t}$ (statement
# `matched-decay`): the network forgets how it was misaligned. Equal rates do not match, and miss the curve.


# %%
def decay_miss(rates):
    """Return how far C is from its decaying curve along a run with these rates, and the verdict."""
    decaying = ft.simulate(network, problem, time=4.0, accuracy=1e-7, weight_decay=rates)
    now, _ = decaying.along(lambda state: ft.laws.neuron_law(state)[0])
    expected = C[0] * np.exp(-2 * rates[0] * decaying.t)[:, None]
    return abs(now - expected).max(), assess_matched_decay(decaying).verdict


(miss, verdict), (unmatched, refused) = decay_miss((0.2, 0.4)), decay_miss((0.2, 0.2))
print(f"rates 0.2 and 0.4: C is off its curve by {miss:.0e} ({verdict}); 0.2 and 0.2: by {unmatched:.0e} ({refused})")
assert miss < 1e-5
assert verdict == "holds"
assert unmatched > 0.01
assert refused == "not_applicable"

# %% [markdown]
# ## Where it fails
#
# **tanh** is not homogeneous: no $p$ gives $\varphi'(z)\,z = p\,\varphi(z)$. The same quantity, with $p = 1$, then
# drifts, and so does FA's quantity under **backprop**, whose potential is another one. `fa_theory` refuses the first
# outright.

# %%
try:
    ft.laws.neuron_law(ft.Network(network.weights, "tanh", network.feedback))
except ValueError as refused:
    print(refused)
else:
    raise AssertionError("tanh must be refused")


def same_quantity(state):
    return (np.sum(state.weights[0] ** 2, axis=1) + state.biases[0] ** 2) / 2 - b * state.weights[1][0]


controls = {
    "tanh, FA": ft.Network(network.weights, "tanh", network.feedback, network.biases),
    "leaky ReLU, backprop": ft.Network(network.weights, "leaky_relu:0.2", "backprop", network.biases),
}
for name, start in controls.items():
    values, _ = ft.simulate(start, problem, time=4.0, accuracy=1e-6).along(same_quantity)
    moved_by = abs(values - values[0]).max()
    print(f"{name}: the quantity moves by {moved_by:.1f}")
    assert moved_by > 0.1
assert np.ptp(run.along(same_quantity)[0], axis=0).max() < 1e-6  # leaky ReLU, FA: the run above

# %% [markdown]
# ## In steps
#
# Gradient descent with step size $\eta$ is not the flow. Each step moves $C_i$ by exactly $\frac12\eta^2(|F_i|^2 +
# \text{bias part}) - p\,D_{\Psi}(v_i', v_i)$ (statement `bregman-drift`; for FA $D_\Psi = 0$, so $C_i$ never falls). In
# rational arithmetic both sides are *equal*, not close.

# %%
exact = ft.laws.exact_network(network)
errors = ft.laws.exact_array(rng.standard_normal((16, 1)))
_, (step,) = ft.laws.bregman_drift(exact, ft.laws.exact_array(X), errors, fmpq(1, 10))
assert (step.observed == step.predicted).all()
assert all(change > 0 for change in step.observed)

step_sizes = [0.2, 0.1, 0.05, 0.025]
moved = []
for step_size in step_sizes:
    steps = ft.simulate(network, problem, method="gd", steps=round(20 / step_size), step_size=step_size)
    values, _ = steps.along(lambda state: ft.laws.neuron_law(state)[0])
    assert (np.diff(values, axis=0) >= -1e-12).all()
    moved.append((values[-1] - values[0]).max())
ratios = np.divide(moved[:-1], moved[1:])
print("halving the step size divides the drift by", np.round(ratios, 2))
assert (abs(ratios - 2) < 0.3).all()

# %% alt="The drift of C falls in proportion to the step size, along the dotted line."
figure, ax = plt.subplots(figsize=(3.6, 2.7))
ax.loglog(step_sizes, moved, "o-", label="largest drift of a C")
ax.loglog(step_sizes, moved[-1] * np.divide(step_sizes, step_sizes[-1]), "k:", label="proportional to η")
ax.set_xticks(step_sizes, [f"{each:g}" for each in step_sizes])
ax.set_yticks(moved, [f"{each:.3f}" for each in moved])
ax.minorticks_off()
ax.set_title(f"Drift of C after time 20 of gradient descent\n(seed {SEED})")
ax.set_xlabel("step size η (time)")
ax.set_ylabel("C(20) − C(0), weights squared")
ax.legend()
plt.show()

# %% [markdown]
# Steps need not move $C_i$: it is quadratic under FA, and the implicit midpoint rule keeps it at any step size
# (statement `midpoint-exactness`). sign-FA's $\Psi_i = |v_i|_1$ is not quadratic, and drifts where a weight changes its
# sign. Gradient descent, with the same step size of 1/2, is the other control.


# %%
def step_drift(rule, method):
    """Return how far C moves in 20 steps of 1/2 of a linear network."""
    start = ft.initialise("gaussian", (3, 5, 1), "linear", rule, seed=SEED)
    steps = ft.simulate(start, problem, method=method, steps=20, step_size=0.5)
    values, _ = steps.along(lambda state: ft.laws.neuron_law(state)[0])
    assert steps.completed
    return abs(values - values[0]).max(), assess_midpoint_exactness(steps).verdict


found = {case: step_drift(*case) for case in (("fa", "midpoint"), ("sign-fa", "midpoint"), ("fa", "gd"))}
for (rule, method), (moved_by, verdict) in found.items():
    print(f"{rule}, {method}: C moves by {moved_by:.0e} ({verdict})")
assert found["fa", "midpoint"][0] < 1e-12
assert found["fa", "midpoint"][1] == "holds"
assert found["sign-fa", "midpoint"][0] > 1e-3
assert found["fa", "gd"][0] > 1e-3
