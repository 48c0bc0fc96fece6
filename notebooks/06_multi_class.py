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
# # 06. Multi-class: where the neuron-wise theory stops, and what alignment still predicts
#
# With one output, an aligned start ($C_i \le 0$ for every neuron) makes every hidden update go downhill for ever
# (statement `descent`). With $m$ outputs the law `neuron-law` still holds, but it says less: it fixes $\langle b_i,
# v_i\rangle$, one number of $m$. What neuron $i$ adds to the descent is
#
# $$ \langle G_i, F_i\rangle = \mathrm{E}\bigl[\theta_i\theta_i' \langle x,x'\rangle\, e^\top v_i\, b_i^\top e'\bigr] $$
#
# (over pairs of samples, $\theta$ the slopes), and the form $e^\top v_i b_i^\top e$ has the eigenvalues
# $\frac12(\langle b_i, v_i\rangle \pm |b_i|\,|v_i|)$ (and zeros): one is negative unless $v_i$ is a non-negative
# multiple of $b_i$. Fisher's iris, three species, shows it.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

import fa_theory as ft
from fa_theory.data import load_iris, make_dataset
from fa_theory.dynamics import forward
from fa_theory.plots import PRINT_STYLE, plot_bounds
from fa_theory.verification import alignment_along

SEED = 7
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

iris = make_dataset(load_iris(), "species", "cross_entropy", standardize=True)
species = ft.Problem(iris.X, iris.Y, "cross_entropy")
print(f"{species.n_samples} flowers, features {', '.join(iris.features)}, species {', '.join(iris.targets)}")

# %% [markdown]
# ## The law holds, and no neuron-wise bound applies

# %%
rng = np.random.default_rng(SEED)
parallel = ft.initialise("aligned", (4, 8, 3), "leaky_relu:0.2", "fa", seed=SEED)
few = make_dataset(load_iris(), "species", "cross_entropy", standardize=True, rows=range(0, 150, 10))
report = ft.verify(parallel, ft.Problem(few.X, few.Y, "cross_entropy"), time=3.0)
print(report.verdict("neuron-law"))
assert report.verdict("neuron-law").verdict == "holds"
for bound in report.bounds:
    assert not bound.applicable
    assert bound.failed
print("\nwhat fails first:", {bound.id: bound.failed[0].name for bound in report.bounds})

# %% [markdown]
# ## Two starts that the law cannot tell apart
#
# The first has $v_i$ parallel to $b_i$. The second has a component added to each $v_i$ that is orthogonal to $b_i$: the
# same $C_i \le 0$, the same $\langle b_i, v_i\rangle > 0$. With one output there is no such component.

# %%
(W1, W2), B = parallel.weights, parallel.matrices()[0]
side = rng.standard_normal(B.shape)
side -= B * (np.sum(side * B, axis=1) / np.sum(B**2, axis=1))[:, None]
starts = {"parallel": parallel, "with a side component": ft.Network([W1, W2 + 2.0 * side.T], "leaky_relu:0.2", [B])}
(C,), (same,) = (ft.laws.neuron_law(start) for start in starts.values())
assert np.allclose(C, same)
assert (C < 0).all()

runs = {}
for name, start in starts.items():
    run = ft.simulate(start, species, method="gd", steps=400, step_size=0.02)
    layer, neurons = alignment_along(run)[0]
    toward, _ = run.along(lambda now: np.sum(B * now.weights[1].T, axis=1))
    assert (toward > 0).all()  # what the law promises: feedback and weights agree in every neuron, at every time
    runs[name] = run, layer, neurons
    print(f"{name}: {neurons.fails.any(axis=0).sum()} of 8 neurons go uphill at some time, ", end="")
    print(f"the layer at {layer.fails.sum()} times; the loss rises by {run.loss.max() - run.loss[0]:.2f}")

assert runs["parallel"][2].fails.any()  # single neurons fail even here
assert not runs["parallel"][1].fails.any()
assert runs["with a side component"][1].fails.any()  # and here the whole layer does
assert runs["with a side component"][0].loss.max() > 1.2 * runs["with a side component"][0].loss[0]

