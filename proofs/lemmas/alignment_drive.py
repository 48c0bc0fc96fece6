r"""alignment-drive: feedback alignment turns the neurons of two layers to the margin, and then they drive the loss.

Two layers, one output, logistic loss, labels y_j = +-1, a unit vector u of margin gamma. With sigma_j the size of the
loss's derivative at sample j (e_j = -y_j sigma_j), incoming weights move along b_i g_i, g_i the mean of
y sigma theta_i x, and the outgoing weight along G_i, the mean of y sigma h_i. A trained bias is the weight of an input
that is always 1. The slope theta is that of a leaky ReLU, at a kink any number in [a, 1], which covers all solutions in
Filippov's sense. s_i is the sign of b_i (1 where b_i = 0); c_i is 1 where b_i is not 0 and else 0, so that neurons
with b_i = 0, which only take the square G_i^2 from the loss, are left out of the bound.
"""

import sympy as sp

from fa_theory.proofs.lemmas import gated_mean, logistic_mean
from fa_theory.proofs.lemmas.gated_mean import R, g, gamma, sigma, theta, u, y
from fa_theory.proofs.lemmas.logistic_mean import losses
from fa_theory.proofs.lemmas.two_layers import DEGREE_ONE
from fa_theory.proofs.notation import B, C, N, a, d, h, i, indexed, j, k, n, r, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

z, f, G = (indexed(name) for name in ("z", "f", "G"))
sign, size_b, counted = indexed("s"), indexed("|b|", nonnegative=True), indexed("c", nonnegative=True)
start, ramp = indexed("r"), indexed("ramp", nonnegative=True)
plus, minus = indexed("low^+", nonnegative=True), indexed("low^-", nonnegative=True)
L, tau, S = sp.Function("L", real=True), sp.Function("tau", real=True), sp.Function("S", positive=True)


def over_samples(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (j, 1, N)) / N


def over_inputs(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (k, 1, d))


power = sp.Sum(a**2 * gamma**2 * plus[i] - R**2 * minus[i], (i, 1, n))


