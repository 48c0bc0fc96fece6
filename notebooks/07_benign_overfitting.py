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
# # 07. Benign overfitting and minimum norm
#
# With more inputs than samples many linear maps fit every label, noise included. Statement `minimum-norm` says which
# one a linear network trained with the squared loss ends at, by FA as by backprop:
#
# $$ W_L \cdots W_1 \;\to\; Y^\top (X^+)^\top + W_L(\infty)\cdots W_2(\infty)\, W_1(0)\,(I - P_X), $$
#
# the map of least norm, plus what the data cannot see of $W_1(0)$ ($P_X$ projects on the row space of the data).
# Whether fitting the noise does harm is then a question about the data alone: *benign* overfitting needs many weak
# directions to hide the noise in.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fa_theory as ft
from fa_theory.dynamics import reduced_flow
from fa_theory.laws import end_to_end, minimum_norm, predicted_limit
from fa_theory.plots import PRINT_STYLE, plot_losses
from fa_theory.verification import assess_minimum_norm

SEED = 7
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 130, "figure.constrained_layout.use": True})

# %%
N, STRONG, FLIPPED = 40, 3, 0.15


def noisy_data(d, tail, seed):
    """Return Gaussian inputs with 3 strong directions and a tail, labels of which 15 % are flipped, and the scales."""
    rng = np.random.default_rng(seed)
    scales = np.where(np.arange(d) < STRONG, 1.0, tail)
    X = rng.standard_normal((N, d)) * scales
    return X, np.sign(X[:, 0]) * np.where(rng.random(N) < FLIPPED, -1.0, 1.0), scales


def test_error(direction, scales):
    """Return the share of new, clean samples that sign(direction . x) gets wrong: its angle to the truth, over pi."""
    seen = direction * scales
    return np.arccos(seen[0] / np.linalg.norm(seen)) / np.pi


def weak(d):
    """Return the tail of the benign kind: the more directions, the weaker each, with the same total variance."""
    return np.sqrt(6 / d)


# %% [markdown]
# ## Where FA ends
#
# Two starts on the same data, 40 samples in 160 dimensions: one as drawn, one with the rows of $W_1(0)$ projected into
# the row space of $X$. Both fit every label, the flipped ones too. Only the second ends at the minimum-norm map itself.

# %%
X, y, scales = noisy_data(160, weak(160), SEED)
problem = ft.Problem(X, y, "squared")
drawn = ft.initialise("aligned", (160, 4, 1), "linear", "fa", seed=SEED, alignment=4.0)
rows = np.linalg.svd(X, full_matrices=False)[2]
inside = ft.Network([drawn.weights[0] @ rows.T @ rows, drawn.weights[1]], "linear", [drawn.matrices()[0]])
backprop = ft.Network(inside.weights, "linear", "backprop")

least = minimum_norm(X, y[:, None])
runs = {}
for name, start in {"FA": drawn, "FA, in the row space": inside, "backprop, in the row space": backprop}.items():
    run = ft.simulate(start, problem, time=100.0, points=51)
    end = run.network_at(-1)
    reached, limit = end_to_end(end), predicted_limit(start, end, problem)
    runs[name] = run
    print(f"{name}: loss {run.loss[-1]:.0e}, {np.linalg.norm(reached - limit):.0e} from the predicted limit,", end=" ")
    print(f"{np.linalg.norm(reached - least):.0e} from the minimum-norm map of norm {np.linalg.norm(least):.2f}")
    assert run.completed
    assert (np.sign(X @ reached[0]) == y).all()  # every label is fitted
    assert np.linalg.norm(reached - limit) < 1e-4 * np.linalg.norm(limit)
    assert (np.linalg.norm(reached - least) < 1e-4 * np.linalg.norm(least)) == (name != "FA")

# %% alt="All training losses fall; the distance to the minimum-norm map vanishes only from starts in the row space."
figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3))
plot_losses(runs, left)
left.set_title(f"Training loss (40 samples, 160 inputs, seed {SEED})")
for (name, run), style in zip(runs.items(), ("-", "--", ":"), strict=True):
    distance, _ = run.along(lambda now: np.array(np.linalg.norm(end_to_end(now) - least)))
    right.semilogy(run.t, distance, style, label=name)
