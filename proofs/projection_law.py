r"""projection-law: directions that no update can reach are never left.

X (N, d) holds the samples, one a row, and W (n, d) the weights of the first layer. Delta (N, n) is the signal at the
first hidden layer, one sample a row, and otherwise arbitrary: so the first law holds for every rule, activation
(Filippov solutions included), loss, depth and with biases; with P = X^+ X, the projector on the row space of the data.

In a linear network under FA the signal at the first layer is E K^T, K (n, m) the product B_2 B_3 ... B_L of any number
of factors, E (N, m) what the last layer sends: the lemma carried-signal shows this by induction over the layers, entry
by entry. The same in matrices is what the range law starts from. U (n, r) is an orthonormal basis of the range of K, so
that K = U R for some R.
"""

import sympy as sp

from fa_theory.proofs.lemmas.carried_signal import PROOF as CARRIED_SIGNAL
from fa_theory.proofs.notation import N, d, m, n
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

r = sp.Symbol("r", integer=True, positive=True)
decay, step = sp.Symbol("lambda", positive=True), sp.Symbol("eta", real=True)

X, pseudoinverse, W = sp.MatrixSymbol("X", N, d), sp.MatrixSymbol("X^+", d, N), sp.MatrixSymbol("W", n, d)
bias, ones = sp.MatrixSymbol("beta", n, 1), sp.MatrixSymbol("1", N, 1)
Delta, E = sp.MatrixSymbol("Delta", N, n), sp.MatrixSymbol("E", N, m)
K, U, R = sp.MatrixSymbol("K", n, m), sp.MatrixSymbol("U", n, r), sp.MatrixSymbol("R", r, m)

P = pseudoinverse * X
off_data = sp.Identity(d) - P
off_range = sp.Identity(n) - U * U.T


def derive_data(proof: Derivation, direction: sp.MatrixExpr = off_data, lam: sp.Expr = sp.S.Zero) -> list[Fact]:
    penrose = proof.given("pseudoinverse", X * pseudoinverse * X, "=", X)
    still = [
        proof.given("data", rate(X), "=", sp.ZeroMatrix(N, d)),
        proof.given("data", rate(pseudoinverse), "=", sp.ZeroMatrix(d, N)),
    ]
    moving = proof.given("flow", rate(W), "=", -Delta.T * X / N - lam * W)
    law = proof.equal(
        "any rule: W (I - P) stands still",
        rate(W * direction),
        sp.ZeroMatrix(n, d),
        using=[moving, *still, penrose],
        why="every update is a combination of samples, and X (I - X^+ X) = 0",
    )
    one_step = proof.equal(
        "any rule: so it does in a step of gradient descent or SGD",
        (W - step * Delta.T * X / N) * direction,
        W * direction,
        using=[penrose],
        why="the same, with the samples of the minibatch among those of X",
    )
    return [law, one_step]


def derive_range(proof: Derivation, rest: sp.MatrixExpr = off_range) -> list[Fact]:
    sent = proof.given("linear FA", Delta, "=", E * K.T)
    spanned = proof.given("basis", K, "=", U * R)
    orthonormal = proof.given("basis", U.T * U, "=", sp.Identity(r))
    kept = proof.equal(
        "U U^T keeps the range of K",
        U * U.T * K,
        K,
        because=[(U * U.T - sp.Identity(n), spanned)],
        using=[orthonormal],
        why="K = U R and U^T U = I",
    )
    still = proof.given("linear FA", rate(U), "=", sp.ZeroMatrix(n, r))
    moving = [
        proof.given("flow", rate(W), "=", -Delta.T * X / N),
        proof.given("flow", rate(bias), "=", -Delta.T * ones / N),
    ]
    why = "every update is K times something"
    using = [*moving, sent, still, kept]
    return [
        proof.equal("FA: (I - U U^T) W stands still", rate(rest * W), sp.ZeroMatrix(n, d), using=using, why=why),
        proof.equal("FA: and so does (I - U U^T) beta", rate(rest * bias), sp.ZeroMatrix(n, 1), using=using, why=why),
    ]


def derive(proof: Derivation) -> list[Fact]:
    carried = proof.apply(
        CARRIED_SIGNAL, at={}, name="FA: what reaches the first layer is what the last sends, through B_2 ... B_L"
    )
    return [*derive_data(proof), *derive_range(proof), carried]


def counterexample_weight_decay() -> sp.Basic:
    # one neuron, w = (1, 2), one sample x = (1, 0), e = b = 1, decay rate 1: w_2 is off the data and shrinks
    weight, sample = sp.Matrix([[1, 2]]), sp.Matrix([[1, 0]])
    off = sp.eye(2) - sample.T * sample
    return sp.Eq((-sample - weight) * off, sp.zeros(1, 2))


def counterexample_gated() -> sp.Basic:
    # ReLU, w = (1, -1), x = 1, B_2 = (1, 1)^T, e = 1: only the first neuron moves, which is not along B_2
    slopes, feedback = sp.diag(1, 0), sp.Matrix([1, 1])
    off = sp.eye(2) - feedback * feedback.T / 2
    return sp.Eq(off * -slopes * feedback, sp.zeros(2, 1))


PROOF = Proof(
    id="projection-law",
    title="Projection laws",
    statement=(
        r"For any rule, activation, loss and depth, without weight decay, $W_1 (I - P_X)$ is constant, $P_X = X^+ X$ "
        r"the projector on the row space of the data; GD and SGD keep it too. In linear networks, FA also keeps "
        r"$(I - U U^T) W_1$ and $(I - U U^T)\beta_1$, $U$ an orthonormal basis of the range of "
        r"$B_2 B_3 \cdots B_L$: there $\Delta = \Delta_L (B_2 B_3 \cdots B_L)^T$ for any number $L$ of layers."
    ),
    assumptions={
        "pseudoinverse": r"$X X^+ X = X$",
        "data": r"$X$ does not move",
        "flow": r"$\dot W_1 = -\frac1N \Delta^T X$ and $\dot\beta_1 = -\frac1N \Delta^T 1$ with some signal $\Delta$",
        **CARRIED_SIGNAL.assumptions,
        "linear FA": r"$\Delta = E K^T$ with $K = B_2 \cdots B_L$, which is what the last conclusion says entry by "
        r"entry, in matrices; nothing fed back moves",
        "basis": r"$U^T U = I$, and the range of $K = B_2 \cdots B_L$ is that of $U$: $K = U R$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("weight decay", lambda proof: derive_data(proof, lam=decay)),
        Control("on the data's row space", lambda proof: derive_data(proof, direction=P)),
        Control("within the range of the feedback", lambda proof: derive_range(proof, rest=U * U.T)),
        Control("weight decay, at an instance", counterexample_weight_decay, counterexample=True),
        Control("gating: the range is left", counterexample_gated, counterexample=True),
    ),
)
