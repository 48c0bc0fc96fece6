r"""multi-output-decay: with several outputs, alignment of the whole hidden layer makes the excess loss decay.

W (n, d) and V (m, n) are the layers of a linear network, B (n, m) FA's feedback to the hidden layer, X (N, d) and
Y (N, m) inputs and targets, one sample a row; E = X W^T V^T - Y holds the errors. B = U S with orthonormal columns in U
and S^T S = H = B^T B; S = H^{1/2} and U = B H^{-1/2} is one choice, and any other turns U by a rotation only. The
columns of Q (N, q) are an orthonormal basis of the span of the data's columns, so that E_par = Q Q^T E.

The idea: in V(t) = |E_par S^T|^2 / 2N the outgoing weights V appear only as B V + V^T B^T, which the matrix law turns
into W W^T - C; what W contributes helps, and -C is positive on the range of B by assumption.
"""

import sympy as sp

from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as speed
from fa_theory.proofs.lemmas.gronwall import y
from fa_theory.proofs.lemmas.initial_time import PROOF as INITIAL
from fa_theory.proofs.lemmas.initial_time import f, g
from fa_theory.proofs.lemmas.least_eigenvalue import PROOF as EIGENVALUE
from fa_theory.proofs.lemmas.least_eigenvalue import A, P, R, Z, greatest, least
from fa_theory.proofs.matrix_law import PROOF as MATRIX_LAW
from fa_theory.proofs.matrix_law import B, Delta, H, V, W, bias, ones
from fa_theory.proofs.notation import N, d, m, n, square, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

rank = sp.Symbol("q", integer=True, positive=True)
a0, eigenvalue, low, high = sp.symbols("a_0 lambda h_- h_+", positive=True)
X, Y, E = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("Y", N, m), sp.MatrixSymbol("E", N, m)
U, S = sp.MatrixSymbol("U", n, m), sp.MatrixSymbol("S", m, m)
residual = sp.MatrixSymbol("E_M", N, m)
Q, T, M = sp.MatrixSymbol("Q", N, rank), sp.MatrixSymbol("T", d, rank), sp.MatrixSymbol("M", d, m)
C, least_possible = sp.MatrixSymbol("C", n, n), sp.Symbol("L_*", real=True)
R_C, R_H, P_H = (sp.MatrixSymbol(name, m, m) for name in ("R_C", "R_H", "P_H"))
STILL = sp.ZeroMatrix(n, m)
R_X = sp.MatrixSymbol("R_X", rank, rank)
energy, loss = sp.Function("V", real=True), sp.Function("L", real=True)


