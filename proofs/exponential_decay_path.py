r"""exponential-decay-path: what a decaying loss lets a network keep of its start, in stages of the loss.

The setting and the symbols are those of descent. As long as no incoming weight has moved by more than far_i = |b_i| D_i
from its start, much is known of every neuron (lemma kept-start), and its alignment v_i M_i is at least q_i. So the loss
falls at least at the speed form(e) / N^2 = e^T M e / N, a quadratic form that the start and the D_i determine: neurons
of known slopes contribute their own Gram matrix, others the least eigenvalue with their least slopes, and the outgoing
weights, if epsilon < 1, the start's hidden outputs less what has changed.

R / 2 is at most the least eigenvalue of M, and resisted_i at most what the loss has to pay per |g_i|^2. So in a stage
the loss pays for every movement (lemma short-path), and weights have moved by less than was assumed until sqrt(L) has
fallen by as much as was planned: the next stage starts from there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from fa_theory.proofs.descent import PROOF as DESCENT
from fa_theory.proofs.descent import start
from fa_theory.proofs.lemmas import kept_start, short_path
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as decaying
from fa_theory.proofs.lemmas.kept_start import (
    beta0,
    epsilon,
    far,
    h0,
    high,
    kept,
    least,
    low,
    part,
    rest,
    start_slope,
    u,
    w0,
)
from fa_theory.proofs.lemmas.linear_excess import over_data, total
from fa_theory.proofs.lemmas.short_path import R, factors, first_path, first_y, path, reach, resisted, size_b
from fa_theory.proofs.lemmas.short_path import g as gradient
from fa_theory.proofs.lemmas.short_path import y as root
from fa_theory.proofs.lemmas.two_layers import PROOF as TWO_LAYERS
from fa_theory.proofs.lemmas.two_layers import M, beta, g, gamma, loss, over_neurons, own, share, theta
from fa_theory.proofs.notation import B, N, d, e, i, indexed, j, k, n, t, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

DISTANCE = (
    "the distance of two points of a path is at most its length between them, the integral of the speed, and the "
    "triangle inequality"
)
TERM = "one of several numbers that are not negative is at most their sum"

# the bounds on a path, in the order of lemma short-path
PLANS = "the rate", "resistance"

# where descent concludes that v_i M_i is size_i - C_i
ALIGNMENT = {"FA": 1, "sign-FA": 6}

q, known, distance, begin = (indexed(name, nonnegative=True) for name in ("q", "known", "distance", "begin"))
ws, betas = indexed("w^s"), indexed("beta^s")
rho, fall = indexed("rho", positive=True), sp.Symbol("fall", positive=True)


def form(u: sp.Expr, rest: sp.Expr) -> sp.Expr:
    """Return N times the quadratic form of the start, for an error of u_j = u."""
    own_gram = over_neurons(q[i] * part[i] * over_data(u * start_slope[i, j]))
    steep = over_neurons(q[i] * (1 - part[i]) * total(u**2 * kept[i, j] ** 2))
    outgoing = over_neurons(rest * total(u * h0[j, i]) ** 2 - rest / epsilon * N * high * far[i] ** 2 * total(u**2))
    return own_gram + N * low * steep + outgoing


def feedback(proof: Derivation, rule: str) -> Fact:
    """Show that M_i^2 <= |b_i|^2, |b_i| being 1 for sign-FA."""
    if rule == "FA":
        fed = proof.given("FA", M[i], "=", B[i])
        size_of_b = proof.given("feedback of FA", size_b[i] ** 2, "=", B[i] ** 2)
        return proof.at_most("FA: the feedback", M[i] ** 2, size_b[i] ** 2, because=[(-1, size_of_b)], using=[fed])
    unit = proof.given("sign-FA", M[i] ** 2, "<=", 1)
    one = proof.given("feedback of sign-FA", size_b[i], "=", 1)
    return proof.at_most("sign-FA: the feedback", M[i] ** 2, size_b[i] ** 2, because=[unit], using=[one])


def stage(
    proof: Derivation,
    rule: str,
    rooted: Fact,
    speeds: tuple[Fact, ...],
    plans: dict[str, Fact],
    lasts: Fact,
    kind: str = "",
) -> list[Fact]:
    """Show that the weights have moved by less than assumed as long as the stage lasts.

    `speeds` are those of the rate and of resistance, and for a plan by the rate the steepness; `kind` tells stages of
    one rule apart.
    """
    falls, pays, *steep = speeds
    fed = feedback(proof, rule)
    squares = proof.given("length", gradient[i] ** 2, "=", share)
    lengthens = proof.given("path", rate(path[i]), "=", size_b[i] * gradient[i])
    flow = [
        proof.given("flow", rate(w[i, k]), "=", -M[i] * g[i, k]),
        proof.given("flow", rate(beta[i]), "=", -M[i] * gamma[i]),
    ]
    pace = proof.at_most(
        f"{rule}: the speed of incoming weights",
        sp.Sum(rate(w[i, k]) ** 2, (k, 1, d)) + rate(beta[i]) ** 2,
        size_b[i] ** 2 * gradient[i] ** 2,
        because=[(share, fed), (-(size_b[i] ** 2), squares)],
        using=flow,
        why="they move along M_i (g_i, gamma_i)",
    )
    beginning = [
        proof.given(
            "stage", sp.Sum((ws[i, k] - w0[i, k]) ** 2, (k, 1, d)) + (betas[i] - beta0[i]) ** 2, "<=", begin[i] ** 2
        ),
        proof.given("path", first_path[i], "=", 0),
    ]
    apart = proof.given(
        "length", distance[i] ** 2, "=", sp.Sum((w[i, k] - w0[i, k]) ** 2, (k, 1, d)) + (beta[i] - beta0[i]) ** 2
    )
    away = proof.cite(
        f"{rule}: their distance from the start",
        distance[i],
        "<=",
        begin[i] + path[i] - first_path[i],
        theorem=DISTANCE,
        using=[pace, lengthens, apart, *beginning],
    )
    drawn = proof.differentiated("the loss and its root", rooted)

    def by_root(name: str, left: sp.Expr, right: sp.Expr, *because: Any) -> Fact:
        return proof.at_most(f"{rule}: {name}, by the root", left, right, because=because, why="L is its square")

    given = {
        "speed": by_root("the rate", rate(root(t) ** 2), -R * root(t) ** 2, falls, (-1, drawn), (-R, rooted)),
        "resistance": by_root(
            "the price",
            rate(root(t) ** 2),
            -resisted[i] * gradient[i] ** 2,
            pays,
            (-1, drawn),
            (resisted[i], squares),
        ),
    }
    for each in steep:
        given["steepness"] = by_root(
            "steepness", gradient[i] ** 2, 2 * high * root(t) ** 2, each, squares, (2 * high, rooted)
        )
    ends: list[Fact] = []
    for by, plan in plans.items():
        number = PLANS.index(by)
        needed = ("speed", "resistance") if number else ("speed", "steepness")
        moved = proof.apply(
            short_path.PROOF,
            {reach[number]: indexed(f"reach_{number}^{rule}{kind}")},
            {key: given[key] for key in needed},
            conclusion=number,
            name=f"{rule}: the path, by {by}",
        )
        ends.append(
            proof.less(
                f"{rule}: weights have moved by less than assumed, by {by}",
                distance[i],
                far[i],
                because=[away, moved, plan, (2 * size_b[i] * factors[number], lasts)],
                why="the loss's root has fallen by less than planned",
            )
        )
    return ends


class Kept(NamedTuple):
    """What lemma kept-start says of a neuron's size, its share, and its outgoing weight."""

    sizes: Fact
    hidden: Fact
    outgoing: Fact
    square: Fact

    def speed(self, proof: Derivation, rule: str) -> tuple[Fact, Fact, Fact]:
        """Show how fast the loss falls: what it is, what neurons give to it, and the form that it exceeds."""
        split = proof.apply(DESCENT, {}, name=f"{rule}: the loss along the flow")
        aligned = proof.apply(DESCENT, {}, conclusion=ALIGNMENT[rule], name=f"{rule}: the neuron law")
        amount = proof.given(f"alignment of {rule}", q[i], "=", least[i] ** 2 / 2 - start[rule][i])
        lasting = proof.at_most(
            f"{rule}: the alignment that lasts",
            q[i],
            v[i] * M[i],
            because=[(sp.S.Half, self.sizes), (-1, aligned), amount],
            why="v_i M_i = |w_i|^2 / 2 - C_i, and |w_i| >= least_i",
        )
        driven = proof.sum_over("all neurons", proof.times("a neuron", share, lasting), (i, 1, n))
        given = proof.sum_over("all neurons", proof.times("a neuron", q[i], self.hidden), (i, 1, n))
        turned = proof.sum_over("all neurons", self.outgoing, (i, 1, n))
        speed = proof.at_most(
            f"{rule}: the speed",
            rate(loss(t)),
            -form(e[j], rest) / N**2,
            because=[split, driven, given, turned],
            why="what neurons give, added up",
        )
        return split, driven, speed

    def price(self, proof: Derivation, rule: str, split: Fact, driven: Fact, speed: Fact, counted: sp.Expr) -> Fact:
        """Show what the loss pays for the movement of a neuron."""
        whole = proof.given("resistance", known[i] * theta[i, j], "=", known[i] * start_slope[i, j])
        resists = proof.given(
            "resistance",
            rho[i] * known[i] * over_data(u[j] * start_slope[i, j]),
            "<=",
            known[i] * form(u[j], counted),
            schematic=[u],
        ).at({u: lambda sample: e[sample]})
        partial = proof.given("resistance", known[i], "<=", 1)
        resistance = proof.given("resistance", resisted[i], "<=", known[i] * rho[i] + (1 - known[i]) * q[i])
        gram = proof.equal(
            "a neuron whose slopes are known",
            known[i] * share,
            known[i] * over_data(e[j] * start_slope[i, j]) / N**2,
            because=[(known[i], self.square)],
            using=[whole],
            why="slopes are those of the start",
        )
        positive = proof.at_most("shares are not negative", 0, share, because=[share])
        term = proof.cite(
            f"{rule}: one neuron",
            q[i] * share,
            "<=",
            over_neurons(q[i] * share),
            theorem=TERM,
            using=[positive, driven],
        )
        alone = proof.at_most(
            f"{rule}: a neuron by itself",
            q[i] * share,
            -rate(loss(t)),
            because=[term, driven, split, own],
            why="what it takes from the loss is a part of the whole",
        )
        return proof.at_most(
            f"{rule}: the loss pays for movement",
            rate(loss(t)),
            -resisted[i] * share,
            because=[
                (share, resistance),
                (partial, alone),
                (known[i], speed),
                (1 / N**2, resists),
                (rho[i], gram),
            ],
            why="known_i times the one, 1 - known_i times the other",
        )


