r"""hitting-time: from any start FA aligns, then learns: when the logistic loss is below epsilon at the latest.

Two layers, one output, leaky ReLU, labels y_j = +-1 and a unit vector u of margin gamma. With sigma_j the size of the
loss's derivative at sample j (e_j = -y_j sigma_j), incoming weights move along b_i g_i, g_i the mean of
y sigma theta_i x, and the outgoing weight along G_i, the mean of y sigma h_i. A trained bias is the weight of an input
that is always 1 (so R^2 is larger by 1). Neurons with b_i = 0 are left out of Q; s_i is the sign of b_i.

The clock tau runs with the mean S of the sigma_j. In its time the neurons turn towards s_i u at least at the speed
a gamma |b_i|, so |w_i| >= (r_i + |b_i| a gamma tau)_+ =: ramp_i, and v_i b_i >= ramp_i^2 / 2 - C_i =: low_i by the
neuron law. What a neuron takes from the loss is at least low_i times the square of a gamma S if low_i > 0 and of R S
if not; so dL/dtau <= -Q S, with Q the sum of a^2 gamma^2 low_i^+ - R^2 low_i^-.

While Q <= 0, S is bounded from above by 1 - exp(-L), while Q >= 0 from below by (1 - exp(-N L)) / N: this gives
L <= Lbar from phase to phase (each counts its time from its start, where the phase before has shown L <= Lbar).
Last, while L >= epsilon, tau runs at least with (1 - exp(-N epsilon)) / N. So, with tau_eps the first tau at which
Lbar <= epsilon (there is one: Q grows beyond all bounds with tau), until L is epsilon or tau is tau_eps, whichever is
first, less time passes than tau_eps N / (1 - exp(-N epsilon)); and where tau is tau_eps, L <= Lbar <= epsilon.
"""

import sympy as sp

from fa_theory.proofs.lemmas.alignment_drive import PROOF as ALIGNMENT_DRIVE
from fa_theory.proofs.lemmas.alignment_drive import L, S, power, tau
from fa_theory.proofs.lemmas.exp_order import PROOF as EXP_ORDER
from fa_theory.proofs.lemmas.exp_order import TANGENT
from fa_theory.proofs.lemmas.exp_order import x as smaller
from fa_theory.proofs.lemmas.exp_order import y as larger
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as followed
from fa_theory.proofs.notation import N, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

Lbar, Q, total = (sp.Function(name, real=True) for name in ("Lbar", "Q", "I"))
eps, last = sp.Symbol("epsilon", positive=True), sp.Symbol("tau_epsilon", real=True)
K = sp.Symbol("K", positive=True)


def phase(
    proof: Derivation, key: str, c: sp.Expr, falls: Fact, integral: Fact, begun: Fact, turning: tuple[Fact, Fact]
) -> Fact:
    """Derive L <= Lbar for a phase in which Q keeps its sign, expm1(c Lbar) exp(I) being constant."""
    sign_of_drive, bound_on_size = turning

    def weighted(loss: sp.Function, time: sp.Expr) -> sp.Expr:
        return (sp.exp(c * loss(time)) - 1) * sp.exp(total(time))

    scaled = proof.times(f"{key}: S and L, weighed", S(t) * sp.exp(c * L(t)) * sp.exp(total(t)), bound_on_size)
    shrinks = proof.at_most(
        f"{key}: expm1(c L) exp(I) does not grow",
        sp.Derivative(weighted(L, t), t),
        0,
        because=[(c * sp.exp(c * L(t)) * sp.exp(total(t)), falls), (sign_of_drive, scaled)],
        using=[integral],
        why="d/dt log expm1(c L) <= -Q S",
    )
    below = proof.apply(
        GRONWALL,
        at={followed: lambda time: weighted(L, time), decay_rate: 0},
        given={"decay": shrinks},
        name=f"{key}: so it stays below its start",
    )
    start_below = proof.apply(
        EXP_ORDER,
        at={smaller: c * L(0), larger: c * Lbar(0)},
        given={"ordered": proof.times(f"{key}: at its start", c, begun)},
        name=f"{key}: exponentials at its start",
    )
    bar = proof.given(key, weighted(Lbar, t), "=", weighted(Lbar, 0))
    exponentials = proof.at_most(
        f"{key}: exponentials",
        sp.exp(c * L(t)),
        sp.exp(c * Lbar(t)),
        because=[
            (sp.exp(-total(t)), below),
            (sp.exp(-total(t)) * sp.exp(total(0)), start_below),
            (-sp.exp(-total(t)), bar),
        ],
        why="divided by exp(I)",
    )
    ordered = proof.apply(
        EXP_ORDER,
        at={smaller: c * L(t), larger: c * Lbar(t)},
        given={"exponentials ordered": exponentials},
        conclusion=1,
        name=f"{key}: the exponents",
    )
    return proof.at_most(f"{key}: L <= Lbar", L(t), Lbar(t), because=[(1 / c, ordered)], why="divided by c")


