r"""matrix-law: in linear networks a whole matrix of quadratic forms is conserved at every hidden layer.

W (n, d) enters hidden layer l, V = W_{l+1} (m, n) leaves it; H (N, d) holds the inputs of the layer, Delta (N, m) the
signal of the layer above, both one sample a row and otherwise arbitrary: any width, any depth, any loss.
"""

import sympy as sp

from fa_theory.proofs.notation import N, alpha, d, m, n
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

W, V, B = sp.MatrixSymbol("W", n, d), sp.MatrixSymbol("V", m, n), sp.MatrixSymbol("B", n, m)
bias, ones = sp.MatrixSymbol("beta", n, 1), sp.MatrixSymbol("1", N, 1)
H, Delta = sp.MatrixSymbol("H", N, d), sp.MatrixSymbol("Delta", N, m)
kappa = alpha


def flow(proof: Derivation, feedback: sp.MatrixExpr) -> list[Fact]:
    """State the flow of a linear layer and its neighbour above, under a feedback (n, m) to it."""
    return [
        proof.given("flow", rate(W), "=", -feedback * Delta.T * H / N),
        proof.given("flow", rate(bias), "=", -feedback * Delta.T * ones / N),
        proof.given("flow", rate(V), "=", -Delta.T * (H * W.T + ones * bias.T) / N),
    ]


def derive(proof: Derivation, with_bias: bool = True) -> list[Fact]:
    start = W * W.T + (bias * bias.T if with_bias else sp.ZeroMatrix(n, n))
    zero = sp.ZeroMatrix(n, n)
    laws = []

    moving = flow(proof, B)
    fixed = proof.given("fixed feedback", rate(B), "=", sp.ZeroMatrix(n, m))
    laws.append(
        proof.equal(
            "FA", rate(start - B * V - V.T * B.T), zero, using=[*moving, fixed], why="product rule along the flow"
        )
    )
    backprop = flow(proof, V.T)
    laws.append(proof.equal("backprop", rate(start - V.T * V), zero, using=backprop, why="product rule, M = V^T"))
    return laws


def derive_transposed(proof: Derivation) -> None:
    fixed = proof.given("fixed feedback", rate(B), "=", sp.ZeroMatrix(n, m))
    proof.equal("wrong", rate(W * W.T + bias * bias.T - 2 * B * V), sp.ZeroMatrix(n, n), using=[*flow(proof, B), fixed])


PROOF = Proof(
    id="matrix-law",
    title="Matrix conservation law",
    statement=r"In linear networks $W W^T + \beta\beta^T - B V - V^T B^T$ is constant.",
    assumptions={"flow": "linear activation", "fixed feedback": r"$\dot B = 0$"},
    source="own",
    derive=derive,
    controls=(
        Control("the matrix without its transpose", derive_transposed),
        Control("without the bias term", lambda proof: derive(proof, with_bias=False)),
    ),
)
