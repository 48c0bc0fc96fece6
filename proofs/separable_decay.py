r"""separable-decay: on separable data an aligned start makes the exponential and the logistic loss decay like 1/t.

The setting and the symbols are those of descent; labels are +-1, and (u, u_0) is a unit vector with a margin gamma_u on
every sample (u_0 for the constant input x_0 that hidden biases see). The error is e_j = -y_j sigma_j with sigma_j > 0,
and S is the mean of the sigma_j. In the direction u the means g_i add up without cancelling: a gamma_u S at least. So
dL/dt <= -s (a gamma_u S)^2. For the exponential loss S is L; for the logistic loss, with losses l_j, S is the mean of
the 1 - exp(-l_j), at least (1 - exp(-N L)) / N. Generalised decay (lemma comparison) then bounds the loss: the lemmas
harmonic-decay and logistic-decay apply it. In the latter N L = log(1 + odds).
"""

from collections.abc import Sequence

import sympy as sp

from fa_theory.proofs.descent import PROOF as DESCENT
from fa_theory.proofs.descent import start
from fa_theory.proofs.exponential_decay import BOUND, SETTING
from fa_theory.proofs.lemmas import logistic_mean
from fa_theory.proofs.lemmas.harmonic_decay import PROOF as HARMONIC_DECAY
from fa_theory.proofs.lemmas.harmonic_decay import rho as harmonic_rate
from fa_theory.proofs.lemmas.harmonic_decay import y as falling
from fa_theory.proofs.lemmas.logistic_decay import PROOF as LOGISTIC_DECAY
from fa_theory.proofs.lemmas.logistic_decay import bounding as bounding_odds
from fa_theory.proofs.lemmas.logistic_decay import odds
from fa_theory.proofs.lemmas.logistic_decay import r as decay_rate
from fa_theory.proofs.lemmas.logistic_mean import losses
from fa_theory.proofs.lemmas.two_layers import f, g, gamma, loss, over_neurons, over_samples, own, share, theta, x0
from fa_theory.proofs.notation import N, a, d, e, i, indexed, j, k, n, t, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

y, u, sigma = indexed("y"), indexed("u"), indexed("sigma", positive=True)
u0 = sp.Symbol("u_0", real=True)
margin, s = sp.symbols("gamma_u s", positive=True)
risk = sp.Function("L", positive=True)
rho = a**2 * margin**2 * s


def steepness(proof: Derivation, gate: sp.Expr, length: int) -> Fact:
    """Show that a neuron's share is at least (a gamma_u S)^2, S the mean of the sigma_j."""
    error = proof.given("error", e[j], "=", -y[j] * sigma[j])
    means = [
        proof.given("means", g[i, k], "=", over_samples(e[j] * theta[i, j] * x[j, k])),
        proof.given("means", gamma[i], "=", over_samples(e[j] * theta[i, j] * x0)),
    ]
    steep = proof.given("slopes", a, "<=", theta[i, j])
    unit = proof.given("margin", sp.Sum(u[k] ** 2, (k, 1, d)) + u0**2, "=", length)
    distance = y[j] * (sp.Sum(u[k] * x[j, k], (k, 1, d)) + u0 * x0)
    apart = proof.given("margin", margin, "<=", distance)

    along = sp.Sum(u[k] * g[i, k], (k, 1, d)) + u0 * gamma[i]
    slope = over_samples(sigma[j])
    one = proof.at_most(
        "one sample along u",
        a * margin,
        theta[i, j] * distance,
        because=[(steep, apart), (a, apart), (margin, steep)],
        why="(theta - a) (margin - gamma_u) and both with positive factors",
    )
    all_samples = proof.sum_over("all samples along u", proof.times("weighed", sigma[j], one), (j, 1, N))
    forward = proof.at_most(
        "the means add up along u",
        a * margin * slope,
        -along,
        because=[(1 / N, all_samples)],
        using=[*means, error],
        why="e_j = -y_j sigma_j",
    )
    cauchy = proof.at_most(
        "Cauchy-Schwarz with a unit vector",
        along**2,
        share,
        because=[sp.Sum((g[i, k] - u[k] * along) ** 2, (k, 1, d)), (gamma[i] - u0 * along) ** 2, (along**2, unit)],
        why="the part across u has a square that is not negative",
    )
    return proof.at_most(
        "a share is at least",
        gate**2 * margin**2 * slope**2,
        share,
        because=[cauchy, (along + a * margin * slope) ** 2, (2 * a * margin * slope, forward)],
        why="squares of ordered positive numbers",
    )


