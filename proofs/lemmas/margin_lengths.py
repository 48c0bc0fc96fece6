r"""margin-lengths: how long incoming weights are at least on separable data, and how long the means that move them.

The setting is that of lemma separable-drive: under FA w_i moves along -b_i g_i, g_i the mean of e theta_i x, where
e_j = -y_j sigma_j. The clock tau runs with the mean S of the sigma_j. In its time incoming weights turn towards s_i u
(s_i the sign of b_i) at least with the speed a gamma |b_i|, and shrink along any fixed direction at most with the speed
R |b_i|. So |w_i| is at least r_i + |b_i| a gamma tau and |w_i(0)| - |b_i| R tau; low_i is the greater of both, or 0.
"""

import sympy as sp

from fa_theory.proofs.lemmas import gated_mean
from fa_theory.proofs.lemmas.gated_mean import R, gamma, sigma, u, y
from fa_theory.proofs.lemmas.gated_mean import theta as gate
from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as smaller
from fa_theory.proofs.lemmas.root_order import y as greater
from fa_theory.proofs.lemmas.two_layers import g, over_samples
from fa_theory.proofs.notation import B, a, d, i, indexed, j, k, t, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

sign, size_b, direction = indexed("s"), indexed("|b|", nonnegative=True), indexed("q")
turned, kept = indexed("r"), indexed("|w(0)|")
length, low = indexed("|w|", nonnegative=True), indexed("low", nonnegative=True)
weight_turned, weight_kept = indexed("alpha", nonnegative=True), indexed("beta", nonnegative=True)
tau, S = sp.Function("tau", real=True), sp.Function("S", positive=True)


def over_inputs(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (k, 1, d))


square = over_inputs(w[i, k] ** 2)
share = over_inputs(g[i, k] ** 2)


def along(proof: Derivation, name: str, one: sp.Expr, unit: Fact) -> Fact:
    """Show that what incoming weights have along a unit vector is at most their length."""
    inner = over_inputs(one * w[i, k])
    squares = proof.at_most(
        f"{name}: Cauchy-Schwarz",
        inner**2,
        length[i] ** 2,
        because=[over_inputs((w[i, k] - one * inner) ** 2), (inner**2, unit)],
        using=[proof.given("bound", length[i] ** 2, "=", square)],
        why="the part of w across a unit vector has a square that is not negative",
    )
    nonnegative = proof.at_most(f"{name}: lengths", 0, length[i], because=[length[i]], why="declared")
    return proof.apply(
        ROOT,
        {smaller: inner, greater: length[i]},
        {"nonnegative": nonnegative, "squares": squares},
        name=f"{name}: at most the length",
    )


