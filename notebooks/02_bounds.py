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
# # 02. Bound against observed loss: every bound
#
# A bound is computed from the start and the data alone, before anything is simulated. Here every bound of `fa_theory`
# meets a run to which it applies, and is held against the loss at every recorded time:
#
# $$ L(t) - L^* \;\le\; \text{bound}(t) + \text{error estimate of the run}, $$
#
# with $L^*$ the smallest loss of any linear map for bounds on the excess loss, else 0. Then two runs show why the
# assumptions are there.

# %%
import matplotlib.pyplot as plt
import numpy as np

import fa_theory as ft
from fa_theory.bounds import BOUNDS, all_bounds, generalised_decay
from fa_theory.plots import PRINT_STYLE, plot_bounds

SEED = 2
plt.rcParams.update(PRINT_STYLE | {"figure.dpi": 120, "figure.constrained_layout.use": True, "legend.fontsize": 6})
compared = {}


def compare(network, problem, **run):
    """Simulate, hold every bound that applies to such a run against the loss, and return the run and those bounds."""
    trajectory = ft.simulate(network, problem, points=51, **run)
    assert trajectory.completed
    bounds = [each for each in all_bounds(network, problem, step_size=run.get("step_size")) if each.applicable]
    bounds = [each for each in bounds if each.method == trajectory.method]
    for bound in bounds:
        observed, limit = trajectory.loss - bound.floor, bound(trajectory.t)
        assert (observed <= limit * (1 + bound.rounding) + trajectory.error).all(), bound.id
        print(f"{bound.id}: {observed[-1]:.1e} <= {limit[-1]:.1e} at t = {trajectory.t[-1]:.3g}")
        compared.setdefault(bound.id, trajectory)
    return trajectory, bounds


# %% [markdown]
# ## Squared loss: exponential decay
#
# `exponential-decay`: two layers, one output, leaky ReLU of slope $a$, all $C_i \le 0$ (an *aligned* start), linearly
# independent samples:
#
# $$ L(t) \le L(0)\, e^{-2 a^2 s\, \lambda_{\min}(X X^\top / N)\, t}, \qquad s = -\sum_i C_i. $$
#
# Its sharper forms use that fitting the labels makes weights grow (`exponential-decay-growth`), that weights which move
# little keep their patterns (`exponential-decay-patterns`), and both in stages of the loss (`exponential-decay-path`).
# For linear networks (right) `linear-decay-growth` is sharper still, and the samples need not be independent.

# %%
rng = np.random.default_rng(SEED)
few = ft.Problem(rng.standard_normal((3, 5)), rng.standard_normal(3), "squared")
W = np.tile(rng.standard_normal((16, 5)), (2, 1))  # in pairs of opposite feedback, so that the output starts at zero
B = np.repeat([[0.5], [-0.5]], 16, axis=0)
v = (np.sum(W**2, axis=1) / 2 + 0.05) / B[:, 0]  # every C_i = -0.05
gated = ft.Network([W, v[None, :]], "leaky_relu:0.5", [B])
run_gated, bounds_gated = compare(gated, few, time=0.2)
print()
X = rng.standard_normal((30, 3))
many = ft.Problem(X, X @ [1.0, -1.0, 0.5] + 0.02 * rng.standard_normal(30), "squared")
linear = ft.initialise("aligned", (3, 8, 1), "linear", "fa", seed=SEED)
run_linear, bounds_linear = compare(linear, many, time=2.0)


# %% alt="Leaky ReLU and linear network: the observed loss lies below each bound, on a logarithmic scale."
def draw_all(runs, seed):
    """Draw each run with all its bounds, side by side."""
    _, axes = plt.subplots(1, len(runs), figsize=(8.5, 3.6), squeeze=False)
    for ax, (title, (trajectory, bounds)) in zip(axes[0], runs.items(), strict=True):
        plot_bounds(bounds, trajectory, ax)
        ax.set_title(f"{title}\nrule {trajectory.network.rule_name}, seed {seed}")
    plt.show()


draw_all({"leaky ReLU 0.5": (run_gated, bounds_gated), "linear": (run_linear, bounds_linear)}, SEED)

# %% [markdown]
# ## Logistic loss: separable data
#
# `separable-decay` needs labels $\pm1$ and a direction $u$ with $y_j\, u\cdot x_j \ge \gamma > 0$; the loss then falls
# at least as an explicit function of $\rho = a^2\gamma^2 s$. The sharper forms add growth along the max-margin
# direction (`separable-decay-two-sided`) and the margin of what the start keeps (`separable-decay-path`).
#
# `hitting-time` needs no alignment at the start, only separable data: from *any* start the loss is at most $\epsilon$
# by an explicit time, because FA aligns, then learns; `hitting-time-two-sided` is sharper. The right panel has a
# Gaussian start: the curve may rise while neurons are still misaligned.

# %% alt="Aligned and any start: the observed loss lies below each bound, which all fall with time or stay."
X = rng.standard_normal((8, 3))
X += 2.0 * np.sign(X[:, :1]) * [1.0, 0.0, 0.0]
signs = ft.Problem(X, np.sign(X[:, 0]), "logistic")
separable = compare(ft.initialise("aligned", (3, 6, 1), "leaky_relu:0.5", "fa", seed=SEED), signs, time=30.0)
print()
any_start = compare(ft.initialise("gaussian", (3, 6, 1), "leaky_relu:0.5", "fa", seed=SEED), signs, time=40.0)
draw_all({"aligned start": separable, "any start": any_start}, SEED)

# %% [markdown]
# The time by which half of the loss at the start is reached, promised and observed:

