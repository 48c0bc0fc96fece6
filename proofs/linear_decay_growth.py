r"""linear-decay-growth: in linear networks the kept weights drive the decay, and the fitted ones as they grow.

W (n, d) is the first layer, v (n, 1) the outgoing weights, b (n, 1) FA's feedback, X (N, d) the data, one sample a row,
y (N, 1) the targets; e (N, 1) holds the errors. The columns of Q (N, q) are an orthonormal basis of the span of the
data's columns. p = W^T b is what the feedback sees of W, so |p| = |b| |w|. Three things stay (statement reduced-flow):

    a = b.v - |p|^2 / (2 |b|^2),   K = W^T W - p p^T / |b|^2,   r = |b|^2 W^T v - K p - (b.v) p.

So b.v = a + |w|^2 / 2 drives the decay, beside K. And the errors are a known function of p: |b|^2 (e + y) = X (r + (K +
b.v) p). Weighed with any c in the span of the data this says that small errors need a large p.
"""

import sympy as sp

from fa_theory.proofs.lemmas.gronwall import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall import rate as speed
from fa_theory.proofs.lemmas.gronwall import y as bounded
from fa_theory.proofs.lemmas.least_eigenvalue import PROOF as EIGENVALUE
from fa_theory.proofs.lemmas.least_eigenvalue import A, R, Z, least
from fa_theory.proofs.notation import N, d, m, n, square, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

rank = sp.Symbol("q", integer=True, positive=True)
a, beta, mu = sp.Symbol("a", real=True), sp.Symbol("|b|", positive=True), sp.Symbol("mu", positive=True)
z = sp.Symbol("z", nonnegative=True)
X, e, y = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("e", N, 1), sp.MatrixSymbol("y", N, 1)
W, v, b = sp.MatrixSymbol("W", n, d), sp.MatrixSymbol("v", n, 1), sp.MatrixSymbol("b", n, 1)
p = sp.MatrixSymbol("p", d, 1)
Q, K, r, c = (
    sp.MatrixSymbol("Q", N, rank),
    sp.MatrixSymbol("K", d, d),
    sp.MatrixSymbol("r", d, 1),
    sp.MatrixSymbol("c", rank, 1),
)
R_X, R_K = sp.MatrixSymbol("R_X", rank, rank), sp.MatrixSymbol("R_K", d, d)
least_possible, length = sp.Symbol("L_*", real=True), sp.Symbol("|c|", positive=True)
reach = sp.Symbol("G", nonnegative=True)
h = sp.MatrixSymbol("h", rank, 1)
excess, loss, size, drive = (sp.Function(name, real=True) for name in ("E", "L", "omega", "beta_v"))
root = sp.Function("epsilon", nonnegative=True)

ROOTS = "square roots are in order: x^2 <= y^2 with y >= 0 gives x <= y"
CAUCHY = "Cauchy-Schwarz inequality: x^T y <= |x| |y|"
highest = a + z**2 / 2


