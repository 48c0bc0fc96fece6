r"""exponential-decay-patterns: weights that move little keep their size and their activation patterns.

The setting and the symbols are those of exponential-decay. y is the loss, in linear networks the excess loss; it does
not grow, and all this is said as long as it is positive. Incoming weights move with the speed b_i nu sqrt(y) at most,
nu = sqrt(2 lambda_max), b_i being |b_i| for FA and 1 for sign-FA. So as long as m, the integral of nu sqrt(y), is at
most D, lemma slow-weights says that |w_i| is at least low_i = (|w_i(0)| - b_i D)_+, so that v_i M_i is at least q_i =
low_i^2 / 2 - C_i by the neuron law, and that frozen neurons (phi_i = 1; psi_i = 1 for the others) have the slopes
theta^0 of the start. Frozen neurons together see the loss through sum_i q_i D_i X X^T D_i, D_i the diagonal matrix of
their slopes, which has the least eigenvalue N mu; the others at least through a^2 lambda_min each. Any rate rho that is
at most 2 (mu + a^2 lambda_min sum_i psi_i q_i) is supported while m <= D. If D = 2 nu sqrt(y(0)) / rho it supports
itself (lemma self-supporting-rate).
"""

from collections.abc import Sequence
from typing import Any

import sympy as sp

from fa_theory.proofs.descent import PROOF as DESCENT
from fa_theory.proofs.descent import start
from fa_theory.proofs.exponential_decay import PROOF as EXPONENTIAL_DECAY
from fa_theory.proofs.exponential_decay import SETTING, draw, fall, means, s
from fa_theory.proofs.exponential_decay_growth import LAW, RULES
from fa_theory.proofs.lemmas.gated_shares import PROOF as GATED_SHARES
from fa_theory.proofs.lemmas.gated_shares import low as least_eigenvalue
from fa_theory.proofs.lemmas.linear_excess import PROOF as LINEAR_EXCESS
from fa_theory.proofs.lemmas.linear_excess import common, floor, high, least, over_data, total, u
from fa_theory.proofs.lemmas.self_supporting_rate import PROOF as SELF_SUPPORTING_RATE
from fa_theory.proofs.lemmas.self_supporting_rate import D, inside, moved, nu, rho, room, root
from fa_theory.proofs.lemmas.self_supporting_rate import y as decaying
from fa_theory.proofs.lemmas.slow_weights import PROOF as SLOW_WEIGHTS
from fa_theory.proofs.lemmas.slow_weights import feedback, frozen, kept, low, preactivation_kept, slope_kept
from fa_theory.proofs.lemmas.two_layers import M, loss, over_neurons, own, share, size, theta
from fa_theory.proofs.notation import B, N, a, e, i, indexed, j, n, t, v
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

q, others = indexed("q", nonnegative=True), indexed("psi", nonnegative=True)
together = sp.Symbol("mu", nonnegative=True)


def feedback_bound(proof: Derivation, rule: str) -> Fact:
    """Show M_i^2 <= b_i^2."""
    if rule == "FA":
        same = proof.given("FA", M[i], "=", B[i])
        square = proof.given("feedback of FA", feedback[i] ** 2, "=", B[i] ** 2)
        return proof.at_most(
            "FA: feedback", M[i] ** 2, feedback[i] ** 2, because=[(-1, square)], using=[same], why="M = b"
        )
    unit = proof.given("sign-FA", M[i] ** 2, "<=", 1)
    one = proof.given("feedback of sign-FA", feedback[i], "=", 1)
    return proof.at_most(
        "sign-FA: feedback", M[i] ** 2, feedback[i] ** 2, because=[unit, (-1 - feedback[i], one)], why="M is a sign"
    )


