r"""gd-decay-growth: what one step of gradient descent does, for the reduced variables of a two-layer linear FA network.

W (n, d), v (n, 1) are the weights before a step, W' = W - eta b g^T and v' = v - eta W g those after it, b (n, 1) FA's
feedback, X (N, d) the data, y (N, 1) the targets, e (N, 1) the errors, g = X^T e / N; the columns of Q (N, q) are an
orthonormal basis of the span of the data's columns. With p = W^T b, so that |p| = |b| |w|:

    K = W^T W - p p^T / |b|^2  and  r = |b|^2 W^T v - K p - (b.v) p  stay, as along the flow (linear-decay-growth);
    a = b.v - |p|^2 / (2 |b|^2)  falls by eta^2 |b|^2 |g|^2 / 2.

In coordinates of the span the step multiplies the errors by I - eta M with the symmetric matrix
M = Q^T X ((b.v') I + W^T W) X^T Q / N. If m <= M <= mu / eta, their squared length shrinks by the factor
max((1 - eta m)^2, (1 - mu)^2). That M stays between these bounds at every step is an induction, done by hand.
"""

import sympy as sp

from fa_theory.proofs.lemmas.least_eigenvalue import PROOF as EIGENVALUE
from fa_theory.proofs.lemmas.least_eigenvalue import A, P, R, Z, greatest, least
from fa_theory.proofs.notation import N, d, m, n, square
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

rank = sp.Symbol("q", integer=True, positive=True)
eta, beta, gap = sp.symbols("eta |b| delta", positive=True)
low, factor, z = (sp.Symbol(name, real=True) for name in ("m", "rho", "z"))
a, theta, mu, kappa, excess = sp.symbols("a theta mu kappa E_0", positive=True)
most, spread_kept, zeta = sp.symbols("lambda_+ lambda_K zeta", positive=True)
X, y, e = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("y", N, 1), sp.MatrixSymbol("e", N, 1)
W, v, b = sp.MatrixSymbol("W", n, d), sp.MatrixSymbol("v", n, 1), sp.MatrixSymbol("b", n, 1)
W_, v_, e_ = sp.MatrixSymbol("W'", n, d), sp.MatrixSymbol("v'", n, 1), sp.MatrixSymbol("e'", N, 1)
Q, M, K = sp.MatrixSymbol("Q", N, rank), sp.MatrixSymbol("M", rank, rank), sp.MatrixSymbol("K", d, d)
R_X, R_M, P_M = (sp.MatrixSymbol(name, rank, rank) for name in ("R_X", "R_M", "P_M"))

high = low + gap
COMMUTE = (
    "spectral theorem: for symmetric M with eigenvalues between m and m', (M - m I) (m' I - M) is positive semidefinite"
)
INDUCTION = (
    "induction over the steps, hypothesis: theta a <= a_k <= a, E_k <= E_0, and every step i before k took at least "
    "eta (1 - mu/2) (theta a + kappa) |g_i|^2 from E. (1) On the row space (Q^T K Q + (a_k + |w_k|^2 / 2)) Q^T w_k is "
    "a constant plus |b| times the error of the end-to-end map there, of length at most sqrt(2 E_0 / lambda_-), so "
    "(kappa + theta a + |w_k|^2 / 2) |Q^T w_k| is at most the number that defines zeta, and |w_k| <= zeta. (2) b.v' = "
    "a_k + |w_k|^2 / 2 - eta |b| w.g and |g|^2 <= 2 lambda_+ E_0, so the largest eigenvalue of M is at most lambda_K "
    "+ lambda_+ (b.v' + |w_k|^2) <= mu / eta by the second condition. (3) a' = a - eta^2 |b|^2 / 2 times the sum of "
    "|g_i|^2 up to k. The steps before k account for at most (E_0 - E_k) / (eta (1 - mu/2) (theta a + kappa)) of the "
    "sum, step k for 2 lambda_+ E_k, which is at most E_k over the same number: lambda_K >= kappa lambda_+, so eta "
    "lambda_+ (theta a + kappa) <= mu, and (2 - mu) mu <= 1. So a' >= a - eta |b|^2 E_0 / ((2 - mu) (theta a + "
    "kappa)) >= theta a by the first condition. (4) Then A >= theta a + kappa on the row space, and with (2) E falls "
    "by eta g.A g - eta^2 / 2 g.A S A g >= eta (1 - mu/2) (theta a + kappa) |g|^2."
)


def unseen(weights: sp.MatrixExpr) -> sp.MatrixExpr:
    return weights.T * weights - weights.T * b * b.T * weights / beta**2


def law(weights: sp.MatrixExpr, outgoing: sp.MatrixExpr) -> sp.Expr:
    return sp.Trace(b.T * outgoing) - square(weights.T * b) / (2 * beta**2)


def rest(weights: sp.MatrixExpr, outgoing: sp.MatrixExpr) -> sp.MatrixExpr:
    seen = weights.T * b
    return beta**2 * weights.T * outgoing - unseen(weights) * seen - seen * b.T * outgoing


