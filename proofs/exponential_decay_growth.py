r"""exponential-decay-growth: fitting the labels makes the incoming weights grow, and with them the rate of decay.

The setting and the symbols are those of exponential-decay. By the neuron law v_i M_i is -C_i and half of |w_i|^2
(biases included), so that the loss falls at the rate 2 a^2 low (s + sum_i |w_i|^2 / 2) at least. By lemma weight-growth
sum_i |w_i|^2 is at least z^2, z being 0 or small enough for reach (z^3 / (2 b) + |k| z) <= Y - E: here the target are
the labels and E = sqrt(2 N L) is the size of the error. The largest such z^2 is Omega(L), which grows as L falls. In
linear networks the target is the part of the labels in the span of the inputs, and the excess loss takes the place of
the loss. For sign-FA the feedback has the size m_i = 1, for FA m_i = |b_i|. Generalised decay (lemma comparison) does
the rest: speed, which stands for g(L), may be any positive function below these, such as a step function times L. All
this is said as long as the (excess) loss is positive; it never grows.
"""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from fa_theory.proofs.descent import PROOF as DESCENT
from fa_theory.proofs.descent import start
from fa_theory.proofs.exponential_decay import PROOF as EXPONENTIAL_DECAY
from fa_theory.proofs.exponential_decay import SETTING, draw, means, s
from fa_theory.proofs.lemmas import comparison, weight_growth
from fa_theory.proofs.lemmas.gated_shares import PROOF as GATED_SHARES
from fa_theory.proofs.lemmas.gated_shares import low
from fa_theory.proofs.lemmas.linear_excess import PROOF as LINEAR_EXCESS
from fa_theory.proofs.lemmas.linear_excess import common, floor, least, r, total, y
from fa_theory.proofs.lemmas.two_layers import M, f, loss, over_neurons, own, share, size, theta
from fa_theory.proofs.lemmas.weight_growth import error, feedback, k_law, labels, least_b, needed, outgoing, straight
from fa_theory.proofs.notation import B, N, a, e, i, j, n, t, v
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

RULES = ("FA", "sign-FA")
# where descent concludes that v_i M_i = size_i - C_i
LAW = {rule: 1 + 5 * list(start).index(rule) for rule in RULES}

# what generalised decay is told of the loss, and of the excess loss of linear networks
speed, speed_linear = sp.Function("speed", real=True), sp.Function("speed_+", real=True)
DECAY: dict[Any, Any] = {comparison.g: speed, comparison.ybar: sp.Function("Lbar", real=True)}
DECAY_LINEAR: dict[Any, Any] = {
    comparison.g: speed_linear,
    comparison.ybar: sp.Function("Lbar_+", real=True),
    comparison.Gamma: sp.Function("Gamma_+", real=True),
    comparison.Gamma_bar: sp.Function("Gamma_bar_+", real=True),
    comparison.between: sp.Function("g_xi_+", positive=True),
}
labels_seen = sp.Symbol("Y_+", positive=True)
error_seen, needed_linear = sp.Function("E_+", nonnegative=True), sp.Function("z_+", nonnegative=True)


def sizes(proof: Derivation, rule: str, law: Fact) -> tuple[dict[Any, Any], dict[str, list[Fact]]]:
    """Return what lemma weight-growth needs to know of a rule: values and facts."""
    C = start[rule]
    absolute = proof.given("sizes", outgoing[i] ** 2, "=", v[i] ** 2)
    length = proof.given(f"constants of {rule}", straight**2, "=", over_neurons(k_law[i] ** 2))
    values: dict[Any, Any] = {weight_growth.C: C}
    if rule == "FA":
        m = feedback[i]
        square = proof.given("feedback of FA", m**2, "=", B[i] ** 2)
        least = proof.given("feedback of FA", least_b, "<=", m)
        same = proof.given("FA", M[i], "=", B[i])
        alignment = proof.equal(
            "FA: size of the alignment", (outgoing[i] * m) ** 2, (v[i] * M[i]) ** 2, using=[absolute, square, same]
        )
    else:
        m = sp.S.One
        values |= {feedback: lambda _: sp.S.One, least_b: 1}
        least = proof.at_most("sign-FA: feedback has the size 1", 1, 1, because=[sp.S.Zero])
        same = proof.given("sign-FA", M[i] * v[i], "=", sp.Abs(v[i]))
        alignment = proof.equal(
            "sign-FA: size of the alignment",
            outgoing[i] ** 2,
            (v[i] * M[i]) ** 2,
            because=[absolute, (-(M[i] * v[i] + sp.Abs(v[i])), same)],
        )
    facts = {
        "law": [law],
        "feedback sizes": [absolute, alignment, least],
        "constants": [
            proof.given(f"constants of {rule}", (k_law[i] * m) ** 2, "=", C[i] ** 2),
            proof.given(f"constants of {rule}", -C[i], "<=", k_law[i] * m),
            length,
        ],
    }
    return values, facts