def lasting(proof: Derivation, name: str, rule: str, speed: Fact, conclusion: int) -> Fact:
    """Return that lengths (0) or slopes (1) last while m <= D, all shares being at most nu^2 y."""
    left = proof.given("room", room(t), "=", inside(t) * (D - moved(t)))
    near = proof.at_most(
        f"{name}: near the start", inside(t) * moved(t), inside(t) * D, because=[room(t), left], why="room"
    )
    return proof.apply(
        SLOW_WEIGHTS,
        {each: indexed(f"{each.name}_{{{name}}}") for each in (kept, preactivation_kept)},
        {"feedback": feedback_bound(proof, rule), "speed": speed, "inside": near},
        conclusion=conclusion,
        name=f"{name}: {('lengths', 'slopes')[conclusion]} that last",
    )


def decay(
    proof: Derivation, name: str, quantity: sp.Expr, square: Fact, falls: Fact, because: Sequence[Any], why: str
) -> Fact:
    """Conclude that the quantity decays at the rate rho, which is supported while m <= D for the reasons given."""
    rate_holds = proof.at_most(
        f"{name}: the rate is supported while m <= D",
        inside(t) * sp.Derivative(quantity, t) + inside(t) * rho * quantity,
        0,
        because=because,
        why=why,
    )
    values = {decaying: sp.Lambda(t, quantity)}
    facts = {"root": square, "falls": falls, "supported": rate_holds}
    return proof.apply(SELF_SUPPORTING_RATE, values, facts, name=f"{name}: so it supports itself")


def gated(proof: Derivation, rule: str, law: Fact, split: Fact, gate: sp.Expr) -> Fact:
    C, chi = start[rule], inside(t)
    square = proof.given("root of the loss", root(t) ** 2, "=", loss(t))
    squared = proof.given("squared loss", loss(t), "=", total(e[j] ** 2) / (2 * N))
    steep = proof.given("speed of weights", nu**2, "=", 2 * high)
    at_least, at_most = (
        proof.apply(GATED_SHARES, {}, conclusion=which, name=f"{rule}: {name}")
        for which, name in enumerate(("a share is at least", "a share is at most"))
    )
    speed = proof.at_most(
        f"{rule}: the speed of weights",
        share,
        nu**2 * root(t) ** 2,
        because=[at_most, (-2 * high, square), (-(root(t) ** 2), steep)],
        why="largest eigenvalue",
    )
    aligned = proof.given(f"aligned start of {rule}", C[i], "<=", 0)
    taken = proof.at_most(
        f"{rule}: no neuron adds to the loss",
        0,
        v[i] * M[i] * share,
        because=[size * share, (share, aligned), (-share, law)],
        why="neuron law, aligned start",
    )
    falls = proof.at_most(
        f"{rule}: descent",
        rate(loss(t)),
        0,
        because=[split, own, proof.sum_over("all neurons", taken, (i, 1, n))],
        why="nothing that is left is positive",
    )

    long = lasting(proof, rule, rule, speed, 0)
    slopes = lasting(proof, rule, rule, speed, 1)
    bound = proof.given(f"bound of {rule}", q[i], "=", low[i] ** 2 / 2 - C[i])
    parts = proof.given("frozen or not", frozen[i] + others[i], "=", 1)
    at_start = over_data(e[j] * slope_kept[i, j]) / N**2
    same = proof.equal(
        f"{rule}: the share of a frozen neuron",
        chi * frozen[i] * share,
        chi * frozen[i] * at_start,
        using=[*means(proof), slopes],
        why="slopes of the start",
    )
    seen = proof.at_most(
        f"{rule}: what a neuron takes from the loss",
        chi * (frozen[i] * q[i] * at_start + others[i] * q[i] * 2 * gate * least_eigenvalue * loss(t)),
        chi * v[i] * M[i] * share,
        because=[
            (share / 2, long),
            (chi * share, bound),
            (-chi * share, law),
            (chi * share * q[i], parts),
            (-q[i], same),
            (chi * others[i] * q[i], at_least),
        ],
        why="v M >= q; slopes of the start, or slopes of at least a",
    )
    all_seen = proof.sum_over("all neurons", seen, (i, 1, n))
    whole = proof.given(
        "frozen neurons",
        together * N * total(u[j] ** 2),
        "<=",
        over_neurons(frozen[i] * q[i] * over_data(u[j] * slope_kept[i, j])),
        schematic=[u],
    ).at({u: e})
    apart = a**2 * least_eigenvalue * over_neurons(others[i] * q[i])
    slow = proof.given("rate of gated networks", rho, "<=", 2 * (together + apart))
    positive = proof.at_most(f"{rule}: signs", 0, loss(t), because=[total(e[j] ** 2) / (2 * N), (-1, squared)])
    return decay(
        proof,
        rule,
        loss(t),
        square,
        falls,
        [
            (chi, split),
            chi * own,
            all_seen,
            (chi / N**2, whole),
            (2 * together * chi, squared),
            (positive, proof.times("where m <= D", chi, slow)),
        ],
        "frozen neurons together, the others by themselves",
    )


