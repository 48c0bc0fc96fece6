r"""matched-decay: with matched weight decay the neuron law's quantity is forgotten at an exact rate.

Symbols as in neuron-identity. Incoming weights and biases decay at lambda, outgoing weights at mu. A potential that is
homogeneous of degree q has <M, v> = q Psi, so decay takes q mu Psi from it and 2 lambda (|w|^2 + beta^2)/2 from the
incoming weights: in proportion when q mu = 2 lambda. FA and sign-FA have q = 1, so mu = 2 lambda; backprop has q = 2;
adaFA's potential kappa/2 |v|^2 + <D, v> is of degree 2 once its D = b - kappa v decays too, so that all decay alike.
"""

import sympy as sp

from fa_theory.proofs.neuron_identity import PROOF as NEURON_IDENTITY
from fa_theory.proofs.neuron_identity import F, Fb, G, M, bias, size
from fa_theory.proofs.neuron_law import LIPSCHITZ, along
from fa_theory.proofs.notation import B, i, indexed, k, m, p, r, t, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

lam, mu, q, kappa = sp.symbols("lambda mu q kappa", real=True)
Psi = indexed("Psi")


def derive(proof: Derivation, matching: int = 2, biases_decay: bool = True, decay: int = 2) -> list[Fact]:
    balance = proof.apply(NEURON_IDENTITY, at={}, conclusion=1, name="Balance of the update directions")
    incoming = [
        proof.given("flow with decay", rate(w[i, k]), "=", -F[i, k] - lam * w[i, k]),
        proof.given("flow with decay", rate(bias[i]), "=", -Fb[i] - (lam * bias[i] if biases_decay else 0)),
    ]

    def shrink(rule: str, potential: sp.Expr, falls: Fact, start: sp.Expr) -> Fact:
        """Conclude from d/dt Psi = -<M, G> - 2 lambda Psi."""
        quantity = size - p * potential
        shrinks = proof.equal(
            f"{rule}: the quantity shrinks in proportion",
            rate(quantity),
            -decay * lam * quantity,
            because=[(-1, balance), (-p, falls)],
            using=incoming,
            why="the update directions cancel by the balance; only the decay is left",
        )
        weighted = proof.equal(
            f"{rule}: weighted by the growth, it is constant",
            rate(quantity * sp.exp(2 * lam * t)),
            0,
            because=[(sp.exp(2 * lam * t), shrinks)],
            using=incoming,
            why="product rule",
        )
        constant = proof.constant(f"{rule}: value at the start", weighted, start)
        return proof.equal(
            f"{rule}: the law",
            quantity,
            start * sp.exp(-2 * lam * t),
            because=[(sp.exp(-2 * lam * t), constant)],
            why="multiplied by exp(-2 lambda t)",
        )

    # a potential of degree q, its outgoing weights decaying at mu with q mu = 2 lambda
    outgoing = proof.given("flow with decay", rate(v[r, i]), "=", -G[r, i] - mu * v[r, i])
    matched = proof.given("matched", q * mu, "=", matching * lam)
    chain = proof.given("potential", rate(Psi[i]), "=", along(M, rate(v[r, i])))
    euler = proof.given("potential", along(M, v[r, i]), "=", q * Psi[i])
    falls = proof.equal(
        "the potential falls by the update direction and by decay",
        rate(Psi[i]),
        -along(M, G[r, i]) - 2 * lam * Psi[i],
        because=[chain, (-mu, euler), (-Psi[i], matched)],
        using=[outgoing],
        why="chain rule, Euler's identity <M, v> = q Psi, and q mu = 2 lambda",
    )
    laws = [shrink("potential", Psi[i], falls, indexed("C_0")[i])]

    # FA and sign-FA, of degree one: mu = 2 lambda
    twice = proof.given("outgoing weights decay twice as fast", mu, "=", matching * lam)
    feedback = proof.given("FA", M[i, r], "=", B[i, r])
    fixed = proof.given("FA", rate(B[i, r]), "=", 0)
    falls = proof.equal(
        "FA: the potential falls",
        rate(along(B, v[r, i])),
        -along(M, G[r, i]) - 2 * lam * along(B, v[r, i]),
        using=[outgoing, feedback, fixed, twice],
        why="b is fixed",
    )
    laws.append(shrink("FA", along(B, v[r, i]), falls, indexed("C_0^FA")[i]))

    sign = proof.given("sign-FA", M[i, r] * v[r, i], "=", sp.Abs(v[r, i]))
    entry = proof.cite(
        "sign-FA: chain rule for an entry",
        rate(sp.Abs(v[r, i])),
        "=",
        M[i, r] * rate(v[r, i]),
        theorem=LIPSCHITZ,
        using=[sign],
    )
    chain = proof.sum_over("sign-FA: chain rule", entry, (r, 1, m), why="summed over the layer above")
    one_norm = sp.Sum(sp.Abs(v[r, i]), (r, 1, m))
    falls = proof.equal(
        "sign-FA: the potential falls",
        rate(one_norm),
        -along(M, G[r, i]) - 2 * lam * one_norm,
        because=[chain],
        using=[outgoing, sign, twice],
        why="s v = |v|",
    )
    laws.append(shrink("sign-FA", one_norm, falls, indexed("C_0^sign")[i]))

    # adaFA and backprop: all decay alike
    alike = proof.given("all weights decay alike", mu, "=", lam)
    feedback = proof.given("adaFA", M[i, r], "=", B[i, r])
    driven = proof.given("adaFA", rate(B[i, r]), "=", -kappa * G[r, i] - lam * B[i, r])
    potential = along(B, v[r, i]) - kappa / 2 * sp.Sum(v[r, i] ** 2, (r, 1, m))
    falls = proof.equal(
        "adaFA: the potential falls",
        rate(potential),
        -along(M, G[r, i]) - 2 * lam * potential,
        using=[outgoing, feedback, driven, alike],
        why="kappa/2 |v|^2 + <b - kappa v, v>, product rule",
    )
    laws.append(shrink("adaFA", potential, falls, indexed("C_0^ada")[i]))

    feedback = proof.given("backprop", M[i, r], "=", v[r, i])
    half_square = sp.Sum(v[r, i] ** 2, (r, 1, m)) / 2
    falls = proof.equal(
        "backprop: the potential falls",
        rate(half_square),
        -along(M, G[r, i]) - 2 * lam * half_square,
        using=[outgoing, feedback, alike],
        why="product rule",
    )
    laws.append(shrink("backprop", half_square, falls, indexed("C_0^bp")[i]))
    return laws