def derive(
    proof: Derivation, half: sp.Expr = sp.S.Half, gate: sp.Expr = a**2, rules: Sequence[str] = RULES
) -> list[Fact]:
    squared = proof.given("squared loss", loss(t), "=", total(e[j] ** 2) / (2 * N))
    apart = proof.given("squared loss", e[j], "=", f[j] - y[j])
    drawn = draw(proof)
    split = proof.apply(DESCENT, {}, {"loss": drawn}, conclusion=0, name="the loss along the flow")
    below = proof.apply(GATED_SHARES, {}, name="a share is at least")
    nonnegative = proof.at_most(
        "the loss is not negative", 0, loss(t), because=[total(e[j] ** 2) / (2 * N), (-1, squared)]
    )
    seen, excess, gap_size = (
        proof.apply(LINEAR_EXCESS, {}, conclusion=which, name=f"linear: {name}")
        for which, name in ((0, "what weights see of the excess loss"), (1, "it is not negative"), (3, "what it is"))
    )
    slope = proof.given("linear", theta[i, j], "=", 1)
    shared = proof.equal("linear: one share for all", share, common, using=[*means(proof), slope], why="slopes are 1")

    target = [
        proof.equal("the outputs are the labels and the error", f[j], y[j] + e[j], because=[(-1, apart)]),
        proof.given("labels", labels**2, "=", total(y[j] ** 2)),
        proof.equal(
            "the size of the error",
            error(t) ** 2,
            total(e[j] ** 2),
            because=[proof.given("labels", error(t) ** 2, "=", 2 * N * loss(t)), (2 * N, squared)],
        ),
    ]
    target_linear = [
        proof.equal("the outputs, the best ones and the gap", f[j], y[j] - r[j] + (e[j] + r[j]), because=[(-1, apart)]),
        proof.given("labels in the span", labels_seen**2, "=", total((y[j] - r[j]) ** 2)),
        proof.equal(
            "the size of the gap",
            error_seen(t) ** 2,
            total((e[j] + r[j]) ** 2),
            because=[
                proof.given("labels in the span", error_seen(t) ** 2, "=", 2 * N * (loss(t) - floor)),
                (2 * N, gap_size),
            ],
        ),
    ]
    growth = half * needed(t) ** 2
    slow = proof.given("speed", speed(t), "<=", 2 * gate * low * (s + growth) * loss(t))
    growth_linear = half * needed_linear(t) ** 2
    slow_linear = proof.given(
        "linear speed", speed_linear(t), "<=", 2 * least * (s + growth_linear) * (loss(t) - floor)
    )

    conclusions: list[Fact] = []

    def conclude(name: str, quantity: sp.Expr, names: dict[Any, Any], falls: Fact) -> None:
        values = {comparison.y: sp.Lambda(t, quantity), **names}
        for which, form in enumerate(("implicit", "explicit")):
            conclusions.append(
                proof.apply(comparison.PROOF, values, {"decay": falls}, conclusion=which, name=f"{name}: {form}")
            )

    for rule in rules:
        C = start[rule]
        law = proof.apply(DESCENT, {}, conclusion=LAW[rule], name=f"{rule}: the neuron law")
        laws = proof.sum_over("all neurons", law, (i, 1, n))
        values, facts = sizes(proof, rule, law)
        total_alignment = over_neurons(v[i] * M[i])

        grown = proof.apply(
            weight_growth.PROOF,
            {**values, weight_growth.target: y, weight_growth.gap: e},
            {**facts, "target": target},
            name=f"{rule}: weights grow",
        )
        aligned = proof.given(f"aligned start of {rule}", C[i], "<=", 0)
        sum_of_c = proof.given(f"aligned start of {rule}", -over_neurons(C[i]), "=", s)
        positive = proof.at_most(
            f"{rule}: alignment is not negative", 0, v[i] * M[i], because=[size, aligned, (-1, law)], why="the law"
        )
        every = proof.sum_over("all neurons", proof.times("a neuron", positive, below), (i, 1, n))
        falls = proof.at_most(
            f"{rule}: the loss falls",
            rate(loss(t)),
            -speed(t),
            because=[
                split,
                own,
                every,
                (-2 * a**2 * low * loss(t), laws),
                (-2 * a**2 * low * loss(t), sum_of_c),
                (nonnegative, proof.times("weights have grown", a**2 * low, grown)),
                slow,
            ],
            why="every share is at least 2 a^2 low L",
        )
        conclude(rule, loss(t), DECAY, falls)

        grown = proof.apply(
            weight_growth.PROOF,
            {
                **values,
                weight_growth.target: lambda sample: y[sample] - r[sample],
                weight_growth.gap: lambda sample: e[sample] + r[sample],
                labels: labels_seen,
                error: error_seen,
                needed: needed_linear,
            },
            {**facts, "target": target_linear},
            name=f"{rule}, linear: weights grow",
        )
        sum_of_c = proof.given(f"aligned sum of {rule}", -over_neurons(C[i]), "=", s)
        positive = proof.at_most(
            f"{rule}, linear: the sum of the alignments is not negative",
            0,
            total_alignment,
            because=[over_neurons(size), s, (-1, laws), (-1, sum_of_c)],
            why="laws",
        )
        shares = proof.sum_over("all neurons", proof.times("a neuron", v[i] * M[i], shared), (i, 1, n))
        falls = proof.at_most(
            f"{rule}, linear: the excess loss falls",
            rate(loss(t) - floor),
            -speed_linear(t),
            because=[
                split,
                own,
                (-1, shares),
                (positive, seen),
                (-2 * least * (loss(t) - floor), laws),
                (-2 * least * (loss(t) - floor), sum_of_c),
                (excess, proof.times("weights have grown", least, grown)),
                slow_linear,
            ],
            why="the share of all is at least 2 lambda_+ (L - L^*)",
        )
        conclude(f"{rule}, linear", loss(t) - floor, DECAY_LINEAR, falls)
    return conclusions


