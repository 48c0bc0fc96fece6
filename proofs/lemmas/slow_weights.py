r"""slow-weights: weights that have not moved far keep most of their length, and neurons their activation pattern.

The symbols are those of lemma two-layers: incoming weights (w_i, beta_i) move along M_i (g_i, gamma_i), with |M_i| at
most b_i and |(g_i, gamma_i)| at most nu sqrt(y). So along any fixed direction of length one they move at most by b_i m,
where m grows with the speed nu sqrt(y) from 0. Along their own direction at the start, q_i, this keeps their length;
along a sample it keeps the sign of its preactivation: sgn_ij is that sign at the start, and frozen neurons (phi_i = 1,
the others have phi_i = 0) have preactivations of at least |x_j| b_i D and a bit more, mu_ij, at the start.

What is said where m <= D is weighed by chi >= 0, with chi (D - m) >= 0: chi is 1 there and else 0. The slope theta is
what it was at the start, theta^0, wherever the preactivation has kept its sign, that is where keeps_ij, the positive
part of sgn_ij z_ij, is not 0.
"""

import sympy as sp

from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as smaller
from fa_theory.proofs.lemmas.root_order import y as greater
from fa_theory.proofs.lemmas.self_supporting_rate import D, inside, moved, nu, root
from fa_theory.proofs.lemmas.two_layers import M, beta, g, gamma, share, size, theta, x0, z
from fa_theory.proofs.notation import d, i, indexed, j, k, t, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

feedback, reference = indexed("b", nonnegative=True), indexed("q")
reference_bias = indexed("q_0")
kept, preactivation_kept = indexed("|w(0)|"), indexed("|z(0)|")
length, low, part = (indexed(name, nonnegative=True) for name in ("|w|", "low", "alpha"))
sign, keeps, radius = indexed("sgn"), indexed("keeps", nonnegative=True), indexed("|x|", nonnegative=True)
frozen, margin = indexed("phi", nonnegative=True), indexed("mu", positive=True)
slope_kept = indexed("theta^0")

SQUARE = "squares: a real number whose square is at most 0 is 0"


def over_inputs(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (k, 1, d))


def slow(
    proof: Derivation, name: str, direction: tuple[sp.Expr, sp.Expr], norm: sp.Expr, squared: Fact, still: list[Fact]
) -> Fact:
    """Show that along a fixed direction of this norm weights lose at most norm b_i m.

    `squared` says that the squares of the direction add up to norm^2.
    """
    one, bias = direction
    inner = over_inputs(one * g[i, k]) + bias * gamma[i]
    bounded = proof.given("feedback", M[i] ** 2, "<=", feedback[i] ** 2)
    small = proof.given("speed", share, "<=", nu**2 * root(t) ** 2)
    fast = norm * feedback[i] * nu * root(t)
    m = sp.Symbol("l", integer=True)
    pairs = sp.Sum((one * g[i, m] - one.subs(k, m) * g[i, k]) ** 2, (k, 1, d), (m, 1, d)) / 2
    biases = over_inputs((one * gamma[i] - bias * g[i, k]) ** 2)
    squares = proof.at_most(
        f"{name}: Cauchy-Schwarz",
        (M[i] * inner) ** 2,
        fast**2,
        because=[
            M[i] ** 2 * pairs,
            M[i] ** 2 * biases,
            (M[i] ** 2 * share, squared),
            (norm**2 * share, bounded),
            (norm**2 * feedback[i] ** 2, small),
        ],
        why="the length of the direction times that of the mean",
    )
    nonnegative = proof.at_most(f"{name}: speeds", 0, fast, because=[fast], why="declared")
    speed = proof.apply(
        ROOT,
        {smaller: M[i] * inner, greater: fast},
        {"squares": squares, "nonnegative": nonnegative},
        name=f"{name}: the speed",
    )
    moves = proof.given("moves", moved(t).diff(t), "=", nu * root(t))
    flow = [
        proof.given("flow", rate(w[i, k]), "=", -M[i] * g[i, k]),
        proof.given("flow", rate(beta[i]), "=", -M[i] * gamma[i]),
    ]
    return proof.at_most(
        f"{name}: slow weights",
        0,
        rate(over_inputs(one * w[i, k]) + bias * beta[i] + norm * feedback[i] * moved(t)),
        because=[speed],
        using=[*flow, moves, *still],
        why="d/dt <r, w_i> >= -|r| b_i nu sqrt(y)",
    )


