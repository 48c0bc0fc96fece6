r"""gated-completeness: what the differential of a data-independent law looks like at one gated neuron.

Two layers; a hidden neuron has slope 1 on one side of its kink and 1 - gamma on the other, 0 < gamma <= 1 (for ReLU
gamma = 1). A sample x (d, 1) with error e (m, 1) moves neuron i, of incoming weights w (d, 1), outgoing weights v
(m, 1) and feedback b (m, 1), along -s ((b.e) x, (w.x) e), s its slope at x. Let alpha (d, 1) and beta (m, 1) be the
derivatives by w and v of a function that no data set moves. It does not move under a single sample either, whose error
can be anything (squared loss, any target): so s ((b.e) (alpha.x) + (w.x) (beta.e)) adds up to zero over the neurons.

Take x_0 on the kink of neuron i and of no other, and y small with w.y > 0. The samples x_0 + y, x_0 - y, x_0 + 2 y lie
on the same side of every other kink, where all other neurons together contribute some rho.x, linear in x. Weighted by
3, -1, -2 they add up to nothing, and what is left is gamma times neuron i at x_0 - y. Such points fill an open set, so
neuron i alone satisfies the equation for every x and e: alpha b^T + w beta^T = 0.

With hidden biases read (x, 1) for x, (w, its bias) for w and (y, 0) for y; the points then fill an open set of the
inputs with last entry 1, which spans too, and d = 1 is enough.
"""

from itertools import product

import sympy as sp

from fa_theory.proofs.notation import d, m
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

w, alpha, rho = (sp.MatrixSymbol(name, d, 1) for name in ("w", "alpha", "rho"))
x0, y, dw = (sp.MatrixSymbol(name, d, 1) for name in ("x_0", "y", "dw"))
b, beta, error, dv = (sp.MatrixSymbol(name, m, 1) for name in ("b", "beta", "e", "dv"))
gamma = sp.Symbol("gamma", positive=True)
w_squared, b_squared = sp.Symbol("omega", positive=True), sp.Symbol("eta", positive=True)
multiple = sp.Symbol("c", real=True)

OPEN_SET = (
    "avoidance and open sets: a kink not contained in finitely many other hyperplanes has points off all of them; a "
    "bilinear form in (x, e) that vanishes for every e and all x of an open set is zero"
)


def dot(left: sp.MatrixExpr, right: sp.MatrixExpr) -> sp.Expr:
    return sp.Trace(left.T * right)


def neuron(x: sp.MatrixExpr) -> sp.Expr:
    """Return how fast the function would move through neuron i at slope 1, with the sign reversed."""
    return dot(b, error) * dot(alpha, x) + dot(w, x) * dot(beta, error)


def derive(proof: Derivation, other_side: sp.Expr = 1 - gamma, weights: tuple[int, int, int] = (3, -1, -2)) -> Fact:
    samples = [
        proof.given("law", slope * neuron(x) + dot(rho, x), "=", 0)
        for x, slope in ((x0 + y, 1), (x0 - y, other_side), (x0 + 2 * y, 1))
    ]
    left = proof.equal(
        "three samples single neuron i out",
        gamma * neuron(x0 - y),
        0,
        because=list(zip(weights, samples, strict=True)),
        why="3, -1, -2 cancel all that is linear in x, and neuron i has another slope at x_0 - y",
    )
    alone = proof.times("divided by gamma", 1 / gamma, left)
    equation = proof.cite(
        "for every x and e",
        alpha * b.T,
        "=",
        -w * beta.T,
        theorem=OPEN_SET,
        using=[proof.equal("neuron i alone", neuron(x0 - y), 0, because=[alone], why="the same")],
    )

    lengths = [
        proof.given("not zero", w.T * w, "=", w_squared * sp.Identity(1)),
        proof.given("not zero", b.T * b, "=", b_squared * sp.Identity(1)),
    ]
    along_feedback = proof.equal(
        "along the feedback", alpha * b.T * b, -w * beta.T * b, using=[equation], why="times b from the right"
    )
    factor = proof.define("the multiple", multiple, -dot(beta, b) / b_squared)
    incoming = proof.equal(
        "alpha is a multiple of w",
        alpha,
        multiple * w,
        because=[(1 / b_squared, along_feedback)],
        using=[factor, *lengths],
        why="divided by |b|^2",
    )
    outgoing = proof.equal(
        "beta is minus the same multiple of b",
        beta.T,
        -multiple * b.T,
        because=[(w.T / w_squared, equation)],
        using=[incoming, *lengths],
        why="times w^T / |w|^2 from the left",
    )
    return proof.equal(
        "the differential is a multiple of that of C = |w|^2 / 2 - b.v",
        dot(alpha, dw) + dot(beta, dv),
        multiple * (dot(w, dw) - dot(b, dv)),
        using=[incoming, outgoing],
        why="in every direction (dw, dv)",
    )