right.set_title(f"Distance to the minimum-norm map (seed {SEED})")
right.set_xlabel("time t")
right.set_ylabel("norm of the difference of the maps")
right.legend(loc="upper right", bbox_to_anchor=(1, 0.9))  # between the first line and the second
plt.show()

# %% [markdown]
# Negative control: weight decay makes another map of it, and the loss does not vanish; `ft.verify` then does not apply
# the statement, and says why.

# %%
decayed = ft.simulate(inside, problem, time=20.0, points=11, weight_decay=0.05, accuracy=1e-6)
verdict = assess_minimum_norm(decayed)
end = end_to_end(decayed.network_at(-1))
print(f"{verdict.verdict}: {verdict.detail}; distance {np.linalg.norm(end - least):.2f}")
assert verdict.verdict == "not_applicable"
assert np.linalg.norm(end - least) > 0.1 * np.linalg.norm(least)

# %% [markdown]
# ## Whether the noise does harm
#
# The minimum-norm map for growing dimension, ten data sets each, twice: with a tail of ever weaker directions, and with
# all directions equally strong (the negative control). Both fit every flipped label once $d > 40$. Both do worst at $d
# = N$. Then the first recovers, the second is lost. Crosses are FA networks (run by their `reduced-flow`, an equation
# in $d$ variables), trained on the first data set of each kind.

# %%
dimensions = [5, 10, 20, 40, 80, 160, 320, 640]
kinds = {"weak tail (benign)": weak, "all directions equal": lambda _: 1.0}
errors = {}
for name, tail in kinds.items():
    found = np.empty((len(dimensions), 10))
    for row, d in enumerate(dimensions):
        for seed in range(10):
            X, y, scales = noisy_data(d, tail(d), seed)
            direction = minimum_norm(X, y[:, None])[0]
            assert d < 2 * N or (np.sign(X @ direction) == y).all()
            found[row, seed] = test_error(direction, scales)
    errors[name] = found
    print(f"{name}: mean test error", np.round(found.mean(axis=1), 2))

benign, harmful = (found.mean(axis=1) for found in errors.values())
assert benign.argmax() == harmful[:4].argmax() == dimensions.index(N)
assert benign[-1] < 0.2 < 0.4 < harmful[-1]

# %%
trained = {}
for name, tail in kinds.items():
    for d in (160, 640):
        X, y, scales = noisy_data(d, tail(d), 0)
        rows = np.linalg.svd(X, full_matrices=False)[2]
        start = ft.initialise("aligned", (d, 4, 1), "linear", "fa", seed=SEED, alignment=4.0)
        start = ft.Network([start.weights[0] @ rows.T @ rows, start.weights[1]], "linear", [start.matrices()[0]])
        run = reduced_flow(start, ft.Problem(X, y), time=60.0, points=2, accuracy=1e-8)
        direction = end_to_end(start.with_parameters(run.parameters(-1)))[0]
        assert (np.sign(X @ direction) == y).all()
        trained[name, d] = test_error(direction, scales)
        expected = errors[name][dimensions.index(d), 0]
        print(f"{name}, d = {d}: FA's test error {trained[name, d]:.3f}, minimum norm {expected:.3f}")
        assert abs(trained[name, d] - expected) < 1e-3

# %% alt="The test error peaks at 40 dimensions; beyond, it falls with a weak tail but not with equal directions."
figure, ax = plt.subplots(figsize=(5, 3))
for (name, found), color in zip(errors.items(), ("C0", "C1"), strict=True):
    spread = found.std(axis=1) / np.sqrt(found.shape[1])
    ax.errorbar(dimensions, found.mean(axis=1), spread, color=color, marker="o", label=name)
    ax.plot(
        *zip(*[(d, error) for (kind, d), error in trained.items() if kind == name], strict=True), "x", color=color, ms=7
    )
ax.axvline(N, color="black", linestyle=":", linewidth=1)
ax.set_xscale("log", base=2)
ax.set_xticks(dimensions, dimensions)
ax.set_title("Noise fitted, 15 % of labels flipped (seeds 0 to 9, mean ± standard error)\n× FA networks, seed 0")
ax.set_xlabel("input dimension d (dotted: 40 samples)")
ax.set_ylabel("test error (share of clean labels)")
ax.legend()
plt.show()
