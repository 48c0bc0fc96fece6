r"""descent: with an aligned start the loss of a two-layer network with one output never increases.

The symbols are those of lemma two-layers: hidden neuron i has incoming weights w[i,k] and bias beta[i], outgoing weight
v[i] and feedback M[i], and moves along M_i (g_i, gamma_i) while its gradient is v_i (g_i, gamma_i). The loss falls at
|G|^2 + sum_i v_i M_i (|g_i|^2 + gamma_i^2), and the neuron law bounds v_i M_i below by -C_i. Every rule has its own
C_i, what half the squared incoming weights less v_i M_i are at the start; for adaFA kappa/2 v_i^2 more.

With several outputs nothing like this holds in a neuron (lemma rank-one-forms), except for two classes (lemma
two-class-descent).
"""

from collections.abc import Sequence

import sympy as sp

from fa_theory.proofs.lemmas.two_layers import PROOF as TWO_LAYERS
from fa_theory.proofs.lemmas.two_layers import (
    M,
    g,
    gamma,
    loss,
    over_neurons,
    over_samples,
    own,
    share,
    size,
    theta,
    x0,
)
from fa_theory.proofs.neuron_law import LIPSCHITZ
from fa_theory.proofs.notation import B, d, e, i, indexed, j, k, n, t, v, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

start = {rule: indexed(f"C^{short}") for rule, short in (("FA", "FA"), ("sign-FA", "sign"), ("adaFA", "ada"))}
kappa, c = sp.symbols("kappa c", nonnegative=True)
common = sp.Sum(over_samples(e[j] * x[j, k]) ** 2, (k, 1, d)) + over_samples(e[j] * x0) ** 2


