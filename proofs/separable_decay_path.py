r"""separable-decay-path: what is left of an aligned start separates the samples, in stages of the loss.

The setting and the symbols are those of descent and of exponential-decay-path: as long as no incoming weight has moved
by more than far_i from its start, the loss falls at least at the speed form(e) / N^2 >= h^2, a quadratic form that the
start determines. Labels are +-1 and e_j = -y_j sigma_j with sigma_j > 0. That the start separates the samples by gamma
says that h is at least gamma times the sum of the sigma_j; and h is at least gamma' times each.

For the exponential loss the sum of the sigma_j is N L. For the logistic loss lemma spread-losses bounds h: samples that
share the loss have a large sum, one that carries it alone a large sigma_j. So the loss decays at the rate R in a stage,
and pays for movement as in exponential-decay-path.
"""

from collections.abc import Sequence

import sympy as sp

from fa_theory.proofs import exponential_decay_path as path
from fa_theory.proofs.exponential_decay_path import ALIGNMENT, form, kept_parts, lasting, plan, stage
from fa_theory.proofs.lemmas import spread_losses
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as decaying
from fa_theory.proofs.lemmas.kept_start import rest
from fa_theory.proofs.lemmas.linear_excess import total
from fa_theory.proofs.lemmas.logistic_mean import losses
from fa_theory.proofs.lemmas.short_path import R, first_y
from fa_theory.proofs.lemmas.short_path import y as root
from fa_theory.proofs.lemmas.spread_losses import cap, gamma, highest, lowest, psi, top
from fa_theory.proofs.lemmas.two_layers import loss
from fa_theory.proofs.notation import N, e, indexed, j, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

y, sigma = indexed("y"), indexed("sigma", positive=True)
h = sp.Function("h", nonnegative=True)


def exponential(proof: Derivation, together: Fact, above: Fact, power: int) -> Fact:
    """Show that the drive squared is at least R times the exponential loss."""
    mean = proof.given("exponential loss", N * loss(t), "=", total(sigma[j]))
    positive = proof.given("exponential loss", 0, "<=", loss(t))
    planned = proof.given("rate of the exponential loss", R, "<=", (gamma * N) ** power * lowest)
    driven = proof.at_most(
        "exponential: the drive", gamma * N * loss(t), h(t), because=[together, (gamma, mean)], why="the sum is N L"
    )
    return proof.at_most(
        "exponential: the rate",
        R * loss(t),
        h(t) ** 2,
        because=[
            (h(t), driven),
            (proof.times("scaled", gamma * N, driven), positive),
            (proof.times("the stage, scaled", (gamma * N) ** 2, above), positive),
            (planned, positive),
        ],
        why="h >= gamma N L, and L is at least L_-",
    )


def logistic(proof: Derivation, together: Fact, above: Fact) -> Fact:
    """Show that the drive squared is at least R times the logistic loss."""
    mean = proof.given("logistic loss", N * loss(t), "=", total(losses[j]))
    nonnegative = proof.given("logistic loss", 0, "<=", losses[j])
    signal = proof.given("logistic loss", sigma[j], "=", 1 - sp.exp(-losses[j]))
    largest = proof.given("largest loss", losses[j], "<=", top)
    alone = proof.given("margin", cap * (1 - sp.exp(-top)), "<=", h(t))
    below = proof.given("stage", loss(t), "<=", highest)
    sizes = proof.sum_over("the sum of the signals", signal, (j, 1, N))
    summed = proof.at_most(
        "logistic: the sum of the signals",
        gamma * sp.Sum(1 - sp.exp(-losses[j]), (j, 1, N)),
        h(t),
        because=[together, (-gamma, sizes)],
        why="what they are",
    )
    square = proof.apply(
        spread_losses.PROOF,
        {spread_losses.L: loss(t), spread_losses.h: h(t)},
        {"mean": mean, "losses": [nonnegative, largest], "drive": [summed, alone], "stage": [above, below]},
        conclusion=1,
        name="logistic: the drive",
    )
    planned = proof.given("rate of the logistic loss", R, "<=", psi(lowest) * psi(highest) / highest)
    positive = proof.given("logistic loss", 0, "<=", loss(t))
    return proof.at_most(
        "logistic: the rate", R * loss(t), h(t) ** 2, because=[square, (planned, positive)], why="R as planned"
    )


