r"""hitting-time: from any start FA aligns, then learns: when the logistic loss is below epsilon at the latest.

Two layers, one output, leaky ReLU, labels y_j = +-1 and a unit vector u of margin gamma. With sigma_j the size of the
loss's derivative at sample j (e_j = -y_j sigma_j), incoming weights move along b_i g_i, g_i the mean of
y sigma theta_i x, and the outgoing weight along G_i, the mean of y sigma h_i. A trained bias is the weight of an input
that is always 1 (so R^2 is larger by 1). Neurons with b_i = 0 are left out of Q; s_i is the sign of b_i.

The clock tau runs with the mean S of the sigma_j. In its time the neurons turn towards s_i u at least at the speed
a gamma |b_i|, so |w_i| >= (r_i + |b_i| a gamma tau)_+ =: ramp_i, and v_i b_i >= ramp_i^2 / 2 - C_i =: low_i by the
neuron law. What a neuron takes from the loss is at least low_i times the square of a gamma S if low_i > 0 and of R S
if not (lemma alignment-drive); so dL/dtau <= -Q S, with Q the sum of a^2 gamma^2 low_i^+ - R^2 low_i^-. Q grows with
tau; its integrals until and from the turn of its sign are I_1 and I_2, and Lbar, of which expm1(Lbar) exp(I_1) =
expm1(L(0)) until the turn and expm1(N Lbar) exp(I_2) = expm1(N L_max) from then on, bounds L (lemma two-phases).

tau_eps is such that Lbar is at most epsilon there. I_2 lies above its tangent at tau_eps, as Q grows; so where L is at
least epsilon, I_2 is at most I_eps, and tau at most tau_eps. While L >= epsilon, tau runs at least with the speed
(1 - exp(-N epsilon)) / N: so that cannot have been for longer than tau_eps N / (1 - exp(-N epsilon)). L is at most
epsilon for good from the same time with epsilon' on, for where it is not (above is 1 there and else 0), the clock has
run for long (lemma late-clock).
"""

import sympy as sp

from fa_theory.proofs.lemmas.alignment_drive import PROOF as ALIGNMENT_DRIVE
from fa_theory.proofs.lemmas.alignment_drive import L, S, power, tau
from fa_theory.proofs.lemmas.exp_order import tangent
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as followed
from fa_theory.proofs.lemmas.late_clock import PROOF as LATE_CLOCK
from fa_theory.proofs.lemmas.late_clock import above, eps, eps_before
from fa_theory.proofs.lemmas.two_phases import PROOF as TWO_PHASES
from fa_theory.proofs.lemmas.two_phases import K, Q, first, most, ordered, second
from fa_theory.proofs.notation import N, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

last, integral_at_last = sp.symbols("tau_epsilon I_epsilon", real=True)
Q_at_last = sp.Symbol("Q_epsilon", positive=True)


def positive(proof: Derivation, name: str, exponent: sp.Expr) -> Fact:
    """Show 0 < exp(exponent) - 1, for a positive exponent."""
    return proof.less(name, 0, sp.exp(exponent) - 1, because=[tangent(proof, 0, exponent), exponent], why="tangent")


def not_past(proof: Derivation, name: str, weight: sp.Expr, high: Fact, bounded: Fact) -> Fact:
    """From weight * epsilon <= weight * L conclude weight * tau <= weight * tau_eps."""
    enough = proof.given("tau_eps", most, "<=", (sp.exp(N * eps) - 1) * sp.exp(integral_at_last))
    convex = proof.given("tau_eps", integral_at_last + Q_at_last * (tau(t) - last), "<=", second(t))
    room = positive(proof, f"{name}: expm1(N epsilon)", N * eps)
    losses = proof.at_most(
        f"{name}: expm1(N L) is large",
        weight * sp.exp(N * eps),
        weight * sp.exp(N * L(t)),
        because=[(weight, tangent(proof, N * eps, N * L(t))), (N * sp.exp(N * eps), high)],
        why="tangent",
    )
    integrals = proof.at_most(
        f"{name}: so exp(I_2) is small",
        weight * (sp.exp(N * eps) - 1) * sp.exp(second(t)),
        weight * (sp.exp(N * eps) - 1) * sp.exp(integral_at_last),
        because=[(weight, enough), (weight, bounded), (sp.exp(second(t)), losses)],
        why="expm1(N epsilon) exp(I_2) <= expm1(N L_max), at most expm1(N epsilon) exp(I_eps)",
    )
    divided = (
        proof.reciprocal(f"{name}: divided by expm1(N epsilon)", room),
        proof.times(f"{name}: and by exp(I_eps)", sp.exp(-integral_at_last), integrals),
    )
    short = proof.at_most(
        f"{name}: so I_2 is at most I_eps",
        weight * second(t),
        weight * integral_at_last,
        because=[divided, (weight * sp.exp(-integral_at_last), tangent(proof, integral_at_last, second(t)))],
        why="tangent",
    )
    return proof.at_most(
        f"{name}: and tau at most tau_eps",
        weight * tau(t),
        weight * last,
        because=[(1 / Q_at_last, short), (weight / Q_at_last, convex)],
        why="I_2 lies above its tangent",
    )


