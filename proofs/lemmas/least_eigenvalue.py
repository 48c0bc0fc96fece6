r"""least-eigenvalue: what the extreme eigenvalues of a symmetric matrix say about its quadratic form.

A (n, n) is symmetric, Z (n, m) arbitrary, tr(Z^T A Z) its quadratic form added up over the columns of Z. That lambda is
at most the least eigenvalue of A is said by a root R of what is left, A - lambda I = R R^T: the spectral theorem,
A = O D O^T with D diagonal, gives R = O (D - lambda I)^{1/2}. Likewise for the greatest eigenvalue.
"""

import sympy as sp

from fa_theory.proofs.notation import m, n
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

A, R, P = (sp.MatrixSymbol(name, n, n) for name in ("A", "R", "P"))
Z = sp.MatrixSymbol("Z", n, m)
least, greatest = sp.symbols("lambda_- lambda_+", real=True)


def derive(proof: Derivation, sign: int = 1) -> list[Fact]:
    form, size = sp.Trace(Z.T * A * Z), sp.Trace(Z.T * Z)
    above = proof.given("least", A, "=", least * sp.Identity(n) + sign * R * R.T)
    bounded_below = proof.at_most(
        "at least the least eigenvalue times the squared size",
        least * size,
        form,
        because=[sp.Trace(Z.T * R * R.T * Z)],
        using=[above],
        why="the difference is |R^T Z|^2",
    )
    below = proof.given("greatest", A, "=", greatest * sp.Identity(n) - P * P.T)
    bounded_above = proof.at_most(
        "at most the greatest eigenvalue times the squared size",
        form,
        greatest * size,
        because=[sp.Trace(Z.T * P * P.T * Z)],
        using=[below],
        why="the difference is |P^T Z|^2",
    )
    return [bounded_below, bounded_above]


def counterexample_between() -> sp.Basic:
    # the mean of the eigenvalues 1 and 3 of a diagonal matrix is no lower bound: z = (1, 0)
    matrix, vector = sp.diag(1, 3), sp.Matrix([1, 0])
    return sp.Ge((vector.T * matrix * vector)[0], 2 * (vector.T * vector)[0])


PROOF = Proof(
    id="least-eigenvalue",
    title="Quadratic forms and eigenvalues",
    statement=(
        r"For symmetric $A$ with least and greatest eigenvalues $\lambda_-$ and $\lambda_+$, and every $Z$: "
        r"$\lambda_- \operatorname{tr}(Z^T Z) \le \operatorname{tr}(Z^T A Z) \le \lambda_+ \operatorname{tr}(Z^T Z)$."
    ),
    assumptions={
        "least": r"no eigenvalue of $A$ is below $\lambda_-$: $A - \lambda_- I = R R^T$",
        "greatest": r"no eigenvalue of $A$ is above $\lambda_+$: $\lambda_+ I - A = P P^T$",
    },
    source="textbook",
    derive=derive,
    controls=(
        Control("eigenvalues below instead of above", lambda proof: derive(proof, sign=-1)),
        Control("a value between the eigenvalues", counterexample_between, counterexample=True),
    ),
)
