r"""bregman-drift: what one step of gradient descent, on any minibatch, adds to the neuron law's quantity, exactly.

Symbols as in neuron-identity, the samples j = 1..N being those of the minibatch; w^+, beta^+, v^+ are the values after
the step of size eta. The divergence of the potential Psi is
D_Psi(v^+, v) = Psi(v^+) - Psi(v) - <M, v^+ - v>, M the (sub)gradient at v that the rule used.

For sign-FA let s and s^+ be the signs of v and v^+, with sign 0 = 0. Then 1 - s^2 is one where v was 0 and else zero,
and (s^2 s^{+2} - s s^+) / 2 is one where the sign flipped and else zero.
"""

import sympy as sp

from fa_theory.proofs.neuron_identity import PROOF as NEURON_IDENTITY
from fa_theory.proofs.neuron_identity import F, Fb, G, M, bias, size
from fa_theory.proofs.notation import B, d, i, indexed, k, m, p, r, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

eta, kappa = sp.Symbol("eta", real=True), sp.Symbol("kappa", real=True)
w_next, bias_next, v_next, B_next = (indexed(f"{name}^+") for name in ("w", "beta", "v", "b"))
Psi, Psi_next, divergence = indexed("Psi"), indexed("Psi^+"), indexed("D")
s_next, flipped, was_zero = indexed("s^+"), indexed("flipped"), indexed("zero")

size_next = sp.Sum(w_next[i, k] ** 2, (k, 1, d)) / 2 + bias_next[i] ** 2 / 2
squares = sp.Sum(F[i, k] ** 2, (k, 1, d)) + Fb[i] ** 2


def above(summand: sp.Expr) -> sp.Expr:
    """Return a sum over the layer above."""
    return sp.Sum(summand, (r, 1, m))


def derive(proof: Derivation, factor: sp.Expr = sp.S.Half, degree: sp.Expr = p, flips: int = 2) -> list[Fact]:
    step = [
        proof.given("step", w_next[i, k], "=", w[i, k] - eta * F[i, k]),
        proof.given("step", bias_next[i], "=", bias[i] - eta * Fb[i]),
        proof.given("step", v_next[r, i], "=", v[r, i] - eta * G[r, i]),
    ]
    balance = proof.apply(NEURON_IDENTITY, at={}, conclusion=1, name="Balance of the update directions")
    gain = factor * eta**2 * squares
    linear = above(M[i, r] * (v_next[r, i] - v[r, i]))
    growth = proof.equal(
        "the incoming weights grow by p <M, v^+ - v> and a square",
        size_next - size,
        p * linear + gain,
        because=[(-eta, balance)],
        using=step,
        why="expand the squares; the term linear in eta is the balance",
    )

    def drift(rule: str, after: sp.Expr, before: sp.Expr, remainder: sp.Expr, divergence_is: Fact) -> Fact:
        return proof.equal(
            f"{rule}: the drift",
            (size_next - p * after) - (size - p * before),
            gain - degree * remainder,
            because=[growth, (-p, divergence_is)],
            why="the growth less p times the divergence",
        )

    def divergence_of(rule: str, after: sp.Expr, before: sp.Expr, remainder: sp.Expr, using: list[Fact]) -> Fact:
        return proof.equal(
            f"{rule}: the divergence", after - before - linear, remainder, using=using, why="put in what M and v^+ are"
        )

    # any potential
    named = proof.define("the divergence of the potential", divergence[i], Psi_next[i] - Psi[i] - linear)
    stated = proof.equal("rearranged", Psi_next[i] - Psi[i] - linear, divergence[i], because=[(-1, named)])
    drifts = [drift("potential", Psi_next[i], Psi[i], divergence[i], stated)]

    # FA
    fixed = proof.given("FA", M[i, r], "=", B[i, r])
    after, before = above(B[i, r] * v_next[r, i]), above(B[i, r] * v[r, i])
    none = divergence_of("FA", after, before, sp.S.Zero, [fixed])
    never_less = drift("FA", after, before, sp.S.Zero, none)
    drifts.append(never_less)
    drifts.append(
        proof.at_most(
            "FA: C never decreases",
            size - p * before,
            size_next - p * after,
            because=[(-1, never_less), gain],
            why="the drift is a square",
        )
    )

    # backprop
    own = proof.given("backprop", M[i, r], "=", v[r, i])
    after, before = above(v_next[r, i] ** 2) / 2, above(v[r, i] ** 2) / 2
    remainder = eta**2 / 2 * above(G[r, i] ** 2)
    drifts.append(
        drift("backprop", after, before, remainder, divergence_of("backprop", after, before, remainder, [own, *step]))
    )

    # adaFA, whose potential kappa/2 |v|^2 + <b - kappa v, v> has b - kappa v the same after the step
    moving = [
        proof.given("adaFA", M[i, r], "=", B[i, r]),
        proof.given("adaFA", B_next[i, r], "=", B[i, r] + kappa * (v_next[r, i] - v[r, i])),
    ]
    after = above(B_next[i, r] * v_next[r, i] - kappa / 2 * v_next[r, i] ** 2)
    before = above(B[i, r] * v[r, i] - kappa / 2 * v[r, i] ** 2)
    remainder = kappa * eta**2 / 2 * above(G[r, i] ** 2)
    drifts.append(
        drift("adaFA", after, before, remainder, divergence_of("adaFA", after, before, remainder, [*moving, *step]))
    )

    # sign-FA
    size_after = sp.Abs(v_next[r, i])
    sign = proof.given("sign-FA", M[i, r] * v[r, i], "=", sp.Abs(v[r, i]))
    sign_next = proof.given("sign-FA", v_next[r, i], "=", s_next[i, r] * size_after)
    resigned = proof.given("sign-FA", s_next[i, r] * v_next[r, i], "=", size_after)
    flip = proof.define(
        "one where the sign flipped", flipped[i, r], (M[i, r] ** 2 * s_next[i, r] ** 2 - M[i, r] * s_next[i, r]) / 2
    )
    zero = proof.define("one where the weight was 0", was_zero[i, r], 1 - M[i, r] ** 2)
    sizes_match = proof.equal(
        "the sign after the step squares to one where it counts",
        size_after,
        s_next[i, r] ** 2 * size_after,
        because=[(-1, resigned), (s_next[i, r], sign_next)],
        why="|v| = s v and v = s |v|",
    )
    entry = proof.equal(
        "by the cases of both signs",
        size_after - M[i, r] * v_next[r, i],
        (flips * flipped[i, r] + was_zero[i, r]) * size_after,
        because=[(-M[i, r], sign_next), (M[i, r] ** 2, sizes_match)],
        using=[flip, zero],
        why="the sign kept: 0; flipped: 2 |v^+|; zero before: |v^+|; zero after: 0",
    )
    over_entries = proof.sum_over("summed over the layer above", entry, (r, 1, m))
    after, before = above(size_after), above(sp.Abs(v[r, i]))
    remainder = 2 * above(flipped[i, r] * size_after) + above(was_zero[i, r] * size_after)
    divergence_is = proof.equal(
        "sign-FA: the divergence",
        after - before - linear,
        remainder,
        because=[over_entries],
        using=[sign],
        why="<s, v> = |v|_1",
    )
    drifts.append(drift("sign-FA", after, before, remainder, divergence_is))
    return drifts


