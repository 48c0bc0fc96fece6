r"""midpoint-exactness: the implicit midpoint rule keeps the quadratic conservation laws at any step size.

The rule goes from x_0 to x_1 = x_0 + s f, f the flow at the midpoint (x_0 + x_1)/2. A quadratic Q has
Q(x_1) - Q(x_0) = s <grad Q, f> at the midpoint, and this is zero if Q is an invariant, whatever the step is and
whichever solution of the implicit equation was found. Below, letters without an index are values at the midpoint,
_0 and _1 those before and after the step: first any quadratic invariant, then the neuron law (symbols as in
neuron-identity, any degree p), then the matrix law of a linear layer: W (n, d) and its bias beta enter it, V (m, n)
leaves it, H (N, d) are its inputs and Delta (N, m) the signals from above.
"""

import sympy as sp

from fa_theory.proofs.neuron_identity import PROOF as NEURON_IDENTITY
from fa_theory.proofs.neuron_identity import F, Fb, G, M, bias
from fa_theory.proofs.notation import B, N, d, i, indexed, k, m, n, p, r, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

s, kappa = sp.Symbol("s", real=True), sp.Symbol("kappa", real=True)
Symbol = sp.MatrixSymbol


def derive_any(proof: Derivation, middle: sp.Expr) -> Fact:
    """Derive it for any quadratic invariant Q(x) = x^T A x + c^T x.

    f is taken at the fraction `middle` of the way from the start to the end.
    """
    x, x_0, x_1, f, c = (Symbol(name, n, 1) for name in ("x", "x_0", "x_1", "f", "c"))
    A = Symbol("A", n, n)
    rule = [
        proof.given("midpoint rule", x_1, "=", x_0 + s * f),
        proof.given("midpoint rule", x, "=", (1 - middle) * x_0 + middle * x_1),
    ]
    invariant = proof.given("invariant", sp.Trace(((A + A.T) * x + c).T * f), "=", 0)
    return proof.equal(
        "a quadratic invariant is kept",
        sp.Trace(x_1.T * A * x_1 + c.T * x_1),
        sp.Trace(x_0.T * A * x_0 + c.T * x_0),
        because=[(s, invariant)],
        using=rule,
        why="Q(x_1) - Q(x_0) = s <grad Q(x), f>, an identity of polynomials",
    )


def derive_neuron(proof: Derivation, middle: sp.Expr) -> list[Fact]:
    """Derive the neuron law of FA, adaFA and backprop."""
    names = (("w", w, i, k), ("beta", bias, i), ("v", v, r, i), ("b", B, i, r))
    start, end = ({name: indexed(f"{name}_{when}") for name, *_ in names} for when in (0, 1))
    rule = [
        proof.given("midpoint rule", end["w"][i, k], "=", start["w"][i, k] - s * F[i, k]),
        proof.given("midpoint rule", end["beta"][i], "=", start["beta"][i] - s * Fb[i]),
        proof.given("midpoint rule", end["v"][r, i], "=", start["v"][r, i] - s * G[r, i]),
    ]
    for name, quantity, *indices in names[:3]:
        between = (1 - middle) * start[name][tuple(indices)] + middle * end[name][tuple(indices)]
        rule.append(proof.given("midpoint rule", quantity[tuple(indices)], "=", between))
    balance = proof.apply(NEURON_IDENTITY, at={}, conclusion=1, name="Balance of the update directions at the midpoint")

    def size(at: dict[str, sp.IndexedBase]) -> sp.Expr:
        return sp.Sum(at["w"][i, k] ** 2, (k, 1, d)) / 2 + at["beta"][i] ** 2 / 2

    def kept(rule_name: str, after: sp.Expr, before: sp.Expr, using: list[Fact]) -> Fact:
        return proof.equal(
            f"{rule_name}: the neuron law is kept",
            size(end) - p * sp.Sum(after, (r, 1, m)),
            size(start) - p * sp.Sum(before, (r, 1, m)),
            because=[(-s, balance)],
            using=[*using, *rule],
            why="what the step adds is s times the balance at the midpoint",
        )

    fixed = proof.given("FA", M[i, r], "=", B[i, r])
    v_0, v_1, b_0, b_1 = start["v"][r, i], end["v"][r, i], start["b"][i, r], end["b"][i, r]
    moving = [
        proof.given("adaFA", b_1, "=", b_0 - s * kappa * G[r, i]),
        proof.given("adaFA", M[i, r], "=", (1 - middle) * b_0 + middle * b_1),
    ]
    own = proof.given("backprop", M[i, r], "=", v[r, i])
    return [
        kept("FA", B[i, r] * v_1, B[i, r] * v_0, [fixed]),
        kept("adaFA", b_1 * v_1 - kappa / 2 * v_1**2, b_0 * v_0 - kappa / 2 * v_0**2, moving),
        kept("backprop", v_1**2 / 2, v_0**2 / 2, [own]),
    ]