def exponential(proof: Derivation) -> tuple[Fact, Fact]:
    """Show for the exponential loss that S is L, and that e_j is the derivative of the loss by the output."""
    total = proof.given("exponential loss", risk(t), "=", over_samples(sigma[j]))
    each = proof.given("exponential loss", sigma[j], "=", sp.exp(-y[j] * f[j]))
    moved = proof.differentiated("how the loss moves", total)
    moves = proof.differentiated("how the loss of a sample moves", each)
    drawn = proof.equal(
        "exponential: the error draws on the loss",
        rate(risk(t)),
        over_samples(e[j] * rate(f[j])),
        because=[moved],
        using=[moves, *labels(proof), each],
        why="chain rule",
    )
    return total, drawn


def labels(proof: Derivation) -> list[Fact]:
    return [proof.given("error", e[j], "=", -y[j] * sigma[j]), proof.given("labels", rate(y[j]), "=", 0)]


def logistic(proof: Derivation) -> tuple[Fact, Fact]:
    """Show for the logistic loss that N S >= 1 - exp(-N L), and that e_j is the derivative of the loss."""
    total = proof.given("logistic loss", risk(t), "=", over_samples(losses[j]))
    each = proof.given("logistic loss", losses[j], "=", sp.log(1 + sp.exp(-y[j] * f[j])))
    slope = proof.given("logistic loss", sigma[j], "=", 1 - sp.exp(-losses[j]))
    moved = proof.differentiated("how the loss moves", total)
    moves = proof.differentiated("how the loss of a sample moves", each)
    one = proof.equal(
        "logistic: the error is the derivative of the loss of a sample",
        rate(losses[j]),
        e[j] * rate(f[j]),
        because=[moves],
        using=[*labels(proof), slope, each],
        why="chain rule: log(1 + exp(-m)) has the derivative -(1 - exp(-l))",
    )
    drawn = proof.equal(
        "logistic: the error draws on the loss",
        rate(risk(t)),
        over_samples(e[j] * rate(f[j])),
        because=[moved, (1 / N, proof.sum_over("all samples", one, (j, 1, N)))],
        why="the mean over the samples",
    )
    sizes = proof.sum_over("the mean of the sigma_j", slope, (j, 1, N))
    mean = proof.times("divided by N", 1 / N, sizes)
    nonnegative = proof.at_most(
        "losses are not negative",
        0,
        losses[j],
        because=[sp.log(1 + sp.exp(-y[j] * f[j])), (-1, each)],
        why="log of 1 and more",
    )
    below = proof.apply(
        logistic_mean.PROOF,
        {logistic_mean.L: risk(t), logistic_mean.S: over_samples(sigma[j])},
        {"means": [total, mean], "losses": nonnegative},
        conclusion=1,
        name="logistic: the mean slope against the loss",
    )
    return below, drawn


def derive(proof: Derivation, gate: sp.Expr = a, length: int = 1, rules: Sequence[str] = tuple(start)) -> list[Fact]:
    conclusions: list[Fact] = []
    steep = steepness(proof, gate, length)
    slope = over_samples(sigma[j])
    is_mean, drawn = exponential(proof)
    below, drawn_logistic = logistic(proof)
    chance = proof.given("odds", N * risk(t), "=", sp.log(1 + odds(t)))

    def speed(rule: str, loss_name: str, draws: Fact) -> Fact:
        """Show dL/dt <= -rho S^2, from the law of the rule."""
        C = indexed(f"{start[rule].name}_{loss_name}")
        bound = proof.apply(
            DESCENT,
            {loss: risk, start[rule]: C},
            {"loss": draws},
            conclusion=BOUND[rule],
            name=f"{rule}, {loss_name}: the law bounds the speed",
        )
        aligned = proof.given(f"aligned start of {rule}", C[i], "<=", 0)
        amount = proof.given(f"aligned start of {rule}", -over_neurons(C[i]), "=", s)
        every = proof.sum_over("all neurons", proof.times("a neuron", aligned, steep), (i, 1, n))
        return proof.at_most(
            f"{rule}, {loss_name}: the speed",
            rate(risk(t)),
            -rho * slope**2,
            because=[bound, own, every, (-(a**2) * margin**2 * slope**2, amount)],
            why="c_i >= 0, and every share is at least (a gamma_u S)^2",
        )

    for rule in rules:
        falls = speed(rule, "exponential", drawn)
        falls = proof.at_most(
            f"{rule}, exponential: S is L",
            rate(risk(t)),
            -rho * risk(t) ** 2,
            because=[falls, (rho * (risk(t) + slope), is_mean)],
            why="the derivative of the exponential is itself",
        )
        conclusions.append(
            proof.apply(
                HARMONIC_DECAY,
                {falling: risk, harmonic_rate: rho},
                {"decay": falls},
                name=f"{rule}, exponential: the bound",
            )
        )
        falls = speed(rule, "logistic", drawn_logistic)
        conclusions.extend(saturated(proof, rule, falls, below, chance))
    return conclusions


