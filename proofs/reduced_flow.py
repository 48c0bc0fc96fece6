r"""reduced-flow: two-layer linear FA with a scalar output is a flow in d dimensions, at any width.

W (n, d) is the first layer, v (n, 1) the outgoing weights, b (n, 1) the feedback, X (N, d) the data, one sample a row.
e (N, 1) holds the derivatives of the loss by the outputs X W^T v, for any loss; g = X^T e / N. All that happens to the
weights passes through u (d, 1), which starts at 0 and moves at -g.

First direction: along any solution of the flow the weights are the stated functions of u. Second: whatever u solves
du/dt = -g, with e taken at the weights W^u, v^u that u stands for, these weights solve the flow. So both are the same.
"""

import sympy as sp

from fa_theory.proofs.notation import N, d, n
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

X, e = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("e", N, 1)
W, v, b, u = (
    sp.MatrixSymbol("W", n, d),
    sp.MatrixSymbol("v", n, 1),
    sp.MatrixSymbol("b", n, 1),
    sp.MatrixSymbol("u", d, 1),
)
W0, v0 = sp.MatrixSymbol("W_0", n, d), sp.MatrixSymbol("v_0", n, 1)
first_start, second_start = sp.MatrixSymbol("A", n, d), sp.MatrixSymbol("a", n, 1)
Wu, vu = sp.MatrixSymbol("W^u", n, d), sp.MatrixSymbol("v^u", n, 1)

half = sp.Rational(1, 2)
g = X.T * e / N
first = W0 + b * u.T
second = v0 + W0 * u + half * b * u.T * u


def derive(proof: Derivation, quadratic: sp.Expr = half, fixed: bool = True) -> list[Fact]:
    moving = proof.given("reduced flow", rate(u), "=", -g)
    feedback = [proof.given("fixed feedback", rate(b), "=", sp.ZeroMatrix(n, 1))] if fixed else []
    flow = [proof.given("flow", rate(W), "=", -b * g.T), proof.given("flow", rate(v), "=", -W * g)]
    using = [moving, *flow, *feedback]

    still = proof.equal(
        "W - b u^T stands still", rate(W - b * u.T), sp.ZeroMatrix(n, d), using=using, why="both parts move at -b g^T"
    )
    kept = proof.constant("it keeps its start", still, first_start)
    start = proof.given("start", first_start, "=", W0)
    weights = proof.equal("the first layer", W, first, because=[kept, start], why="solved for W")

    still = proof.equal(
        "v - W u + b |u|^2 / 2 stands still",
        rate(v - W * u + quadratic * b * u.T * u),
        sp.ZeroMatrix(n, 1),
        using=using,
        why="W u moves at -W g - b g^T u, and b |u|^2 / 2 at -b u^T g, which is the same number times b",
    )
    kept = proof.constant("it keeps its start", still, second_start)
    start = proof.given("start", second_start, "=", v0)
    outgoing = proof.equal(
        "the outgoing weights",
        v,
        second,
        because=[kept, start, (1, proof.equal("W u in terms of u", W * u, first * u, using=[weights]))],
        why="solved for v; W u = W_0 u + b |u|^2",
    )
    outputs = proof.equal(
        "the outputs, and with them e and g, are functions of u",
        X * W.T * v,
        X * first.T * second,
        using=[weights, outgoing],
        why="put in",
    )

    origin = [
        proof.given("fixed start", rate(W0), "=", sp.ZeroMatrix(n, d)),
        proof.given("fixed start", rate(v0), "=", sp.ZeroMatrix(n, 1)),
    ]
    built = proof.define("the first layer that u stands for", Wu, first)
    moved = proof.differentiated("its rate", built)
    back = [
        proof.equal(
            "it moves as FA says",
            rate(Wu),
            -b * g.T,
            because=[moved],
            using=[moving, *feedback, *origin],
            why="product rule",
        )
    ]
    moved = proof.differentiated("their rate", proof.define("the outgoing weights that u stands for", vu, second))
    back.append(
        proof.equal(
            "they move as FA says",
            rate(vu),
            -Wu * g,
            because=[moved],
            using=[moving, *feedback, *origin, built],
            why="product rule; u^T g b = b u^T g",
        )
    )
    return [weights, outgoing, outputs, *back]


def counterexample_gated() -> sp.Basic:
    # ReLU, w = (1, -1), x = 1, b = (1, 1), e = 1: the second neuron does not move, so W - W_0 is not b u^T
    slopes, feedback = sp.diag(1, 0), sp.Matrix([1, 1])
    moved = -slopes * feedback
    return sp.Eq(moved[0] * feedback[1], moved[1] * feedback[0])


PROOF = Proof(
    id="reduced-flow",
    title="The flow in d variables",
    statement=(
        r"Two-layer linear FA with scalar output, any width $n$, loss and data: with $u(0) = 0$ and "
        r"$\dot u = -\frac1N \sum_j e_j x_j$, the flow is $W_1(t) = W_1(0) + b\,u^T$, "
        r"$v(t) = v(0) + W_1(0)\,u + \frac12 b\,|u|^2$; and for any solution $u$ of this $d$-dimensional equation they "
        r"solve the flow."
    ),
    assumptions={
        "reduced flow": r"$\dot u = -g$, $g = \frac1N X^T e$",
        "fixed feedback": r"$\dot b = 0$",
        "flow": r"$\dot W = -b\,g^T$ and $\dot v = -W g$",
        "start": r"$u = 0$, $W = W_0$ and $v = v_0$ at the start, so that $W - b u^T$ starts at $W_0$ and "
        r"$v - W u + \frac12 b |u|^2$ at $v_0$",
        "fixed start": r"$W_0$ and $v_0$ do not move",
    },
    source="own",
    derive=derive,
    controls=(
        Control("without the half", lambda proof: derive(proof, quadratic=sp.S.One)),
        Control("feedback that moves, as adaFA's does", lambda proof: derive(proof, fixed=False)),
        Control("gating", counterexample_gated, counterexample=True),
    ),
)