def derive(proof: Derivation, factor: sp.Expr = N, share: sp.Expr = N) -> list[Fact]:
    drive, above, below = (
        proof.apply(ALIGNMENT_DRIVE, at={}, conclusion=number, name=name)
        for number, name in enumerate(("Alignment, then descent", "S from above", "S from below"))
    )
    named = proof.define("Q", Q(t), power)
    falls = proof.at_most(
        "the loss falls", rate(L(t)), -Q(t) * S(t) ** 2, because=[drive], using=[named], why="the name of the sum"
    )
    integral = proof.given("integral", total(t).diff(t), "=", Q(t) * S(t))
    begun = proof.given("start of a phase", L(0), "<=", Lbar(0))
    first = phase(
        proof,
        "first phase",
        sp.S.One,
        falls,
        integral,
        begun,
        (proof.given("Q <= 0", Q(t), "<=", 0), above),
    )
    second = phase(
        proof,
        "second phase",
        factor,
        falls,
        integral,
        begun,
        (proof.given("Q >= 0", 0, "<=", Q(t)), below),
    )
    slope = proof.equal(
        "Lambda = log(K exp(-I)) falls with Q in the time tau",
        rate(sp.log(K * sp.exp(-total(t)))),
        -Q(t) * S(t),
        using=[integral],
        why="d/dt = S d/dtau",
    )

    # the clock, while L >= epsilon
    above_eps = proof.given("until then", eps, "<=", L(t))
    exponentials = proof.apply(
        EXP_ORDER,
        at={smaller: -N * L(t), larger: -N * eps},
        given={"ordered": proof.at_most("scaled", -N * L(t), -N * eps, because=[(N, above_eps)])},
        name="exp(-N L) <= exp(-N epsilon)",
    )
    runs = proof.given("clock", tau(t).diff(t), "=", S(t))
    zero = proof.given("clock starts", tau(0), "=", 0)
    pace = (1 - sp.exp(-N * eps)) / share
    faster = proof.at_most(
        "the clock runs at least at this pace",
        sp.Derivative(pace * t - tau(t), t),
        0,
        because=[(1 / N, below), (1 / N, exponentials)],
        using=[runs],
        why="S >= (1 - exp(-N L)) / N",
    )
    elapsed = proof.apply(
        GRONWALL,
        at={followed: lambda time: pace * time - tau(time), decay_rate: 0},
        given={"decay": faster},
        name="so tau is at least the pace times t",
    )
    before = proof.given("until then", tau(t), "<=", last)
    tangent = proof.cite("exp above its tangent", sp.exp(-N * eps) * (1 + N * eps), "<=", 1, theorem=TANGENT)
    positive = proof.less(
        "the pace is positive", 0, 1 - sp.exp(-N * eps), because=[tangent, N * eps * sp.exp(-N * eps)]
    )
    scaled = proof.at_most(
        "N times the pace",
        (1 - sp.exp(-N * eps)) * t,
        N * last,
        because=[(N, elapsed), (N, before), (-N, zero)],
        why="pace t <= tau <= tau_eps",
    )
    inverse = proof.reciprocal("divided by it", positive)
    in_time = proof.at_most(
        "the time that has passed",
        t,
        N * last / (1 - sp.exp(-N * eps)),
        because=[(inverse, scaled)],
        why="divided by 1 - exp(-N epsilon) > 0",
    )
    return [first, second, slope, in_time]


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
        r"FA with logistic loss on separable data, leaky ReLU, any start, not all $b_i = 0$. Let "
        r"$low_i(\tau) = \frac12 (r_i + |b_i| a\gamma\tau)_+^2 - C_i$ and $Q = \sum_{b_i\ne0} (a^2\gamma^2\, low_i$ if "
        r"$low_i > 0$, else $R^2\, low_i)$. In the time $\tau$, $\dot\tau = S$, $L \le \bar L$ where "
        r"$\Lambda = \log(e^{\bar L} - 1)$ while $Q \le 0$, else $\Lambda = \log(e^{N\bar L} - 1)$, has "
        r"$d\Lambda/d\tau = -Q$. As long as $L \ge \epsilon$ and $\tau \le \tau_\epsilon$, "
        r"$t \le \tau_\epsilon N / (1 - e^{-N\epsilon})$; so $L$ reaches $\epsilon$ no later if "
        r"$\bar L(\tau_\epsilon) \le \epsilon$."
    ),
    assumptions={
        **ALIGNMENT_DRIVE.assumptions,
        "clock starts": r"$\tau(0) = 0$",
        "integral": r"$I = \int Q\, d\tau$, so that $\dot I = Q S$",
        "start of a phase": r"$L \le \bar L$ where the phase starts, from which its time is counted",
        "Q <= 0": r"$Q \le 0$ during the phase",
        "Q >= 0": r"$Q \ge 0$ during the phase",
        "first phase": r"$\log(e^{\bar L} - 1) + I$ is constant during the phase",
        "second phase": r"$\log(e^{N\bar L} - 1) + I$ is constant during the phase",
        "until then": r"up to now $L \ge \epsilon$ and $\tau \le \tau_\epsilon$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("log expm1(Lbar) while Q > 0 too", lambda proof: derive(proof, factor=sp.S.One)),
        Control("a clock without its 1/N", lambda proof: derive(proof, share=sp.S.One)),
        Control("one bound for both signs of Q", counterexample_one_bound_for_both, counterexample=True),
        Control("the clock's pace without its 1/N", counterexample_mean_for_sum, counterexample=True),
    ),
)