# %%
trajectory, bounds = any_start
for bound in bounds:
    if bound.time is not None:
        reached = trajectory.t[np.argmax(trajectory.loss <= bound.epsilon)]
        print(f"{bound.id}: loss {bound.epsilon:.3f} by t = {bound.time:.0f}, observed by t = {reached:.1f}")
        assert reached <= bound.time

# %% [markdown]
# ## Several outputs, and steps
#
# With several outputs only an aggregate condition is left: `multi-output-decay` (two linear layers, squared loss) needs
# $a_0 = \frac12\lambda_{\min}(-U^\top C\,U) > 0$ with $U$ an orthonormal basis of the range of $B$; its sharper form
# `multi-output-decay-projection` uses what the feedback cannot reach of $W_1$. `gd-decay` is about gradient descent
# itself: it certifies a step size $\eta$ and a geometric rate; `gd-decay-growth` certifies larger ones.

# %% alt="Two outputs, and gradient descent: the observed loss falls faster than every bound."
X = rng.standard_normal((20, 3))
three = ft.Problem(X, X @ [[1.0, 0.0], [0.5, -1.0], [0.0, 1.0]] + 0.02 * rng.standard_normal((20, 2)), "squared")
several = compare(ft.initialise("aligned", (3, 6, 2), "linear", "fa", seed=SEED, alignment=4.0), three, time=3.0)
print()
eta = ft.bounds.gd_decay(linear, many).step_size
steps = compare(linear, many, method="gd", steps=round(2 / eta), step_size=eta)
print(f"certified step size {eta:.2g}; sharper: {ft.bounds.gd_decay_growth(linear, many).step_size:.2g}")
draw_all({"two outputs": several, f"gradient descent, η = {eta:.1g}": steps}, SEED)

# %% [markdown]
# That was every bound there is:

# %%
ids = {bound.id for bound in all_bounds(linear, many)}
assert len(ids) == len(BOUNDS)
assert set(compared) == ids
print(f"{len(compared)} bounds compared, none broken")

# %% [markdown]
# ## A bound of your own
#
# `generalised_decay` bounds any loss with $dL/dt \le -g(L)$, by $L(t) \le \Gamma^{-1}(\Gamma(L(0)) + t)$ with $\Gamma'
# = -1/g$. With the rate of `exponential-decay` as $g(L) = r L$ it gives that bound back; with $g(L) = r L^{3/2}$, a
# loss whose rate fades, something weaker, as $L(0) < 1$.

# %%
plain = ft.bounds.exponential_decay(gated, few)
again = generalised_decay(lambda loss: plain.rate * loss, run_gated.loss[0])
fading = generalised_decay(lambda loss: plain.rate * loss**1.5, run_gated.loss[0])
assert np.allclose(again(run_gated.t), plain(run_gated.t), rtol=1e-6)
assert run_gated.loss[0] < 1
assert (fading(run_gated.t)[1:] > again(run_gated.t)[1:]).all()

# %% [markdown]
# ## Why the assumptions are there
#
# **Dependent samples** (left). Two samples at the same $x = 2$ with labels $-2$ and $2$, and a leaky ReLU neuron of
# slope 0.1. Put the smallest *non-zero* eigenvalue in place of $\lambda_{\min} = 0$, and the loss ends more than a
# hundred times above that "bound". **Misaligned start** (right). With $C_i > 0$ the loss can rise, here 34-fold: $w =
# -2$, $v = -1$, $b = 1$, one sample $x = 1$, $y = 3$. `fa_theory` refuses both, and names the assumption that fails.

# %%
dependent = ft.Problem([[2.0], [2.0]], [-2.0, 2.0], "squared")
neuron = ft.Network([[[-1.0]], [[2.5]]], "leaky_relu:0.1", [[[1.0]]])
misaligned = ft.Network([[[-2.0]], [[-1.0]]], "linear", [[[1.0]]])
refused = ft.bounds.exponential_decay(neuron, dependent), ft.bounds.descent(misaligned, ft.Problem([[1.0]], [3.0]))
for bound in refused:
    assert not bound.applicable
    print(f"{bound.id} refused: {bound.failed[0].name} ({bound.failed[0].detail})")

stuck = ft.simulate(neuron, dependent, time=30.0, accuracy=1e-5)
s, eigenvalue = -ft.laws.neuron_law(neuron)[0].sum(), 4.0  # the eigenvalues of X Xᵀ / N are 4 and 0
naive = stuck.loss[0] * np.exp(-2 * 0.1**2 * s * eigenvalue * stuck.t)
rising = ft.simulate(misaligned, ft.Problem([[1.0]], [3.0]), time=6.0, accuracy=1e-5)
print(f"left {stuck.loss[-1] / naive[-1]:.0f} times above, right a rise by {rising.loss.max() / rising.loss[0]:.0f}")
assert (stuck.loss - stuck.error)[-1] > 100 * naive[-1]
assert (rising.loss - rising.error).max() > 30 * rising.loss[0]

# %% alt="Left, the loss stalls above a wrong bound; right, from a misaligned start it peaks far above its start."
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.7))
left.semilogy(stuck.t, stuck.loss, label="observed")
left.semilogy(stuck.t, naive, "--", label="what would be wrong")
left.set_title("dependent samples (no randomness)")
right.plot(rising.t, rising.loss, label="observed")
right.axhline(rising.loss[0], color="C1", linestyle="--", label="loss at the start")
right.set_title("misaligned start (no randomness)")
for ax in (left, right):
    ax.set_xlabel("time t")
    ax.set_ylabel("mean loss L(t)")
    ax.legend()
plt.show()