def counterexample_unmatched() -> sp.Basic:
    # FA, one linear neuron at x = 1, e = 0, lambda = mu = 1, w = v = b = 1: does C = w^2/2 - b v fall as exp(-2t)?
    weight, outgoing, fixed, rate_in, rate_out = (sp.Integer(1) for _ in range(5))
    quantity = weight**2 / 2 - fixed * outgoing
    return sp.Eq(weight * (-rate_in * weight) - fixed * (-rate_out * outgoing), -2 * rate_in * quantity)


def counterexample_feedback_that_stays() -> sp.Basic:
    # adaFA with kappa = 1, b held up against decay: w = v = b = 1, e = 0, lambda = mu = 1, C = w^2/2 - b v + v^2/2
    weight, outgoing, feedback = (sp.Integer(1) for _ in range(3))
    quantity = weight**2 / 2 - feedback * outgoing + outgoing**2 / 2
    change = -(weight**2) + feedback * outgoing - outgoing**2
    return sp.Eq(change, -2 * quantity)


PROOF = Proof(
    id="matched-decay",
    title="Neuron law under matched weight decay",
    statement=(
        r"With weight decay $\lambda$ on incoming weights and biases and $\mu$ on outgoing weights, and $\Psi$ "
        r"homogeneous of degree $q$, $q\mu = 2\lambda$ gives $C_i(t) = C_i(0)\,e^{-2\lambda t}$ for "
        r"$C_i = \frac12(|w_i|^2 + \beta_i^2) - p\,\Psi_i(v_i)$: for FA and sign-FA when $\mu = 2\lambda$, for "
        r"backprop when $\mu = \lambda$, and for adaFA when $W_l$, $W_{l+1}$ and $b$ all decay at $\lambda$."
    ),
    assumptions={
        **{key: text for key, text in NEURON_IDENTITY.assumptions.items() if key != "flow"},
        "flow with decay": r"$\dot w = -F - \lambda w$, $\dot\beta = -F^b - \lambda\beta$, $\dot v = -G - \mu v$",
        "matched": r"$q\mu = 2\lambda$",
        "potential": r"$\frac{d}{dt}\Psi_i = \langle M_i, \dot v_i\rangle$ and $\langle M_i, v_i\rangle = q\,\Psi_i$",
        "outgoing weights decay twice as fast": r"$\mu = 2\lambda$",
        "all weights decay alike": r"$\mu = \lambda$",
        "FA": r"$M_i = b_i$ is fixed",
        "sign-FA": r"$M_i = \operatorname{sign}(v_i)$, where an entry of $v_i$ is zero any number",
        "adaFA": r"$M_i = b_i$ moves with $\dot b_i = -\kappa G_i - \lambda b_i$",
        "backprop": r"$M_i = v_i$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("outgoing weights that decay as slowly as incoming ones", lambda proof: derive(proof, matching=1)),
        Control("biases that do not decay", lambda proof: derive(proof, biases_decay=False)),
        Control("half the rate", lambda proof: derive(proof, decay=1)),
        Control("FA with equal decay, at an instance", counterexample_unmatched, counterexample=True),
        Control("adaFA with feedback that stays", counterexample_feedback_that_stays, counterexample=True),
    ),
)