def derive(
    proof: Derivation, power: int = 2, counted: sp.Expr = rest, rules: Sequence[str] = tuple(ALIGNMENT)
) -> list[Fact]:
    parts = kept_parts(proof)
    error = proof.given("error", e[j], "=", -y[j] * sigma[j])
    drive = proof.given("margin", h(t) ** 2, "<=", form(-y[j] * sigma[j], counted) / N**2)
    together = proof.given("margin", gamma * total(sigma[j]), "<=", h(t))
    above = proof.given("stage", lowest, "<=", loss(t))
    rooted = proof.given("root", loss(t), "=", root(t) ** 2)
    plans = {"resistance": plan(proof, "resistance")}
    lasts = proof.given("stage", first_y - root(t), "<", path.fall)
    rates = {
        "exponential": exponential(proof, together, above, power),
        "logistic": logistic(proof, together, above),
    }
    conclusions: list[Fact] = []
    paid: list[Fact] = []
    for rule in rules:
        split, driven, speed = parts.speed(proof, rule)
        pays = parts.price(proof, rule, split, driven, speed, counted)
        paid.append(pays)
        for kind, rated in rates.items():
            name = f"{rule}, {kind}"
            falls = proof.at_most(
                f"{name}: the rate",
                rate(loss(t)),
                -R * loss(t),
                because=[speed, drive, rated],
                using=[error],
                why="the form is at least h^2",
            )
            conclusions.append(
                proof.apply(GRONWALL, {decaying: loss, decay_rate: R}, {"decay": falls}, name=f"{name}: in the stage")
            )
            conclusions += stage(proof, rule, rooted, (falls, pays), plans, lasts, kind)
    conclusions.append(lasting(proof, [*rates.values(), *paid, *plans.values(), lasts]))
    return conclusions


def counterexample_inputs_not_separated() -> sp.Basic:
    # x = 1 twice with labels 1 and -1, linear, w = 0, c = 1: nothing moves, though each sample alone would drive
    sigma_1 = sigma_2 = sp.Integer(1)
    return sp.Ge(((sigma_1 - sigma_2) / 2) ** 2, (sigma_1**2 + sigma_2**2) / 4)


PROOF = Proof(
    id="separable-decay-path",
    title="Decay on separable data, in stages with short paths",
    statement=(
        r"Two layers, one output, slopes in $[a, 1]$, labels $\pm1$, aligned start ($c_i = -C_i \ge 0$); FA or sign-FA "
        r"($|b_i| = 1$). As long as $|w_i - w_i(0)| \le |b_i| D_i$ for all $i$, the loss falls at least at the speed "
        r"$h^2 = e^T M e / N$, $M$ as in exponential-decay-path, and if $\gamma$ and $\gamma' \ge \gamma$ are the "
        r"least $h$ of all $\sigma \ge 0$ ($e_j = -y_j \sigma_j$) with $\sum_j \sigma_j = 1$, or with some $\sigma_j "
        r"= 1$, then $h \ge \psi(L)$: $\psi(L) = \gamma N L$ for the exponential loss and $\gamma' (1 - e^{-N L "
        r"\gamma / \gamma'})$ for the logistic loss. So while $L_- \le L \le L_+$ the loss decays at the rate $R = "
        r"\psi(L_-) \psi(L_+) / L_+$, and while $\sqrt L$ falls by $\xi$, $w_i$ moves by at "
        r"most $2 |b_i| \xi / \sqrt{\rho_i R}$, $\rho_i$ as there. So a $D$ that exceeds that of the start of a stage "
        r"by as much holds through it."
    ),
    assumptions={
        **{
            key: text
            for key, text in path.PROOF.assumptions.items()
            if key not in ("squared loss", "rate", "planned by the rate")
        },
        "error": r"$e_j = -y_j \sigma_j$ with $\sigma_j > 0$: the loss falls in $y_j f_j$",
        "exponential loss": r"$N L = \sum_j \sigma_j > 0$, as $\sigma_j = e^{-y_j f_j}$ is the loss of sample $j$",
        "logistic loss": r"$N L = \sum_j \ell_j > 0$ with $\ell_j = \log(1 + e^{-y_j f_j})$, so $\sigma_j = 1 - "
        r"e^{-\ell_j}$",
        "largest loss": r"$\ell_{\max}$ is the largest of the $\ell_j$",
        "margin": r"$h \ge 0$, $h^2 \le form(-y \sigma) / N^2$, $\gamma \sum_j \sigma_j \le h$, and $\gamma' \sigma_j "
        r"\le h$ for the sample of the largest loss: as for every $\sigma \ge 0$, by the choice of $\gamma$, $\gamma'$",
        "root": r"$L = y^2$ with $y > 0$",
        "rate of the exponential loss": r"$0 < R \le \gamma^2 N^2 L_-$, which is $\psi(L_-) \psi(L_+) / L_+$",
        "rate of the logistic loss": r"$0 < R \le \psi(L_-) \psi(L_+) / L_+$",
        "stage": path.PROOF.assumptions["stage"] + r"; $L_- \le L \le L_+$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the drive not squared", lambda proof: derive(proof, power=1, rules=("FA",))),
        Control("outgoing weights that keep all", lambda proof: derive(proof, counted=sp.S.One, rules=("FA",))),
        Control("samples that the start does not separate", counterexample_inputs_not_separated, counterexample=True),
    ),
)