def derive(proof: Derivation, drift: int = 1, outgoing: sp.MatrixExpr = W) -> list[Fact]:
    errors = proof.define("the errors", e, X * W.T * v - y)
    G = X.T * e
    moved = [
        proof.given("step", W_, "=", W - eta * b * G.T / N),
        proof.given("step", v_, "=", v - eta * outgoing * G / N),
    ]
    feedback = proof.given("feedback", b.T * b, "=", beta**2 * sp.Identity(1))
    orthonormal = proof.given("basis", Q.T * Q, "=", sp.Identity(rank))
    spanning = proof.given("basis", Q * Q.T * X, "=", X)

    # what stays, and what drifts
    kept = proof.equal(
        "what the feedback does not see of W stays",
        unseen(W_),
        unseen(W),
        using=[*moved, feedback],
        why="W moves along b only",
    )
    mapped = proof.equal(
        "the rest of the end-to-end map stays",
        rest(W_, v_),
        rest(W, v),
        using=[*moved, feedback],
        why="the products of two steps cancel as well",
    )
    drifted = proof.equal(
        "the law drifts",
        law(W_, v_),
        law(W, v) - drift * eta**2 * beta**2 * square(G) / (2 * N**2),
        using=[*moved, feedback],
        why="bregman-drift for FA, along the feedback",
    )

    # the errors after a step
    acting = sp.Trace(b.T * v_) * sp.Identity(d) + W.T * W
    later = proof.define("the errors after a step", e_, X * W_.T * v_ - y)
    stepped = proof.equal(
        "one step takes the errors to this",
        e_,
        e - eta * X * (G * b.T * v_ + W.T * W * G) / N,
        because=[later, (-1, errors)],
        using=moved,
        why="multiplied out; b.v' = b.v - eta b^T W g",
    )
    named = proof.define("M", M, Q.T * X * acting * X.T * Q / N)
    shrunk = proof.equal(
        "in coordinates of the span",
        Q.T * e_,
        Q.T * e - eta * M * Q.T * e,
        using=[stepped, named, spanning, orthonormal],
        why="X^T e = X^T Q Q^T e",
    )

    # M from below, by what stays and by the size of w after the step
    staying = proof.given("kept", unseen(W), "=", K)
    descends = proof.given("step size", eta * beta**2 * excess, "<=", (2 - mu) * (1 - theta) * a * (theta * a + kappa))
    steepest = a + sp.Rational(3, 2) * zeta**2 + eta * beta * zeta * sp.sqrt(2 * most * excess)
    smooth = proof.given("step size", eta * (spread_kept + most * steepest), "<=", mu)
    aligned = proof.by_hand(
        "the law stays above theta a", theta * a, "<=", law(W_, v_), using=[descends, smooth, drifted], why=INDUCTION
    )
    large = proof.given("size", z**2, "<=", square(W_.T * b) / beta**2)
    form = Q.T * X * ((theta * a + z**2 / 2) * sp.Identity(d) + K) * X.T * Q / N
    spread = proof.given("rate", form, "=", low * sp.Identity(rank) + R_X * R_X.T)
    x = Q.T * e
    learnable = proof.apply(
        EIGENVALUE,
        {n: rank, m: sp.S.One, A: form, R: R_X, least: low, Z: x},
        {"least": spread},
        why="the form is at least m on the span of the data",
    )
    carried = proof.equal(
        "what the first layer carries",
        square(W * G),
        sp.Trace(G.T * K * G) + sp.Trace(b.T * W * G) ** 2 / beta**2,
        using=[proof.equal("W^T W", W.T * W, K + W.T * b * b.T * W / beta**2, because=[staying])],
        why="W^T W = K + p p^T / |b|^2",
    )
    below = proof.at_most(
        "M is at least m",
        low * square(x),
        sp.Trace(x.T * M * x),
        because=[
            learnable,
            (square(G) / N, aligned),
            (square(G) / (2 * N), large),
            (-1 / N, carried),
            sp.Trace(b.T * W * G) ** 2 / (N * beta**2),
        ],
        using=[named, spanning],
        why="b.v' = a' + |w'|^2 / 2, and a square",
    )

    # the factor
    steady = proof.by_hand(
        "M is at most mu / eta",
        eta * sp.Trace(x.T * M * x),
        "<=",
        mu * square(x),
        using=[descends, smooth],
        why=INDUCTION,
    )
    bounded_below = proof.given("between", M, "=", low * sp.Identity(rank) + R_M * R_M.T)
    bounded_above = proof.given("between", M, "=", high * sp.Identity(rank) - P_M * P_M.T)
    between = {n: rank, m: sp.S.One, A: M, R: R_M, P: P_M, least: low, greatest: high, Z: x}
    at_least = proof.apply(EIGENVALUE, between, {"least": bounded_below})
    at_most = proof.apply(EIGENVALUE, between, {"greatest": bounded_above}, conclusion=1)
    curved = proof.cite(
        "M^2 lies below a chord",
        sp.Trace(x.T * M * M * x),
        "<=",
        (low + high) * sp.Trace(x.T * M * x) - low * high * square(x),
        theorem=COMMUTE,
        using=[bounded_below, bounded_above, at_least, at_most],
    )
    slow = proof.given("factor", (1 - eta * low) ** 2, "<=", factor)
    fast = proof.given("factor", (1 - eta * high) ** 2, "<=", factor)
    symmetric = proof.equal(
        "M is symmetric",
        sp.Trace(x.T * M.T * M * x),
        sp.Trace(x.T * M * M * x),
        using=[named],
        why="as what it is made of",
    )
    squared = proof.equal(
        "the errors after a step, squared",
        square(Q.T * e_),
        square(x) - 2 * eta * sp.Trace(x.T * M * x) + eta**2 * sp.Trace(x.T * M * M * x),
        because=[(eta**2, symmetric)],
        using=[shrunk],
        why="M is symmetric",
    )
    share, other = proof.times("slow part", slow, at_most), proof.times("fast part", fast, at_least)
    falling = proof.at_most(
        "the excess loss falls by the factor",
        square(Q.T * e_) / (2 * N),
        factor * square(x) / (2 * N),
        because=[
            (1 / (2 * N), squared),
            (eta**2 / (2 * N), curved),
            (1 / (2 * N * gap), share),
            (1 / (2 * N * gap), other),
        ],
        why="(1 - eta s)^2 is convex in s, so at most its larger value at the ends",
    )
    return [falling, below, steady, kept, mapped, drifted, stepped]


