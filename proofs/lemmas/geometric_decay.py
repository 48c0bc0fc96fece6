r"""geometric-decay: D_{k+1} <= rho D_k for all k, with rho >= 0, gives D_k <= rho^k D_0, by induction."""

import sympy as sp

from fa_theory.proofs.notation import indexed
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

D, rho = indexed("D", nonnegative=True), sp.Symbol("rho", real=True)
K, M = sp.Symbol("K", integer=True, nonnegative=True), sp.Symbol("M", integer=True, nonnegative=True)

ASSUMPTIONS = {
    "decay": r"$D_{k+1} \le \rho\, D_k$ for every $k \ge 0$",
    "ratio": r"$\rho \ge 0$",
}


def state(proof: Derivation) -> tuple[Fact, Fact]:
    """State the assumptions, the first for every step M."""
    return proof.given("decay", D[M + 1], "<=", rho * D[M], schematic=[M]), proof.given("ratio", 0, "<=", rho)


def derive_step(proof: Derivation, power: int = 1) -> Fact:
    decay, ratio = state(proof)
    so_far = proof.given("induction hypothesis", D[K], "<=", rho**K * D[0])
    return proof.at_most(
        "one step more",
        D[K + 1],
        rho ** (K + power) * D[0],
        because=[decay.at({M: K}), (ratio, so_far)],
        why="rho >= 0 multiplies the hypothesis",
    )


STEP = Proof(
    id="geometric-decay-step",
    title="Geometric decay, by induction",
    statement=r"If $D_K \le \rho^K D_0$, then $D_{K+1} \le \rho^{K+1} D_0$.",
    assumptions={**ASSUMPTIONS, "induction hypothesis": r"$D_K \le \rho^K D_0$"},
    source="textbook",
    derive=derive_step,
    controls=(),
)


def derive(proof: Derivation) -> Fact:
    start = proof.equal("at the start", D[0], rho**0 * D[0], why="rho^0 = 1")
    (bound,) = proof.induct(STEP, K, [start])
    return bound


def counterexample_negative() -> sp.Basic:
    # rho = -1 and D = 0, then -1, then -1: D_1 <= -D_0 and D_2 <= -D_1, but D_2 = 1 is not at most D_0 = 0
    first, second, third = sp.Integer(0), sp.Integer(-1), sp.Integer(1)
    return sp.And(second <= -first, third <= -second, third <= first)


PROOF = Proof(
    id="geometric-decay",
    title="Geometric decay",
    statement=r"If $D_{k+1} \le \rho\, D_k$ for every $k \ge 0$ and $\rho \ge 0$, then $D_k \le \rho^k D_0$.",
    assumptions=ASSUMPTIONS,
    source="textbook",
    derive=derive,
    controls=(
        Control("a power too many", lambda proof: derive_step(proof, power=2)),
        Control("a ratio that is negative", counterexample_negative, counterexample=True),
    ),
)
