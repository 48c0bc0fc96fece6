r"""initial-time: an inequality between continuous functions that holds at almost all times holds at the start."""

import sympy as sp

from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

f, g = sp.Function("f", real=True), sp.Function("g", real=True)

CONTINUITY = "continuity: an inequality between continuous functions that holds at almost all times holds at every time"


def derive(proof: Derivation) -> Fact:
    holds = proof.given("holds", f(t), "<=", g(t))
    return proof.cite("at the start", f(0), "<=", g(0), theorem=CONTINUITY, using=[holds])


def counterexample_discontinuous() -> sp.Basic:
    # f(0) = 1 and f(t) = 0 for t > 0, against g = 0
    start, later, bound = sp.Integer(1), sp.Integer(0), sp.Integer(0)
    return sp.And(later <= bound, start <= bound)


PROOF = Proof(
    id="initial-time",
    title="At the start",
    statement=r"If $f \le g$ at almost all times $t \ge 0$, with $f$ and $g$ continuous, then $f(0) \le g(0)$.",
    assumptions={"holds": r"$f$ and $g$ are continuous and $f \le g$ at almost all times"},
    source="textbook",
    derive=derive,
    controls=(Control("a function that jumps at the start", counterexample_discontinuous, counterexample=True),),
)