def kept_parts(proof: Derivation) -> Kept:
    """Apply lemma kept-start."""
    named = ((0, "sizes"), (1, "hidden weights"), (2, "outgoing weights"), (4, "shares"))
    return Kept(*(proof.apply(kept_start.PROOF, {}, conclusion=number, name=name) for number, name in named))


def plan(proof: Derivation, by: str) -> Fact:
    """State that the movement which a stage may cost has been planned for."""
    factor = factors[PLANS.index(by)]
    return proof.given(f"planned by {by}", begin[i] + 2 * size_b[i] * factor * fall, "<=", far[i])


def lasting(proof: Derivation, using: Sequence[Fact]) -> Fact:
    """Conclude that the rate holds as long as the stage lasts."""
    return proof.by_hand(
        "the rate, as long as the stage lasts",
        loss(t),
        "<=",
        loss(0) * sp.exp(-R * t),
        using=using,
        why=(
            "Where the stage starts, every |w_i - w_i(0)| is less than far_i. Consider the first time at which one "
            "is far_i. If the stage still lasted, no weight had moved farther up to then, so by the above it would "
            "be less than far_i: a contradiction. So the premise that no weight has moved farther holds as long as "
            "the stage lasts, and with it the rate. Where a stage ends the next begins, with far_i as its begin_i."
        ),
    )