def layer(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    """Return the inner product of the matrices with rows one_i (g_i, gamma_i) and other_i (g_i, gamma_i)."""
    rows = sp.Sum(one * g[i, k] * other * g[i, k], (k, 1, d))
    return over_neurons(rows + one * gamma[i] * other * gamma[i])


def over_all(proof: Derivation, multiplier: sp.Expr, fact: Fact) -> Fact:
    """Multiply what holds in every hidden neuron, and add up."""
    return proof.sum_over("summed over the neurons", proof.times("weighted in a neuron", multiplier, fact), (i, 1, n))


def consequences(proof: Derivation, rule: str, bound: Fact, aligned: Fact) -> list[Fact]:
    """Return descent from an aligned start, and the linear forms, which ask for the sum of the C_i only."""
    C, total = start[rule][i], over_neurons(start[rule][i])
    descent = proof.at_most(
        f"{rule}: descent",
        rate(loss(t)),
        0,
        because=[bound, over_all(proof, share, aligned), own],
        why="nothing that is left is positive",
    )
    slope = proof.given("linear", theta[i, j], "=", 1)
    means = [
        proof.given("means", g[i, k], "=", over_samples(e[j] * theta[i, j] * x[j, k])),
        proof.given("means", gamma[i], "=", over_samples(e[j] * theta[i, j] * x0)),
    ]
    shared = proof.equal(f"{rule}, linear: one share for all", share, common, using=[*means, slope], why="slope 1")
    falls = proof.at_most(
        f"{rule}, linear: the loss falls at least this fast",
        rate(loss(t)),
        -own + total * common,
        because=[bound, over_all(proof, C, shared)],
        why="the shares are equal, so only the sum of the C_i matters",
    )
    negative = proof.given(f"aligned sum of {rule}", total, "<=", 0)
    linear = proof.at_most(
        f"{rule}, linear: descent",
        rate(loss(t)),
        0,
        because=[falls, own, (common, negative)],
        why="nothing that is left is positive",
    )
    return [descent, falls, linear]


def derive(proof: Derivation, gain: sp.Expr = kappa, power: int = 2) -> list[Fact]:
    split = proof.apply(TWO_LAYERS, {}, name="the loss along the flow")
    balance = proof.apply(TWO_LAYERS, {}, conclusion=1, name="the balance of every neuron")
    conclusions, dominances = [split], []

    def law(rule: str, potential: sp.Expr, chain: Fact, product: Fact, rest: sp.Expr = sp.S.Zero) -> list[Fact]:
        """Conclude all that follows for a rule with this potential, v_i M_i being what product says.

        Return that v_i M_i >= rest - C_i, and that C_i <= 0.
        """
        C = start[rule][i]
        still = proof.equal(
            f"{rule}: no drift", rate(size - potential), 0, because=[balance, (-1, chain)], why="the balance"
        )
        conserved = proof.constant(f"{rule}: the law", still, C)
        aligned = proof.equal(
            f"{rule}: the alignment", v[i] * M[i], size + rest - C, because=[product, (-1, conserved)], why="the law"
        )
        least = proof.at_most(
            f"{rule}: its least value",
            rest - C,
            v[i] * M[i],
            because=[(-1, aligned), size],
            why="squares are not negative",
        )
        bound = proof.at_most(
            f"{rule}: the loss falls at least this fast",
            rate(loss(t)),
            -own + over_neurons(C * share),
            because=[split, over_all(proof, share, least), over_neurons(rest * share)],
            why="every neuron's share is bounded by the law",
        )
        nonpositive = proof.given(f"aligned start of {rule}", C, "<=", 0)
        conclusions.extend([aligned, bound, *consequences(proof, rule, bound, nonpositive)])
        return [least, nonpositive]

    def dominate(rule: str, weight: sp.Expr, factor: sp.Expr, because: Sequence[Fact | tuple[sp.Expr, Fact]]) -> None:
        """Conclude <G_1, F_1> >= factor * sum of (weight_i g_i)^2 from the same in every neuron."""
        each = proof.at_most(
            f"{rule}: dominance in a neuron", factor * weight**2, v[i] * M[i], because=because, why="the law"
        )
        over = over_all(proof, share, each)
        dominances.append(
            proof.at_most(
                f"{rule}: dominance",
                factor * layer(weight, weight),
                layer(v[i], M[i]),
                because=[over],
                why="summed over the layer",
            )
        )

    # FA: the feedback b is fixed
    feedback = proof.given("FA", M[i], "=", B[i])
    fixed = proof.given("FA", rate(B[i]), "=", 0)
    chain = proof.equal(
        "FA: chain rule", rate(B[i] * v[i]), M[i] * rate(v[i]), using=[feedback, fixed], why="b is fixed"
    )
    product = proof.equal("FA: v M", v[i] * M[i], B[i] * v[i], using=[feedback], why="M = b")
    least, _ = law("FA", B[i] * v[i], chain, product)
    ratio = proof.given("dominance constant of FA", c * B[i] ** power, "<=", -start["FA"][i])
    square = proof.equal("FA: M^2", M[i] ** 2, B[i] ** 2, using=[feedback], why="M = b")
    dominate("FA", M[i], c, [least, ratio, (c, square)])

    # sign-FA: M = sign v; where v = 0 any number from [-1, 1]
    feedback = proof.given("sign-FA", M[i] * v[i], "=", sp.Abs(v[i]))
    unit = proof.given("sign-FA", M[i] ** 2, "<=", 1)
    chain = proof.cite(
        "sign-FA: chain rule", rate(sp.Abs(v[i])), "=", M[i] * rate(v[i]), theorem=LIPSCHITZ, using=[feedback]
    )
    least, _ = law("sign-FA", sp.Abs(v[i]), chain, feedback)
    ratio = proof.given("dominance constant of sign-FA", c, "<=", -start["sign-FA"][i])
    dominate("sign-FA", M[i], c, [least, ratio, (c, unit)])

    # adaFA: M = b with db/dt = kappa dv/dt
    feedback = proof.given("adaFA", M[i], "=", B[i])
    driven = proof.given("adaFA", rate(B[i]), "=", kappa * rate(v[i]))
    chain = proof.equal(
        "adaFA: chain rule",
        rate(B[i] * v[i] - gain / 2 * v[i] ** 2),
        M[i] * rate(v[i]),
        using=[driven, feedback],
        why="b - kappa v is fixed",
    )
    product = proof.equal("adaFA: v M", v[i] * M[i], B[i] * v[i], using=[feedback], why="M = b")
    product = proof.equal(
        "adaFA: v M and the potential",
        v[i] * M[i],
        (B[i] * v[i] - gain / 2 * v[i] ** 2) + kappa / 2 * v[i] ** 2,
        because=[product],
        why="half of kappa v^2 is in the potential",
    )
    signs = law("adaFA", B[i] * v[i] - gain / 2 * v[i] ** 2, chain, product, kappa / 2 * v[i] ** 2)
    dominate("adaFA", v[i], kappa / 2, signs)
    return conclusions + dominances


def no_alignment(proof: Derivation) -> None:
    split = proof.apply(TWO_LAYERS, {})
    proof.at_most("descent for any feedback", rate(loss(t)), 0, because=[split, own])


def counterexample_misaligned() -> sp.Basic:
    # w = -2, v = -1, b = 1, x = 1, y = 3, linear, squared loss: C = 3 > 0, and v = w^2/2 - 3 on the way;
    # dw/dt = 3 - v w > 0 until w = 7/5, where the loss is 33 times that of the start
    def loss_at(weight: sp.Rational) -> sp.Rational:
        return (weight * (weight**2 / 2 - 3) - 3) ** 2 / 2

    return sp.Le(loss_at(sp.Rational(7, 5)), 33 * loss_at(sp.Integer(-2)))


def counterexample_wrong_constant() -> sp.Basic:
    # adaFA, kappa = 4, w = -3/2, v = 2, b = 3, x = 1: FA's C is -39/8 < 0, its own 25/8 > 0. On the way
    # b = 4 v - 5 and w = -2 (v - 5/4); at v = 3/2 the alignment is 3/2, less than 39/8
    v, kappa = sp.Rational(3, 2), 4
    w, b = -2 * (v - sp.Rational(5, 4)), kappa * v - 5
    C_of_FA = sp.Rational(9, 8) - 6
    return sp.Ge(v * b, w**2 / 2 - C_of_FA)


PROOF = Proof(
    id="descent",
    title="Aligned starts descend",
    statement=(
        r"Two layers, one output, an activation of degree one, any loss and data, any width: "
        r"$\dot L = -|G|^2 - \sum_i v_i M_i (|g_i|^2 + \gamma_i^2)$, and "
        r"$v_i M_i = \frac12 (|w_i|^2 + \beta_i^2) - C_i$ for FA and sign-FA, "
        r"$v_i b_i = \frac12 (|w_i|^2 + \beta_i^2) + \frac\kappa2 v_i^2 - C_i$ for adaFA, each with its own $C_i$. "
        r"If all $C_i \le 0$, or in linear networks $\sum_i C_i \le 0$, the loss never increases. Dominance "
        r"$\langle G_1, F_1 \rangle \ge c |F_1|^2$ holds with every $c \ge 0$ such that for all $i$ "
        r"$c\,b_i^2 \le -C_i$ (FA, such as $\min |C_i| / b_i^2$ over $b_i \ne 0$ if all $C_i \le 0$) or $c \le -C_i$ "
        r"(sign-FA), and $\langle G_1, F_1 \rangle \ge \frac\kappa2 |G_1|^2$ for adaFA if all $C_i \le 0$."
    ),
    assumptions={
        **TWO_LAYERS.assumptions,
        "linear": r"$\theta = 1$",
        "FA": r"$M_i = b_i$, which does not move",
        "sign-FA": r"$M_i v_i = |v_i|$ and $M_i^2 \le 1$",
        "adaFA": r"$M_i = b_i$ with $\dot b_i = \kappa \dot v_i$, $\kappa \ge 0$",
        **{
            f"aligned start of {rule}": r"$C_i \le 0$ for every hidden neuron, the $C_i$ of this rule" for rule in start
        },
        **{f"aligned sum of {rule}": r"$\sum_i C_i \le 0$, the $C_i$ of this rule" for rule in start},
        "dominance constant of FA": r"$c\,b_i^2 \le -C_i$ for every hidden neuron, $c \ge 0$",
        "dominance constant of sign-FA": r"$c \le -C_i$ for every hidden neuron, $c \ge 0$",
    },
    source="paper",
    derive=derive,
    controls=(
        Control("descent without alignment", no_alignment),
        Control("adaFA with FA's constant", lambda proof: derive(proof, gain=sp.S.Zero)),
        Control("dominance with |C| / |b|", lambda proof: derive(proof, power=1)),
        Control("a start that is not aligned, at which the loss grows", counterexample_misaligned, True),
        Control("adaFA with FA's constant at an instance", counterexample_wrong_constant, True),
    ),
)