def derive(proof: Derivation, slope: sp.Expr = a, direction: sp.Expr = sign[i]) -> list[Fact]:
    network = [
        proof.given("network", z[j, i], "=", over_inputs(w[i, k] * x[j, k])),
        proof.given("network", f[j], "=", sp.Sum(v[i] * h[j, i], (i, 1, n))),
    ]
    active = proof.given("degree one", h[j, i], "=", theta[j, i] * z[j, i])
    fixed = [proof.given("fixed", rate(each), "=", 0) for each in (x[j, k], y[j], u[k], B[i], sign[i], size_b[i])]
    loss = proof.given("logistic loss", losses[j], "=", sp.log(1 + sp.exp(-y[j] * f[j])))
    derivative = proof.given("logistic loss", sigma[j], "=", 1 / (1 + sp.exp(y[j] * f[j])))
    mean = proof.given("logistic loss", L(t), "=", over_samples(losses[j]))
    clock = proof.given("means", S(t), "=", over_samples(sigma[j]))
    turn = proof.given("means", g[i, k], "=", over_samples(y[j] * sigma[j] * theta[j, i] * x[j, k]))
    push = proof.given("means", G[i], "=", over_samples(y[j] * sigma[j] * h[j, i]))
    flow = [
        proof.given("flow", rate(w[i, k]), "=", B[i] * g[i, k]),
        proof.given("flow", rate(v[i]), "=", G[i]),
    ]
    signed = [
        proof.given("signs", sign[i] * B[i], "=", size_b[i]),
        proof.given("signs", sign[i] ** 2, "=", 1),
    ]
    counts = proof.given("signs", counted[i] * B[i], "=", B[i])
    runs = proof.given("clock", tau(t).diff(t), "=", S(t))

    # the length of the means
    setting = {
        "means": [clock, turn],
        "gates": [proof.given("gates", a, "<=", theta[j, i]), proof.given("gates", theta[j, i], "<=", 1)],
        "margin": [
            proof.given("margin", gamma, "<=", y[j] * over_inputs(u[k] * x[j, k])),
            proof.given("margin", over_inputs(u[k] ** 2), "=", 1),
        ],
        "samples": [
            proof.given("samples", y[j] ** 2, "=", 1),
            proof.given("samples", over_inputs(x[j, k] ** 2), "<=", R**2),
        ],
    }
    unit = setting["margin"][1]

    def mean_is(name: str, conclusion: int, *keys: str) -> Fact:
        return proof.apply(
            gated_mean.PROOF,
            at={gated_mean.S: S(t)},
            given={key: setting[key] for key in keys},
            conclusion=conclusion,
            name=name,
        )

    # alignment
    forward = mean_is("the mean turns to u", 0, "gates", "margin", "means")
    along = over_inputs(u[k] * w[i, k])
    turning = proof.at_most(
        "neurons turn to u",
        0,
        rate(direction * along - size_b[i] * slope * gamma * tau(t)),
        because=[(size_b[i], forward)],
        using=[*flow, *fixed, *signed, runs],
        why="s_i b_i = |b_i|, and <u, g> >= a gamma S",
    )
    turned = proof.monotone("since the start they have", turning, start[i])
    inner = sp.Sum(u[r] * w[i, r], (r, 1, d))
    cauchy = proof.at_most(
        "Cauchy-Schwarz with the unit vector u",
        inner**2,
        over_inputs(w[i, k] ** 2),
        because=[over_inputs((w[i, k] - u[k] * inner) ** 2), (inner**2, unit)],
        why="the part of w across u has a square that is not negative",
    )
    least = start[i] + size_b[i] * slope * gamma * tau(t)
    positive = proof.given("bound", ramp[i] ** 2, "=", ramp[i] * least)
    longer = proof.at_most(
        "incoming weights are at least this long",
        ramp[i] ** 2,
        over_inputs(w[i, k] ** 2),
        because=[
            cauchy,
            (sign[i] * inner - ramp[i]) ** 2,
            (2 * ramp[i], turned),
            (2, positive),
            (inner**2, signed[1]),
        ],
        why="ramp <= s <u, w> where ramp > 0",
    )
    still = proof.equal(
        "the neuron law does not drift",
        rate(over_inputs(w[i, k] ** 2) / 2 - B[i] * v[i]),
        0,
        using=[*flow, turn, push, active, network[0], fixed[3]],
        why="degree one: the sum of w_i g_i over the inputs is G_i",
    )
    law = proof.constant("the neuron law", still, C[i])
    parts = proof.given("bound", plus[i] - minus[i], "=", counted[i] * (ramp[i] ** 2 / 2 - C[i]))
    aligned = proof.at_most(
        "alignment is at least low",
        plus[i] - minus[i],
        B[i] * v[i],
        because=[(counted[i] / 2, longer), parts, (counted[i], law)],
        using=[counts],
        why="v b = |w|^2 / 2 - C",
    )

    # the loss
    chain = proof.given("degree one", rate(h[j, i]), "=", theta[j, i] * rate(z[j, i]))
    moves = [proof.differentiated("along the flow", each) for each in (*network, loss, mean)]
    square = over_inputs(g[i, k] ** 2)
    output = proof.equal(
        "the output moves",
        rate(f[j]),
        sp.Sum(G[i] * h[j, i] + v[i] * B[i] * theta[j, i] * over_inputs(g[i, k] * x[j, k]), (i, 1, n)),
        using=[moves[1], chain, moves[0], *fixed, *flow],
        why="product rule",
    )
    sample = proof.equal(
        "the loss at a sample moves",
        rate(losses[j]),
        -y[j] * sigma[j] * rate(f[j]),
        using=[moves[2], derivative, *fixed],
        why="the derivative of log(1 + exp(-y f))",
    )
    moved = proof.sum_over("over the samples", proof.times("weighed", -y[j] * sigma[j] / N, output), (j, 1, N))
    split = proof.equal(
        "the loss moves",
        rate(L(t)),
        -sp.Sum(G[i] ** 2 + v[i] * B[i] * square, (i, 1, n)),
        because=[moves[3], moved],
        using=[sample, turn, push],
        why="the means collect the samples",
    )
    long = mean_is("the mean is not short", 1, "gates", "margin", "means")
    short = mean_is("the mean is not long", 2, "gates", "means", "samples")
    taken = proof.at_most(
        "what a neuron takes from the loss",
        (a**2 * gamma**2 * plus[i] - R**2 * minus[i]) * S(t) ** 2,
        v[i] * B[i] * square,
        because=[(square, aligned), (plus[i], long), (minus[i], short)],
        why="low^+ meets the shortest mean, low^- the longest",
    )
    all_taken = proof.sum_over("all neurons", taken, (i, 1, n))
    falls = proof.at_most(
        "the loss falls",
        rate(L(t)),
        -power * S(t) ** 2,
        because=[split, all_taken, sp.Sum(G[i] ** 2, (i, 1, n))],
        why="the outgoing weights only add to it",
    )

    # S and L
    each_size = proof.equal(
        "the size of the derivative by the loss",
        sigma[j],
        1 - sp.exp(-losses[j]),
        using=[derivative, loss],
        why="1 - exp(-log(1 + exp(-y f))) = 1 / (1 + exp(y f))",
    )
    size = proof.equal(
        "and its mean",
        S(t),
        over_samples(1 - sp.exp(-losses[j])),
        because=[clock, (1 / N, proof.sum_over("over the samples", each_size, (j, 1, N)))],
        why="mean over the samples",
    )
    nonnegative = proof.at_most(
        "losses are not negative", 0, losses[j], because=[sp.log(1 + sp.exp(-y[j] * f[j]))], using=[loss]
    )
    between = [
        proof.apply(
            logistic_mean.PROOF,
            at={logistic_mean.L: L(t), logistic_mean.S: S(t)},
            given={"means": [mean, size]} | ({"losses": nonnegative} if number else {}),
            conclusion=number,
            name=name,
        )
        for number, name in enumerate(("S is at most that of the mean loss", "and at least a share of the sum's"))
    ]
    return [falls, *between]