def linear(proof: Derivation, rule: str, law: Fact, split: Fact) -> Fact:
    C, chi, name = start[rule], inside(t), f"{rule}, linear"
    quantity = loss(t) - floor
    square = proof.given("root of the excess loss", root(t) ** 2, "=", quantity)
    steep = proof.given("speed of weights", nu**2, "=", 2 * high)
    slope = proof.given("linear", theta[i, j], "=", 1)
    shared = proof.equal(f"{name}: one share for all", share, common, using=[*means(proof), slope], why="slopes are 1")
    at_least, excess, at_most = (
        proof.apply(LINEAR_EXCESS, {}, conclusion=which, name=f"{name}: {what}")
        for which, what in enumerate(("the share is at least", "the excess is not negative", "the share is at most"))
    )
    speed = proof.at_most(
        f"{name}: the speed of weights",
        share,
        nu**2 * root(t) ** 2,
        because=[at_most, shared, (-2 * high, square), (-(root(t) ** 2), steep)],
        why="largest eigenvalue",
    )
    sum_of_c = proof.given(f"aligned sum of {rule}", -over_neurons(C[i]), "=", s)
    laws = proof.sum_over("all laws", law, (i, 1, n))
    shares = proof.sum_over("all neurons", proof.times("a neuron", v[i] * M[i], shared), (i, 1, n))
    falls = proof.at_most(
        f"{name}: descent",
        rate(quantity),
        0,
        because=[
            split,
            own,
            (-1, shares),
            common * (over_neurons(size) + s),
            (-common, laws),
            (-common, sum_of_c),
        ],
        why="nothing that is left is positive",
    )
    long = lasting(proof, name, rule, speed, 0)
    lengths = proof.sum_over("all lengths", long, (i, 1, n))
    amount = s + over_neurons(low[i] ** 2) / 2
    slow = proof.given("rate of linear networks", rho, "<=", 2 * least * amount)
    return decay(
        proof,
        name,
        quantity,
        square,
        falls,
        [
            (chi, split),
            chi * own,
            (-chi, shares),
            (common / 2, lengths),
            (-chi * common, laws),
            (-chi * common, sum_of_c),
            (chi * amount, at_least),
            (excess, proof.times("where m <= D", chi, slow)),
        ],
        "all see the same share, and only the sums matter",
    )


def derive(proof: Derivation, gate: sp.Expr = a**2, rules: Sequence[str] = RULES) -> list[Fact]:
    split = proof.apply(DESCENT, {}, {"loss": draw(proof)}, conclusion=0, name="the loss along the flow")
    conclusions = []
    for rule in rules:
        law = proof.apply(DESCENT, {}, conclusion=LAW[rule], name=f"{rule}: the neuron law")
        conclusions += [gated(proof, rule, law, split, gate), linear(proof, rule, law, split)]
    return conclusions