def derive(
    proof: Derivation, double: sp.Expr = sp.S.One, counted: sp.Expr = rest, rules: Sequence[str] = tuple(ALIGNMENT)
) -> list[Fact]:
    parts = kept_parts(proof)
    steep = proof.apply(kept_start.PROOF, {}, conclusion=3, name="steepness")
    squared = proof.given("squared loss", loss(t), "=", total(e[j] ** 2) / (2 * N))
    rooted = proof.given("squared loss", loss(t), "=", root(t) ** 2)
    rated = proof.given("rate", double * R / 2 * N * total(u[j] ** 2), "<=", form(u[j], counted), schematic=[u]).at(
        {u: lambda sample: e[sample]}
    )
    plans = {by: plan(proof, by) for by in PLANS}
    lasts = proof.given("stage", first_y - root(t), "<", fall)
    conclusions: list[Fact] = []
    paid: list[Fact] = []
    for rule in rules:
        split, driven, speed = parts.speed(proof, rule)
        falls = proof.at_most(
            f"{rule}: the rate",
            rate(loss(t)),
            -R * loss(t),
            because=[speed, (1 / N**2, rated), (R, squared)],
            why="R / 2 is at most the least eigenvalue of the form",
        )
        conclusions.append(
            proof.apply(GRONWALL, {decaying: loss, decay_rate: R}, {"decay": falls}, name=f"{rule}: decay in the stage")
        )
        pays = parts.price(proof, rule, split, driven, speed, counted)
        paid.append(pays)
        conclusions += stage(proof, rule, rooted, (falls, pays, steep), plans, lasts)
    conclusions.append(lasting(proof, [rated, *paid, *plans.values(), lasts]))
    return conclusions