def derive(proof: Derivation, reach: sp.Expr = D) -> list[Fact]:
    still = [
        proof.given("fixed", rate(each), "=", 0)
        for each in (feedback[i], x[j, k], reference[i, k], reference_bias[i], sign[i, j], radius[j])
    ]
    near = proof.given("inside", inside(t) * moved(t), "<=", inside(t) * D)

    # length
    unit = proof.given("direction", over_inputs(reference[i, k] ** 2) + reference_bias[i] ** 2, "=", 1)
    own = (reference[i, k], reference_bias[i])
    lasts = proof.monotone("length along the start", slow(proof, "length", own, sp.S.One, unit, still), kept[i])
    inner = over_inputs(reference[i, k] * w[i, k]) + reference_bias[i] * beta[i]
    square = proof.given("length", length[i] ** 2, "=", 2 * size)
    squares = proof.at_most(
        "Cauchy-Schwarz: length",
        inner**2,
        length[i] ** 2,
        because=[
            over_inputs((w[i, k] - reference[i, k] * inner) ** 2),
            (beta[i] - reference_bias[i] * inner) ** 2,
            (inner**2, unit),
            (-1, square),
        ],
        why="the part of w across a unit vector has a square that is not negative",
    )
    along = proof.apply(
        ROOT,
        {smaller: inner, greater: length[i]},
        {"squares": squares, "nonnegative": proof.at_most("lengths", 0, length[i], because=[length[i]])},
        name="at most the length",
    )
    least = proof.given("length", low[i], "=", part[i] * (kept[i] - feedback[i] * reach))
    at_most_one = proof.given("length", part[i], "<=", 1)
    long = proof.at_most(
        "where m <= D, the length is at least low",
        inside(t) * low[i],
        inside(t) * length[i],
        because=[
            (inside(t) * part[i], lasts),
            (inside(t) * part[i], along),
            (part[i] * feedback[i], near),
            (inside(t) * length[i], at_most_one),
            (inside(t), least),
        ],
        why="|w_i| >= |w_i(0)| - b_i m",
    )
    long = proof.at_most(
        "and its square",
        inside(t) * low[i] ** 2,
        2 * inside(t) * size,
        because=[(length[i] + low[i], long), (inside(t), square)],
        why="squares of ordered numbers",
    )

    # pattern
    norm = proof.given("samples", over_inputs(x[j, k] ** 2) + x0**2, "=", radius[j] ** 2)
    signed = proof.given("signs", sign[i, j] ** 2, "=", 1)
    turned = proof.equal(
        "a sample with a sign",
        over_inputs((sign[i, j] * x[j, k]) ** 2) + (sign[i, j] * x0) ** 2,
        radius[j] ** 2,
        because=[norm],
        using=[signed],
        why="signs have the square 1",
    )
    sample = (sign[i, j] * x[j, k], sign[i, j] * x0)
    lasts = proof.monotone(
        "preactivations",
        slow(proof, "pattern", sample, radius[j], turned, still),
        preactivation_kept[i, j],
    )
    preactivation = proof.given("network", z[j, i], "=", over_inputs(w[i, k] * x[j, k]) + x0 * beta[i])
    positive = proof.given("signs", sign[i, j] * z[j, i], "<=", keeps[i, j])
    large = proof.given(
        "frozen",
        frozen[i] * margin[i, j],
        "<=",
        frozen[i] * (preactivation_kept[i, j] - radius[j] * feedback[i] * D),
    )
    same = proof.given("slopes kept", keeps[i, j] * theta[i, j], "=", keeps[i, j] * slope_kept[i, j])
    away = proof.at_most(
        "where m <= D, frozen neurons have kept the sign",
        inside(t) * frozen[i] * margin[i, j],
        inside(t) * frozen[i] * keeps[i, j],
        because=[
            (inside(t), large),
            (inside(t) * frozen[i], lasts),
            (inside(t) * frozen[i], positive),
            (frozen[i] * radius[j] * feedback[i], near),
        ],
        using=[preactivation],
        why="sgn z >= |z(0)| - |x| b m",
    )
    change = theta[i, j] - slope_kept[i, j]
    none = proof.at_most(
        "so their slopes have not changed",
        (inside(t) * frozen[i] * change) ** 2,
        0,
        because=[
            (inside(t) * frozen[i] * change**2 / margin[i, j], away),
            (inside(t) ** 2 * frozen[i] ** 2 * change / margin[i, j], same),
        ],
        why="where keeps > 0 the slope is that of the start",
    )
    gone = proof.cite("the change is 0", inside(t) * frozen[i] * change, "=", 0, theorem=SQUARE, using=[none])
    frozen_slopes = proof.equal(
        "frozen slopes",
        inside(t) * frozen[i] * theta[i, j],
        inside(t) * frozen[i] * slope_kept[i, j],
        because=[gone],
        why="the change is 0",
    )
    return [long, frozen_slopes]


