r"""late-clock: where the loss is still large the clock tau has run for long, however the loss has gone up and down.

S is the speed of the clock, N S >= 1 - exp(-N L). expm1(L) exp(I_1) does not grow, with -K <= I_1 <= 0: so neither does
low, expm1(low) = expm1(L) exp(I_1), which is at most L. So N S has always been at least 1 - exp(-N low) of now, and N
tau is at least t (1 - exp(-N low)). above is 1 where L > epsilon and else 0: there low is at least epsilon', with
expm1(epsilon') = expm1(epsilon) exp(-K).
"""

import sympy as sp

from fa_theory.proofs.lemmas.alignment_drive import L, S, tau
from fa_theory.proofs.lemmas.exp_order import tangent
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as followed
from fa_theory.proofs.lemmas.two_phases import K, falling, first, ordered
from fa_theory.proofs.notation import N, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

eps, eps_before = sp.symbols("epsilon epsilon'", positive=True)
above, low = sp.Function("above", nonnegative=True), sp.Function("low", real=True)


def derive(proof: Derivation, factor: sp.Expr = N) -> Fact:
    below = proof.given("slopes", 1 - sp.exp(-N * L(t)), "<=", factor * S(t))
    some = proof.given("slopes", 0, "<=", sp.exp(L(t)) - 1)
    runs = proof.given("clock", tau(t).diff(t), "=", S(t))
    begins = proof.given("clock starts", tau(0), "=", 0)
    shrinks = proof.given("falling", sp.Derivative(falling(t), t), "<=", 0)
    still = proof.given("growth", first(t), "<=", 0)
    least = proof.given("growth", -K, "<=", first(t))
    named = proof.given("low", sp.exp(low(t)) - 1, "=", falling(t))

    # low falls, and is at most L
    moves = proof.differentiated("how low moves", named)
    falls = proof.at_most(
        "low does not grow",
        low(t).diff(t),
        0,
        because=[(sp.exp(-low(t)), shrinks), (sp.exp(-low(t)), moves)],
        why="expm1(low) does not",
    )
    small = ordered(proof, "exp(I_1) <= 1", first(t), 0, still)
    exponentials = proof.at_most(
        "exp(low) <= exp(L)", sp.exp(low(t)), sp.exp(L(t)), because=[(some, small), (1, named)], why="exp(I_1) <= 1"
    )
    lower = ordered(proof, "low <= L", low(t), L(t), exponentials, back=True)
    scaled = proof.at_most("scaled", -N * L(t), -N * low(t), because=[(N, lower)], why="times -N")
    slopes = ordered(proof, "exp(-N L) <= exp(-N low)", -N * L(t), -N * low(t), scaled)
    pace = 1 - sp.exp(-N * low(t))
    faster = proof.at_most(
        "t (1 - exp(-N low)) grows at most as N tau",
        sp.Derivative(t * pace - N * tau(t), t),
        0,
        because=[below, slopes, (t * N * sp.exp(-N * low(t)), falls)],
        using=[runs],
        why="N S >= 1 - exp(-N low), and low falls",
    )
    shown = proof.apply(
        GRONWALL,
        {followed: lambda time: time * (1 - sp.exp(-N * low(time))) - N * tau(time), decay_rate: 0},
        {"decay": faster},
        name="so it is at most N tau",
    )

    # where L > epsilon, low is at least epsilon'
    high = proof.given("above", above(t) * eps, "<=", above(t) * L(t))
    before = proof.given("before", sp.exp(eps_before) - 1, "=", (sp.exp(eps) - 1) * sp.exp(-K))
    room = proof.less("expm1(epsilon) is positive", 0, sp.exp(eps) - 1, because=[tangent(proof, 0, eps), eps])
    large = proof.at_most(
        "where L > epsilon: exp(L)",
        above(t) * sp.exp(eps),
        above(t) * sp.exp(L(t)),
        because=[(above(t), tangent(proof, eps, L(t))), (sp.exp(eps), high)],
        why="tangent",
    )
    growth = ordered(proof, "exp(-K) <= exp(I_1)", -K, first(t), least)
    large = proof.at_most(
        "where L > epsilon: exp(low)",
        above(t) * sp.exp(eps_before),
        above(t) * sp.exp(low(t)),
        because=[
            (sp.exp(first(t)), large),
            (room, proof.times("weighed", above(t), growth)),
            (-above(t), named),
            (above(t), before),
        ],
        why="expm1(low) is at least expm1(L) exp(-K)",
    )
    large = proof.at_most(
        "where L > epsilon: low",
        above(t) * eps_before,
        above(t) * low(t),
        because=[(sp.exp(-low(t)), large), (above(t) * sp.exp(-low(t)), tangent(proof, low(t), eps_before))],
        why="tangent",
    )
    paces = proof.at_most(
        "where L > epsilon: the pace",
        above(t) * (1 - sp.exp(-N * eps_before)),
        above(t) * pace,
        because=[
            (above(t), tangent(proof, -N * low(t), -N * eps_before)),
            (N * sp.exp(-N * low(t)), large),
        ],
        why="tangent",
    )
    return proof.at_most(
        "the clock",
        above(t) * t * (1 - sp.exp(-N * eps_before)),
        above(t) * N * tau(t),
        because=[(t, paces), (above(t), shown), (-N * above(t), begins)],
        why="t (1 - exp(-N low)) <= N tau",
    )


PROOF = Proof(
    id="late-clock",
    title="A clock of a loss that is still large",
    statement=(
        r"Let $\dot\tau = S \ge \frac1N (1 - e^{-N L})$ with $L \ge 0$, $\tau(0) = 0$, $(e^L - 1) e^{I_1}$ not "
        r"increase and $-K \le I_1 \le 0$. Whenever $L > \epsilon$, $t (1 - e^{-N \epsilon'}) \le N \tau$ with "
        r"$e^{\epsilon'} - 1 = (e^\epsilon - 1) e^{-K}$."
    ),
    assumptions={
        "slopes": r"$N S \ge 1 - e^{-N L}$ and $L \ge 0$",
        "clock": r"$\dot\tau = S$",
        "clock starts": r"$\tau(0) = 0$",
        "falling": r"$(e^L - 1) e^{I_1}$ does not increase",
        "growth": r"$-K \le I_1 \le 0$",
        "low": r"$e^{low} - 1 = (e^L - 1) e^{I_1}$",
        "above": r"$above\,(L - \epsilon) \ge 0$, $above \ge 0$: it is $1$ where $L > \epsilon$ and else $0$",
        "before": r"$e^{\epsilon'} - 1 = (e^\epsilon - 1) e^{-K}$",
    },
    source="own",
    derive=derive,
    controls=(Control("a clock without its 1/N", lambda proof: derive(proof, factor=sp.S.One)),),
)
