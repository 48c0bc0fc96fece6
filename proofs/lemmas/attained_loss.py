r"""attained-loss: some linear map leaves of the targets only what is outside the span of the data's columns.

X[j,a] holds the inputs of sample j, y[j] its target, Q[j,p] an orthonormal basis of the columns of X, which is
Q = X T for some T. The map u_* = T Q^T y has the outputs f = X u_* = Q Q^T y, the part of the targets in the span:
|f - y|^2 is |y|^2 - |Q^T y|^2.
"""

import sympy as sp

from fa_theory.proofs.lemmas.gradient_step import Q, X, a, p, rank, rest, total, x, y
from fa_theory.proofs.notation import N, d, indexed, j
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

T, outputs, best = indexed("T"), indexed("f"), indexed("u_*")
s, o = sp.symbols("s o", integer=True)


def along(index: sp.Expr) -> sp.Expr:
    """Return the target along a vector of the basis."""
    return total(Q[o, index] * y[o], (o, N))


def derive(proof: Derivation, scale: int = 1) -> Fact:
    coordinates = proof.given("span", x[p, a], "=", total(Q[j, p] * X[j, a], (j, N)))
    spanned = proof.given("span", X[j, a], "=", total(Q[j, p] * x[p, a], (p, rank)))
    combined = proof.given("combined", Q[j, s], "=", total(X[j, a] * T[a, s], (a, d)))
    chosen = proof.given("map", best[a], "=", scale * total(T[a, s] * along(s), (s, rank)))
    mapped = total(X[j, a] * best[a], (a, d))
    named = proof.define("what the map puts out", outputs[j], mapped)
    weighted = proof.times("weighted", along(s), combined)
    projected = proof.equal(
        "that is Q Q^T y",
        outputs[j],
        total(Q[j, s] * along(s), (s, rank)),
        because=[named, (-1, proof.sum_over("added up", weighted, (s, 1, rank)))],
        using=[chosen],
        why="X T = Q",
    )
    against = proof.sum_over("against the targets", proof.times("weighted", y[j], projected), (j, 1, N))
    squared = proof.sum_over("squared", proof.times("weighted", outputs[j], projected), (j, 1, N))
    along_map = proof.equal(
        "the outputs along the basis",
        total(Q[j, p] * outputs[j], (j, N)),
        total(x[p, a] * T[a, s] * along(s), (a, d), (s, rank)),
        using=[named, chosen, coordinates],
        why="x = Q^T X",
    )
    again = proof.sum_over(
        "the outputs along the targets' part", proof.times("weighted", along(p), along_map), (p, 1, rank)
    )
    through = proof.sum_over("X = Q x, times T", proof.times("weighted", T[a, s], spanned), (a, 1, d))
    kept = proof.equal(
        "Q x T is Q",
        Q[j, s],
        total(Q[j, p] * x[p, a] * T[a, s], (p, rank), (a, d)),
        because=[combined, through],
        why="Q = X T and X = Q x",
    )
    both = proof.sum_over("on both sides", proof.times("weighted", y[j] * along(s), kept), (j, 1, N), (s, 1, rank))
    least = proof.equal(
        "the squared errors of the map",
        total((outputs[j] - y[j]) ** 2, (j, N)),
        rest,
        because=[squared, again, (-1, both), (-2, against)],
        why="|f|^2 = <f, y> = |Q^T y|^2",
    )
    return proof.equal(
        "the squared errors, with f written out",
        total((mapped - y[j]) ** 2, (j, N)),
        rest,
        because=[least],
        using=[named],
        why="f = X u",
    )


PROOF = Proof(
    id="attained-loss",
    title="A linear map of least loss",
    statement=r"The linear map $u_* = T Q^T y$, $Q = X T$, has the squared error $|X u_* - y|^2 = |y|^2 - |Q^T y|^2$.",
    assumptions={
        "span": r"$X = Q x$ and $x = Q^T X$",
        "map": r"$u_* = T Q^T y$",
        "combined": r"$Q = X T$: the columns of $Q$ are in the span of those of $X$",
    },
    source="own",
    derive=derive,
    controls=(Control("twice the map", lambda proof: derive(proof, scale=2)),),
)
