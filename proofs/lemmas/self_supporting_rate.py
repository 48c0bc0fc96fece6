r"""self-supporting-rate: a rate of decay that holds while little has moved holds for ever, if it lets little move.

y > 0 is what decays, m how far something has moved, with the speed nu sqrt(y). As long as m is less than D, y decays at
the rate rho; beyond that it still does not grow. If rho D = 2 nu sqrt(y(0)), m never reaches D: room = (D - m)_+ is chi
(D - m), chi being 1 where m < D and 0 where m > D, and 2 nu sqrt(y) - rho room does not grow, neither while m < D nor
beyond. It is 0 at the start, so room is at least 2 nu sqrt(y) / rho, which is positive.
"""

import sympy as sp

from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as decay_rate
from fa_theory.proofs.lemmas.gronwall import y as followed
from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

y, moved = sp.Function("y", real=True), sp.Function("m", real=True)
root = sp.Function("sqrt_y", positive=True)
room, inside = sp.Function("room", nonnegative=True), sp.Function("chi", nonnegative=True)
nu, rho, D = sp.symbols("nu rho D", positive=True)


def derive(proof: Derivation, factor: int = 2) -> list[Fact]:
    square = proof.given("root", root(t) ** 2, "=", y(t))
    falls = proof.given("falls", y(t).diff(t), "<=", 0)
    supported = proof.given("supported", inside(t) * y(t).diff(t) + inside(t) * rho * y(t), "<=", 0)
    speed = proof.given("moves", moved(t).diff(t), "=", nu * root(t))
    left = proof.given("room", room(t), "=", inside(t) * (D - moved(t)))
    at_most_one = proof.given("room", inside(t), "<=", 1)
    at_start = proof.given("room", room(0), "=", D)
    balance = proof.given("rate", rho * D, "=", factor * nu * root(0))

    shrinks = proof.given("room", room(t).diff(t), "=", -inside(t) * moved(t).diff(t))
    half = proof.differentiated("how y moves", square)
    both = proof.at_most(
        "inside and outside",
        y(t).diff(t),
        -inside(t) * rho * y(t),
        because=[supported, (at_most_one, falls)],
        why="y' is chi y' + (1 - chi) y'",
    )
    closing = proof.at_most(
        "2 nu sqrt(y) less rho room does not grow",
        sp.Derivative(2 * nu * root(t) - rho * room(t), t),
        0,
        because=[(nu / root(t), both), (nu / root(t), half), (nu * rho * inside(t) / root(t), square)],
        using=[shrinks, speed],
        why="y' = 2 sqrt(y) sqrt(y)', and room' = -chi nu sqrt(y)",
    )
    below = proof.apply(
        GRONWALL,
        {followed: lambda time: 2 * nu * root(time) - rho * room(time), decay_rate: 0},
        {"decay": closing},
        name="so it stays below its start",
    )
    lasts = proof.less(
        "room is left",
        0,
        room(t),
        because=[(1 / rho, below), 2 * nu * root(t) / rho, (-1, at_start), (-1 / rho, balance)],
        why="it is 0 at the start, and sqrt(y) is positive",
    )
    inverse = proof.reciprocal("room can be divided by", lasts)
    square_left = proof.at_most(
        "a square", 0, inside(t) * (D - moved(t)) ** 2, because=[inside(t) * (D - moved(t)) ** 2]
    )
    near = proof.at_most(
        "m is at most D",
        moved(t),
        D,
        because=[(inverse, square_left), (-(D - moved(t)) / room(t), left)],
        why="room (D - m) is chi (D - m)^2",
    )
    decays = proof.at_most(
        "so y decays at the rate",
        y(t).diff(t),
        -rho * y(t),
        because=[
            (inverse, proof.times("weighed by what is left", near, supported)),
            ((y(t).diff(t) + rho * y(t)) / room(t), left),
        ],
        why="chi (D - m) = room > 0",
    )
    return [
        proof.apply(GRONWALL, {followed: y, decay_rate: rho}, {"decay": decays}, name="exponential decay"),
        lasts,
    ]


def counterexample_too_short() -> sp.Basic:
    # y = exp(-2 t) decays at the rate 2 exactly, with nu = 1: m tends to the integral of exp(-t), 1; for D = 1/2, half
    # of what rho D = 2 nu asks for, it goes beyond
    moved_at_last, D = sp.Integer(1), sp.Rational(1, 2)
    return sp.Lt(moved_at_last, D)


PROOF = Proof(
    id="self-supporting-rate",
    title="A rate that supports itself",
    statement=(
        r"Let $y > 0$ not increase, $\dot m = \nu \sqrt{y}$ with $m(0) = 0$, and $\rho D = 2 \nu \sqrt{y(0)}$. If "
        r"$\dot y \le -\rho y$ wherever $m \le D$, then $y(t) \le y(0) e^{-\rho t}$, and $m < D$ at all times."
    ),
    assumptions={
        "root": r"$\sqrt{y}$ is the root of $y > 0$",
        "falls": r"$\dot y \le 0$",
        "supported": r"$\chi (\dot y + \rho y) \le 0$: $\dot y \le -\rho y$ where $m \le D$",
        "moves": r"$\dot m = \nu \sqrt{y}$",
        "room": (
            r"$room = (D - m)_+ = \chi (D - m)$ with $\chi = 1$ where $m < D$ and else $0$, starts at $D$, as $m$ does "
            r"at $0$; its derivative is $\chi$ times that of $D - m$ almost everywhere, for the latter is $0$ almost "
            r"everywhere on $\{m = D\}$"
        ),
        "rate": r"$\rho D = 2 \nu \sqrt{y(0)}$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("half the distance", lambda proof: derive(proof, factor=1)),
        Control("half the distance at an instance", counterexample_too_short, counterexample=True),
    ),
)
