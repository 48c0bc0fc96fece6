r"""minimum-norm: where a linear network ends that fits its data.

X (N, d) holds the samples and Y (N, m) the targets, one sample a row. W is the first layer, W_0 and W_inf (n, d) its
start and limit, A (m, n) the limit of W_L ... W_2, the product of all layers above, of any depth and widths: the
end-to-end map tends to A W_inf. X^+ is the pseudoinverse of X, and P = X^+ X projects on the row space of the data.

The first layer never changes off the data's row space (projection-law, which holds for every rule), and on it the
map is fixed by the data. G (m, d) is any other map that fits.
"""

import sympy as sp

from fa_theory.proofs.notation import N, d, indexed, k, m, n, t
from fa_theory.proofs.projection_law import PROOF as PROJECTION_LAW
from fa_theory.proofs.projection_law import W, X, off_data, pseudoinverse
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

Y, A, G = sp.MatrixSymbol("Y", N, m), sp.MatrixSymbol("A", m, n), sp.MatrixSymbol("G", m, d)
S, Gap = sp.MatrixSymbol("S", N, N), sp.MatrixSymbol("Z", m, d)
start, W0, Winf = sp.MatrixSymbol("Q", n, d), sp.MatrixSymbol("W_0", n, d), sp.MatrixSymbol("W_inf", n, d)

interpolant = Y.T * pseudoinverse.T
Ahead, distance = sp.MatrixSymbol("Z_inf", n, d), sp.Function("g", real=True)
tau, constant = indexed("tau", nonnegative=True), sp.Symbol("g_0", real=True)
residual = X * Winf.T * A.T - Y

TIMES = "all times: an equation that holds at all times t >= 0 holds at the time tau_k"
ARCHIMEDES = "Archimedes: a number c with (k^2 + 1) c <= 1 for every integer k is not positive"
DEFINITE = "definiteness: a matrix R with tr(R R^T) <= 0 is zero"


def squared(matrix: sp.MatrixExpr) -> sp.Expr:
    return sp.Trace(matrix * matrix.T)


def derive_limit(proof: Derivation) -> tuple[Fact, Fact]:
    """Show W_inf (I - P) = W_0 (I - P), from the law and from weights that come as near to W_inf as one likes."""
    law = proof.apply(PROJECTION_LAW, at={}, conclusion=0)
    kept = proof.constant("the first layer off the data keeps its start", law, start)
    started = proof.given("start", start, "=", W0 * off_data)
    still = [
        proof.given("limit", rate(Winf), "=", sp.ZeroMatrix(n, d)),
        proof.given("data", rate(X), "=", sp.ZeroMatrix(N, d)),
        proof.given("data", rate(pseudoinverse), "=", sp.ZeroMatrix(d, N)),
    ]
    ahead = proof.define("what is left to go, off the data", Ahead, (W - Winf) * off_data)
    unmoved = proof.equal(
        "it does not move",
        rate(Ahead),
        sp.ZeroMatrix(n, d),
        because=[proof.differentiated("its rate", ahead), law],
        using=still,
        why="neither W (I - P) nor the limit does",
    )
    sized = proof.define("its squared length", distance(t), squared(Ahead))
    steady = proof.equal(
        "which does not move either",
        rate(distance(t)),
        0,
        because=[proof.differentiated("the rate of the squared length", sized)],
        using=[unmoved],
        why="product rule",
    )
    same = proof.constant("the squared length is always the same", steady, constant)
    near = proof.given("limit", (k**2 + 1) * distance(tau[k]), "<=", 1)
    at_time = proof.cite(
        "so it is at the time tau_k", distance(tau[k]), "=", constant, theorem=TIMES, using=[same, near]
    )
    below = proof.at_most(
        "below every 1/(k^2 + 1)",
        (k**2 + 1) * constant,
        1,
        because=[near, (-(k**2) - 1, at_time)],
        why="it is what it is at the time tau_k",
    )
    least = proof.cite("so it is not positive", constant, "<=", 0, theorem=ARCHIMEDES, using=[below])
    nothing = proof.at_most(
        "nothing is left to go",
        squared(Ahead),
        0,
        because=[least, (-1, sized), same],
        why="the squared length is constant",
    )
    arrived = proof.cite("off the data", Ahead, "=", sp.ZeroMatrix(n, d), theorem=DEFINITE, using=[nothing])
    limit = proof.equal(
        "the limit off the data is the start",
        Winf * off_data,
        start,
        because=[kept, ahead, (-1, arrived)],
        why="W (I - P) is both",
    )
    return limit, started


