r"""harmonic-decay: dy/dt <= -rho y^2 with y > 0 gives y(t) <= y(0) / (1 + rho y(0) t)."""

import sympy as sp

from fa_theory.proofs.lemmas import comparison as compare
from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

y = sp.Function("y", positive=True)
rho = sp.Symbol("rho", positive=True)


def derive(proof: Derivation, power: int = 2) -> Fact:
    g, Gamma = rho * y(t) ** 2, 1 / (rho * y(t))
    decay = proof.given("decay", y(t).diff(t), "<=", -rho * y(t) ** power)
    positive = proof.less("g is positive", 0, g, because=[g], why="y and rho are positive")
    primitive = proof.equal(
        "1 / (rho y) is the primitive of -1/g", g * Gamma.diff(t), -y(t).diff(t), why="differentiated"
    )
    implicit = proof.apply(
        compare.PROOF,
        {compare.y: y, compare.g: sp.Lambda(t, g), compare.Gamma: sp.Lambda(t, Gamma)},
        {"positive": positive, "decay": decay, "primitive": primitive},
        name="the bound on 1 / y",
    )
    growth = 1 + rho * y(0) * t
    return proof.at_most(
        "the bound",
        y(t),
        y(0) / growth,
        because=[(rho * y(t) * y(0) / growth, implicit)],
        why="multiplied by a positive number",
    )


PROOF = Proof(
    id="harmonic-decay",
    title="Decay like 1/t",
    statement=r"If $y > 0$ and $y' \le -\rho\,y^2$ with $\rho > 0$, then $y(t) \le y(0) / (1 + \rho\,y(0)\,t)$.",
    assumptions={"decay": r"$y > 0$ is absolutely continuous and $y' \le -\rho\,y^2$ at almost all times, $\rho > 0$"},
    source="textbook",
    derive=derive,
    controls=(Control("a cube in place of the square", lambda proof: derive(proof, power=3)),),
)