def rank(weights: sp.Matrix, feedback: sp.Matrix) -> int:
    """Return the number of independent directions in which samples with any errors move ReLU neurons, one a row."""
    neurons, inputs = weights.shape
    outputs = feedback.shape[1]
    grid = [sp.Rational(k) for k in (-7, -3, -1, 2, 5)]
    points = [sp.Matrix(each) for each in product(grid, repeat=inputs)]
    moves = []
    for x in points:
        for r in range(outputs):
            move: list[sp.Expr] = []
            for i in range(neurons):
                z = (weights[i, :] * x)[0]
                slope = 1 if z > 0 else 0
                move += [slope * feedback[i, r] * entry for entry in x]
                move += [slope * z if output == r else 0 for output in range(outputs)]
            moves.append(move)
    return int(sp.Matrix(moves).rank())


def counterexample(weights: list[list[int]], feedback: list[list[int]]) -> sp.Basic:
    """Return the claim that there is one law per neuron, with the number of directions found."""
    neurons, inputs, outputs = len(weights), len(weights[0]), len(feedback[0])
    found = sp.Integer(rank(sp.Matrix(weights), sp.Matrix(feedback)))
    return sp.Eq(neurons * (inputs + outputs) - found, neurons)


PROOF = Proof(
    id="gated-completeness",
    title="Differentials of laws at a gated neuron",
    statement=(
        r"Two layers, slopes $1$ and $1 - \gamma$, $0 < \gamma \le 1$. If a function of the weights is not moved by "
        r"any data, its derivatives $\alpha$, $\beta$ by the incoming and outgoing weights of a neuron with $w \ne 0$, "
        r"$b \ne 0$, whose kink is not that of another, are $\alpha = c\,w$, $\beta = -c\,b$: those of "
        r"$c\,(\frac12 |w|^2 - \langle b, v\rangle)$."
    ),
    assumptions={
        "law": r"no sample moves the function: this neuron's part, with slope $1$, $1 - \gamma$, $1$ at $x_0 + y$, "
        r"$x_0 - y$, $x_0 + 2y$ ($x_0$ on its kink and on no other, $y$ small, $w \cdot y > 0$), and a part of all "
        r"others, linear in $x$ there, add up to zero",
        "not zero": r"$|w|^2 = \omega > 0$ and $|b|^2 = \eta > 0$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("no gating: the same slope on both sides", lambda proof: derive(proof, other_side=sp.S.One)),
        Control("other weights of the samples", lambda proof: derive(proof, weights=(2, -1, -1))),
        Control("d = 1 without bias", lambda: counterexample([[1], [2]], [[1], [1]]), counterexample=True),
        Control("parallel weights", lambda: counterexample([[1, 2], [2, 4]], [[1], [3]]), counterexample=True),
        Control("no feedback", lambda: counterexample([[1, 2], [2, -1]], [[1], [0]]), counterexample=True),
        Control("no incoming weights", lambda: counterexample([[1, 2], [0, 0]], [[1], [1]]), counterexample=True),
    ),
)