def elapsed(proof: Derivation, name: str, level: sp.Expr, weight: sp.Expr, scaled: Fact) -> Fact:
    """From weight (1 - exp(-N level)) t <= weight N tau_eps conclude weight t <= weight N tau_eps / (...)."""
    room = positive(proof, f"{name}: expm1", N * level)
    pace = 1 - sp.exp(-N * level)
    room = proof.less(f"{name}: the pace is positive", 0, pace, because=[(sp.exp(-N * level), room)], why="scaled")
    inverse = proof.reciprocal(f"{name}: divided by it", room)
    return proof.at_most(name, weight * t, weight * N * last / pace, because=[(inverse, scaled)], why="divided")


def hits(proof: Derivation, below: Fact, bounded: Fact, share: sp.Expr) -> Fact:
    """Conclude that L is at least epsilon for a time of at most N tau_eps / (1 - exp(-N epsilon))."""
    runs, begins = proof.given("clock", tau(t).diff(t), "=", S(t)), proof.given("clock starts", tau(0), "=", 0)
    high = proof.given("until then", eps, "<=", L(t))
    scaled = proof.at_most("scaled", -N * L(t), -N * eps, because=[(N, high)], why="times -N")
    exponentials = ordered(proof, "exp(-N L) <= exp(-N epsilon)", -N * L(t), -N * eps, scaled)
    pace = 1 - sp.exp(-N * eps)
    faster = proof.at_most(
        "the clock runs at least at this pace",
        sp.Derivative(pace * t - share * tau(t), t),
        0,
        because=[below, exponentials],
        using=[runs],
        why="N S >= 1 - exp(-N L)",
    )
    shown = proof.apply(
        GRONWALL,
        {followed: lambda time: pace * time - share * tau(time), decay_rate: 0},
        {"decay": faster},
        name="so it shows at least the pace times t",
    )
    scaled = proof.at_most(
        "the pace times t",
        pace * t,
        N * last,
        because=[shown, (N, not_past(proof, "until then", sp.S.One, high, bounded)), (-N, begins)],
        why="pace t <= N tau <= N tau_eps",
    )
    return elapsed(proof, "the time until then", eps, sp.S.One, scaled)


def settles(proof: Derivation, below: Fact, some: Fact, bounded: Fact, setting: dict[str, list[Fact]]) -> Fact:
    """Conclude that L exceeds epsilon for no longer than up to the time N tau_eps / (1 - exp(-N epsilon'))."""
    shrinks, still = (
        proof.apply(TWO_PHASES, {}, setting, conclusion=which, name=name)
        for which, name in ((2, "expm1(L) exp(I_1) does not grow"), (3, "I_1 is not positive"))
    )
    least = proof.given("integrals", -K, "<=", first(t))
    late = proof.apply(
        LATE_CLOCK,
        {},
        {"slopes": [below, some], "falling": shrinks, "growth": [still, least]},
        name="where L > epsilon the clock has run for long",
    )
    high = proof.given("above", above(t) * eps, "<=", above(t) * L(t))
    scaled = proof.at_most(
        "the pace times t where L > epsilon",
        above(t) * (1 - sp.exp(-N * eps_before)) * t,
        above(t) * N * last,
        because=[late, (N, not_past(proof, "where L > epsilon", above(t), high, bounded))],
        why="the clock has not shown more than tau_eps",
    )
    return elapsed(proof, "the time from which on L <= epsilon", eps_before, above(t), scaled)


