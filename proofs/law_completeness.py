r"""law-completeness: matrix-law and projection-law are all that two-layer linear FA conserves whatever the data are.

W (n, d) and V (m, n) are the layers, B (n, m) the feedback, of rank m <= n: it has a left inverse B^+ (m, n). Data and
loss move the weights along a field X_M = (-B M, -M W^T), where M (m, d) is Delta^T X / N. The Lie algebra of these
fields is worked out first: M may be any matrix, brackets add Z_K = (0, K B^T), K (m, m) skew, and nothing more. Then
the directions (dW, dV) in which neither law changes are shown to be those of these fields, with M and K determined by
the direction: as many directions as pairs (M, K), at every state. What remains is counting.

Fields are written as expressions of the state. They are affine in it, so the derivative of one along another, which the
bracket [F, G] = DG F - DF G needs, is an exact difference quotient. A skew matrix is written S - S^T.

For two-layer gated networks the lemma gated-completeness says what the differential of a law is at each neuron. That
its samples exist for every neuron, and that the neurons add up to n laws, is argued by hand.
"""

import sympy as sp

from fa_theory.proofs.lemmas.gated_completeness import PROOF as GATED
from fa_theory.proofs.notation import N, d, i, indexed, m, n
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

W, W_change = sp.MatrixSymbol("W", n, d), sp.MatrixSymbol("dW", n, d)
V, V_change, R = (sp.MatrixSymbol(name, m, n) for name in ("V", "dV", "R"))
B, U, left_inverse = sp.MatrixSymbol("B", n, m), sp.MatrixSymbol("U", n, m), sp.MatrixSymbol("B^+", m, n)
M, M0, M1, M2 = (sp.MatrixSymbol(name, m, d) for name in ("M", "M_0", "M_1", "M_2"))
S, K, P, T = (sp.MatrixSymbol(name, m, m) for name in ("S", "K", "P", "T"))
X, Delta, targets = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("Delta", N, m), sp.MatrixSymbol("Y", d, m)
p, q, unit = sp.MatrixSymbol("p", m, 1), sp.MatrixSymbol("q", m, 1), sp.MatrixSymbol("u", d, 1)
s = sp.Symbol("s", real=True)
differential, multiple, neuron_law = sp.Symbol("dF", real=True), indexed("c"), indexed("dC")
dimension, laws, gated_laws = (sp.Symbol(name, real=True) for name in ("D_orbit", "D_laws", "D_gated"))

FREE_ENTRIES = (
    "free entries: the matrices q p^T - p q^T span the skew matrices (m, m), which have m(m-1)/2 free entries; an "
    "injective linear map keeps dimensions"
)
ORBIT = (
    "orbits (Frobenius; Nagano, Sussmann): where a Lie algebra of fields spans the same number of directions at every "
    "state, its orbits have that dimension, and the functions constant along it are, near every state, the functions "
    "of as many independent ones as directions are left; they are those whose differential vanishes on the fields"
)
RANK = (
    "rank theorem: functions whose differentials are, near a state, combinations of those of n functions with "
    "independent differentials are functions of these n there"
)