def derive(proof: Derivation, half: sp.Expr = sp.S.Half, kept: int = 1) -> list[Fact]:
    errors = proof.define("the errors", e, X * W.T * v - y)
    G = X.T * e
    moving = [proof.given("flow", rate(W), "=", -b * G.T / N), proof.given("flow", rate(v), "=", -W * G / N)]
    still = [
        proof.given("fixed feedback", rate(b), "=", sp.ZeroMatrix(n, 1)),
        proof.given("data", rate(X), "=", sp.ZeroMatrix(N, d)),
        proof.given("data", rate(y), "=", sp.ZeroMatrix(N, 1)),
        proof.given("data", rate(Q), "=", sp.ZeroMatrix(N, rank)),
    ]
    feedback = proof.given("fixed feedback", b.T * b, "=", beta**2 * sp.Identity(1))
    orthonormal = proof.given("basis", Q.T * Q, "=", sp.Identity(rank))
    spanning = proof.given("basis", Q * Q.T * X, "=", X)
    span = [orthonormal, spanning]
    seen = proof.define("what the feedback sees of W", p, W.T * b)
    rules = [*moving, *still, feedback, seen]

    # what stays
    lawful = proof.equal(
        "the law along the feedback",
        rate(sp.Trace(b.T * v) - half * square(W.T * b) / beta**2),
        0,
        using=rules,
        why="both parts move at -b^T W g",
    )
    law = proof.constant("a at the start", lawful, a)
    standing = proof.equal(
        "what the feedback does not see of W stands still",
        rate(W.T * W - W.T * b * b.T * W / beta**2),
        sp.ZeroMatrix(d, d),
        using=rules,
        why="W moves along b only",
    )
    staying = proof.constant("K at the start", standing, K)
    split = proof.equal(
        "W^T W", W.T * W, K + W.T * b * b.T * W / beta**2, because=[staying], why="what stays, and what is seen"
    )
    unseen = W.T * W - W.T * b * b.T * W / beta**2
    map_still = proof.equal(
        "the rest of the end-to-end map stands still",
        rate(beta**2 * W.T * v - unseen * W.T * b - W.T * b * b.T * v),
        sp.ZeroMatrix(d, 1),
        using=rules,
        why="-|b|^2 ((b.v) g + W^T W g) + |b|^2 K g + (b.v) |b|^2 g + p p^T g = 0",
    )
    rest = proof.constant("r at the start", map_still, r)

    # how fast the excess loss falls
    sized = proof.define("|w|^2 = |W^T b|^2 / |b|^2", size(t), square(W.T * b) / beta**2)
    defined = proof.define("the excess loss", excess(t), square(Q.T * e) / (2 * N))
    learnt = proof.equal(
        "the errors move",
        rate(e),
        -X * (G * b.T * v + W.T * W * G) / N,
        because=[proof.differentiated("their rate", errors)],
        using=rules,
        why="product rule",
    )
    falling = proof.equal(
        "the excess loss moves",
        excess(t).diff(t),
        -(sp.Trace(b.T * v) * square(G) + square(W * G)) / N**2,
        because=[proof.differentiated("its rate", defined)],
        using=[learnt, *still, *span],
        why="Q Q^T X = X",
    )
    carried = proof.equal(
        "what the first layer carries",
        square(W * G),
        sp.Trace(G.T * K * G) + sp.Trace(b.T * W * G) ** 2 / beta**2,
        using=[split],
        why="W^T W = K + p p^T / |b|^2",
    )
    fitted = proof.at_most(
        "kept and fitted weights drive the decay",
        excess(t).diff(t),
        -((a + size(t) / 2) * square(G) + kept * sp.Trace(G.T * K * G)) / N**2,
        because=[
            falling,
            (-square(G) / N**2, law),
            (square(G) / (2 * N**2), sized),
            (-1 / N**2, carried),
            sp.Trace(b.T * W * G) ** 2 / (beta**2 * N**2),
        ],
        why="b.v = a + |w|^2 / 2, and a square",
    )
    large = proof.given("size", z**2, "<=", size(t))
    form = Q.T * X * ((a + z**2 / 2) * sp.Identity(d) + K) * X.T * Q / N
    spread = proof.given("rate", form, "=", mu * sp.Identity(rank) + R_X * R_X.T)
    learnable = proof.apply(
        EIGENVALUE,
        {n: rank, m: sp.S.One, A: form, R: R_X, least: mu, Z: Q.T * e},
        {"least": spread},
        why="the form is at least mu on the span of the data",
    )
    decay = proof.at_most(
        "while |w| >= z, the excess loss decays at 2 mu(z)",
        excess(t).diff(t),
        -2 * mu * excess(t),
        because=[fitted, (square(G) / (2 * N**2), large), (1 / N, learnable), (2 * mu, defined)],
        using=span,
        why="X^T e = X^T Q Q^T e",
    )
    bound = proof.apply(
        GRONWALL, {bounded: excess, speed: 2 * mu}, {"decay": decay}, name="the excess loss while |w| >= z"
    )

    # small errors need a large w
    driving = proof.define("b.v", drive(t), sp.Trace(b.T * v))
    direction = proof.given("direction", square(c), "=", length**2)
    pulled = proof.define("h", h, beta**2 * Q.T * y - Q.T * X * r)
    mapped = proof.equal(
        "the end-to-end map is a function of p",
        W.T * v,
        (r + K * W.T * b + drive(t) * W.T * b) / beta**2,
        because=[(1 / beta**2, rest), (1 / beta**2, proof.equal("K p", unseen * W.T * b, K * W.T * b, using=[split]))],
        using=[driving],
        why="|b|^2 W^T v = r + (K + b.v) p",
    )
    xi = X.T * Q * c
    weighed = proof.equal(
        "the errors, weighed with c",
        sp.Trace(c.T * h) + beta**2 * sp.Trace(c.T * Q.T * e),
        sp.Trace(xi.T * (K + drive(t) * sp.Identity(d)) * W.T * b),
        using=[errors, pulled, mapped],
        why="|b|^2 Q^T e = Q^T X (K + b.v) p - h",
    )
    aligned = proof.given("aligned", 0, "<", a)
    semidefinite = proof.given("kept", K, "=", R_K * R_K.T)
    small = proof.given("small", size(t), "<=", z**2)
    weak = proof.at_most(
        "|w| <= z bounds b.v",
        drive(t),
        highest,
        because=[driving, law, (-sp.S.Half, sized), (sp.S.Half, small)],
        why="b.v = a + |w|^2 / 2",
    )
    positive = proof.at_most(
        "b.v is positive, and so is its bound",
        0,
        drive(t) + highest,
        because=[
            (2, aligned),
            z**2 / 2,
            square(W.T * b) / (2 * beta**2),
            (-1, driving),
            (-1, law),
        ],
        why="squares",
    )
    squares = proof.times("their squares", positive, weak, why="(bound - b.v) (bound + b.v) >= 0")
    top = (K + highest * sp.Identity(d)) * xi
    lighter = proof.at_most(
        "the direction, carried",
        square((K + drive(t) * sp.Identity(d)) * xi),
        square(top),
        because=[(2 * square(R_K.T * xi), weak), (square(xi), squares)],
        using=[semidefinite],
        why="K is positive semidefinite, so |(K + s) x| grows with s",
    )
    reached = proof.given("direction", reach**2, "=", square(top))
    one = proof.cite(
        "the errors, weighed: the weights",
        sp.Trace(xi.T * (K + drive(t) * sp.Identity(d)) * W.T * b) ** 2,
        "<=",
        square((K + drive(t) * sp.Identity(d)) * xi) * square(W.T * b),
        theorem=CAUCHY,
        universal=True,
    )
    seen_size = proof.at_most(
        "|p| <= |b| z", square(W.T * b), beta**2 * z**2, because=[(beta**2, small), (-(beta**2), sized)]
    )
    both = proof.at_most(
        "the errors, weighed: their square",
        sp.Trace(xi.T * (K + drive(t) * sp.Identity(d)) * W.T * b) ** 2,
        (beta * z * reach) ** 2,
        because=[
            one,
            (square(W.T * b), lighter),
            (reach**2, seen_size),
            (-square(W.T * b), reached),
        ],
        why="|p| <= |b| z",
    )
    bounded_left = proof.cite(
        "the errors, weighed: their size",
        sp.Trace(xi.T * (K + drive(t) * sp.Identity(d)) * W.T * b),
        "<=",
        beta * z * reach,
        theorem=ROOTS,
        using=[both],
    )
    rooted = proof.given("root", root(t) ** 2, "=", 2 * N * excess(t))
    lengths = proof.cite(
        "the errors, weighed: at least minus their size",
        -sp.Trace(c.T * Q.T * e),
        "<=",
        length * root(t),
        theorem=CAUCHY,
        using=[direction, rooted, defined],
    )
    needed = proof.at_most(
        "small errors need a large w",
        sp.Trace(c.T * h),
        beta * z * reach + beta**2 * length * root(t),
        because=[weighed, bounded_left, (beta**2, lengths)],
        why="if |w| <= z, the errors are at least this large",
    )

    # the loss itself
    losses = proof.define("the loss", loss(t), square(e) / (2 * N))
    fixed_part = (square(y) - square(Q.T * y)) / (2 * N)
    floor = proof.constant(
        "what no weights reach", proof.equal("it does not move", rate(fixed_part), 0, using=still), least_possible
    )
    above = proof.equal(
        "E is the excess loss",
        loss(t) - least_possible,
        excess(t),
        because=[losses, floor, (-1, defined)],
        using=[errors, *span],
        why="Q Q^T X = X, so that the rest of the error is that of y",
    )
    return [fitted, decay, bound, needed, above]


