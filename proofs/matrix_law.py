r"""matrix-law: in linear networks a whole matrix of quadratic forms is conserved at every hidden layer.

W (n, d) and the bias beta (n, 1) enter hidden layer l, V = W_{l+1} (m, n) leaves it. H (N, d) holds the inputs of the
layer and Delta (N, m) the signal of the layer above, one sample a row, both otherwise arbitrary: any width, any depth,
any loss, any data. The activation is linear, so the layer hands on H W^T + 1 beta^T, and the signal of the layer
itself is Delta M^T with the feedback M (n, m) to it: B for FA, V^T for backprop, kappa V^T + D for adaFA, and
S = sign(V)^T for sign-FA. rate(...) is d/dt along the flow.

The idea: W W^T + beta beta^T changes by M dV/dt + (M dV/dt)^T, for every feedback M, whether it moves or not; what is
conserved is that minus an antiderivative of the right side. Its diagonal is twice the neuron law: for sign-FA, whose S
jumps where an entry of V crosses zero, it is taken from there, with the layer written entry by entry (w[i,k] for W,
v[r,i] for V, M[i,r] for S; W W^T has the sum of w[i,k]^2 over k on its diagonal, S V the sum of |v[r,i]| over r).
"""

import sympy as sp

from fa_theory.proofs.neuron_identity import size
from fa_theory.proofs.neuron_law import PROOF as NEURON_LAW
from fa_theory.proofs.notation import N, alpha, d, i, m, n, p, r, v
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

W, V, B = sp.MatrixSymbol("W", n, d), sp.MatrixSymbol("V", m, n), sp.MatrixSymbol("B", n, m)
A, S = sp.MatrixSymbol("A", n, m), sp.MatrixSymbol("S", n, m)
bias, ones = sp.MatrixSymbol("beta", n, 1), sp.MatrixSymbol("1", N, 1)
H, Delta = sp.MatrixSymbol("H", N, d), sp.MatrixSymbol("Delta", N, m)
D, C = sp.MatrixSymbol("D", n, m), sp.MatrixSymbol("C", n, n)
kappa = alpha
zero = sp.ZeroMatrix(n, n)

SIGN_LAW = 7
"""Which conclusion of neuron-law is the law of sign-FA."""

ENTRIES = ("network", "updates", "feedback", "homogeneous", "flow", "sign-FA")
"""What neuron-law assumes of a layer that is written entry by entry."""


def flow(proof: Derivation, rule: str, feedback: sp.MatrixExpr) -> list[Fact]:
    """State the flow of a linear layer and of the layer above, under a feedback (n, m) to it."""
    key = f"flow of {rule}"
    return [
        proof.given(key, rate(W), "=", -feedback * Delta.T * H / N),
        proof.given(key, rate(bias), "=", -feedback * Delta.T * ones / N),
        proof.given(key, rate(V), "=", -Delta.T * (H * W.T + ones * bias.T) / N),
    ]


def incoming(with_bias: bool = True) -> sp.MatrixExpr:
    return W * W.T + bias * bias.T if with_bias else W * W.T


def derive_fixed(proof: Derivation, with_bias: bool = True) -> Fact:
    fixed = proof.given("fixed feedback", rate(B), "=", sp.ZeroMatrix(n, m))
    return proof.equal(
        "FA: the law",
        rate(incoming(with_bias) - B * V - V.T * B.T),
        zero,
        using=[*flow(proof, "FA", B), fixed],
        why="product rule along the flow; B does not move",
    )


def derive_backprop(proof: Derivation) -> Fact:
    return proof.equal(
        "backprop: the law",
        rate(incoming() - V.T * V),
        zero,
        using=flow(proof, "backprop", V.T),
        why="product rule along the flow with M = V^T",
    )


def derive_adaptive(proof: Derivation, potential: sp.MatrixExpr = kappa * V.T * V + D * V + V.T * D.T) -> Fact:
    tracking = proof.given("adaFA feedback", rate(A), "=", kappa * rate(V).T)
    offset = proof.constant(
        "adaFA: what the feedback keeps of its start",
        proof.equal("adaFA: A - kappa V^T stands still", rate(A - kappa * V.T), sp.ZeroMatrix(n, m), using=[tracking]),
        D,
    )
    law = proof.equal(
        "adaFA: the law in terms of A",
        rate(incoming() - A * V - V.T * A.T + kappa * V.T * V),
        zero,
        using=[tracking, *flow(proof, "adaFA", A)],
        why="product rule along the flow; the motion of A gives 2 kappa V^T V half of its rate",
    )
    start = proof.constant("adaFA: it stays at its start", law, C)
    feedback = proof.equal("adaFA: the feedback", A, kappa * V.T + D, because=[offset])
    return proof.equal(
        "adaFA: the law in terms of D = A(0) - kappa V(0)^T",
        incoming() - potential,
        C,
        because=[start],
        using=[feedback],
    )


