r"""gronwall-defect: dy/dt <= mu y + k at all times gives y(t) <= exp(mu t) (y(0) + k t)."""

import sympy as sp

from fa_theory.proofs.lemmas.exp_order import tangent
from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import MONOTONE, Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

y = sp.Function("y", real=True)
rate, defect = sp.symbols("mu k", nonnegative=True)


def derive(proof: Derivation, sign: int = 1) -> Fact:
    grows = proof.given("growth", y(t).diff(t), "<=", sign * rate * y(t) + defect)
    fading = sp.exp(-rate * t)
    above = proof.at_most(
        "weights are at most 1",
        fading,
        1,
        because=[(fading, tangent(proof, sp.S.Zero, rate * t)), rate * t * fading],
        why="exp(mu t) >= 1 + mu t >= 1, multiplied by exp(-mu t)",
    )
    weighted = proof.at_most(
        "the weighted quantity, less k t, does not increase",
        sp.Derivative(y(t) * fading - defect * t, t),
        0,
        because=[(fading, grows), (defect, above)],
        why="product rule; exp(-mu t) > 0 multiplies the assumption",
    )
    bounded = proof.cite(
        "so it stays below its start", y(t) * fading - defect * t, "<=", y(0), theorem=MONOTONE, using=[weighted]
    )
    return proof.at_most(
        "solved for y",
        y(t),
        sp.exp(rate * t) * (y(0) + defect * t),
        because=[(sp.exp(rate * t), bounded)],
        why="multiplied by exp(mu t) > 0",
    )


def counterexample_no_growth_of_the_defect() -> sp.Basic:
    # y' = y + 1, y(0) = 0: y = exp(t) - 1, which at t = 2 is more than 2, that is k t without the exponential
    return sp.Le(sp.exp(2) - 1, 2)


PROOF = Proof(
    id="gronwall-defect",
    title="Gronwall's inequality with a defect",
    statement=(
        r"If $y' \le \mu\,y + k$ at (almost) all times $t \ge 0$, with $\mu, k \ge 0$, then "
        r"$y(t) \le e^{\mu t} (y(0) + k t)$."
    ),
    assumptions={"growth": r"$y$ is absolutely continuous and $y' \le \mu\,y + k$ at almost all times"},
    source="textbook",
    derive=derive,
    controls=(
        Control("decay instead of growth", lambda proof: derive(proof, sign=-1)),
        Control("a defect that does not grow", counterexample_no_growth_of_the_defect, counterexample=True),
    ),
)