def saturated(proof: Derivation, rule: str, falls: Fact, below: Fact, chance: Fact) -> list[Fact]:
    """From dL/dt <= -rho S^2 conclude the speed of N L, and its bound, implicit and explicit."""
    name, q, slope = f"{rule}, logistic", odds(t) / (1 + odds(t)), over_samples(sigma[j])
    least = proof.at_most(
        f"{name}: S against q", q / N, slope, because=[(1 / N, below)], using=[chance], why="N S is at least q"
    )
    speed = proof.at_most(
        f"{name}: the speed",
        rate(N * risk(t)),
        -rho / N * (1 - sp.exp(-N * risk(t))) ** 2,
        because=[(N, falls), rho * N * (slope - q / N) ** 2, (2 * rho * q, least)],
        using=[chance],
        why="S and q / N are positive, so their squares are ordered",
    )
    moved = proof.differentiated(f"{name}: how odds move", chance)
    decay = proof.at_most(
        f"{name}: the speed by odds",
        rate(sp.log(1 + odds(t))),
        -rho / N * q**2,
        because=[speed, (-1, moved)],
        using=[chance],
        why="N L = log(1 + odds)",
    )
    implicit, explicit = (
        proof.apply(LOGISTIC_DECAY, {decay_rate: rho / N}, {"decay": decay}, conclusion=which, name=f"{name}: {what}")
        for which, what in enumerate(("the bound on Gamma", "solved"))
    )
    bound = proof.at_most(
        f"{name}: the bound",
        N * risk(t),
        sp.log(1 + bounding_odds(t)),
        because=[explicit, chance],
        why="N L = log(1 + odds)",
    )
    return [speed, implicit, bound]


def counterexample_not_separable() -> sp.Basic:
    # x = 1 with labels 1 and -1, w = 0, v = 2, b = 1, linear, exponential loss: f = 0, L = 1, s = 2, and nothing moves;
    # 1 is the margin of the first sample alone
    w, v, b, x, labels = 0, 2, 1, 1, (1, -1)
    errors = [-y * sp.exp(-y * v * w * x) for y in labels]
    g, G = sum(e * x for e in errors) / 2, sum(e * w * x for e in errors) / 2
    loss = sum(sp.exp(-y * v * w * x) for y in labels) / 2
    return sp.Le(-(G**2) - v * b * g**2, -2 * loss**2)


PROOF = Proof(
    id="separable-decay",
    title="Decay of the loss on separable data",
    statement=(
        r"Two layers, one output, slopes in $[a, 1]$, labels $\pm1$, a unit vector $u$ with "
        r"$y_j \langle u, x_j \rangle \ge \gamma > 0$; FA, sign-FA or adaFA with $c_i = -C_i \ge 0$, "
        r"$s = \sum_i c_i > 0$, $\rho = a^2 \gamma^2 s$. Exponential loss: $L(t) \le L(0) / (1 + \rho L(0) t)$. "
        r"Logistic loss, $\sigma = N L$: $\dot\sigma \le -\frac\rho N (1 - e^{-\sigma})^2$, hence "
        r"$\Gamma(\sigma(t)) \ge \Gamma(\sigma(0)) + t$ and $\sigma(t) \le \Gamma^{-1}(\Gamma(\sigma(0)) + t)$ with "
        r"$\Gamma = \frac N\rho (\frac1q - \log q - \sigma)$, $q = 1 - e^{-\sigma}$. "
        r"Both are instances of generalised decay (lemma \texttt{comparison})."
    ),
    assumptions={
        **{key: DESCENT.assumptions[key] for key in (*SETTING, *start)},
        "error": r"$e_j = -y_j \sigma_j$ with $\sigma_j > 0$",
        "labels": r"the labels $y_j$ do not move",
        "exponential loss": r"$L = \frac1N \sum_j \sigma_j > 0$ and $\sigma_j = e^{-y_j f_j}$",
        "logistic loss": (
            r"$L = \frac1N \sum_j \ell_j > 0$, $\ell_j = \log(1 + e^{-y_j f_j})$ and $\sigma_j = 1 - e^{-\ell_j}$"
        ),
        "odds": r"$N L = \log(1 + odds)$, so $odds = e^{N L} - 1 > 0$",
        "bound": r"$\Gamma(\log(1 + odds_{bound}(t))) = \Gamma(\sigma(0)) + t$ with $odds_{bound} > 0$",
        "slopes": r"$a \le \theta$, with $a > 0$",
        "margin": r"$|u|^2 + u_0^2 = 1$ and $y_j (\langle u, x_j \rangle + u_0 x_0) \ge \gamma_u > 0$ for every sample",
        **{
            f"aligned start of {rule}": r"$c_i \ge 0$ for every hidden neuron, and $s = \sum_i c_i > 0$"
            for rule in start
        },
    },
    source="paper",
    derive=derive,
    controls=(
        Control("gates that cost nothing", lambda proof: derive(proof, gate=sp.S.One, rules=("FA",))),
        Control("a margin along a vector that is too long", lambda proof: derive(proof, length=2, rules=("FA",))),
        Control("data that are not separable", counterexample_not_separable, True),
    ),
)
