r"""gated-completeness: what the differential of a data-independent law looks like at one gated neuron.

Two layers; a hidden neuron has slope 1 on one side of its kink and 1 - gamma on the other, 0 < gamma <= 1 (for ReLU
gamma = 1). A sample x (d, 1) with error e (m, 1) moves neuron i, of incoming weights w (d, 1), outgoing weights v
(m, 1) and feedback b (m, 1), along -s ((b.e) x, (w.x) e), s its slope at x. Let alpha (d, 1) and beta (m, 1) be the
derivatives by w and v of a function that no data set moves. It does not move under a single sample either, whose error
can be anything (squared loss, any target): so s ((b.e) (alpha.x) + (w.x) (beta.e)) adds up to zero over the neurons.

Take x_0 on the kink of neuron i and of no other. There is one if the kink is not that of another neuron: finitely many
other hyperplanes do not cover it. A small ball around x_0 lies on one side of every other kink, so that all other
neurons together contribute x.(R e) there, with the same R (d, m) for all x and e; neuron i contributes s x.(A e) with
A = alpha b^T + w beta^T and s = 1 on one side of its kink, s = 1 - gamma on the other. Each half of the ball holds d
linearly independent samples: the rows of X_1 and of X_2. As e can be anything, X_1 (A + R) = 0 and
X_2 ((1 - gamma) A + R) = 0. So A = 0.

With hidden biases read (x, 1) for x and (w, its bias) for w; the samples in half a ball of the inputs with last entry 1
span too, and d = 1 is enough.
"""

from itertools import product

import sympy as sp

from fa_theory.proofs.notation import d, m
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

w, alpha, dw = (sp.MatrixSymbol(name, d, 1) for name in ("w", "alpha", "dw"))
b, beta, dv = (sp.MatrixSymbol(name, m, 1) for name in ("b", "beta", "dv"))
one_side, other_side = sp.MatrixSymbol("X_1", d, d), sp.MatrixSymbol("X_2", d, d)
one_inverse, other_inverse = sp.MatrixSymbol("X_1^{-1}", d, d), sp.MatrixSymbol("X_2^{-1}", d, d)
others = sp.MatrixSymbol("R", d, m)
gamma = sp.Symbol("gamma", positive=True)
w_squared, b_squared = sp.Symbol("omega", positive=True), sp.Symbol("eta", positive=True)
multiple = sp.Symbol("c", real=True)


def dot(left: sp.MatrixExpr, right: sp.MatrixExpr) -> sp.Expr:
    return sp.Trace(left.T * right)


def derive(proof: Derivation, slope: sp.Expr = 1 - gamma, across: sp.MatrixExpr = others) -> Fact:
    own = alpha * b.T + w * beta.T
    halves = (
        ("on one side", sp.S.One, others, one_side, one_inverse),
        ("on the other", slope, across, other_side, other_inverse),
    )
    singled = []
    for where, steep, rest, samples, inverse in halves:
        law = proof.given("law", samples * (steep * own + rest), "=", sp.ZeroMatrix(d, m))
        spans = proof.given("samples", inverse * samples, "=", sp.Identity(d))
        singled.append(
            proof.equal(
                f"{where} of the kink",
                steep * own + rest,
                sp.ZeroMatrix(d, m),
                because=[(inverse, law)],
                using=[spans],
                why="the samples are linearly independent",
            )
        )
    equation = proof.equal(
        "neuron i alone",
        alpha * b.T,
        -w * beta.T,
        because=[(1 / gamma, singled[0]), (-1 / gamma, singled[1])],
        why="the others are the same on both sides; divided by gamma",
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
        "law": (
            r"no sample with any error moves the function: neither the rows of $X_1$ on one side of the kink, where "
            r"this neuron has slope $1$, nor the rows of $X_2$ on the other, where it has slope $1 - \gamma$, all of "
            r"them close to a point that is on no other kink, so that all others take the same part $x \cdot R e$ in it"
        ),
        "samples": r"$X_1$ and $X_2$ are invertible: each half of a ball around that point spans the space of inputs",
        "not zero": r"$|w|^2 = \omega > 0$ and $|b|^2 = \eta > 0$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("no gating: the same slope on both sides", lambda proof: derive(proof, slope=sp.S.One)),
        Control("others that change sides too", lambda proof: derive(proof, across=2 * others)),
        Control("d = 1 without bias", lambda: counterexample([[1], [2]], [[1], [1]]), counterexample=True),
        Control("parallel weights", lambda: counterexample([[1, 2], [2, 4]], [[1], [3]]), counterexample=True),
        Control("no feedback", lambda: counterexample([[1, 2], [2, -1]], [[1], [0]]), counterexample=True),
        Control("no incoming weights", lambda: counterexample([[1, 2], [0, 0]], [[1], [1]]), counterexample=True),
    ),
)