def one_step(rule: str) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return C before and after a step of 1/2, and its square, of one linear neuron at x = 1, e = 1."""
    weight, outgoing, fixed, error, step = sp.Integer(1), sp.Integer(2), sp.Integer(3), sp.Integer(1), sp.Rational(1, 2)
    feedback = fixed if rule == "FA" else outgoing
    weight_after, outgoing_after = weight - step * feedback * error, outgoing - step * error * weight

    def law(incoming: sp.Expr, out: sp.Expr) -> sp.Expr:
        return incoming**2 / 2 - (fixed * out if rule == "FA" else out**2 / 2)

    return law(weight, outgoing), law(weight_after, outgoing_after), (step * feedback * error) ** 2


def counterexample_coefficient() -> sp.Basic:
    before, after, square = one_step("FA")
    return sp.Eq(after - before, square)


def counterexample_backprop_without_divergence() -> sp.Basic:
    before, after, square = one_step("backprop")
    return sp.Eq(after - before, square / 2)


PROOF = Proof(
    id="bregman-drift",
    title="Drift of the neuron law in one step",
    statement=(
        r"One step of gradient descent with step $\eta$ on any minibatch changes "
        r"$C_i = \frac12(|w_i|^2 + \beta_i^2) - p\,\Psi_i(v_i)$ by exactly "
        r"$\frac12\eta^2(|F_i|^2 + (F^b_i)^2) - p\,D_\Psi(v_i^+, v_i)$, $D_\Psi$ the Bregman divergence: 0 for FA "
        r"(so $C_i$ never decreases), $\frac12\eta^2|G_i|^2$ for backprop, $\frac\kappa2\eta^2|G_i|^2$ for adaFA, and "
        r"for sign-FA with $\operatorname{sign}(0) = 0$ twice the sum of $|v^+|$ over the entries whose sign flipped "
        r"plus the sum of $|v^+|$ over the entries that were zero."
    ),
    assumptions={
        **{key: text for key, text in NEURON_IDENTITY.assumptions.items() if key != "flow"},
        "step": r"$w^+ = w - \eta F$, and so for biases and outgoing weights",
        "FA": r"$M_i = b_i$ is fixed",
        "backprop": r"$M_i = v_i$",
        "adaFA": r"$M_i = b_i$ with $b_i^+ = b_i + \kappa (v_i^+ - v_i)$",
        "sign-FA": r"$M_i = \operatorname{sign} v_i$ and $s^+_i = \operatorname{sign} v^+_i$: $sv = |v|$, $v = s|v|$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the square without its half", lambda proof: derive(proof, factor=sp.S.One)),
        Control("the divergence without the degree", lambda proof: derive(proof, degree=sp.S.One)),
        Control("a flipped sign counted once", lambda proof: derive(proof, flips=1)),
        Control("the square without its half, at an instance", counterexample_coefficient, counterexample=True),
        Control("backprop as if C only grew", counterexample_backprop_without_divergence, counterexample=True),
    ),
)
