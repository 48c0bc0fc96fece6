r"""two-phases: a loss driven by dL/dt <= -Q S^2 grows no more than its drive allows until Q turns positive, then falls.

S is the speed of a clock tau, (1 - exp(-N L)) / N <= S <= 1 - exp(-L). before is 1 until the turn, while Q <= 0, and 0
from then on, while Q >= 0. I_1 and I_2 are the integrals of Q over tau before and after the turn, so that I_1 falls to
-K and stays there, and I_2 is 0 until the turn.

expm1(L) exp(I_1) does not grow: until the turn as S <= 1 - exp(-L), later as the loss falls. So L is never more than
L_max, expm1(L_max) = expm1(L(0)) exp(K). W = expm1(N L) exp(I_2) does not grow after the turn, as N S >=
1 - exp(-N L); until the turn it is at most expm1(N L_max) anyway. So beyond, what it has beyond that, stays 0: where it
is not 0 the turn is over, and it falls.
"""

import sympy as sp

from fa_theory.proofs.lemmas.alignment_drive import L, S
from fa_theory.proofs.lemmas.exp_order import PROOF as EXP_ORDER
from fa_theory.proofs.lemmas.exp_order import x as smaller
from fa_theory.proofs.lemmas.exp_order import y as larger
from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as followed
from fa_theory.proofs.lemmas.initial_time import PROOF as INITIAL_TIME
from fa_theory.proofs.lemmas.initial_time import f as one_side
from fa_theory.proofs.lemmas.initial_time import g as other_side
from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as root_smaller
from fa_theory.proofs.lemmas.root_order import y as root_larger
from fa_theory.proofs.notation import N, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

Q, first, second = (sp.Function(name, real=True) for name in ("Q", "I_1", "I_2"))
before, beyond, chi = (sp.Function(name, nonnegative=True) for name in ("before", "beyond", "chi"))
K, highest = sp.symbols("K L_max", real=True)

most = sp.exp(N * highest) - 1


def falling(time: sp.Expr) -> sp.Expr:
    return (sp.exp(L(time)) - 1) * sp.exp(first(time))


def whole(time: sp.Expr) -> sp.Expr:
    return (sp.exp(N * L(time)) - 1) * sp.exp(second(time))


def ordered(proof: Derivation, name: str, low: sp.Expr, high: sp.Expr, fact: Fact, *, back: bool = False) -> Fact:
    """From low <= high conclude exp(low) <= exp(high), or back."""
    key = "exponentials ordered" if back else "ordered"
    return proof.apply(EXP_ORDER, {smaller: low, larger: high}, {key: fact}, conclusion=int(back), name=name)


def at_start(proof: Derivation, name: str, low: sp.Lambda, high: sp.Lambda, fact: Fact) -> Fact:
    return proof.apply(INITIAL_TIME, {one_side: low, other_side: high}, {"holds": fact}, name=name)