PROOF = Proof(
    id="alignment-drive",
    title="Alignment, then descent",
    statement=(
        r"FA with logistic loss on separable data, leaky ReLU, any start: while $\tau$ runs with $\dot\tau = S$, "
        r"$\dot L \le -S^2 \sum_i (a^2\gamma^2\, low_i^+ - R^2\, low_i^-)$ with "
        r"$low_i = \frac12 (r_i + |b_i| a\gamma\tau)_+^2 - C_i$; and $\frac1N(1 - e^{-NL}) \le S \le 1 - e^{-L}$."
    ),
    assumptions={
        "network": r"$z_i = \langle w_i, x\rangle$ and $f = \sum_i v_i h_i$ at every sample",
        "degree one": DEGREE_ONE,
        "fixed": r"samples, labels, $u$ and the feedback do not move",
        "logistic loss": r"$\ell_j = \log(1 + e^{-y_j f_j})$, $\sigma_j = 1/(1 + e^{y_j f_j})$, $L = E[\ell]$",
        "means": r"$S = E[\sigma]$, $g_i = E[y\sigma\theta_i x]$ and $G_i = E[y\sigma h_i]$",
        "flow": r"$\dot w_i = b_i g_i$ and $\dot v_i = G_i$: FA, for $e_j = -y_j \sigma_j$",
        "gates": r"$a \le \theta \le 1$",
        "margin": r"$|u| = 1$ and $y_j\langle u, x_j\rangle \ge \gamma$ with $\gamma > 0$",
        "samples": r"$y_j^2 = 1$ and $|x_j|^2 \le R^2$",
        "signs": r"$s_i$ is the sign of $b_i$ (1 where $b_i = 0$), $c_i$ is 1 where $b_i \ne 0$ and else 0",
        "clock": r"$\dot\tau = S$",
        "bound": (
            r"$ramp_i = (r_i + |b_i| a\gamma\tau)_+$ and $low_i = c_i (\frac12 ramp_i^2 - C_i) = low_i^+ - low_i^-$, "
            r"with $r_i$, $C_i$ the values at the start, where $\tau = 0$, of $s_i\langle u, w_i\rangle$ and "
            r"$\frac12|w_i|^2 - b_i v_i$"
        ),
    },
    source="own",
    derive=derive,
    controls=(
        Control("neurons turn as if the slope were 1", lambda proof: derive(proof, slope=sp.S.One)),
        Control("neurons turn to u whatever the sign of b", lambda proof: derive(proof, direction=sp.S.One)),
    ),
)
