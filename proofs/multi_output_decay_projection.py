r"""multi-output-decay-projection: what feedback cannot reach of the first layer keeps driving the decay.

Symbols as in multi-output-decay: W (n, d) and V (m, n) are the layers of a linear network, B = U S (n, m) FA's feedback
with orthonormal columns in U and S^T S = H = B^T B, X (N, d) and Y (N, m) inputs and targets, one sample a row, E the
errors; the columns of Q (N, q) are an orthonormal basis of the span of the data's columns. K (d, d) is
W^T (I - U U^T) W: the updates of W lie in the range of B, so it stays (statement projection-law).

The idea: the rate of V(t) = |Q^T E S^T|^2 / 2N contains |W G S^T|^2 / N^2, G = X^T E, which multi-output-decay leaves
out. It is at least what K makes of it, and K stands beside a_0 I inside the same quadratic form.
"""

import sympy as sp

from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as speed
from fa_theory.proofs.lemmas.gronwall import y
from fa_theory.proofs.lemmas.least_eigenvalue import PROOF as EIGENVALUE
from fa_theory.proofs.lemmas.least_eigenvalue import A, R, Z, least
from fa_theory.proofs.matrix_law import PROOF as MATRIX_LAW
from fa_theory.proofs.matrix_law import B, Delta, H, V, W, bias, ones
from fa_theory.proofs.notation import N, d, m, n, square, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

rank = sp.Symbol("q", integer=True, positive=True)
a0 = sp.Symbol("a_0", real=True)
mu, low = sp.symbols("mu h_-", positive=True)
X, Y, E = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("Y", N, m), sp.MatrixSymbol("E", N, m)
U, S = sp.MatrixSymbol("U", n, m), sp.MatrixSymbol("S", m, m)
Q, C, K = sp.MatrixSymbol("Q", N, rank), sp.MatrixSymbol("C", n, n), sp.MatrixSymbol("K", d, d)
R_C, R_H, R_X = sp.MatrixSymbol("R_C", m, m), sp.MatrixSymbol("R_H", m, m), sp.MatrixSymbol("R_X", rank, rank)
least_possible = sp.Symbol("L_*", real=True)
energy, loss = sp.Function("V", real=True), sp.Function("L", real=True)
REACHED = U * U.T


def derive(proof: Derivation, kept: int = 1, reached: sp.MatrixExpr = REACHED) -> list[Fact]:
    errors = proof.define("the errors", E, X * W.T * V.T - Y)
    moving = [
        proof.given("flow", rate(W), "=", -B * E.T * X / N),
        proof.given("flow", rate(V), "=", -E.T * X * W.T / N),
    ]
    fixed = proof.given("fixed feedback", rate(B), "=", sp.ZeroMatrix(n, m))
    still = [
        proof.given("data", rate(X), "=", sp.ZeroMatrix(N, d)),
        proof.given("data", rate(Y), "=", sp.ZeroMatrix(N, m)),
        proof.given("data", rate(Q), "=", sp.ZeroMatrix(N, rank)),
        proof.given("feedback", rate(S), "=", sp.ZeroMatrix(m, m)),
        proof.given("feedback", rate(U), "=", sp.ZeroMatrix(n, m)),
    ]
    factored = proof.given("feedback", B, "=", U * S)
    columns = proof.given("feedback", U.T * U, "=", sp.Identity(m))
    orthonormal = proof.given("basis", Q.T * Q, "=", sp.Identity(rank))
    spanning = proof.given("basis", Q * Q.T * X, "=", X)
    rules = [orthonormal, spanning, factored, columns]

    # what stays
    nothing, none = sp.ZeroMatrix(n, 1), sp.ZeroMatrix(N, 1)
    unbiased = proof.equal("a bias of zero does not move", rate(nothing), -B * E.T * none / N)
    conserved = proof.apply(
        MATRIX_LAW,
        {H: X, Delta: E, bias: nothing, ones: none},
        {"flow of FA": [*moving, unbiased], "fixed feedback": fixed},
        why="matrix-law without bias, the signal from above being the error",
    )
    law = proof.constant("C at the start", conserved, C)
    traded = proof.equal("the law solved for W W^T", W * W.T, C + B * V + V.T * B.T, because=[law])
    unreached = proof.equal(
        "what B cannot reach stands still",
        rate(W.T * W - W.T * reached * W),
        sp.ZeroMatrix(d, d),
        using=[*moving, *still, *rules],
        why="U U^T B = B, so W^T W and W^T U U^T W move alike",
    )
    staying = proof.constant("K at the start", unreached, K)
    split = proof.equal("W^T W", W.T * W, K + W.T * U * U.T * W, because=[staying], why="what stays, and the rest")

    # how fast the weighted error falls
    weighted = proof.define("the weighted error in the span of the data", energy(t), square(Q.T * E * S.T) / (2 * N))
    learnt = proof.equal(
        "the errors move",
        rate(E),
        -X * (X.T * E * B.T * V.T + W.T * W * X.T * E) / N,
        because=[proof.differentiated("their rate", errors)],
        using=[*moving, *still],
        why="product rule",
    )
    G = X.T * E
    falling = proof.equal(
        "the weighted error moves",
        energy(t).diff(t),
        (sp.Trace(G * B.T * C * B * G.T) - square(W.T * B * G.T) - 2 * square(W * G * S.T)) / (2 * N**2),
        because=[proof.differentiated("its rate", weighted)],
        using=[learnt, *still, *rules, traded],
        why="B V + V^T B^T = W W^T - C turns V into W",
    )
    carried = proof.equal(
        "what the first layer carries",
        square(W * G * S.T),
        sp.Trace(S * G.T * K * G * S.T) + square(U.T * W * G * S.T),
        using=[split],
        why="W^T W = K + W^T U U^T W",
    )

    # both quadratic forms against their least eigenvalues
    aligned = proof.given("alignment", -U.T * C * U, "=", 2 * a0 * sp.Identity(m) + R_C * R_C.T)
    gram = Q.T * X * (a0 * sp.Identity(d) + kept * K) * X.T * Q / N
    spread = proof.given("decay", gram, "=", mu * sp.Identity(rank) + R_X * R_X.T)
    pulled = proof.apply(
        EIGENVALUE,
        {n: m, m: d, A: -U.T * C * U, R: R_C, least: 2 * a0, Z: S * G.T},
        {"least": aligned},
        why="-U^T C U is at least 2 a_0",
    )
    learnable = proof.apply(
        EIGENVALUE,
        {n: rank, A: gram, R: R_X, least: mu, Z: Q.T * E * S.T},
        {"least": spread},
        why="the form of a_0 I + K on the span of the data is at least mu",
    )
    decay = proof.at_most(
        "the weighted error decays",
        energy(t).diff(t),
        -2 * mu * energy(t),
        because=[
            falling,
            (-1 / N**2, carried),
            square(W.T * B * G.T) / (2 * N**2),
            square(U.T * W * G * S.T) / N**2,
            (1 / (2 * N**2), pulled),
            (1 / N, learnable),
            (2 * mu, weighted),
        ],
        using=rules,
        why="two squares, and the two eigenvalues",
    )
    bound = proof.apply(GRONWALL, {y: energy, speed: 2 * mu}, {"decay": decay}, name="the weighted error, bounded")

    # the excess loss
    losses = proof.define("the loss", loss(t), square(E) / (2 * N))
    fixed_part = (square(Y) - square(Q.T * Y)) / (2 * N)
    floor = proof.constant(
        "what no weights reach", proof.equal("it does not move", rate(fixed_part), 0, using=still), least_possible
    )
    excess = proof.equal(
        "the excess loss is the error in the span of the data",
        loss(t) - least_possible,
        square(Q.T * E) / (2 * N),
        because=[losses, floor],
        using=[errors, *rules],
        why="Q Q^T X = X, so that the rest of the error is that of Y",
    )
    lightest = proof.given("spectrum of the feedback", S.T * S, "=", low * sp.Identity(m) + R_H * R_H.T)
    heavy = proof.apply(
        EIGENVALUE,
        {n: m, m: rank, A: S.T * S, R: R_H, least: low, Z: E.T * Q},
        {"least": lightest},
        why="H is at least h_-",
    )
    return [
        proof.at_most(
            "the excess loss, bounded",
            loss(t) - least_possible,
            energy(0) * sp.exp(-2 * mu * t) / low,
            because=[(1 / low, bound), excess, (-1 / low, weighted), (1 / (2 * N * low), heavy)],
            why="h_- |Q^T E|^2 <= |Q^T E S^T|^2",
        ),
        decay,
    ]


