r"""dfa-law: direct feedback alignment, where it conserves what feedback alignment does.

Every hidden layer l hears e, the derivative of the loss at each sample, itself: delta_l = (B_l e) * phi'(z_l), with B_l
(n_l, q) for q outputs.

Last hidden layer, any activation: the layer above sends e, so DFA is FA there. Symbols and index sums are those of
neuron-identity.

Any hidden layer of a linear network: W (n, d) and beta (n, 1) enter layer l, V (m, n) leaves it; E (N, q) holds e and
H (N, d) the inputs of the layer, one sample a row. B_l is B (n, q) and B_{l+1} is B' (m, q); B'^+ is its pseudoinverse.
That the null space of B' is inside that of B is to say that B = R B' for some R; then B = B B'^+ B', and layer l hears
layer l + 1 through the fixed effective feedback B B'^+ (n, m): matrix-law applies.
"""

import sympy as sp

from fa_theory.proofs.matrix_law import PROOF as MATRIX_LAW
from fa_theory.proofs.matrix_law import B as FEEDBACK
from fa_theory.proofs.matrix_law import Delta, H, V, W, bias, ones
from fa_theory.proofs.neuron_identity import PROOF as NEURON_IDENTITY
from fa_theory.proofs.neuron_identity import M, above, delta, size, theta
from fa_theory.proofs.notation import N, e, i, indexed, j, m, n, p, r, v
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

q = sp.Symbol("q", integer=True, positive=True)
E, R = sp.MatrixSymbol("E", N, q), sp.MatrixSymbol("R", n, m)
B, B_above = sp.MatrixSymbol("B", n, q), sp.MatrixSymbol("B'", m, q)
pseudoinverse = sp.MatrixSymbol("B'^+", q, m)
direct = indexed("b")
effective = B * pseudoinverse
zero = sp.ZeroMatrix(n, n)


def derive_last(proof: Derivation, layer_above: sp.Expr = e[j, r]) -> Fact:
    heard = sp.Sum(direct[i, r] * layer_above, (r, 1, m)) * theta[j, i]
    rule = proof.given("DFA at the last hidden layer", delta[j, i], "=", heard)
    identity = proof.apply(
        NEURON_IDENTITY,
        at={M: lambda i, r: direct[i, r], above: lambda j, r: e[j, r]},
        given={"feedback": rule},
        why="neuron-identity with M = B_l, for the layer above sends e",
    )
    fixed = proof.given("DFA at the last hidden layer", rate(direct[i, r]), "=", 0)
    return proof.equal(
        "last hidden layer: FA's law",
        rate(size - p * sp.Sum(direct[i, r] * v[r, i], (r, 1, m))),
        0,
        because=[identity],
        using=[fixed],
        why="B_l does not move",
    )


def through_above(proof: Derivation) -> Fact:
    """Show B = B B'^+ B' from the null spaces."""
    inside = proof.given("null space", B, "=", R * B_above)
    penrose = proof.given("pseudoinverse", B_above * pseudoinverse * B_above, "=", B_above)
    return proof.equal(
        "B hears e through B'",
        effective * B_above,
        B,
        because=[(-1, inside)],
        using=[inside, penrose],
        why="B B'^+ B' = R B' B'^+ B' = R B' = B",
    )