# %% alt="Cross-entropy and share of neurons going uphill: the loss with a side component rises before it falls."
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8))
for (name, (run, _, neurons)), style in zip(runs.items(), ("-", "--"), strict=True):
    left.plot(run.t, run.loss, style, label=name)
    right.plot(run.t, neurons.fails.mean(axis=1), style, label=name)
left.set_ylabel("mean cross-entropy (nats)")
right.set_ylabel("share of neurons going uphill")
for ax in (left, right):
    ax.set_title(f"All C < 0 in both runs (iris, seed {SEED})")
    ax.set_xlabel("time t (steps of 0.02)")
    ax.legend()
plt.show()

# %% [markdown]
# ## What is left: aggregate conditions
#
# For two *linear* layers with the squared loss, `multi-output-decay` needs one condition on all neurons together,
# $\frac12\lambda_{\min}(-U^\top C\,U) > 0$. It bounds the excess loss over the best linear map:

# %% alt="Iris, squared loss: the observed loss falls at once, far below the two bounds."
one_hot = ft.Problem(iris.X, iris.Y, "squared")
linear = ft.initialise("aligned", (4, 8, 3), "linear", "fa", seed=SEED, alignment=4.0)
flow = ft.simulate(linear, one_hot, time=40.0)
bounds = [ft.bounds.multi_output_decay(linear, one_hot), ft.bounds.multi_output_decay_projection(linear, one_hot)]
for bound in bounds:
    assert (flow.loss - bound.floor <= bound(flow.t) * (1 + bound.rounding) + flow.error).all()

figure, ax = plt.subplots(figsize=(4, 3))
plot_bounds(bounds, flow, ax)
ax.set_title(f"Iris, three species one-hot, squared loss\nlinear FA, seed {SEED}")
plt.show()

# %% [markdown]
# ## What alignment still predicts
#
# From small incoming weights the hidden layer has to learn. Feedback matrices at a chosen angle to $W_2^\top$, from
# opposite to equal (backprop's), start eight networks each. The mean cosine between update and gradient along the run
# is held against the accuracy reached after a short, fixed time.


# %%
def accuracy(network):
    return np.mean(np.argmax(forward(network, iris.X).output, axis=1) == np.argmax(iris.Y, axis=1))


rows = []
for seed in range(8):
    rng = np.random.default_rng(seed)
    weights = [0.05 * rng.standard_normal((10, 4)), rng.standard_normal((3, 10)) / np.sqrt(10)]
    for angle in (-1.0, -0.5, 0.0, 0.5, 1.0):
        noise = rng.standard_normal((10, 3)) / np.sqrt(10)
        feedback = angle * weights[1].T + np.sqrt(1 - angle**2) * noise
        start = ft.Network(weights, "leaky_relu:0.2", [feedback])
        run = ft.simulate(start, species, method="gd", steps=60, step_size=0.1, points=13)
        rows.append((angle, np.nanmean(alignment_along(run)[0].layer.cosine), accuracy(run.network_at(-1))))
angles, cosines, accuracies = np.array(rows).T
correlation = spearmanr(cosines, accuracies).statistic
means = [accuracies[angles == angle].mean() for angle in np.unique(angles)]
print(f"rank correlation of alignment and accuracy over {len(rows)} runs: {correlation:.2f}")
print("mean accuracy from opposite to equal feedback:", np.round(means, 2))
assert correlation > 0.5
assert (np.diff(means) > 0).all()

# %% [markdown]
# Negative control: accuracies dealt out at random among the runs do not correlate like this (200 times, seeded).

# %% alt="Each dot is a run: the training accuracy grows with the cosine between update and gradient."
rng = np.random.default_rng(SEED)
shuffled = [spearmanr(cosines, rng.permutation(accuracies)).statistic for _ in range(200)]
print(f"largest rank correlation by chance: {max(shuffled):.2f}")
assert max(shuffled) < correlation

figure, ax = plt.subplots(figsize=(4.4, 3))
points = ax.scatter(cosines, accuracies, c=angles, cmap="viridis", s=18)
figure.colorbar(points, label="cosine of B and W₂ᵀ that was aimed at")
ax.set_title(f"Iris, 60 steps of 0.1 (seeds 0 to 7)\nrank correlation {correlation:.2f}")
ax.set_xlabel("mean cosine between update and gradient")
ax.set_ylabel("training accuracy (share)")
plt.show()
