r"""gated-mean: a mean of gated samples with a margin is neither short nor long.

g is a mean of samples x_j, each turned by its label y_j, weighed by sigma_j > 0 and gated by theta_j in [a, 1], as a
leaky ReLU does; S is the mean of the weights. The index i tells neurons with other gates apart.
"""

import sympy as sp

from fa_theory.proofs.notation import N, a, d, i, indexed, j, k, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

sigma, theta = indexed("sigma", positive=True), indexed("theta", nonnegative=True)
y, u, g = indexed("y"), indexed("u"), indexed("g")
gamma, R, S = sp.Symbol("gamma", positive=True), sp.Symbol("R", positive=True), sp.Symbol("S", positive=True)
l = sp.Symbol("l", integer=True)  # noqa: E741 - a second sample beside j


def derive(proof: Derivation, share: sp.Expr = 1 / N) -> list[Fact]:
    drive = proof.given("means", S, "=", sp.Sum(sigma[j], (j, 1, N)) / N)
    mean = proof.given("means", g[i, k], "=", share * sp.Sum(y[j] * sigma[j] * theta[j, i] * x[j, k], (j, 1, N)))
    low = proof.given("gates", a, "<=", theta[j, i])
    high = proof.given("gates", theta[j, i], "<=", 1)
    margin = proof.given("margin", gamma, "<=", y[j] * sp.Sum(u[k] * x[j, k], (k, 1, d)))
    unit = proof.given("margin", sp.Sum(u[k] ** 2, (k, 1, d)), "=", 1)
    label = proof.given("samples", y[j] ** 2, "=", 1)
    radius = proof.given("samples", sp.Sum(x[j, k] ** 2, (k, 1, d)), "<=", R**2)

    along = sp.Sum(u[k] * g[i, k], (k, 1, d))
    one = proof.at_most(
        "one sample along u",
        a * gamma * sigma[j],
        sigma[j] * theta[j, i] * y[j] * sp.Sum(u[k] * x[j, k], (k, 1, d)),
        because=[(sigma[j] * theta[j, i], margin), (gamma * sigma[j], low)],
        why="theta (y u.x - gamma) and gamma (theta - a) are not negative",
    )
    forward = proof.at_most(
        "the mean along u",
        a * gamma * S,
        along,
        because=[(1 / N, proof.sum_over("all samples along u", one, (j, 1, N)))],
        using=[mean, drive],
        why="mean over the samples",
    )
    length = sp.Sum(g[i, k] ** 2, (k, 1, d))
    cauchy = proof.at_most(
        "Cauchy-Schwarz with the unit vector u",
        along**2,
        length,
        because=[sp.Sum((g[i, k] - u[k] * along) ** 2, (k, 1, d)), (along**2, unit)],
        why="the part of g across u has a square that is not negative",
    )
    long = proof.at_most(
        "the mean is not short",
        (a * gamma * S) ** 2,
        length,
        because=[cauchy, (along - a * gamma * S) ** 2, (2 * a * gamma * S, forward)],
        why="squares of ordered positive numbers",
    )

    gate = proof.at_most(
        "gates do not lengthen",
        theta[j, i] ** 2 * sp.Sum(x[j, k] ** 2, (k, 1, d)),
        R**2,
        because=[(sp.Sum(x[j, k] ** 2, (k, 1, d)) * (1 + theta[j, i]), high), radius],
        why="1 - theta^2 = (1 - theta)(1 + theta)",
    )
    inner = sp.Sum(x[j, k] * x[l, k], (k, 1, d))
    apart = sp.Sum((y[j] * theta[j, i] * x[j, k] - y[l] * theta[l, i] * x[l, k]) ** 2, (k, 1, d))
    pair = proof.at_most(
        "two samples",
        y[j] * theta[j, i] * y[l] * theta[l, i] * inner,
        R**2,
        because=[(sp.S.Half, apart), (sp.S.Half, gate), (sp.S.Half, gate.at({j: l}))],
        using=[label],
        why="2 <p, q> = |p|^2 + |q|^2 - |p - q|^2",
    )
    weighed = proof.times("weighed", sigma[j] * sigma[l] / N**2, pair)
    short = proof.at_most(
        "the mean is not long",
        length,
        R**2 * S**2,
        because=[proof.sum_over("all pairs", weighed, (j, 1, N), (l, 1, N))],
        using=[mean, drive],
        why="the square of the mean is a mean over pairs",
    )
    return [forward, long, short]


PROOF = Proof(
    id="gated-mean",
    title="Length of a gated mean",
    statement=(
        r"For $g = \frac1N\sum_j \sigma_j \theta_j y_j x_j$ with $\sigma_j > 0$, $S = \frac1N\sum_j\sigma_j$, "
        r"$0 < a \le \theta_j \le 1$, $y_j = \pm1$, $|x_j| \le R$ and a unit vector $u$ with "
        r"$y_j \langle u, x_j\rangle \ge \gamma > 0$: $\langle u, g\rangle \ge a\gamma S$, and "
        r"$a\gamma S \le |g| \le R S$."
    ),
    assumptions={
        "means": r"$g$ and $S$ are these means",
        "gates": r"$a \le \theta_j \le 1$",
        "margin": r"$|u| = 1$ and $y_j\langle u, x_j\rangle \ge \gamma$",
        "samples": r"$y_j^2 = 1$ and $|x_j|^2 \le R^2$",
    },
    source="own",
    derive=derive,
    controls=(Control("a sum in place of the mean", lambda proof: derive(proof, share=sp.S.One)),),
)