def counterexample_no_constants() -> sp.Basic:
    # w = 1, C = -1, b = 1, x = 1, linear: v = 3/2 fits the label 3/2, but z = 7/5 has z^3 / 2 <= 3/2 and z > w
    w, C, b, z = sp.Integer(1), sp.Integer(-1), sp.Integer(1), sp.Rational(7, 5)
    label = (w**2 / 2 - C) / b * w
    return sp.And(z**3 / (2 * b) <= label, z**2 <= w**2)


PROOF = Proof(
    id="exponential-decay-growth",
    title="Exponential decay, with the weights' growth",
    statement=(
        r"The setting of exponential-decay with an aligned start, not all $C_i = 0$, $y \ne 0$, FA with all $b_i \ne 0$"
        r" or sign-FA ($|b_i| = 1$). Let $\Omega(L) = z^2$ with $z \ge 0$ being $0$ or "
        r"$\sqrt{N \lambda_{\max}} (\frac{z^3}{2 \min_i |b_i|} + |C/b|\, z) \le |y| - \sqrt{2 N L}$. Then "
        r"$\dot L \le -g(L)$ for every $g(L) \le 2 a^2 \lambda_{\min} (s + \frac12 \Omega(L)) L$, and if $g > 0$, "
        r"$L(t) \le \Gamma^{-1}(\Gamma(L(0)) + t)$ with $\Gamma' = -1/g$. In linear networks, with any data and "
        r"$s = \sum_i c_i \ge 0$, the same for $L - L^*$ in place of $L$, $\lambda_+$ in place of $a^2 \lambda_{\min}$ "
        r"and the part of $y$ in the span of the inputs in place of $y$."
    ),
    assumptions={
        **{key: EXPONENTIAL_DECAY.assumptions[key] for key in (*SETTING, "linear", *RULES)},
        "squared loss": EXPONENTIAL_DECAY.assumptions["squared loss"],
        **{key: EXPONENTIAL_DECAY.assumptions[key] for key in ("slopes", "least eigenvalue")},
        **{key: EXPONENTIAL_DECAY.assumptions[key] for key in ("least squares", "least non-zero eigenvalue")},
        **{
            f"{kind} of {rule}": EXPONENTIAL_DECAY.assumptions[f"{kind} of {rule}"]
            for kind in ("aligned start", "aligned sum")
            for rule in RULES
        },
        **{key: weight_growth.PROOF.assumptions[key] for key in ("lengths", "largest eigenvalue")},
        "sizes": r"$|v|_i$ is the size of $v_i$",
        "feedback of FA": r"$m_i = |b_i|$, and $m_i \ge b > 0$ for every hidden neuron",
        **{
            f"constants of {rule}": rf"$k_i = |C_i| / {m}$, and $|k| > 0$ is the length of the vector of all $k_i$"
            for rule, m in (("FA", "m_i"), ("sign-FA", "1"))
        },
        "labels": r"$Y = |y| > 0$ and $E = \sqrt{2 N L}$",
        "labels in the span": r"$Y_+ = |y - r| > 0$ and $E_+ = \sqrt{2 N (L - L^*)}$",
        "least size": r"$z = 0$ or $reach\,(\frac{z^3}{2 b} + |k| z) \le Y - E$, with $b = 1$ for sign-FA; so $z_+$",
        "speed": r"$g(L) \le 2 a^2 \lambda_{\min} (s + \frac12 z^2) L$",
        "linear speed": r"$g(L - L^*) \le 2 \lambda_+ (s + \frac12 z_+^2) (L - L^*)$",
        **{key: comparison.PROOF.assumptions[key] for key in ("positive", "primitive", "bound", "decreasing")},
    },
    source="own",
    derive=derive,
    controls=(
        Control("the law without its half", lambda proof: derive(proof, half=sp.S.One, rules=("FA",))),
        Control("gates that cost nothing", lambda proof: derive(proof, gate=sp.S.One, rules=("FA",))),
        Control("weights without the constants of the law", counterexample_no_constants, counterexample=True),
    ),
)