def counterexample_all_of_it() -> sp.Basic:
    # x = b = 1, one neuron: K = 0, and a_0 = b v - w^2 / 2 = -1/2 stays. Where w = 0 on the way, b v = -1/2 and the
    # error grows, though a_0 + w^2 was 7/2 for w = 2 before
    w = sp.Integer(0)
    outgoing = w**2 / 2 - sp.Rational(1, 2)
    return sp.Lt(-2 * (outgoing + w**2), 0)


PROOF = Proof(
    id="multi-output-decay-projection",
    title="Decay with several outputs, with what feedback cannot reach",
    statement=(
        r"Two-layer linear FA with $m$ outputs, squared loss, no output bias, any data, any $B$ of full column rank. "
        r"Let $H = B^T B$, $U = B H^{-1/2}$, $C = W_1 W_1^T - B W_2 - W_2^T B^T$ and $K = W_1^T (I - U U^T) W_1$ at "
        r"the start, $a_0 = \frac12 \lambda_{\min}(-U^T C U)$ of either sign. If the least non-zero eigenvalue $\mu$ "
        r"of $\frac1N X (a_0 I + K) X^T$ on the span of the data is positive, then $L(t) - L_* \le "
        r"\frac{V(0)}{\lambda_{\min}(H)} e^{-2\mu t}$, $V = \frac1{2N} |E_{\parallel} H^{1/2}|_F^2$."
    ),
    assumptions={
        "flow": r"two linear layers $W$, $V$ without bias, squared loss, FA: $\dot W = -\frac1N B E^T X$, "
        r"$\dot V = -\frac1N E^T X W^T$",
        "fixed feedback": r"$\dot B = 0$",
        "data": r"$X$, $Y$ and $Q$ do not move",
        "basis": r"the columns of $Q$ are an orthonormal basis of the column space of $X$: $Q^T Q = I$, $Q Q^T X = X$; "
        r"$L_*$ is what it leaves of the targets, the least loss of all linear maps (shown in multi-output-decay)",
        "feedback": r"$B$ has full column rank: $B = U S$, $U^T U = I$, with $S = H^{1/2}$, fixed",
        "alignment": r"$2 a_0$ is at most the least eigenvalue of $-U^T C U$",
        "decay": r"$\mu > 0$ is at most the least eigenvalue of $\frac1N Q^T X (a_0 I + K) X^T Q$",
        "spectrum of the feedback": r"the eigenvalues of $H$ are at least $h_- > 0$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("twice what stays", lambda proof: derive(proof, kept=2)),
        Control("all of W^T W, as if nothing of it moved", lambda proof: derive(proof, reached=0 * REACHED)),
        Control("W^T W in place of what stays of it", counterexample_all_of_it, counterexample=True),
    ),
)
