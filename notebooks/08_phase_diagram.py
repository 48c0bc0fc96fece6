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
# # 08. From small to large: a phase diagram of dominance
#
# Alignment dominates while $\langle G_l, F_l\rangle > 0$ in every hidden layer (statement `dissipation-split`, notebook
# 03). For two layers, one output and an aligned start, `descent` proves that it always does along the flow, at any
# width. Beyond that, only measuring tells. Each cell below shows the *least cosine* between update and gradient, over
# all hidden layers and recorded times of a run, the median over three seeds: blue, alignment dominates throughout; red,
# it fails at some time; white with a cross, the run diverged.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fa_theory as ft
from fa_theory.plots import PRINT_STYLE, plot_phase_diagram
from fa_theory.verification import alignment_along

SEEDS = range(3)
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

rng = np.random.default_rng(8)
X = rng.standard_normal((40, 5))
Y = np.sign(X[:, :1] + 0.5 * X[:, 1:2])
problems = {loss: ft.Problem(X, Y, loss) for loss in ("logistic", "squared")}


def least_cosine(rule="fa", width=8, depth=2, init="aligned", loss="logistic", steps=100, step_size=0.05, seed=0):
    """Return the least cosine of update and gradient along gradient descent; NaN if it diverges."""
    network = ft.initialise(init, (5, *[width] * (depth - 1), 1), "leaky_relu:0.2", rule, seed=seed)
    run = ft.simulate(network, problems[loss], method="gd", steps=steps, step_size=step_size, points=21)
    return min(np.nanmin(each.layer.cosine) for each in alignment_along(run)) if run.completed else np.nan


# %%
def diagram(columns, rows, cell):
    """Return the least cosine for each pair of parameters and each seed."""
    return np.array([[[least_cosine(**cell(x, y), seed=seed) for seed in SEEDS] for x in columns] for y in rows])


def draw(ax, columns, rows, values, title, **labels):
    """Draw the median over seeds."""
    label = f"{title}\nleast cosine, median of seeds 0 to 2"
    plot_phase_diagram(columns, rows, np.median(values, axis=2), ax, **labels, label=label)


# %% [markdown]
# ## Width and depth
#
# Left: aligned starts, every $C_i < 0$. Two layers must dominate, and every single run does. With more layers nothing
# is proved, as the signal passes a second fixed matrix on its way down; here alignment dominates in the median all the
# same, and less the deeper. Right, the negative control: Gaussian starts, for which nothing is promised, mostly fail.

# %%
widths, depths = [2, 4, 8, 16, 32], [2, 3, 4]
by_size = {
    "aligned": diagram(widths, depths, lambda width, depth: {"width": width, "depth": depth}),
    "gaussian": diagram(widths, depths, lambda width, depth: {"width": width, "depth": depth, "init": "gaussian"}),
}
assert (by_size["aligned"][0] > 0).all()  # descent: two layers, each run
assert (by_size["gaussian"][0] < 0).any()  # not without alignment
medians = {init: np.median(values, axis=2) for init, values in by_size.items()}
share = {init: np.mean(values > 0) for init, values in by_size.items()}
print(
    "share of runs in which alignment dominates throughout:",
    {init: round(float(each), 2) for init, each in share.items()},
)
assert (medians["aligned"] > medians["gaussian"]).all()
assert share["aligned"] > 2 * share["gaussian"]
assert medians["aligned"][2].mean() < medians["aligned"][0].mean()

# %% alt="Grids over width and layers: the aligned starts are blue in every cell, the Gaussian ones mostly red."
figure, axes = plt.subplots(1, 2, figsize=(8, 2.7))
for ax, (init, values) in zip(axes, by_size.items(), strict=True):
    title = f"{init} start, FA, logistic, 100 steps of 0.05"
    draw(ax, widths, depths, values, title, xlabel="width (neurons)", ylabel="layers of weights")
plt.show()

# %% [markdown]
# ## Step size
#
# `descent` is about the flow; steps raise every $C_i$ by $\frac12\eta^2|F_i|^2$ each (statement `bregman-drift`). For
# the squared loss, dominance survives up to where the steps themselves diverge, earlier the wider the network. The size
# that `gd-decay` certifies for a linear network of the same shape lies below that.

# %%
step_sizes = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
by_step = diagram(
    step_sizes, widths, lambda eta, width: {"width": width, "step_size": eta, "loss": "squared", "steps": 50}
)
assert np.isnan(by_step[:, -1]).all()  # the largest diverges at every width
assert (by_step[:, :3] > 0).all()  # the smaller ones keep dominance, each run
lost = np.isnan(np.median(by_step, axis=2)).sum(axis=1)
assert (np.diff(lost) >= 0).all()  # the wider, the earlier

largest = []
for width in widths:
    linear = ft.initialise("aligned", (5, width, 1), "linear", "fa", seed=0)
    largest.append(ft.bounds.gd_decay_growth(linear, problems["squared"]).step_size)
print("certified for linear networks of these widths (gd-decay-growth):", np.round(largest, 4))
assert max(largest) < 0.4

# %% [markdown]
# ## Rule
#
# Three layers, Gaussian starts. Backprop's cosine is 1. sign-FA follows the signs of the weights and dominates here at
# every width; FA, adaFA and DFA, whose feedback is drawn without a look at the weights, start where chance puts them.

# %%
rules = ["fa", "adafa:1", "dfa", "sign-fa", "backprop"]
by_rule = diagram(widths, rules, lambda width, rule: {"width": width, "rule": rule, "init": "gaussian", "depth": 3})
median = dict(zip(rules, np.median(by_rule, axis=2), strict=True))
assert np.allclose(by_rule[-1], 1.0)
assert (median["sign-fa"] > 0).all()
assert all((median[rule] < 0).any() for rule in ("fa", "adafa:1", "dfa"))

# %% alt="Grids: dominance is kept up to a step size that shrinks with width; sign-FA and backprop are blue throughout."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
title = "aligned start, FA, two layers, squared, 50 steps"
draw(left, step_sizes, widths, by_step, title, xlabel="step size η (time)", ylabel="width (neurons)")
title = "Gaussian start, three layers, logistic, 100 steps of 0.05"
draw(right, widths, rules, by_rule, title, xlabel="width (neurons)", ylabel="rule")
plt.show()