PROOF = Proof(
    id="slow-weights",
    title="Slow weights keep lengths and patterns",
    statement=(
        r"If $|M_i| \le b_i$, $|(g_i, \gamma_i)| \le \nu \sqrt y$ and $\dot m = \nu \sqrt y$, $m(0) = 0$, then, as "
        r"long as $m \le D$: $|w_i| \ge (|w_i(0)| - b_i D)_+$ (biases included), and the slopes of every neuron with "
        r"$\min_j |z_{ij}(0)| / |x_j| > b_i D$ are those of the start."
    ),
    assumptions={
        "network": r"$z_i = \langle w_i, x \rangle + x_0 \beta_i$ at every sample",
        "fixed": r"samples, $b_i$, the directions $q_i$ and the signs $sgn$ do not move",
        "flow": r"$\dot w_i = -M_i g_i$ and $\dot\beta_i = -M_i \gamma_i$",
        "feedback": r"$M_i^2 \le b_i^2$",
        "speed": r"$|g_i|^2 + \gamma_i^2 \le \nu^2 y$",
        "moves": r"$\dot m = \nu \sqrt{y}$, and $m$ starts at $0$",
        "inside": r"$\chi (D - m) \ge 0$",
        "direction": r"$(q_i, q_{0,i})$ has length 1: it is the direction of $(w_i, \beta_i)$ at the start",
        "length": (
            r"$|w_i|^2$ includes $\beta_i^2$; $low_i = (|w_i(0)| - b_i D)_+ = \alpha_i (|w_i(0)| - b_i D) \ge 0$ with "
            r"$0 \le \alpha_i \le 1$, $|w_i(0)|$ the value at the start, where $m = 0$, along $(q_i, q_{0,i})$"
        ),
        "samples": r"$|x_j|^2$ includes $x_0^2$",
        "signs": r"$sgn_{ij} = \pm1$, the sign of $z_{ij}$ at the start; $keeps_{ij}$ is $(sgn_{ij} z_{ij})_+$",
        "frozen": (
            r"$\phi_i = 1$ only if $|z_{ij}(0)| > |x_j| b_i D$ for all $j$, else $\phi_i = 0$: "
            r"$\phi_i \mu_{ij} \le \phi_i (|z_{ij}(0)| - |x_j| b_i D)$ with $\mu_{ij} > 0$; $|z_{ij}(0)|$ is the value "
            r"at the start of $sgn_{ij} z_{ij}$"
        ),
        "slopes kept": r"$\theta_{ij} = \theta^0_{ij}$ where $keeps_{ij} > 0$: where $z_{ij}$ has the sign it had",
    },
    source="own",
    derive=derive,
    controls=(Control("weights that keep all their length", lambda proof: derive(proof, reach=sp.S.Zero)),),
)