def counterexample_small_loss() -> sp.Basic:
    # |w|^2 whole in b.v = a + |w|^2 / 2: x = b = 1, a = w = 1 reach q = w (b.v) = 3/2, not 2
    w, a_0 = sp.Integer(1), sp.Integer(1)
    return sp.Gt(w * (a_0 + w**2 / 2), w * (a_0 + w**2))


def counterexample_not_aligned() -> sp.Basic:
    # a < 0: x = b = 1, w = 0, v = -1 gives b v = a = -1; the error e = q - y = -1 for y = 1 grows: e' = -(b v + w^2) e
    outgoing, w, error = sp.Integer(-1), sp.Integer(0), sp.Integer(-1)
    return sp.Le(error * (-(outgoing + w**2) * error), 0)


PROOF = Proof(
    id="linear-decay-growth",
    title="Decay of linear networks, with the weights' growth",
    statement=(
        r"Two-layer linear FA with scalar output, squared loss, no output bias, any data and width. Let "
        r"$w = W_1^T b / |b|$, $K = W_1^T (I - b b^T / |b|^2) W_1$ and $a = \langle b, v\rangle - \frac12 |w|^2$, "
        r"which stay, and $E = L - L_*$. While $|w| \ge z$, $\dot E \le -2 \mu(z) E$, $\mu(z)$ the least non-zero "
        r"eigenvalue of $\frac1N X ((a + \frac12 z^2) I + K) X^T$ on the span of the data. If $a > 0$ and $|w| \le "
        r"z$, then for every $c$ in the span of the data $\langle c, h\rangle \le |b|\, z\, |((a + \frac12 z^2) I + "
        r"K) X^T c| + |b|^2 |c| \sqrt{2 N E}$, $h = |b|^2 y - X r$ with the constant $r = |b|^2 W_1^T v - (K + "
        r"\langle b, v\rangle I) W_1^T b$."
    ),
    assumptions={
        "flow": r"two linear layers $W$, $v$ without bias, squared loss, FA: $\dot W = -\frac1N b e^T X$, "
        r"$\dot v = -\frac1N W X^T e$",
        "fixed feedback": r"$\dot b = 0$, $|b| > 0$",
        "data": r"$X$, $y$ and $Q$ do not move",
        "basis": r"the columns of $Q$ are an orthonormal basis of the column space of $X$: $Q^T Q = I$, $Q Q^T X = X$; "
        r"$L_*$ is what it leaves of the targets, the least loss of all linear maps (shown in multi-output-decay)",
        "size": r"$|w|^2 \ge z^2$ at the times spoken of",
        "rate": r"$\mu > 0$ is at most the least eigenvalue of $\frac1N Q^T X ((a + \frac12 z^2) I + K) X^T Q$",
        "aligned": r"$a > 0$",
        "kept": r"$K$ is positive semidefinite, as $W^T (I - b b^T / |b|^2) W$ is",
        "small": r"$|w|^2 \le z^2$ at the times spoken of",
        "root": r"$\epsilon = \sqrt{2 N E} \ge 0$, which is $|Q^T e|$",
        "direction": r"$c$ in coordinates of the basis, $|c|$ its length and $G = |((a + \frac12 z^2) I + K) X^T Q c|$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("a whole |w|^2 in the law", lambda proof: derive(proof, half=sp.S.One)),
        Control("twice what stays", lambda proof: derive(proof, kept=2)),
        Control("a level that counts |w|^2 whole", counterexample_small_loss, counterexample=True),
        Control("a < 0, its sign ignored", counterexample_not_aligned, counterexample=True),
    ),
)