def counterexample_no_movement() -> sp.Basic:
    # w = 1, v = 3/2, b = 1, x = 1, label -3/2, linear: c = 1, q = 3/2 with D = 0. On the way v = 1 + w^2 / 2; at w = 0
    # the loss falls at a rate of 2 only
    loss, speed = fall(sp.Integer(0), sp.Integer(1), sp.Integer(1), sp.Integer(1), {1: sp.Rational(-3, 2)})
    return sp.Le(speed, -2 * sp.Rational(3, 2) * loss)


PROOF = Proof(
    id="exponential-decay-patterns",
    title="Exponential decay, with frozen patterns",
    statement=(
        r"The setting of exponential-decay with an aligned start, FA or sign-FA ($|b_i| = 1$), $E_0 = L(0)$ (linear: "
        r"$L(0) - L^*$). For $\rho > 0$ let $D = 2\sqrt{2\lambda_{\max} E_0} / \rho$, "
        r"$q_i = c_i + \frac12 (|w_i(0)| - |b_i| D)_+^2$, and $F$ any set of neurons with "
        r"$|z_{ij}(0)| > |b_i| |x_j| D$ for all $j$. If "
        r"$\rho \le 2 (\lambda_{\min}(\frac1N \sum_{i \in F} q_i D_i X X^T D_i) + a^2 \lambda_{\min} "
        r"\sum_{i \notin F} q_i)$, $D_i$ the slopes at the start, then $L(t) \le L(0) e^{-\rho t}$. In linear "
        r"networks, with any data and $\sum_i c_i \ge 0$, if $\rho \le 2 \lambda_+ \sum_i q_i$, then "
        r"$L(t) - L^* \le (L(0) - L^*) e^{-\rho t}$ (as long as these are positive: they never increase)."
    ),
    assumptions={
        **{key: EXPONENTIAL_DECAY.assumptions[key] for key in (*SETTING, "linear", *RULES)},
        "squared loss": EXPONENTIAL_DECAY.assumptions["squared loss"],
        **{key: EXPONENTIAL_DECAY.assumptions[key] for key in ("slopes", "least eigenvalue", "largest eigenvalue")},
        **{key: EXPONENTIAL_DECAY.assumptions[key] for key in ("least squares", "least non-zero eigenvalue")},
        **{
            f"{kind} of {rule}": EXPONENTIAL_DECAY.assumptions[f"{kind} of {rule}"]
            for kind in ("aligned start", "aligned sum")
            for rule in RULES
        },
        **{
            key: SLOW_WEIGHTS.assumptions[key]
            for key in ("fixed", "moves", "direction", "length", "samples", "signs", "frozen", "slopes kept")
        },
        **{key: SELF_SUPPORTING_RATE.assumptions[key] for key in ("room", "rate")},
        "feedback of FA": r"$b_i$ in what follows is the size of the feedback",
        "feedback of sign-FA": r"$b_i = 1$",
        "root of the loss": r"$y = L > 0$",
        "root of the excess loss": r"$y = L - L^* > 0$",
        "speed of weights": r"$\nu = \sqrt{2 \lambda_{\max}} > 0$",
        **{f"bound of {rule}": r"$q_i = \frac12 low_i^2 - C_i \ge 0$" for rule in RULES},
        "frozen or not": r"$\psi_i = 1 - \phi_i \ge 0$",
        "frozen neurons": (
            r"$\mu N |u|^2 \le \sum_i \phi_i q_i |X^T D_i u|^2$ for every $u$: $\mu$ is at most the least eigenvalue "
            r"of $\sum_i \phi_i q_i D_i X X^T D_i / N$; $\mu \ge 0$"
        ),
        "rate of gated networks": r"$\rho \le 2 (\mu + a^2 \lambda_{\min} \sum_i \psi_i q_i)$",
        "rate of linear networks": r"$\rho \le 2 \lambda_+ (s + \frac12 \sum_i low_i^2)$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("gates that cost nothing", lambda proof: derive(proof, gate=sp.S.One, rules=("FA",))),
        Control("lengths that last however far the weights move", counterexample_no_movement, counterexample=True),
    ),
)