def counterexample_sizes_that_change() -> sp.Basic:
    # w goes from -2 to 0, linear, b = x = 1 and v = w^2/2 + 1/20: there the alignment v b is less than the start's
    alignment = {weight: sp.Rational(weight**2, 2) + sp.Rational(1, 20) for weight in (-2, 0)}
    return sp.Ge(alignment[0], alignment[-2])


PROOF = Proof(
    id="exponential-decay-path",
    title="Exponential decay, in stages with short paths",
    statement=(
        r"Two layers, one output, squared loss, independent samples, slopes in $[a, 1]$, aligned start ($c_i = -C_i "
        r"\ge 0$); FA or sign-FA ($|b_i| = 1$). As long as $|w_i - w_i(0)| \le |b_i| D_i$ for all $i$, the loss falls "
        r"at least at the speed $e^T M e / N$, so at the rate $R = 2\lambda_{\min}(M)$, where for any $0 < \epsilon "
        r"\le 1$, $M = \sum_F q_i \Theta_i X X^T \Theta_i / N + \lambda_{\min} \mathrm{diag}_j(\sum_{\text{not } F} "
        r"q_i \theta_{ij}^2) + (1 - \epsilon) H H^T / N - (1/\epsilon - 1) \lambda_{\max} \sum_i b_i^2 D_i^2$, with "
        r"$q_i = c_i + \frac12 (|w_i(0)| - |b_i| D_i)_+^2$, $F$ the neurons whose slopes $\Theta_i$ cannot have "
        r"changed, $\theta_{ij}$ the start's slope where it cannot have changed and $a$ elsewhere, $H$ the start's "
        r"hidden outputs. While $\sqrt L$ falls by $\xi$, $w_i$ moves by at most $2 |b_i| \xi "
        r"\min(\sqrt{2\lambda_{\max}} / R, 1 / \sqrt{\rho_i R})$, with $\rho_i = q_i$, or $\rho_i \Theta_i X X^T "
        r"\Theta_i / N \le M$ if $i \in F$. So a $D$ that exceeds that of the start of a stage by as much holds "
        r"through it."
    ),
    assumptions={
        **{key: DESCENT.assumptions[key] for key in (*TWO_LAYERS.assumptions, "FA", "sign-FA")},
        **kept_start.PROOF.assumptions,
        "squared loss": r"$L = \frac1{2N} \sum_j e_j^2 = y^2$ with $y > 0$",
        "length": r"$|w_i|$, $before_i$, $distance_i$, $|g_i|$: lengths of $(w_i, \beta_i)$, its start, both apart, "
        r"and $(g_i, \gamma_i)$",
        **{f"alignment of {rule}": r"$q_i = \frac12 least_i^2 - C_i \ge 0$, as for $C_i \le 0$" for rule in ALIGNMENT},
        "rate": r"$\frac R2 N |u|^2 \le form(u)$ for every $u$, $R > 0$: half of $R$ is at most $\lambda_{\min}(M)$",
        "resistance": (
            r"$resisted_i$ is at most $q_i$, or $\rho_i$ with $\rho_i |X^T D_i u|^2 \le form(u)$ for every $u$ and "
            r"slopes $D_i$ that are those of the start; $known_i$ in $[0, 1]$ tells which"
        ),
        "feedback of FA": r"$|b_i| > 0$ is the size of $b_i$ (a neuron without feedback does not move)",
        "feedback of sign-FA": r"$|b_i| = 1$",
        "fixed": short_path.PROOF.assumptions["fixed"],
        "path": short_path.PROOF.assumptions["path"] + ", from nothing at the start of the stage",
        "planned by the rate": r"$begin_i + 2 |b_i| \frac{\sqrt{2 \lambda_{\max}}}R fall \le far_i$",
        "planned by resistance": r"$begin_i + 2 |b_i| fall / \sqrt{resisted_i R} \le far_i$",
        "stage": (
            r"$\sqrt L$ has fallen by less than $fall$ since the start of the stage, from which time is counted and "
            r"where the weights $w^s$, $\beta^s$ are at most $begin_i$ from $w^0$, $\beta^0$"
        ),
    },
    source="own",
    derive=derive,
    controls=(
        Control("twice the rate", lambda proof: derive(proof, double=sp.Rational(1, 2), rules=("FA",))),
        Control("outgoing weights that keep all", lambda proof: derive(proof, counted=sp.S.One, rules=("FA",))),
        Control("weights that keep their size", counterexample_sizes_that_change, counterexample=True),
    ),
)