def derive(proof: Derivation, alignment: int = 2, feedback_rate: sp.MatrixExpr = STILL) -> list[Fact]:
    errors = proof.define("the errors", E, X * W.T * V.T - Y)
    moving = [
        proof.given("flow", rate(W), "=", -B * E.T * X / N),
        proof.given("flow", rate(V), "=", -E.T * X * W.T / N),
    ]
    fixed = proof.given("fixed feedback", rate(B), "=", feedback_rate)
    data = [
        proof.given("data", rate(X), "=", sp.ZeroMatrix(N, d)),
        proof.given("data", rate(Y), "=", sp.ZeroMatrix(N, m)),
        proof.given("data", rate(Q), "=", sp.ZeroMatrix(N, rank)),
        proof.given("feedback", rate(S), "=", sp.ZeroMatrix(m, m)),
    ]
    orthonormal = proof.given("basis", Q.T * Q, "=", sp.Identity(rank))
    spanning = proof.given("basis", Q * Q.T * X, "=", X)
    factored = proof.given("feedback", B, "=", U * S)
    columns = proof.given("feedback", U.T * U, "=", sp.Identity(m))
    rules = [orthonormal, spanning, factored, columns]

    # the matrix law, without bias, trades the outgoing weights for the incoming ones
    nothing, none = sp.ZeroMatrix(n, 1), sp.ZeroMatrix(N, 1)
    still = proof.equal("a bias of zero does not move", rate(nothing), -B * E.T * none / N)
    conserved = proof.apply(
        MATRIX_LAW,
        {H: X, Delta: E, bias: nothing, ones: none},
        {"flow of FA": [*moving, still], "fixed feedback": fixed},
        why="matrix-law without bias, the signal from above being the error",
    )
    law = proof.constant("C at the start", conserved, C)
    traded = proof.equal("the law solved for W W^T", W * W.T, C + B * V + V.T * B.T, because=[law])

    # how fast the weighted error falls
    weighted = proof.define("the weighted error in the span of the data", energy(t), square(Q.T * E * S.T) / (2 * N))
    learnt = proof.equal(
        "the errors move",
        rate(E),
        -X * (X.T * E * B.T * V.T + W.T * W * X.T * E) / N,
        because=[proof.differentiated("their rate", errors)],
        using=[*moving, *data],
        why="product rule",
    )
    G = X.T * E
    falling = proof.equal(
        "the weighted error moves",
        energy(t).diff(t),
        (sp.Trace(G * B.T * C * B * G.T) - square(W.T * B * G.T) - 2 * square(W * G * S.T)) / (2 * N**2),
        because=[proof.differentiated("its rate", weighted)],
        using=[learnt, *data, *rules, traded],
        why="B V + V^T B^T = W W^T - C turns V into W",
    )

    # each quadratic form against its least eigenvalue
    aligned = proof.given("aligned", -U.T * C * U, "=", alignment * a0 * sp.Identity(m) + R_C * R_C.T)
    gram = Q.T * X * X.T * Q / N
    spread = proof.given("spectrum of the data", gram, "=", eigenvalue * sp.Identity(rank) + R_X * R_X.T)
    pulled = proof.apply(
        EIGENVALUE,
        {n: m, m: d, A: -U.T * C * U, R: R_C, least: 2 * a0, Z: S * G.T},
        {"least": aligned},
        why="-U^T C U is at least 2 a_0",
    )
    learnable = proof.apply(
        EIGENVALUE,
        {n: rank, A: gram, R: R_X, least: eigenvalue, Z: Q.T * E * S.T},
        {"least": spread},
        why="Q^T X X^T Q / N has the non-zero eigenvalues of X X^T / N",
    )
    decay = proof.at_most(
        "the weighted error decays",
        energy(t).diff(t),
        -2 * a0 * eigenvalue * energy(t),
        because=[
            falling,
            square(W.T * B * G.T) / (2 * N**2),
            square(W * G * S.T) / N**2,
            (1 / (2 * N**2), pulled),
            (a0 / N, learnable),
            (2 * a0 * eigenvalue, weighted),
        ],
        using=rules,
        why="two squares, and the two eigenvalues",
    )
    bound = proof.apply(
        GRONWALL, {y: energy, speed: 2 * a0 * eigenvalue}, {"decay": decay}, name="the weighted error, bounded"
    )

    # the excess loss
    losses = proof.define("the loss", loss(t), square(E) / (2 * N))
    fixed_part = (square(Y) - square(Q.T * Y)) / (2 * N)
    unreached = proof.constant(
        "what no weights reach", proof.equal("it does not move", rate(fixed_part), 0, using=data), least_possible
    )
    split = proof.equal(
        "the excess loss is the error in the span of the data",
        loss(t) - least_possible,
        square(Q.T * E) / (2 * N),
        because=[losses, unreached],
        using=[errors, *rules],
        why="Q Q^T X = X, so that the rest of the error is that of Y",
    )
    other = proof.define("the errors of any linear map", residual, X * M - Y)
    least_loss = proof.at_most(
        "no linear map has a smaller loss",
        least_possible,
        square(X * M - Y) / (2 * N),
        because=[square(Q.T * residual) / (2 * N), (-1, unreached)],
        using=[other, spanning],
        why="what Q leaves of X M - Y is what it leaves of Y",
    )
    combined = proof.given("basis", X * T, "=", Q)
    attained = proof.equal(
        "and one has this loss",
        square(X * T * Q.T * Y - Y) / (2 * N),
        least_possible,
        because=[unreached],
        using=[combined, orthonormal],
        why="Q = X T; with n >= m every linear map is some V W",
    )

    # back from the weighted error
    lightest = proof.given("spectrum of the feedback", S.T * S, "=", low * sp.Identity(m) + R_H * R_H.T)
    heaviest = proof.given("spectrum of the feedback", S.T * S, "=", high * sp.Identity(m) - P_H * P_H.T)
    proof.equal("S^T S is H", B.T * B, S.T * S, using=rules, why="U has orthonormal columns")
    values = {n: m, m: rank, A: S.T * S, R: R_H, P: P_H, least: low, greatest: high, Z: E.T * Q}
    heavy = proof.apply(EIGENVALUE, values, {"least": lightest}, why="H is at least h_-")
    light = proof.apply(EIGENVALUE, values, {"greatest": heaviest}, conclusion=1, why="H is at most h_+")
    below = proof.at_most(
        "the excess loss in terms of the weighted error",
        low * (loss(t) - least_possible),
        energy(t),
        because=[(low, split), (-1, weighted), (1 / (2 * N), heavy)],
        why="h_- |Q^T E|^2 <= |Q^T E S^T|^2",
    )
    above = proof.at_most(
        "the weighted error in terms of the excess loss",
        energy(t),
        high * (loss(t) - least_possible),
        because=[weighted, (-high, split), (1 / (2 * N), light)],
        why="|Q^T E S^T|^2 <= h_+ |Q^T E|^2",
    )
    excess = proof.at_most(
        "the excess loss, bounded",
        loss(t) - least_possible,
        energy(0) * sp.exp(-2 * a0 * eigenvalue * t) / low,
        because=[(1 / low, below), (1 / low, bound)],
        why="divided by h_-",
    )
    at_start = proof.apply(
        INITIAL,
        {f: energy, g: lambda time: high * (loss(time) - least_possible)},
        {"holds": above},
        name="at the start",
    )
    conditioned = proof.at_most(
        "the excess loss in terms of its start",
        loss(t) - least_possible,
        high / low * (loss(0) - least_possible) * sp.exp(-2 * a0 * eigenvalue * t),
        because=[excess, (sp.exp(-2 * a0 * eigenvalue * t) / low, at_start)],
        why="V(0) <= h_+ (L(0) - L_*), and cond H = h_+ / h_-",
    )
    return [bound, excess, conditioned, least_loss, attained]


