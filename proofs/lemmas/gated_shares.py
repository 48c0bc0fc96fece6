r"""gated-shares: with gates in [a, 1] every hidden neuron sees of the squared loss what the inputs let it see.

The symbols are those of lemma two-layers. A neuron's share |g_i|^2 + gamma_i^2 is |X^T u|^2 / N^2 with u_j = e_j
theta_ij (with hidden biases x_0 = 1 is one more input). low and high bound X X^T / N as a quadratic form.
"""

import sympy as sp

from fa_theory.proofs.lemmas.linear_excess import high, over_data, total, u
from fa_theory.proofs.lemmas.two_layers import g, gamma, loss, over_samples, share, theta, x0
from fa_theory.proofs.notation import N, a, e, i, j, k, t, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

low = sp.Symbol("lambda_min", nonnegative=True)


def derive(proof: Derivation, gate: sp.Expr = a**2) -> list[Fact]:
    squared = proof.given("squared loss", loss(t), "=", total(e[j] ** 2) / (2 * N))
    steep = proof.given("slopes", a, "<=", theta[i, j])
    flat = proof.given("slopes", theta[i, j], "<=", 1)
    below = proof.given("least eigenvalue", low * N * total(u[j] ** 2), "<=", over_data(u[j]), schematic=[u])
    above = proof.given("largest eigenvalue", over_data(u[j]), "<=", high * N * total(u[j] ** 2), schematic=[u])
    means = [
        proof.given("means", g[i, k], "=", over_samples(e[j] * theta[i, j] * x[j, k])),
        proof.given("means", gamma[i], "=", over_samples(e[j] * theta[i, j] * x0)),
    ]

    gated = {u: lambda sample: e[sample] * theta[i, sample]}
    square = proof.equal(
        "a neuron's share is a quadratic form",
        share,
        over_data(e[j] * theta[i, j]) / N**2,
        using=means,
        why="means",
    )
    kept = proof.at_most(
        "gates keep at least a^2", a**2, theta[i, j] ** 2, because=[(2 * a, steep), (theta[i, j] - a) ** 2]
    )
    lost = proof.at_most(
        "gates add nothing", theta[i, j] ** 2, 1, because=[(flat, steep), (1 + a, flat)], why="(1 - theta)(1 + theta)"
    )
    kept = proof.sum_over("of the error", proof.times("at a sample", e[j] ** 2, kept), (j, 1, N))
    lost = proof.sum_over("of the error", proof.times("at a sample", e[j] ** 2, lost), (j, 1, N))
    return [
        proof.at_most(
            "a share is at least",
            2 * gate * low * loss(t),
            share,
            because=[(1 / N**2, below.at(gated)), (low / N, kept), (2 * a**2 * low, squared), (-1, square)],
            why="least eigenvalue, and gates of at least a",
        ),
        proof.at_most(
            "a share is at most",
            share,
            2 * high * loss(t),
            because=[(1 / N**2, above.at(gated)), (high / N, lost), (-2 * high, squared), square],
            why="largest eigenvalue, and gates of at most 1",
        ),
    ]


PROOF = Proof(
    id="gated-shares",
    title="What gated neurons see of the loss",
    statement=(
        r"For the squared loss and slopes in $[a, 1]$, $a > 0$: "
        r"$2 a^2 \lambda_{\min} L \le |g_i|^2 + \gamma_i^2 \le 2 \lambda_{\max} L$ for every hidden neuron, "
        r"$\lambda_{\min}$ and $\lambda_{\max}$ the least and the greatest eigenvalue of $X X^T / N$."
    ),
    assumptions={
        "squared loss": r"$L = \frac1{2N} \sum_j e_j^2$",
        "means": r"$g_i = E[e\,\theta_i x]$ and $\gamma_i = E[e\,\theta_i x_0]$",
        "slopes": r"$a \le \theta \le 1$, with $a > 0$",
        "least eigenvalue": r"$\lambda_{\min} N |u|^2 \le |X^T u|^2$ for every $u$, with $\lambda_{\min} \ge 0$",
        "largest eigenvalue": r"$|X^T u|^2 \le \lambda_{\max} N |u|^2$ for every $u$",
    },
    source="own",
    derive=derive,
    controls=(Control("gates that cost nothing", lambda proof: derive(proof, gate=sp.S.One)),),
)