def derive(proof: Derivation, factor: sp.Expr = N) -> list[Fact]:
    drive = proof.given("drive", rate(L(t)), "<=", -Q(t) * S(t) ** 2)
    above = proof.given("slopes", S(t), "<=", 1 - sp.exp(-L(t)))
    below = proof.given("slopes", 1 - sp.exp(-N * L(t)), "<=", factor * S(t))
    negative = proof.given("phases", before(t) * Q(t), "<=", 0)
    positive = proof.given("phases", 0, "<=", (1 - before(t)) * Q(t))
    either = proof.given("phases", before(t) ** 2, "=", before(t))
    grows = proof.given("integrals", first(t).diff(t), "=", before(t) * Q(t) * S(t))
    gathers = proof.given("integrals", second(t).diff(t), "=", (1 - before(t)) * Q(t) * S(t))
    starts = [
        proof.equal(
            "exp of an integral that starts at 0", sp.exp(each(0)), 1, using=[proof.given("integrals", each(0), "=", 0)]
        )
        for each in (first, second)
    ]
    least = proof.given("integrals", -K, "<=", first(t))
    none = proof.given("integrals", before(t) * sp.exp(second(t)), "=", before(t))
    top = proof.given("highest", sp.exp(highest) - 1, "=", (sp.exp(L(0)) - 1) * sp.exp(K))

    # the first phase
    now = sp.exp(L(t)) * sp.exp(first(t))
    does_not_grow = proof.at_most(
        "expm1(L) exp(I_1) does not grow",
        sp.Derivative(falling(t), t),
        0,
        because=[
            (now, drive),
            (negative, proof.times("S from above, weighed", S(t) * now, above)),
            (S(t) ** 2 * now, positive),
        ],
        using=[grows],
        why="before the turn d/dt log expm1(L) <= -Q S, later the loss falls",
    )
    still = proof.apply(
        GRONWALL,
        {followed: first, decay_rate: 0},
        {"decay": proof.at_most("I_1 does not grow", first(t).diff(t), 0, because=[(S(t), negative)], using=[grows])},
        name="I_1 stays below its start",
    )
    still = proof.at_most(
        "I_1 is not positive",
        first(t),
        0,
        because=[still, (1, proof.given("integrals", first(0), "=", 0))],
        why="it starts at 0",
    )
    one = proof.apply(
        GRONWALL, {followed: falling, decay_rate: 0}, {"decay": does_not_grow}, name="it stays below its start"
    )
    one = proof.at_most(
        "the first phase",
        falling(t),
        sp.exp(L(0)) - 1,
        because=[one, (sp.exp(L(0)) - 1, starts[0])],
        why="I_1 starts at 0",
    )
    some = proof.at_most(
        "expm1(L) is not negative",
        0,
        sp.exp(L(t)) - 1,
        because=[(sp.exp(L(t)), above), sp.exp(L(t)) * S(t)],
        why="0 < S <= 1 - exp(-L)",
    )
    some = at_start(proof, "nor at the start", sp.Lambda(t, 0), sp.Lambda(t, sp.exp(L(t)) - 1), some)
    grown = proof.at_most("- I_1 <= K", -first(t), K, because=[least])
    grown = ordered(proof, "what the first phase can add", -first(t), K, grown)
    capped = proof.at_most(
        "never more than L_max: exponentials",
        sp.exp(L(t)),
        sp.exp(highest),
        because=[(sp.exp(-first(t)), one), (some, grown), (-1, top)],
        why="expm1(L) <= expm1(L(0)) exp(-I_1)",
    )
    capped = ordered(proof, "never more than L_max", L(t), highest, capped, back=True)
    capped_start = at_start(proof, "nor at the start", sp.Lambda(t, L(t)), sp.Lambda(t, highest), capped)
    sums = ordered(proof, "the sum of the losses", N * L(t), N * highest, proof.times("N times", N, capped))
    sums_start = ordered(proof, "and at the start", N * L(0), N * highest, proof.times("N times", N, capped_start))

    # the second phase
    excess = proof.given("beyond", beyond(t), "=", chi(t) * (whole(t) - most))
    excess_start = proof.given("beyond", beyond(0), "=", chi(0) * (whole(0) - most))
    moves = proof.given("beyond", beyond(t).diff(t), "=", chi(t) * rate(whole(t)))
    rest = proof.given("beyond", (1 - chi(t)) * (whole(t) - most), "<=", 0)
    absent = proof.at_most(
        "until the turn nothing is beyond",
        before(t) * beyond(t),
        0,
        because=[(before(t) * chi(t), sums), (before(t), excess)],
        using=[none],
        why="I_2 = 0 and L <= L_max",
    )
    now = sp.exp(N * L(t)) * sp.exp(second(t))
    shrinks = proof.at_most(
        "the square of what is beyond does not grow",
        sp.Derivative(beyond(t) ** 2, t),
        0,
        because=[
            (2 * N * beyond(t) * chi(t) * now, drive),
            (positive, proof.times("S from below, weighed", 2 * beyond(t) * chi(t) * now * S(t), below)),
            (negative, proof.times("absent, weighed", 2 * N * chi(t) * now * S(t) ** 2, absent)),
            (2 * N * chi(t) * now * S(t) ** 2 * Q(t) * beyond(t), either),
        ],
        using=[moves, gathers],
        why="after the turn d/dt log expm1(N L) <= -Q S",
    )
    other = proof.apply(
        GRONWALL,
        {followed: lambda time: beyond(time) ** 2, decay_rate: 0},
        {"decay": shrinks},
        name="so it stays below its start",
    )
    squares = proof.at_most(
        "which is 0",
        beyond(t) ** 2,
        0,
        because=[
            other,
            (beyond(0) * chi(0), sums_start),
            (beyond(0), excess_start),
            (beyond(0) * chi(0) * (sp.exp(N * L(0)) - 1), starts[1]),
        ],
        why="L(0) <= L_max and I_2 = 0 at the start",
    )
    nothing = proof.apply(
        ROOT,
        {root_smaller: beyond(t), root_larger: 0},
        {"squares": squares, "nonnegative": proof.at_most("zero", 0, 0, because=[sp.S.Zero])},
        name="nothing is beyond",
    )
    two = proof.at_most(
        "the second phase", whole(t), most, because=[rest, nothing, (-1, excess)], why="W is beyond W_max by 0"
    )
    return [one, two, does_not_grow, still]


PROOF = Proof(
    id="two-phases",
    title="Growth until the drive turns, then decay",
    statement=(
        r"Let $\dot L \le -Q S^2$, $\frac1N (1 - e^{-N L}) \le S \le 1 - e^{-L}$, $Q \le 0$ until a turn and $Q \ge 0$ "
        r"from then on. With $I_1 \ge -K$ and $I_2$ the integrals of $Q S$ until and from the turn: "
        r"$(e^L - 1) e^{I_1}$ does not increase, $I_1 \le 0$, and with $e^{L_{\max}} - 1 = (e^{L(0)} - 1) e^K$ "
        r"$(e^{N L} - 1) e^{I_2} \le e^{N L_{\max}} - 1$."
    ),
    assumptions={
        "drive": r"$\dot L \le -Q S^2$",
        "slopes": r"$\frac1N (1 - e^{-N L}) \le S \le 1 - e^{-L}$, $S > 0$",
        "phases": r"$before$ is $1$ until the turn, where $Q \le 0$, and $0$ from then on, where $Q \ge 0$",
        "integrals": (
            r"$\dot I_1 = before\,Q S$ and $\dot I_2 = (1 - before)\,Q S$, both $0$ at the start; $I_2 = 0$ until the "
            r"turn, and $-K$ is the least $I_1$"
        ),
        "highest": r"$e^{L_{\max}} - 1 = (e^{L(0)} - 1) e^K$",
        "beyond": (
            r"$beyond = (W - W_{\max})_+$, $W = (e^{N L} - 1) e^{I_2}$, $W_{\max} = e^{N L_{\max}} - 1$: with "
            r"$\chi = 1$ where $W > W_{\max}$ and else $0$ it is $\chi (W - W_{\max})$, and its derivative is "
            r"$\chi \dot W$ almost everywhere, for $\dot W = 0$ almost everywhere on $\{W = W_{\max}\}$"
        ),
    },
    source="own",
    derive=derive,
    controls=(Control("S from below without its 1/N", lambda proof: derive(proof, factor=sp.S.One)),),
)
