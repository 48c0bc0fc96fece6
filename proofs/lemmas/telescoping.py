r"""telescoping: A_l - A_{l-1} = s_l for every l gives A_m - A_0 = s_1 + ... + s_m."""

import sympy as sp

from fa_theory.proofs.notation import indexed
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

A, s = indexed("A"), indexed("s")
layer = sp.Symbol("l", integer=True)
last = sp.Symbol("last", integer=True, nonnegative=True)

TELESCOPING = "telescoping: (A_1 - A_0) + (A_2 - A_1) + ... + (A_m - A_{m-1}) = A_m - A_0"


def derive(proof: Derivation, step: int = 1) -> Fact:
    steps = proof.given("steps", A[layer] - A[layer - step], "=", s[layer])
    added = proof.sum_over("the steps added up", steps, (layer, 1, last))
    between = sp.Sum(A[layer] - A[layer - 1], (layer, 1, last))
    ends = proof.cite("all but the ends cancels", between, "=", A[last] - A[0], theorem=TELESCOPING, universal=True)
    return proof.equal(
        "from end to end",
        A[last] - A[0],
        sp.Sum(s[layer], (layer, 1, last)),
        because=[added, (-1, ends)],
        why="both are the sum of the differences",
    )


PROOF = Proof(
    id="telescoping",
    title="Telescoping sum",
    statement=r"If $A_l - A_{l-1} = s_l$ for $l = 1, \dots, m$, then $A_m - A_0 = \sum_{l=1}^m s_l$.",
    assumptions={"steps": r"$A_l - A_{l-1} = s_l$ for every $l$"},
    source="textbook",
    derive=derive,
    controls=(Control("steps of two", lambda proof: derive(proof, step=2)),),
)