def derive(
    proof: Derivation, projected: sp.MatrixExpr = off_data, in_row_space: bool = True, symmetric: bool = True
) -> list[Fact]:
    limit, started = derive_limit(proof)
    fitted = proof.given("fit", squared(residual) / (2 * N), "=", 0)
    small = proof.equal("no squared residual", squared(residual), 0, because=[(2 * N, fitted)], why="times 2 N")
    none = proof.cite("no residual", residual, "=", sp.ZeroMatrix(N, m), theorem=DEFINITE, using=[small])
    fits = proof.equal("the limit fits the data", X * Winf.T * A.T, Y, because=[none], why="the residual is zero")

    symmetry = [proof.given("pseudoinverse", pseudoinverse * X, "=", X.T * pseudoinverse.T)] if symmetric else []
    end_to_end = proof.equal(
        "the end-to-end map",
        A * Winf,
        interpolant + A * W0 * projected,
        because=[(A, limit), (A, started), *((A * Winf, fact) for fact in symmetry)],
        using=[fits],
        why="A W P = A W X^T (X^+)^T = Y^T (X^+)^T on the row space; off it, the limit of the first layer",
    )

    within = [proof.given("row space", W0 * off_data, "=", sp.ZeroMatrix(n, d))] if in_row_space else []
    at_interpolant = proof.equal(
        "from the row space: the interpolant",
        A * Winf,
        interpolant,
        because=[end_to_end, *((A, fact) for fact in within)],
        why="nothing is left off the row space",
    )

    penrose = proof.given("pseudoinverse", X * pseudoinverse * X, "=", X)
    same_range = proof.given("pseudoinverse", pseudoinverse, "=", X.T * S)
    reproduced = proof.equal(
        "X X^+ = X X^T S reproduces the samples",
        X * X.T * S * X,
        X,
        because=[penrose],
        using=[same_range],
        why="Penrose",
    )
    reachable = proof.equal(
        "and the targets, which are fitted",
        X * X.T * S * Y,
        Y,
        because=[(sp.Identity(N) - X * X.T * S, fits)],
        using=[reproduced],
        why="Y = X W_inf^T A^T",
    )
    other = proof.given("other map", X * G.T, "=", Y)
    gap = proof.define("how far it is from the limit", Gap, G - A * Winf)
    spread = proof.equal(
        "Pythagoras",
        squared(G),
        squared(A * Winf) + squared(Gap),
        using=[gap, at_interpolant, same_range, other, reachable],
        why="both maps agree on the row space of X, in which the rows of Y^T (X^+)^T lie",
    )
    least = proof.at_most(
        "no map that fits has a smaller norm",
        squared(A * Winf),
        squared(G),
        because=[squared(Gap), (-1, spread)],
        why="the difference is |G - A W_inf|^2",
    )
    as_small = proof.given("as small", squared(G), "<=", squared(A * Winf))
    no_gap = proof.at_most(
        "no gap to a map that fits and is as small",
        squared(Gap),
        0,
        because=[as_small, (-1, spread)],
        why="Pythagoras",
    )
    none = proof.cite("so it is zero", Gap, "=", sp.ZeroMatrix(m, d), theorem=DEFINITE, using=[no_gap])
    only = proof.equal(
        "and the limit is the only one of that norm", G, A * Winf, because=[none, (-1, gap)], why="the gap is zero"
    )
    return [end_to_end, at_interpolant, spread, least, only]


def counterexample_off_row_space() -> sp.Basic:
    # one sample x = (1, 0), y = 1; from W_0 = (0, 1), A = 1, FA ends at (1, 1), and (1, 0) fits too
    end, other = sp.Matrix([[1, 1]]), sp.Matrix([[1, 0]])
    return sp.Le((end * end.T)[0], (other * other.T)[0])


def counterexample_not_fitted() -> sp.Basic:
    # x = (1, 0), y = 1, stopped at W = 0 = W_0 before anything is learned: not the interpolant
    sample, end = sp.Matrix([[1, 0]]), sp.zeros(1, 2)
    return sp.Eq(end, (sample.pinv() * sp.Matrix([1])).T)


PROOF = Proof(
    id="minimum-norm",
    title="Minimum-norm limit",
    statement=(
        r"In a linear network of any depth, without biases, under any rule without weight decay, with squared loss: "
        r"if $L \to 0$ and the weights converge, the end-to-end map tends to "
        r"$Y^T (X^+)^T + W_L(\infty) \cdots W_2(\infty)\, W_1(0) (I - P_X)$. With the rows of $W_1(0)$ in the row "
        r"space of $X$ this is $Y^T (X^+)^T$, of least Frobenius norm among all maps that fit, and the only such one."
    ),
    assumptions={
        "flow": r"linear layers without biases (an input that is always 1 may stand for one in the first layer): "
        r"$\dot W_1 = -\frac1N \Delta^T X$ with some signal $\Delta$",
        "data": PROJECTION_LAW.assumptions["data"],
        "pseudoinverse": r"$X X^+ X = X$, $X^+ X$ is symmetric, and $X^+ = X^T S$ with $S = (X X^T)^+$",
        "start": r"$W_0$ is $W_1$ at the start",
        "limit": r"$W_1 \to W_\infty$, a fixed matrix: $|(W_1(\tau_k) - W_\infty)(I - P_X)|_F^2 \le 1/(k^2 + 1)$ at "
        r"some time $\tau_k$ for every $k$",
        "fit": r"the layers above converge, their product to $A$, and the loss at the limit, "
        r"$\frac1{2N} |X (A W_\infty)^T - Y|_F^2$, is zero",
        "row space": r"$W_0 (I - P_X) = 0$ (only for the minimum norm)",
        "other map": r"$G$ fits the data too: $X G^T = Y$",
        "as small": r"$|G|_F \le |A W_\infty|_F$ (only for the last conclusion: there is no other map of least norm)",
    },
    source="paper",
    derive=derive,
    controls=(
        Control("start off the row space", lambda proof: derive(proof, in_row_space=False)),
        Control("the start on the row space added", lambda proof: derive(proof, projected=pseudoinverse * X)),
        Control("an inverse without the symmetry of Penrose's", lambda proof: derive(proof, symmetric=False)),
        Control("start off the row space, at an instance", counterexample_off_row_space, counterexample=True),
        Control("a loss that does not vanish", counterexample_not_fitted, counterexample=True),
    ),
)
