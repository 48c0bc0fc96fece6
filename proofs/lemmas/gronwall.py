r"""Gronwall: dy/dt <= -r y at all times gives y(t) <= y(0) exp(-r t)."""

import sympy as sp

from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import MONOTONE, Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

y = sp.Function("y", real=True)
rate = sp.Symbol("r", real=True)


def derive(proof: Derivation, sign: int = -1) -> Fact:
    decay = proof.given("decay", y(t).diff(t), "<=", sign * rate * y(t))
    weighted = proof.at_most(
        "the weighted quantity does not increase",
        sp.Derivative(y(t) * sp.exp(rate * t), t),
        0,
        because=[(sp.exp(rate * t), decay)],
        why="product rule; exp(r t) > 0 multiplies the assumption",
    )
    bounded = proof.cite(
        "so it stays below its start", y(t) * sp.exp(rate * t), "<=", y(0), theorem=MONOTONE, using=[weighted]
    )
    return proof.at_most(
        "solved for y",
        y(t),
        y(0) * sp.exp(-rate * t),
        because=[(sp.exp(-rate * t), bounded)],
        why="multiplied by exp(-r t) > 0",
    )


PROOF = Proof(
    id="gronwall",
    title="Gronwall's inequality",
    statement=r"If $y' \le -r\,y$ at (almost) all times $t \ge 0$, then $y(t) \le y(0)\,e^{-rt}$.",
    assumptions={"decay": r"$y$ is absolutely continuous and $y' \le -r\,y$ at almost all times"},
    source="textbook",
    derive=derive,
    controls=(Control("growth instead of decay", lambda proof: derive(proof, sign=1)),),
)