def derive(proof: Derivation, factor: sp.Expr = sp.S.One, share: sp.Expr = N) -> list[Fact]:
    drive, from_above, below = (
        proof.apply(ALIGNMENT_DRIVE, {}, conclusion=number, name=name)
        for number, name in enumerate(("Alignment, then descent", "S from above", "S from below"))
    )
    named = proof.define("Q", Q(t), power)
    falls = proof.at_most(
        "the loss falls",
        rate(L(t)),
        -factor * Q(t) * S(t) ** 2,
        because=[drive],
        using=[named],
        why="the name of the sum",
    )
    setting = {"drive": [falls], "slopes": [from_above, below]}
    growth, decay = (
        proof.apply(TWO_PHASES, {}, setting, conclusion=which, name=name)
        for which, name in enumerate(("Lbar until the turn", "Lbar from the turn on"))
    )
    some = proof.at_most(
        "losses are not negative",
        0,
        sp.exp(L(t)) - 1,
        because=[(sp.exp(L(t)), from_above), sp.exp(L(t)) * S(t)],
        why="0 < S <= 1 - exp(-L)",
    )
    runs, begins = proof.given("clock", tau(t).diff(t), "=", S(t)), proof.given("clock starts", tau(0), "=", 0)
    slow = proof.at_most(
        "the clock is slow",
        sp.Derivative(tau(t) - t, t),
        0,
        because=[from_above, sp.exp(-L(t))],
        using=[runs],
        why="S < 1",
    )
    slow = proof.apply(GRONWALL, {followed: lambda time: tau(time) - time, decay_rate: 0}, {"decay": slow}, name="late")
    slow = proof.at_most("tau is at most t", tau(t), t, because=[slow, begins], why="both start at 0")
    return [growth, decay, slow, hits(proof, below, decay, share), settles(proof, below, some, decay, setting)]


def counterexample_one_bound_for_both() -> sp.Basic:
    # S >= 1 - exp(-L) would let log expm1(L) serve while Q > 0 too. Losses log 2 and log 4 have S = 5/8, exp(-L) =
    # 8^(-1/2): that says exp(-L) >= 3/8, so 1/8 >= 9/64
    S_value = (sp.Rational(1, 2) + sp.Rational(3, 4)) / 2
    return sp.Ge(sp.Rational(1, 8), (1 - S_value) ** 2)


def counterexample_mean_for_sum() -> sp.Basic:
    # the clock at N = 2 runs slower than 1 - exp(-N L) when one sample has all the loss: losses 2 log 2 and 0 give
    # S = 3/8, N L = 2 log 2
    S_value = (1 - sp.Rational(1, 4)) / 2
    return sp.Ge(S_value, 1 - sp.Rational(1, 4))


PROOF = Proof(
    id="hitting-time",
    title="Hitting time from any start",
    statement=(
        r"FA with logistic loss on separable data, leaky ReLU, any start. Let "
        r"$low_i(\tau) = \frac12 (r_i + |b_i| a\gamma\tau)_+^2 - C_i$ and $Q = \sum_{b_i\ne0} (a^2\gamma^2\, low_i$ if "
        r"$low_i > 0$, else $R^2\, low_i)$, $Q \le 0$ until a turn and $Q \ge 0$ from then on, with the integrals "
        r"$I_1$ and $I_2$ over $\tau$ until and from the turn, $-K$ the least $I_1$. In the time $\tau \le t$, "
        r"$\dot\tau = S$: $L \le \bar L$, where $e^{\bar L} - 1 = (e^{L(0)} - 1) e^{-I_1}$ until the turn, "
        r"$e^{N \bar L} - 1 = (e^{N L_{\max}} - 1) e^{-I_2}$ from then on, $L_{\max}$ the $\bar L$ at the turn. Let "
        r"$\bar L(\tau_\epsilon) \le \epsilon$ and $Q(\tau_\epsilon) > 0$, $\tau_\epsilon$ not before the turn. If $L$ "
        r"has been at least $\epsilon$ up to the time $t$, then $t \le \tau_\epsilon N / (1 - e^{-N\epsilon})$: it "
        r"reaches $\epsilon$ no later. And $L \le \epsilon$ at all $t > \tau_\epsilon N / (1 - e^{-N\epsilon'})$, "
        r"$e^{\epsilon'} - 1 = (e^\epsilon - 1) e^{-K}$."
    ),
    assumptions={
        **ALIGNMENT_DRIVE.assumptions,
        **{key: TWO_PHASES.assumptions[key] for key in ("phases", "integrals", "highest", "beyond")},
        **{key: LATE_CLOCK.assumptions[key] for key in ("clock starts", "low", "above", "before")},
        "tau_eps": (
            r"$e^{N L_{\max}} - 1 \le (e^{N\epsilon} - 1) e^{I_\epsilon}$, $I_\epsilon$ and $Q_\epsilon > 0$ being "
            r"$I_2$ and $Q$ at $\tau_\epsilon$; $I_2 \ge I_\epsilon + Q_\epsilon (\tau - \tau_\epsilon)$: as no "
            r"$low_i$ decreases with $\tau$, neither does $Q$, and $I_2$ is convex in $\tau$"
        ),
        "until then": r"up to now $L \ge \epsilon$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("a drive twice as strong", lambda proof: derive(proof, factor=sp.Integer(2))),
        Control("a clock without its 1/N", lambda proof: derive(proof, share=sp.S.One)),
        Control("one bound for both signs of Q", counterexample_one_bound_for_both, counterexample=True),
        Control("the clock's pace without its 1/N", counterexample_mean_for_sum, counterexample=True),
    ),
)