def derive_matrix(proof: Derivation, middle: sp.Expr) -> list[Fact]:
    """Derive the matrix law of FA, adaFA and backprop; P, b, R are the directions in which W, beta and V move."""
    shapes = {"W": (n, d), "beta": (n, 1), "V": (m, n)}
    (W, beta, V), (W_0, beta_0, V_0), (W_1, beta_1, V_1) = (
        [Symbol(f"{name}{when}", *shape) for name, shape in shapes.items()] for when in ("", "_0", "_1")
    )
    P, b, R = (Symbol(name, *shape) for name, shape in zip(("P", "b", "R"), shapes.values(), strict=True))
    H, Delta, ones = Symbol("H", N, d), Symbol("Delta", N, m), Symbol("1", N, 1)
    feedback, fixed, fixed_0, fixed_1 = (Symbol(name, n, m) for name in ("M", "B", "B_0", "B_1"))
    updates = [
        proof.given("linear layer", P, "=", -feedback * Delta.T * H / N),
        proof.given("linear layer", b, "=", -feedback * Delta.T * ones / N),
        proof.given("linear layer", R, "=", -Delta.T * (H * W.T + ones * beta.T) / N),
    ]
    balance, transposed = (
        proof.equal(name, lhs, rhs, using=updates, why="both are -M Delta^T (H W^T + 1 beta^T) / N, or its transpose")
        for name, lhs, rhs in (
            ("balance of a linear layer", P * W.T + b * beta.T, feedback * R),
            ("and transposed", W * P.T + beta * b.T, R.T * feedback.T),
        )
    )
    rule = []
    for at, before, after, direction in ((W, W_0, W_1, P), (beta, beta_0, beta_1, b), (V, V_0, V_1, R)):
        rule.append(proof.given("midpoint rule", after, "=", before + s * direction))
        rule.append(proof.given("midpoint rule", at, "=", (1 - middle) * before + middle * after))

    def kept(rule_name: str, after: sp.MatrixExpr, before: sp.MatrixExpr, using: list[Fact]) -> Fact:
        return proof.equal(
            f"{rule_name}: the matrix law is kept",
            W_1 * W_1.T + beta_1 * beta_1.T - after,
            W_0 * W_0.T + beta_0 * beta_0.T - before,
            because=[(s, balance), (s, transposed)],
            using=[*using, *rule],
            why="what the step adds is s times the balance at the midpoint and its transpose",
        )

    def symmetric(each: sp.MatrixExpr) -> sp.MatrixExpr:
        return each + each.T

    constant = proof.given("FA", feedback, "=", fixed)
    moving = [
        proof.given("adaFA", fixed_1, "=", fixed_0 + s * kappa * R.T),
        proof.given("adaFA", feedback, "=", (1 - middle) * fixed_0 + middle * fixed_1),
    ]
    own = proof.given("backprop", feedback, "=", V.T)
    return [
        kept("FA", symmetric(fixed * V_1), symmetric(fixed * V_0), [constant]),
        kept(
            "adaFA",
            symmetric(fixed_1 * V_1) - kappa * V_1.T * V_1,
            symmetric(fixed_0 * V_0) - kappa * V_0.T * V_0,
            moving,
        ),
        kept("backprop", V_1.T * V_1, V_0.T * V_0, [own]),
    ]