def derive_linear(proof: Derivation, with_null_space: bool = True) -> list[Fact]:
    heard = [through_above(proof)] if with_null_space else []
    layer = [
        proof.given("DFA in a linear network", rate(W), "=", -B * E.T * H / N),
        proof.given("DFA in a linear network", rate(bias), "=", -B * E.T * ones / N),
        proof.given("DFA in a linear network", rate(V), "=", -B_above * E.T * (H * W.T + ones * bias.T) / N),
    ]
    signal = E * B_above.T
    as_fa = [
        proof.equal(
            f"the {name} moves as under FA",
            moving.claim.lhs,
            -effective * signal.T * inputs / N,
            using=[moving, *heard],
            why="B e = B B'^+ (B' e), and B' e is the signal of the layer above",
        )
        for name, moving, inputs in (("first weight", layer[0], H), ("bias", layer[1], ones))
    ]
    above_as_fa = proof.equal(
        "the layer above moves as under FA",
        rate(V),
        -signal.T * (H * W.T + ones * bias.T) / N,
        using=[layer[2]],
        why="its signal is B' e",
    )
    fixed = [
        proof.given("DFA in a linear network", rate(B), "=", sp.ZeroMatrix(n, q)),
        proof.given("DFA in a linear network", rate(pseudoinverse), "=", sp.ZeroMatrix(q, m)),
    ]
    still = proof.equal(
        "the effective feedback is fixed", rate(effective), sp.ZeroMatrix(n, m), using=fixed, why="product rule"
    )
    law = proof.apply(
        MATRIX_LAW,
        at={FEEDBACK: effective, Delta: signal},
        given={"flow of FA": [*as_fa, above_as_fa], "fixed feedback": still},
        name="linear network: the matrix law with effective feedback",
        why="matrix-law for FA",
    )
    left = proof.given("full column rank", pseudoinverse * B_above, "=", sp.Identity(q))
    ranked = proof.equal(
        "full column rank of B' is enough: R = B B'^+",
        effective * B_above,
        B,
        using=[left],
        why="then B'^+ B' = I, and the null space of B' is zero",
    )
    return [law, ranked]


def derive(proof: Derivation) -> list[Fact]:
    return [derive_last(proof), *derive_linear(proof)]


def counterexample_gated() -> sp.Basic:
    # leaky ReLU of slope 1/2, a chain of neurons with w = v = 1, B = B' = 1, e = 1, one sample: what K must be for
    # w^2/2 - K v to stay depends on whether x is 1 or -1, so no K will do
    slope = sp.Rational(1, 2)

    def needed(x: int) -> sp.Expr:
        gate = sp.Integer(1) if x > 0 else slope
        preactivation, output = sp.Integer(x), gate * x
        above_gate = sp.Integer(1) if output > 0 else slope
        return (gate * preactivation) / (above_gate * output)

    return sp.Eq(needed(1), needed(-1))


def counterexample_null_space() -> sp.Basic:
    # linear chain with w = x = 1, B = (0, 1), B' = (1, 0), e = (0, 1): v does not move, so no K keeps w^2/2 - K v
    feedback, above_feedback, error = sp.Matrix([[0, 1]]), sp.Matrix([[1, 0]]), sp.Matrix([0, 1])
    weight_rate, outgoing_rate = -(feedback * error)[0], -(above_feedback * error)[0]
    assert outgoing_rate == 0
    return sp.Eq(weight_rate, outgoing_rate)


PROOF = Proof(
    id="dfa-law",
    title="Laws of direct feedback",
    statement=(
        r"DFA, $\delta_l = (B_l e) \odot \varphi'(z_l)$. Its last hidden layer is FA: "
        r"$\frac12 (|w_i|^2 + \beta_i^2) - p \langle b_i, v_i \rangle$ is constant. In a linear network, if the null "
        r"space of $B_{l+1}$ is inside that of $B_l$ (so if $B_{l+1}$ has full column rank), layer $l$ obeys the "
        r"matrix law with effective feedback $K = B_l B_{l+1}^+$: $W W^T + \beta\beta^T - K V - V^T K^T$ is constant."
    ),
    assumptions={
        **{key: NEURON_IDENTITY.assumptions[key] for key in ("network", "updates", "homogeneous", "flow")},
        "DFA at the last hidden layer": r"$\delta_i = \langle b_i, e \rangle\, \theta_i$, $b_i$ fixed; above it is $e$",
        "DFA in a linear network": r"$W$, $\beta$, $V$ move along DFA's update directions; $B_l$, $B_{l+1}$ are fixed",
        "null space": r"$B_l = R B_{l+1}$ for some $R$: the null space of $B_{l+1}$ is inside that of $B_l$",
        "pseudoinverse": r"$B_{l+1} B_{l+1}^+ B_{l+1} = B_{l+1}$",
        "full column rank": r"$B_{l+1}^+ B_{l+1} = I$ (only to show that it is a case of the null space condition)",
    },
    source="own",
    derive=derive,
    controls=(
        Control("feedback of other signals than e", lambda proof: derive_last(proof, layer_above=v[j, r])),
        Control("the null space condition dropped", lambda proof: derive_linear(proof, with_null_space=False)),
        Control("gating: no effective feedback", counterexample_gated, counterexample=True),
        Control("null spaces not nested: no effective feedback", counterexample_null_space, counterexample=True),
    ),
)