def derive(proof: Derivation, slope: sp.Expr = a, shrink: sp.Expr = R) -> list[Fact]:
    mean = proof.given("means", g[i, k], "=", over_samples(-y[j] * sigma[j] * gate[j, i] * x[j, k]))
    moves = proof.given("flow", rate(w[i, k]), "=", -B[i] * g[i, k])
    still = [proof.given("fixed", rate(each), "=", 0) for each in (u[k], sign[i], size_b[i], direction[i, k])]
    runs = proof.given("clock", tau(t).diff(t), "=", S(t))
    signed = [
        proof.given("signs", sign[i] * B[i], "=", size_b[i]),
        proof.given("signs", sign[i] ** 2, "=", 1),
    ]

    # the length of the means
    turned_mean = proof.times("the mean of the labels' side", -1, mean)
    setting = {
        "means": [proof.given("means", S(t), "=", over_samples(sigma[j])), turned_mean],
        "gates": [proof.given("gates", a, "<=", gate[j, i]), proof.given("gates", gate[j, i], "<=", 1)],
        "margin": [
            proof.given("margin", gamma, "<=", y[j] * over_inputs(u[k] * x[j, k])),
            proof.given("margin", over_inputs(u[k] ** 2), "=", 1),
        ],
        "samples": [
            proof.given("samples", y[j] ** 2, "=", 1),
            proof.given("samples", over_inputs(x[j, k] ** 2), "<=", R**2),
        ],
    }
    values = {gated_mean.S: S(t), gated_mean.g: lambda neuron, source: -g[neuron, source]}
    forward, long, short = (
        proof.apply(gated_mean.PROOF, values, {key: setting[key] for key in keys}, conclusion=which, name=name)
        for which, name, keys in (
            (0, "the mean turns to u", ("gates", "margin", "means")),
            (1, "the mean is not short", ("gates", "margin", "means")),
            (2, "the mean is not long", ("gates", "means", "samples")),
        )
    )

    # weights turn to u, and keep their length for a while
    turning = proof.at_most(
        "weights turn to u",
        0,
        rate(sign[i] * over_inputs(u[k] * w[i, k]) - size_b[i] * slope * gamma * tau(t)),
        because=[(size_b[i], forward)],
        using=[moves, *still, *signed, runs],
        why="s_i b_i = |b_i|, and the mean has at least a gamma S along u",
    )
    has_turned = proof.monotone("since the start they have", turning, turned[i])
    unit = proof.equal(
        "s_i u is a unit vector",
        over_inputs((sign[i] * u[k]) ** 2),
        1,
        because=[setting["margin"][1]],
        using=[signed[1]],
        why="s_i^2 = 1",
    )
    longer = proof.at_most(
        "so they are at least this long",
        turned[i] + size_b[i] * slope * gamma * tau(t),
        length[i],
        because=[has_turned, along(proof, "towards s_i u", sign[i] * u[k], unit)],
        why="what weights have along a unit vector is at most their length",
    )
    unit = proof.given("direction", over_inputs(direction[i, k] ** 2), "=", 1)
    inner = over_inputs(direction[i, k] * g[i, k])
    squares = proof.at_most(
        "the speed along a fixed direction",
        (B[i] * inner) ** 2,
        (size_b[i] * shrink * S(t)) ** 2,
        because=[
            (B[i] ** 2, short),
            B[i] ** 2 * over_inputs((g[i, k] - direction[i, k] * inner) ** 2),
            (B[i] ** 2 * inner**2, unit),
            ((shrink * S(t)) ** 2 * (size_b[i] + sign[i] * B[i]), signed[0]),
            (-((shrink * S(t)) ** 2) * B[i] ** 2, signed[1]),
        ],
        why="Cauchy-Schwarz; the mean has at most the length R S",
    )
    speed = proof.apply(
        ROOT,
        {smaller: B[i] * inner, greater: size_b[i] * shrink * S(t)},
        {
            "squares": squares,
            "nonnegative": proof.at_most("speeds", 0, size_b[i] * shrink * S(t), because=[size_b[i] * shrink * S(t)]),
        },
        name="the speed is at most |b_i| R S",
    )
    keeping = proof.at_most(
        "weights shrink slowly",
        0,
        rate(over_inputs(direction[i, k] * w[i, k]) + size_b[i] * shrink * tau(t)),
        because=[speed],
        using=[moves, *still, runs],
        why="in the time tau at most with |b_i| R",
    )
    has_kept = proof.monotone("since the start they have", keeping, kept[i])
    not_shorter = proof.at_most(
        "so they are also at least this long",
        kept[i] - size_b[i] * shrink * tau(t),
        length[i],
        because=[has_kept, along(proof, "along the start", direction[i, k], unit)],
        why="what weights have along a unit vector is at most their length",
    )
    greatest = proof.given(
        "bound",
        low[i],
        "=",
        weight_turned[i] * (turned[i] + size_b[i] * a * gamma * tau(t))
        + weight_kept[i] * (kept[i] - size_b[i] * R * tau(t)),
    )
    at_most_one = proof.given("bound", weight_turned[i] + weight_kept[i], "<=", 1)
    below = proof.at_most(
        "the length is at least low",
        low[i],
        length[i],
        because=[
            (weight_turned[i], longer),
            (weight_kept[i], not_shorter),
            (length[i], at_most_one),
            greatest,
        ],
        why="low is a mean of lower bounds and 0",
    )
    below = proof.at_most(
        "and its square",
        low[i] ** 2,
        square,
        because=[(length[i] + low[i], below)],
        using=[proof.given("bound", length[i] ** 2, "=", square)],
        why="squares of ordered numbers",
    )
    return [below, long]


PROOF = Proof(
    id="margin-lengths",
    title="Length of incoming weights on separable data",
    statement=(
        r"FA on separable data, slopes in $[a, 1]$, in the time $\tau$, $\dot\tau = S$: "
        r"$|w_i| \ge low_i = \max(r_i + |b_i| a\gamma\tau, |w_i(0)| - |b_i| R\tau, 0)$, and $|g_i| \ge a\gamma S$."
    ),
    assumptions={
        "fixed": r"$u$, the feedback and the directions $q_i$ do not move",
        "means": r"$S = E[\sigma]$ and $g_i = -E[y\sigma\theta_i x]$",
        "flow": r"$\dot w_i = -b_i g_i$: FA, where the loss has the derivative $-y_j \sigma_j$ at sample $j$",
        "gates": r"$a \le \theta \le 1$, $a > 0$",
        "margin": r"$|u| = 1$ and $y_j\langle u, x_j\rangle \ge \gamma$ with $\gamma > 0$",
        "samples": r"$y_j^2 = 1$ and $|x_j|^2 \le R^2$",
        "signs": r"$s_i$ is the sign of $b_i$ ($\pm1$ where $b_i = 0$)",
        "clock": r"$\dot\tau = S$ and $\tau = 0$ at the start",
        "direction": r"$|q_i| = 1$: $q_i$ is the direction of $w_i(0)$, so that $\langle q_i, w_i\rangle$ starts at it",
        "bound": (
            r"$low_i = \alpha_i (r_i + |b_i| a\gamma\tau) + \beta_i (|w_i(0)| - |b_i| R\tau) \ge 0$, "
            r"$\alpha_i, \beta_i \ge 0$, $\alpha_i + \beta_i \le 1$, as the greatest of both and 0 is; $|w_i|$ is the "
            r"length of $w_i$; $r_i$ and $|w_i(0)|$ are the values at the start, where $\tau = 0$, of "
            r"$s_i\langle u, w_i\rangle$ and $\langle q_i, w_i\rangle$"
        ),
    },
    source="own",
    derive=derive,
    controls=(
        Control("weights turn as if the slope were 1", lambda proof: derive(proof, slope=sp.S.One)),
        Control("weights that shrink with the margin only", lambda proof: derive(proof, shrink=gamma)),
    ),
)