def derive(proof: Derivation, middle: sp.Expr = sp.S.Half) -> list[Fact]:
    return [derive_any(proof, middle), *derive_neuron(proof, middle), *derive_matrix(proof, middle)]


def counterexample_explicit() -> sp.Basic:
    # FA, one linear neuron at x = 1, e = 1, w = 1, v = 2, b = 3, explicit Euler with step 1/2
    weight, outgoing, fixed, error, step = sp.Integer(1), sp.Integer(2), sp.Integer(3), sp.Integer(1), sp.Rational(1, 2)
    weight_after, outgoing_after = weight - step * fixed * error, outgoing - step * error * weight
    return sp.Eq(weight_after**2 / 2 - fixed * outgoing_after, weight**2 / 2 - fixed * outgoing)


def counterexample_cubic() -> sp.Basic:
    # the flow dx/dt = 1, dy/dt = -x^2 keeps x^3/3 + y; midpoint rule with step 1 from (0, 0), its midpoint at x = 1/2
    step, x_0, y_0 = sp.Integer(1), sp.Integer(0), sp.Integer(0)
    x_1 = x_0 + step
    y_1 = y_0 - step * ((x_0 + x_1) / 2) ** 2
    return sp.Eq(x_1**3 / 3 + y_1, x_0**3 / 3 + y_0)


def counterexample_sign_change() -> sp.Basic:
    # sign-FA, one linear neuron at x = 1, e = 1, w = 1, v = 1/4, step 1: the midpoint has v < 0, so M = -1 there
    weight, outgoing, sign = sp.Integer(1), sp.Rational(1, 4), -1
    weight_after = weight - sign
    outgoing_after = outgoing - (weight + weight_after) / 2
    assert (outgoing + outgoing_after) / 2 < 0
    return sp.Eq(weight_after**2 / 2 - abs(outgoing_after), weight**2 / 2 - abs(outgoing))


PROOF = Proof(
    id="midpoint-exactness",
    title="Midpoint rule keeps the laws",
    statement=(
        r"If $Q$ is quadratic and $\langle\nabla Q, f\rangle = 0$ at every state, the implicit midpoint rule keeps $Q$ "
        r"at any step size. So it keeps the neuron law of FA, adaFA and backprop at any degree $p$, and in linear "
        r"layers their matrix laws: $W W^T + \beta\beta^T - B V - V^T B^T$ for FA, with $+\kappa V^T V$ for adaFA, and "
        r"$W W^T + \beta\beta^T - V^T V$ for backprop."
    ),
    assumptions={
        **{key: text for key, text in NEURON_IDENTITY.assumptions.items() if key != "flow"},
        "midpoint rule": r"$x_1 = x_0 + s f(x)$ with $x = (x_0 + x_1)/2$, exactly solved",
        "invariant": r"$\langle \nabla Q, f\rangle = 0$ at the midpoint, $\nabla Q = (A + A^T)x + c$",
        "linear layer": r"a linear layer's directions: $P$ of $W$, $b$ of $\beta$, $R$ of $V$ under the feedback $M$",
        "FA": r"the feedback is fixed",
        "adaFA": r"the feedback moves by $\kappa$ times what the outgoing weights do, by the midpoint rule",
        "backprop": r"the feedback is the transpose of the outgoing weights",
    },
    source="own",
    derive=derive,
    controls=(
        Control("explicit Euler, any invariant", lambda proof: derive_any(proof, sp.S.Zero)),
        Control("explicit Euler, neuron law", lambda proof: derive_neuron(proof, sp.S.Zero)),
        Control("implicit Euler, matrix law", lambda proof: derive_matrix(proof, sp.S.One)),
        Control("explicit Euler at an instance", counterexample_explicit, counterexample=True),
        Control("a cubic invariant", counterexample_cubic, counterexample=True),
        Control("sign-FA in a step across a sign change", counterexample_sign_change, counterexample=True),
    ),
)