def derive_sign_between(proof: Derivation) -> Fact:
    constant = proof.given("no sign changes", rate(S), "=", sp.ZeroMatrix(n, m))
    return proof.equal(
        "sign-FA: the law between sign changes",
        rate(incoming() - S * V - V.T * S.T),
        zero,
        using=[*flow(proof, "sign-FA", S), constant],
        why="product rule along the flow; S = sign(V)^T does not move",
    )


def derive_sign_diagonal(proof: Derivation, factor: int = 1) -> Fact:
    law = proof.apply(
        NEURON_LAW,
        {p: sp.S.One},
        conclusion=SIGN_LAW,
        name="sign-FA: the law of a neuron",
        why="neuron-law with p = 1: a linear activation is homogeneous of degree 1",
    )
    return proof.equal(
        "sign-FA: the diagonal, entry by entry, across sign changes too",
        2 * size - 2 * factor * sp.Sum(sp.Abs(v[r, i]), (r, 1, m)),
        2 * law.claim.rhs,
        because=[(2, law)],
        why="twice the law of a neuron",
    )


def derive(proof: Derivation) -> list[Fact]:
    return [
        derive_fixed(proof),
        derive_backprop(proof),
        derive_adaptive(proof),
        derive_sign_between(proof),
        derive_sign_diagonal(proof),
    ]


def attempt_without_transpose(proof: Derivation) -> None:
    fixed = proof.given("fixed feedback", rate(B), "=", sp.ZeroMatrix(n, m))
    proof.equal("wrong", rate(incoming() - 2 * B * V), zero, using=[*flow(proof, "FA", B), fixed])


def counterexample_gated() -> sp.Basic:
    # leaky ReLU of slope 1/2, one sample x = 1, e = 1: w = (1, -1), so that z = w; B = (1, 2)
    w, b, slope = sp.Matrix([1, -1]), sp.Matrix([1, 2]), sp.diag(1, sp.Rational(1, 2))
    w_rate, v_rate = -slope * b, -(slope * w).T
    drift = w_rate * w.T + w * w_rate.T - b * v_rate - v_rate.T * b.T
    return sp.Eq(drift[0, 1], 0)


def counterexample_sign_change() -> sp.Basic:
    # v = (v_1, 3): when v_1 crosses zero, the entry s_1 v_2 + v_1 s_2 of S V + V^T S^T jumps
    before, at, after = sp.Matrix([[-1, 1]]), sp.Matrix([[0, 3]]), sp.Matrix([[1, 1]])
    return sp.Eq((before.T * at + at.T * before)[0, 1], (after.T * at + at.T * after)[0, 1])


PROOF = Proof(
    id="matrix-law",
    title="Matrix conservation law",
    statement=(
        r"In a linear network of any depth, let $W$, $\beta$ enter hidden layer $l$ and $V = W_{l+1}$ leave it. "
        r"Constant along the flow are: FA, $W W^T + \beta\beta^T - B V - V^T B^T$; backprop, "
        r"$W W^T + \beta\beta^T - V^T V$; adaFA with $\kappa \ge 0$ and feedback $\kappa V^T + D$, "
        r"$W W^T + \beta\beta^T - \kappa V^T V - D V - V^T D^T$; sign-FA, $S = \operatorname{sign}(V)^T$, "
        r"$W W^T + \beta\beta^T - S V - V^T S^T$ between sign changes, and its diagonal, "
        r"twice $\frac12 (|w_i|^2 + \beta_i^2) - |v_i|_1$, always."
    ),
    assumptions={
        "flow of FA": r"linear activation; $W$, $\beta$, $V$ move along FA's update directions, with feedback $B$",
        "fixed feedback": r"$\dot B = 0$",
        "flow of backprop": r"linear activation; the same with feedback $V^T$",
        "flow of adaFA": r"linear activation; the same with feedback $A$",
        "adaFA feedback": r"$\dot A = \kappa \dot V^T$, so that $D = A - \kappa V^T$ keeps its start",
        "flow of sign-FA": r"linear activation; the same with feedback $S = \operatorname{sign}(V)^T$",
        "no sign changes": r"$\dot S = 0$: no entry of $V$ changes its sign (only for the law off the diagonal)",
        **{key: f"for the diagonal, with $p = 1$: {NEURON_LAW.assumptions[key]}" for key in ENTRIES},
    },
    source="own",
    derive=derive,
    controls=(
        Control("the matrix without its transpose", attempt_without_transpose),
        Control("without the bias term", lambda proof: derive_fixed(proof, with_bias=False)),
        Control("adaFA with FA's law", lambda proof: derive_adaptive(proof, D * V + V.T * D.T)),
        Control("sign-FA with twice the size of the outgoing weights", lambda proof: derive_sign_diagonal(proof, 2)),
        Control("gating: off the diagonal the law fails", counterexample_gated, counterexample=True),
        Control("sign-FA off the diagonal across a sign change", counterexample_sign_change, counterexample=True),
    ),
)