def first(move: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return the part of X_M that moves W, the same at every state."""
    return -B * move


def second(move: sp.MatrixExpr, weights: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return the part of X_M that moves V, at first-layer weights W."""
    return -move * weights.T


def skew(square: sp.MatrixExpr) -> sp.MatrixExpr:
    return square - square.T


def law_changes(along_W: sp.MatrixExpr, along_V: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return the differential of the matrix law."""
    return along_W * W.T + W * along_W.T - B * along_V - along_V.T * B.T


def derive_fields(proof: Derivation) -> list[Fact]:
    flow = [
        proof.given("flow", rate(W), "=", -B * Delta.T * X / N),
        proof.given("flow", rate(V), "=", -Delta.T * X * W.T / N),
    ]
    data = Delta.T * X / N

    def signal(at_targets: sp.MatrixExpr) -> sp.MatrixExpr:
        """Return M for squared loss on the d samples that are the unit vectors."""
        return (W.T * V.T - at_targets).T / d

    return [
        proof.equal("data move W along X_M", rate(W), first(data), using=flow, why="M = Delta^T X / N"),
        proof.equal("data move V along X_M", rate(V), second(data, W), using=flow, why="M = Delta^T X / N"),
        proof.equal(
            "the fields of two data sets differ by X_M, for any M",
            signal(targets) - signal(targets + d * M.T),
            M,
            why="X_M is linear in M; squared loss, X = I, targets that differ by d M^T",
        ),
    ]


def derive_brackets(proof: Derivation, sign: int = -1, still: bool = True) -> list[Fact]:
    proof.equal(
        "the derivative of X_M along a direction is an exact difference quotient",
        second(M, W + s * W_change) - second(M, W),
        s * second(M, W_change),
        why="X_M is affine in W and does not depend on V",
    )
    bracket = proof.equal(
        "the bracket of two fields is Z_K with K = M_2 M_1^T - M_1 M_2^T",
        second(M2, first(M1)) + sign * second(M1, first(M2)),
        skew(M2 * M1.T) * B.T,
        why="[X_1, X_2] = DX_2 X_1 - DX_1 X_2; the part that moves W is the same everywhere",
    )
    length = proof.given("unit vector", unit.T * unit, "=", sp.Identity(1))
    elementary = proof.equal(
        "K can be q p^T - p q^T",
        skew((q * unit.T) * (p * unit.T).T),
        q * p.T - p * q.T,
        using=[length],
        why="M_1 = p u^T, M_2 = q u^T with a unit vector u of the inputs",
    )
    fixed = [
        proof.given("fixed field", rate(M), "=", sp.ZeroMatrix(m, d)),
        proof.given("fixed field", rate(S), "=", sp.ZeroMatrix(m, m)),
        proof.given("fixed field", rate(B), "=", sp.ZeroMatrix(n, m)),
    ]
    along = proof.given("along Z_K", rate(W), "=", sp.ZeroMatrix(n, d) if still else -B * M)
    further = [
        proof.equal(
            "further brackets vanish: Z_K does not change, along whatever field",
            rate(skew(S) * B.T),
            sp.ZeroMatrix(m, n),
            using=fixed,
            why="it is the same at every state",
        ),
        proof.equal(
            "nor does the part of X_M that moves W",
            rate(first(M)),
            sp.ZeroMatrix(n, d),
            using=fixed,
            why="it is the same at every state",
        ),
        proof.equal(
            "nor, along Z_K, the part that moves V",
            rate(second(M, W)),
            sp.ZeroMatrix(m, n),
            using=[*fixed, along],
            why="it depends on W alone, which Z_K leaves where it is",
        ),
    ]
    return [bracket, elementary, *further]


def derive_directions(proof: Derivation, full_rank: bool = True, with_brackets: bool = True) -> list[Fact]:
    one = sp.Identity(n)
    inverse = [proof.given("rank", left_inverse * B, "=", sp.Identity(m))] if full_rank else []
    basis = [
        proof.given("basis", B, "=", U * P),
        proof.given("basis", U.T * U, "=", sp.Identity(m)),
    ]
    within = proof.given("basis", U, "=", B * T)
    tangent_V = second(M, W) + skew(S) * B.T
    found = [
        proof.equal(
            "the direction of (M, K) determines M",
            -left_inverse * first(M),
            M,
            using=inverse,
            why="B^+ B = I",
        ),
        proof.equal(
            "and K = S - S^T",
            (tangent_V + M * W.T) * left_inverse.T,
            skew(S),
            using=inverse,
            why="B^T (B^+)^T = I",
        ),
        proof.equal(
            "the projection law does not change in it", (one - U * U.T) * first(M), sp.ZeroMatrix(n, d), using=basis
        ),
        proof.equal(
            "nor does the matrix law", law_changes(first(M), tangent_V), sp.ZeroMatrix(n, n), why="K + K^T = 0"
        ),
    ]
    proof.equal(
        "the differential of the matrix law",
        (W + s * W_change) * (W + s * W_change).T - B * (V + s * V_change) - (V + s * V_change).T * B.T,
        W * W.T - B * V - V.T * B.T + s * law_changes(W_change, V_change) + s**2 * W_change * W_change.T,
        why="what is linear in s",
    )

    # now any direction in which no law changes
    kept_projection = proof.given("direction", (one - U * U.T) * W_change, "=", sp.ZeroMatrix(n, d))
    kept_matrix = proof.given("direction", law_changes(W_change, V_change), "=", sp.ZeroMatrix(n, n))
    move = proof.define("the M of a direction", M0, -left_inverse * W_change)
    along_W = proof.equal(
        "its dW is that of X_M",
        W_change,
        first(M0),
        because=[(one - B * left_inverse, kept_projection)],
        using=[move, within, *inverse],
        why="dW = U U^T dW is in the range of B, where B B^+ is the identity",
    )
    rest = proof.define("what X_M leaves of dV", R, V_change + M0 * W.T)
    symmetric = proof.equal(
        "B R + R^T B^T = 0",
        B * R + R.T * B.T,
        sp.ZeroMatrix(n, n),
        because=[(-1, kept_matrix)],
        using=[rest, along_W],
        why="the differential of the matrix law at dW = -B M",
    )
    turned = proof.define("the K of a direction", K, -left_inverse * R.T if with_brackets else sp.ZeroMatrix(m, m))
    spanned = proof.equal(
        "R = K B^T",
        R,
        K * B.T,
        because=[(left_inverse, symmetric)],
        using=[turned, *inverse],
        why="times B^+ from the left",
    )
    transposed = proof.equal("K^T", K.T, -R * left_inverse.T, using=[turned], why="its definition")
    is_skew = proof.equal(
        "K is skew",
        K.T,
        -K,
        because=[transposed],
        using=[spanned, *inverse],
        why="K^T = -R (B^+)^T = -K B^T (B^+)^T = -K",
    )
    along_V = proof.equal(
        "its dV is that of X_M + Z_K",
        V_change,
        second(M0, W) + K * B.T,
        because=[spanned, (-1, rest)],
        why="dV = R - M W^T",
    )
    return [*found, along_W, along_V, is_skew]


def derive(proof: Derivation) -> list[Fact]:
    fields, brackets, directions = derive_fields(proof), derive_brackets(proof), derive_directions(proof)
    size = m * d + m * (m - 1) / 2
    counted = proof.cite(
        "directions of the Lie algebra: as many as pairs (M, K)",
        dimension,
        "=",
        size,
        theorem=FREE_ENTRIES,
        using=[*fields, *brackets, *directions[:2]],
        introduces=[dimension],
    )
    complete = proof.cite(
        "independent laws: as many as directions are left, all generated by both laws, whose differentials vanish on "
        "the directions of the Lie algebra only",
        laws,
        "=",
        n * d + m * n - dimension,
        theorem=ORBIT,
        using=[counted, *directions],
        introduces=[laws],
    )
    count = proof.equal("their number", laws, n * d + m * n - size, because=[complete, (-1, counted)], why="put in")
    neuron = proof.apply(GATED, at={})
    joined = proof.by_hand(
        "gated: a law's differential is, at all states near by, a combination of the n independent ones of the C_i",
        differential,
        "=",
        sp.Sum(multiple[i] * neuron_law[i], (i, 1, n)),
        why="The lemma is about one neuron and given samples. That no data move a function says that no single sample "
        "does, whatever its error (squared loss, any target). With no w_i zero and no two kinks the same, every kink "
        "has, for d >= 2 or with a bias as one more input, a point that is on no other, and each half of a small ball "
        "around it spans the inputs: the lemma's samples exist for every neuron, at all states near by. So the "
        "differential is the sum of c_i dC_i. As b_i is not zero, C_i depends on v_i, which no other C_j contains: "
        "the n differentials are independent; and by neuron-law each C_i is a law.",
        using=[neuron],
    )
    gated = proof.cite(
        "gated: the C_i are n independent laws, and near every such state all laws are functions of them",
        gated_laws,
        "=",
        n,
        theorem=RANK,
        using=[joined],
        introduces=[gated_laws],
    )
    return [*fields, *brackets, *directions, counted, count, neuron, gated]


def directions_at(weights: sp.Matrix, feedback: sp.Matrix) -> int:
    """Return the number of independent directions of all X_M and Z_K at a state, worked out entry by entry."""
    (neurons, inputs), outputs = weights.shape, feedback.shape[1]
    moves = []
    for r in range(outputs):
        for k in range(inputs):
            move = sp.zeros(outputs, inputs)
            move[r, k] = 1
            moves.append([*(-feedback * move), *(-move * weights.T)])
        for other in range(r):
            turn = sp.zeros(outputs, outputs)
            turn[r, other], turn[other, r] = 1, -1
            moves.append([*sp.zeros(neurons, inputs), *(turn * feedback.T)])
    return int(sp.Matrix(moves).rank())


def counterexample_more_outputs() -> sp.Basic:
    # n = d = 1, m = 2: two directions, not md + m(m-1)/2 = 3
    return sp.Eq(directions_at(sp.Matrix([[1]]), sp.Matrix([[1, 2]])), 3)


def counterexample_rank() -> sp.Basic:
    # n = m = 2, d = 1, B of rank 1 with W in its range: two directions, not three
    return sp.Eq(directions_at(sp.Matrix([1, 2]), sp.Matrix([[1, 2], [2, 4]])), 3)


PROOF = Proof(
    id="law-completeness",
    title="Completeness of the laws",
    statement=(
        r"Two-layer linear FA with $n \ge m = \operatorname{rank} B$, over all data and losses: the fields "
        r"$X_M = (-B M, -M W_1^T)$ and their brackets $(0, K B^T)$, $K$ skew, span $md + m(m-1)/2$ directions at every "
        r"state, and further brackets vanish; these are the directions in which the matrix law and the projection law "
        r"do not change. So there are exactly $nd + mn - md - m(m-1)/2$ independent laws, all generated by both. "
        r"Two-layer networks with slopes $1$ and $a \in [0, 1)$, $d \ge 2$ or hidden biases, no $b_i$ or $w_i$ zero "
        r"and no two kinks the same: exactly one law per neuron, the neuron law."
    ),
    assumptions={
        "flow": r"linear activation; $W$ and $V$ move along FA's update directions",
        "fixed field": r"$M$, $S$ and $B$ say which field is meant and are the same at every state",
        "along Z_K": r"$\dot W = 0$ along $Z_K$ (only for its brackets)",
        "unit vector": r"$u$ is a unit vector of the inputs, $d \ge 1$",
        "rank": r"$B^+ B = I$: $B$ has rank $m$, so $m \le n$",
        "basis": r"$U^T U = I$, $B = U P$ and $U = B T$: $U$ is an orthonormal basis of the range of $B$",
        "direction": r"$(dW, dV)$ is a direction in which neither law changes",
        **GATED.assumptions,
    },
    source="own",
    derive=derive,
    controls=(
        Control("a bracket with the wrong sign", lambda proof: derive_brackets(proof, sign=1)),
        Control("further brackets if Z_K moved W", lambda proof: derive_brackets(proof, still=False)),
        Control("feedback of lower rank", lambda proof: derive_directions(proof, full_rank=False)),
        Control("the fields without their brackets", lambda proof: derive_directions(proof, with_brackets=False)),
        Control("more outputs than neurons", counterexample_more_outputs, counterexample=True),
        Control("feedback of lower rank, at an instance", counterexample_rank, counterexample=True),
    ),
)
