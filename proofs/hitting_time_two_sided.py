r"""hitting-time-two-sided: a loss that is still epsilon was larger before, and so the clock tau ran faster.

The setting and the symbols are those of hitting-time: L is the loss, dL/dt <= -Q S^2, I the integral of Q over the
clock tau, which runs with S, and (1 - exp(-N L)) / N <= S <= 1 - exp(-L). While Q <= 0, (exp(L) - 1) exp(I) does not
grow; while Q >= 0, (exp(N L) - 1) exp(I) does not. In hitting-time this bounds a later loss by an earlier one. Here it
bounds an earlier loss by a later one, from below.

In a phase with Q >= 0 that lasts until T, (exp(N L) - 1) exp(I) is at least E, what it is at T if the loss is still
epsilon there. That makes the clock run so fast that t <= N tau + N J / E, J the integral of exp(I) over tau.

In a phase with Q <= 0 and I <= 0, (exp(L) - 1) exp(I) is at least what it is at the end of the phase, so that the loss
is at least some epsilon_0; the last conclusion of hitting-time, with that for epsilon, says how long it can last.
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
from fa_theory.symbolic.derivation import MONOTONE, Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

J, Q, total = (sp.Function(name, real=True) for name in ("J", "Q", "I"))
T, E = sp.Symbol("T", real=True), sp.Symbol("E", positive=True)
eps, eps_1, eps_0 = sp.symbols("epsilon epsilon_1 epsilon_0", positive=True)


def earlier(proof: Derivation, key: str, c: sp.Expr, falls: Fact, integral: Fact, turning: tuple[Fact, Fact]) -> Fact:
    """Show that expm1(c L) exp(I) is at least what it is at the later time T of a phase in which Q keeps its sign."""
    sign, size = turning

    def weighted(time: sp.Expr) -> sp.Expr:
        return (sp.exp(c * L(time)) - 1) * sp.exp(total(time))

    scaled = proof.times(f"{key}: S and L, weighed", S(t) * sp.exp(c * L(t)) * sp.exp(total(t)), size)
    shrinks = proof.at_most(
        f"{key}: expm1(c L) exp(I) does not grow",
        sp.Derivative(weighted(t), t),
        0,
        because=[(c * sp.exp(c * L(t)) * sp.exp(total(t)), falls), (sign, scaled)],
        using=[integral],
        why="d/dt log expm1(c L) <= -Q S",
    )
    later = proof.given("later", t, "<=", T)
    return proof.cite(
        f"{key}: it was larger before", weighted(T), "<=", weighted(t), theorem=MONOTONE, using=[shrinks, later]
    )


def left(proof: Derivation, key: str, c: sp.Expr, least: sp.Symbol) -> Fact:
    """Show that exp(c L) is at least exp(c least) at the time T."""
    still = proof.given(key, least, "<=", L(T))
    return proof.apply(
        EXP_ORDER,
        at={smaller: c * least, larger: c * L(T)},
        given={"ordered": proof.times(f"{key}: scaled", c, still)},
        name=f"{key}: exponentials",
    )


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

    # the phase with Q <= 0: the loss cannot have been small
    before = earlier(proof, "first phase", sp.S.One, falls, integral, (proof.given("Q <= 0", Q(t), "<=", 0), above))
    reached = left(proof, "end of the first phase", sp.S.One, eps_1)
    negative = proof.given("I <= 0", total(t), "<=", 0)
    shrunk = proof.apply(EXP_ORDER, at={smaller: total(t), larger: 0}, given={"ordered": negative}, name="exp(I) <= 1")
    planned = proof.given("growth in the first phase", sp.exp(eps_0) - 1, "=", (sp.exp(eps_1) - 1) * sp.exp(total(T)))
    some = proof.cite("exp above its tangent", 1 + eps_0, "<=", sp.exp(eps_0), theorem=TANGENT, using=[planned])
    weighed = proof.at_most(
        "expm1(L) exp(I) is at least expm1(epsilon_0)",
        sp.exp(eps_0) - 1,
        (sp.exp(L(t)) - 1) * sp.exp(total(t)),
        because=[before, (sp.exp(total(T)), reached), planned],
        why="it does not grow, and is as much at the end",
    )
    ordered = proof.at_most(
        "first phase: exponentials",
        sp.exp(eps_0),
        sp.exp(L(t)),
        because=[
            (sp.exp(-total(t)), weighed),
            (sp.exp(-total(t)) * eps_0, shrunk),
            (sp.exp(-total(t)), proof.times("I <= 0 only helps", some, shrunk)),
        ],
        why="divided by exp(I) <= 1",
    )
    not_small = proof.apply(
        EXP_ORDER,
        at={smaller: eps_0, larger: L(t)},
        given={"exponentials ordered": ordered},
        conclusion=1,
        name="first phase: the loss is not small",
    )

    # the phase with Q >= 0: the clock runs fast
    before = earlier(proof, "second phase", factor, falls, integral, (proof.given("Q >= 0", 0, "<=", Q(t)), below))
    reached = left(proof, "still epsilon", N, eps)
    value = proof.given("E", E, "=", (sp.exp(N * eps) - 1) * sp.exp(total(T)))
    large = proof.at_most(
        "expm1(N L) exp(I) is at least E",
        E,
        (sp.exp(N * L(t)) - 1) * sp.exp(total(t)),
        because=[before, (sp.exp(total(T)), reached), value],
        why="it does not grow, and is as much at the end",
    )
    runs = proof.given("clock", tau(t).diff(t), "=", S(t))
    collects = proof.given("J", J(t).diff(t), "=", sp.exp(total(t)) * S(t))
    faster = proof.at_most(
        "time against the clock",
        sp.Derivative(t - share * tau(t) - share / E * J(t), t),
        0,
        because=[((E + sp.exp(total(t))) / E, below), (sp.exp(-N * L(t)) / E, large)],
        using=[runs, collects],
        why="1 / S <= N / (1 - exp(-N L)) = N + N / expm1(N L), and expm1(N L) >= E exp(-I)",
    )
    elapsed = proof.apply(
        GRONWALL,
        at={followed: lambda time: time - share * tau(time) - share / E * J(time), decay_rate: 0},
        given={"decay": faster},
        name="since the start of the phase",
    )
    in_time = proof.at_most(
        "the time that the second phase has lasted",
        t,
        share * (tau(t) - tau(0)) + share / E * (J(t) - J(0)),
        because=[elapsed],
        why="rearranged",
    )
    return [not_small, in_time]


def counterexample_no_small_losses() -> sp.Basic:
    # one sample, Q = 1 and L = log(1 + exp(-tau)): 1 / S = 1 + exp(tau), so that tau = 2 takes 2 + exp(2) - 1, more
    # than N tau; with J / E = (exp(2) - 1) / (exp(-2) exp(2)) added it is all of it
    I_end, J_end = sp.Integer(2), sp.exp(2) - 1
    return sp.Le(I_end + J_end, I_end)


PROOF = Proof(
    id="hitting-time-two-sided",
    title="Hitting time, with the larger losses before",
    statement=(
        r"The setting of hitting-time, $I = \int Q\, d\tau$. In a phase with $Q \ge 0$, at whose time $T$ the loss is "
        r"at least $\epsilon$, $t \le N (\tau - \tau_1) + N J / E$ for all $t \le T$, counted from the start of the "
        r"phase, where $\tau = \tau_1$; $J = \int e^I d\tau$ over the phase and $E = (e^{N\epsilon} - 1) e^{I(T)}$. In "
        r"a phase with $Q \le 0$, $I \le 0$, at whose time $T$ the loss is at least $\epsilon_1$, $L \ge \epsilon_0$ "
        r"for $t \le T$ with $e^{\epsilon_0} - 1 = (e^{\epsilon_1} - 1) e^{I(T)}$, so that by hitting-time it lasts at "
        r"most $\tau N / (1 - e^{-N\epsilon_0})$."
    ),
    assumptions={
        **ALIGNMENT_DRIVE.assumptions,
        "clock": r"$\dot\tau = S$",
        "integral": r"$I = \int Q\, d\tau$, so that $\dot I = Q S$",
        "J": r"$J = \int e^I d\tau$, so that $\dot J = e^I S$",
        "later": r"$t \le T$, both in the same phase, from whose start time is counted",
        "Q <= 0": r"$Q \le 0$ during the phase",
        "Q >= 0": r"$Q \ge 0$ during the phase",
        "I <= 0": r"$I \le 0$, as from the start on where $Q \le 0$",
        "end of the first phase": r"$L(T) \ge \epsilon_1 > 0$ for a phase with $Q \le 0$",
        "growth in the first phase": r"$e^{\epsilon_0} - 1 = (e^{\epsilon_1} - 1) e^{I(T)}$",
        "still epsilon": r"$L(T) \ge \epsilon > 0$ for a phase with $Q \ge 0$",
        "E": r"$E = (e^{N\epsilon} - 1) e^{I(T)}$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("log expm1(L) while Q > 0 too", lambda proof: derive(proof, factor=sp.S.One)),
        Control("a clock without its 1/N", lambda proof: derive(proof, share=sp.S.One)),
        Control("N tau alone", counterexample_no_small_losses, counterexample=True),
    ),
)
