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
# # 03. Alignment dominance, and how FA aligns before it learns
#
# Along the flow of any feedback rule the loss changes at the rate (statement `dissipation-split`)
#
# $$ \frac{dL}{dt} = -|G_L|^2 - \sum_{l<L} \langle G_l, F_l\rangle, \qquad
#    \langle G, F\rangle = \tfrac12\bigl(|G|^2 + |F|^2 - |G-F|^2\bigr), $$
#
# where $G_l$ is the gradient of layer $l$ and $F_l$ the direction that the rule takes instead. *Alignment dominates
# with constant $c$* while $\langle G_l, F_l\rangle \ge c\,|F_l|^2$ in every hidden layer; then the loss falls.
# Misaligned FA may climb first. The conservation law makes it align, and then it learns.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fa_theory as ft
from fa_theory.dynamics import dissipation
from fa_theory.plots import PRINT_STYLE, plot_alignment, plot_dominance
from fa_theory.verification import alignment_along, dominance_along, measured_decay

SEED = 6
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

rng = np.random.default_rng(SEED)
X = rng.standard_normal((12, 4))
X += 0.5 * np.sign(X[:, :1]) * [1.0, 0.0, 0.0, 0.0]
problem = ft.Problem(X, np.sign(X[:, 0]), "logistic")

# %% [markdown]
# ## The worst start
#
# Outgoing weights point *against* the feedback: $v_i = -b_i/2$ for every neuron, so every $C_i > 0$ and every hidden
# update is uphill. By `neuron-law`, $\langle b_i, v_i\rangle = \frac12|w_i|^2 - C_i$: as soon as incoming weights have
# grown, $v_i$ must have turned. (A neuron whose incoming weights stay small may never turn, and does little.)

# %%
n = 8
B = rng.choice([-1.0, 1.0], size=(n, 1)) * rng.uniform(0.5, 1.5, size=(n, 1))
against = ft.Network([0.3 * rng.standard_normal((n, 4)), -B.T / 2], "leaky_relu:0.2", [B])
run = ft.simulate(against, problem, time=12.0, points=201)
hidden, neurons = alignment_along(run)[0]
assert run.completed
assert all(ft.laws.neuron_law(against)[0] > 0)
assert (neurons.feedback_cosine[0] == -1).all()

turned = neurons.feedback_cosine > 0
first = [f"{run.t[when.argmax()]:.1f}" if when.any() else "never" for when in turned.T]
half = run.t[np.argmax(run.loss < run.loss[0] / 2)]
print(f"the last uphill update is at t = {hidden.last_failure:.2f}; half of the loss is reached at t = {half:.2f}")
print("neurons turn towards their feedback at t =", ", ".join(first))
assert hidden.fails[0]
assert run.loss.max() > 2 * run.loss[0]  # it climbs
assert 0 < hidden.last_failure < half  # aligns, then learns
assert hidden.cosine[0] < -0.9
assert hidden.cosine[-1] > 0.5
assert turned[-1].sum() > n / 2

# %% alt="The loss rises, then falls while the weights turn to the feedback; the cosine of F and G goes from -1 to 0.8."
figure, axes = plt.subplots(1, 3, figsize=(9, 2.9))
axes[0].plot(run.t, run.loss)
axes[0].set_title(f"Loss\n(seed {SEED})")
axes[0].set_ylabel("mean logistic loss L(t)")
axes[1].plot(run.t, hidden.feedback_cosine, label="layer: cos(B, W₂ᵀ)")
axes[1].plot(run.t, np.mean(neurons.feedback_cosine > 0, axis=1), "--", label="share of aligned neurons")
axes[1].set_title(f"Weights against feedback\n(seed {SEED})")
axes[1].set_ylabel("cosine, or share")
axes[1].legend()
for ax in axes[:2]:
    ax.axvline(hidden.last_failure, color="black", linestyle=":", linewidth=1)
    ax.axvline(half, color="black", linestyle="--", linewidth=1)
    ax.set_xlabel("time t (dotted: last uphill update; dashed: half of the loss)", fontsize=6)
plot_alignment(run, axes[2])
axes[2].set_title(f"{axes[2].get_title()}, seed {SEED}")
plt.show()

# %% [markdown]
# ## The split, measured
#
# The rate of the loss, taken by a forward derivative that knows nothing of gradients, equals the split at every
# recorded time; and the loss is $L(0)\exp(-\int \text{rate})$ of the measured rate, within its quadrature error.

# %% alt="The share of the output layer peaks first; that of the hidden layer is negative, then small."
splits = [dissipation(run.network_at(k), problem, run.slopes_at(k)) for k in range(len(run.t))]
assert all(abs(each.rate - each.predicted_rate) <= 1e-12 * each.size for each in splits)
output = np.array([each.layers[1].gradient for each in splits])
decay = measured_decay(run)
assert decay.agrees
print(f"largest deviation of the integrated rate: {decay.deviation.max():.0e} in log L")

figure, ax = plt.subplots(figsize=(5, 2.7))
ax.plot(run.t, output, label="|G₂|², the output layer")
ax.plot(run.t, hidden.alignment, "--", label="⟨G₁, F₁⟩, the hidden layer")
ax.axhline(0, color="black", linewidth=0.8)
ax.set_xlim(0, 6)
ax.set_title(f"What lowers the loss (seed {SEED})")
ax.set_xlabel("time t")
ax.set_ylabel("rate, loss per time")
ax.legend()
plt.show()

# %% [markdown]
# ## A start that never fails
#
# If all $C_i \le 0$ (an *aligned* start, two layers, one output), dominance holds for ever with the constant $c =
# \min_i |C_i| / b_i^2$, known before the run (statement `descent`).

# %% alt="Dominance stays above its known constant from an aligned start; from the other it is negative at first."
aligned = ft.initialise("aligned", (4, n, 1), "leaky_relu:0.2", "fa", seed=SEED)
known = ft.bounds.descent(aligned, problem).constants["dominance"]
fine = ft.simulate(aligned, problem, time=12.0)
measured = dominance_along(fine)
print(f"c known at the start {known:.3f}, measured along the run {measured.feedback:.3f}")
assert known <= measured.feedback
assert measured.failures == ()
assert (np.diff(fine.loss) <= fine.error[1:]).all()

assert not ft.bounds.descent(against, problem).applicable  # and the other start is refused
assert len(dominance_along(run).failures) > 0

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9))
plot_dominance(fine, left)
left.axhline(known, color="C3", linestyle=":")
left.set_title(f"Aligned start (seed {SEED})\ndotted: c known at the start")
plot_dominance(run, right)
right.set_title(f"Start against the feedback\n(seed {SEED})")
plt.show()

# %% [markdown]
# ## Negative control: feedback that cannot be followed
#
# What does not align does not learn. With the outgoing weights *frozen* against the feedback (an update that leaves
# $W_2$ alone), there is nothing to turn, every hidden update stays uphill, and the loss rises without end.

# %%
W, frozen = against.weights
losses = []
for _ in range(200):
    z = X @ W.T
    output = np.where(z > 0, z, 0.2 * z) @ frozen.T
    losses.append(problem.loss.mean(output, problem.Y))
    signal = problem.loss.derivative(output, problem.Y) @ B.T * np.where(z > 0, 1.0, 0.2)
    W = W - 0.03 * signal.T @ X / len(X)
print(f"frozen: loss {losses[0]:.2f} at the start, {losses[-1]:.1f} at time 6; free: {run.loss[run.t <= 6][-1]:.3f}")
assert (np.diff(losses) > 0).all()
assert losses[-1] > 2 * losses[0]