def counterexample_deficient() -> sp.Basic:
    # B = diag(1, 0), W = 0, V = diag(1, 0), x = 1, target (0, -1): -C is 2 > 0 on the range of B, and nothing moves
    feedback, incoming, outgoing = sp.diag(1, 0), sp.zeros(2, 1), sp.diag(1, 0)
    error = outgoing * incoming - sp.Matrix([0, -1])
    incoming_rate, outgoing_rate = -feedback * error, -error * incoming.T
    error_rate = outgoing * incoming_rate + outgoing_rate * incoming
    a_0, excess = sp.Integer(1), (error.T * error)[0] / 2
    return sp.Le((error.T * error_rate)[0], -2 * a_0 * excess)


def counterexample_not_aligned() -> sp.Basic:
    # one neuron, x = b = w = 1, v = -2, e = 1: C = w^2 - 2 b v = 5, a_0 = -5/2, and the loss grows
    weight, outgoing, feedback, error = sp.Integer(1), sp.Integer(-2), sp.Integer(1), sp.Integer(1)
    error_rate = outgoing * (-feedback * error) + (-error * weight) * weight
    return sp.Le(error * error_rate, 0)


PROOF = Proof(
    id="multi-output-decay",
    title="Exponential decay with several outputs",
    statement=(
        r"Two-layer linear FA with $m$ outputs, squared loss, any data, any $B$ of full column rank. Let $H = B^T B$, "
        r"$U = B H^{-1/2}$, $C = W_1 W_1^T - B W_2 - W_2^T B^T$ at the start, $\lambda$ the least non-zero eigenvalue "
        r"of $X X^T / N$. If $a_0 = \frac12 \lambda_{\min}(-U^T C U) > 0$, then "
        r"$V(t) = \frac1{2N} |E_{\parallel} H^{1/2}|_F^2 \le V(0)\, e^{-2 a_0 \lambda t}$, and with the least loss "
        r"$L_*$ of all linear maps $L(t) - L_* \le \frac{V(0)}{\lambda_{\min}(H)} e^{-2 a_0 \lambda t} \le "
        r"\operatorname{cond}(H)\, (L(0) - L_*)\, e^{-2 a_0 \lambda t}$."
    ),
    assumptions={
        "flow": r"two linear layers $W$, $V$ without bias, squared loss, FA: $\dot W = -\frac1N B E^T X$, "
        r"$\dot V = -\frac1N E^T X W^T$",
        "fixed feedback": r"$\dot B = 0$",
        "data": r"$X$, $Y$ and $Q$ do not move",
        "basis": r"the columns of $Q$ are an orthonormal basis of the column space of $X$: $Q^T Q = I$, $Q Q^T X = X$, "
        r"$Q = X T$",
        "feedback": r"$B$ has full column rank: $B = U S$, $U^T U = I$, with $S = H^{1/2}$, fixed",
        "aligned": r"$2 a_0 > 0$ is at most the least eigenvalue of $-U^T C U$",
        "spectrum of the data": r"$\lambda > 0$ is at most the least eigenvalue of $Q^T X X^T Q / N$, that is the "
        r"least non-zero one of $X X^T / N$",
        "spectrum of the feedback": r"the eigenvalues of $H$ are between $h_- > 0$ and $h_+$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("half the alignment, a_0 in place of 2 a_0", lambda proof: derive(proof, alignment=1)),
        Control("C of the other sign", lambda proof: derive(proof, alignment=-2)),
        Control("feedback that moves", lambda proof: derive(proof, feedback_rate=rate(V).T)),
        Control(
            "B of deficient rank: the flow stops above the least loss", counterexample_deficient, counterexample=True
        ),
        Control("a_0 < 0, its sign ignored", counterexample_not_aligned, counterexample=True),
    ),
)