def counterexample_overshoot() -> sp.Basic:
    # eta M = 9/4 > 2: the error is multiplied by -5/4, and (1 - eta m)^2 with a smaller m = 1/2 does not bound it
    return sp.Le((1 - sp.Rational(9, 4)) ** 2, (1 - sp.Rational(1, 2)) ** 2)


def counterexample_misaligned() -> sp.Basic:
    # a = -1 at the start: w = 0, v = -1, b = x = 1, y = 0 + 1 = 1, e = -1, eta = 1/10: A = b v' + w^2 = -1, e grows
    rate, weight, outgoing, target = sp.Rational(1, 10), sp.Integer(0), sp.Integer(-1), sp.Integer(1)
    error = weight * outgoing - target
    after = (weight - rate * error) * (outgoing - rate * weight * error) - target
    return sp.Le(after**2, error**2)


PROOF = Proof(
    id="gd-decay-growth",
    title="Geometric decay under gradient descent, with the weights' growth",
    statement=(
        r"Gradient descent with FA, two linear layers, scalar output, squared loss, no output bias, any data and "
        r"width. Let $w = W_1^T b / |b|$, $K = W_1^T (I - b b^T / |b|^2) W_1$, which stays, $a_k = \langle b, "
        r"v_k\rangle - \frac12 |w_k|^2$ with $a = a_0 > 0$, $E = L - L_*$, $\kappa$ the least eigenvalue of $K$ on "
        r"the row space of $X$, $\lambda_K$ and $\lambda_+$ the greatest of $\frac1N X K X^T$ and $\frac1N X X^T$, "
        r"$\zeta$ the greatest $|w|$ that $E \le E_0$ and $a_k \ge \theta a$ allow, $0 < \theta < 1$, $0 < \mu < 2$. "
        r"If $\eta |b|^2 E_0 \le (2 - \mu)(1 - \theta) a (\theta a + \kappa)$ and $\eta (\lambda_K + \lambda_+ (a + "
        r"\frac32 \zeta^2 + \eta |b| \zeta \sqrt{2 \lambda_+ E_0})) \le \mu$, then at every step $E_{k+1} \le \max((1 "
        r"- \eta m)^2, (1 - \mu)^2)\, E_k$, where $m$ is the least eigenvalue of $\frac1N X ((\theta a + \frac12 z^2) "
        r"I + K) X^T$ on the span of the data and $|w_{k+1}| \ge z$."
    ),
    assumptions={
        "step": r"$W' = W - \eta\, b g^T$, $v' = v - \eta W g$, $g = \frac1N X^T e$",
        "feedback": r"$b^T b = |b|^2 > 0$",
        "basis": r"the columns of $Q$ are an orthonormal basis of the column space of $X$: $Q^T Q = I$, $Q Q^T X = X$",
        "kept": r"$K$ is $W^T W - W^T b b^T W / |b|^2$",
        "step size": r"the two conditions on $\eta$",
        "size": r"$|w'|^2 \ge z^2$",
        "rate": r"$m$ is at most the least eigenvalue of $\frac1N Q^T X ((\theta a + \frac12 z^2) I + K) X^T Q$",
        "between": r"$m \le M \le m + \delta$ with $m + \delta = \mu / \eta$, as the conclusions on $M$ say",
        "factor": r"$\rho = \max((1 - \eta m)^2, (1 - \mu)^2)$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("twice the drift", lambda proof: derive(proof, drift=2)),
        Control("outgoing weights that do not move", lambda proof: derive(proof, outgoing=0 * W)),
        Control("a step that overshoots", counterexample_overshoot, counterexample=True),
        Control("a < 0, its sign ignored", counterexample_misaligned, counterexample=True),
    ),
)
