r"""neuron-law: every hidden neuron conserves half its squared incoming weights less p times the feedback's potential.

Symbols as in neuron-identity. A rule whose feedback is the gradient of a potential, M_i = grad Psi_i(v_i), has
d/dt Psi_i = <M_i, dv_i/dt> by the chain rule; with the identity that is all. The rules differ only in Psi:
FA <b_i, v_i>, sign-FA |v_i|_1, adaFA kappa/2 |v_i|^2 + <D_i, v_i>, backprop 1/2 |v_i|^2, each shown below to have
this rate. A sign-FA weight may cross zero or rest there: there any number may stand for its sign.
"""

import sympy as sp

from fa_theory.proofs.neuron_identity import PROOF as NEURON_IDENTITY
from fa_theory.proofs.neuron_identity import M, size
from fa_theory.proofs.notation import B, i, indexed, m, p, r, v
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

Psi, D = indexed("Psi"), indexed("D")
cos, feedback_length, outgoing_length = indexed("cos"), indexed("|M|", positive=True), indexed("|v|", positive=True)
kappa, q = sp.Symbol("kappa", real=True), sp.Symbol("q", real=True)

LIPSCHITZ = (
    "chain rule for |v|: if v is absolutely continuous, so is |v|, with d|v|/dt = s dv/dt almost everywhere for every "
    "s with s v = |v| (where v = 0 for a while, both rates vanish)"
)


def along(left: sp.IndexedBase, right: sp.Expr) -> sp.Expr:
    """Return <left_i, right>, a sum over the layer above."""
    return sp.Sum(left[i, r] * right, (r, 1, m))


def derive(proof: Derivation, degree: sp.Expr = p, moving: int = 1) -> list[Fact]:
    identity = proof.apply(NEURON_IDENTITY, at={})
    alignment = along(M, v[r, i])
    lengths = feedback_length[i] * outgoing_length[i]
    angle = proof.given("angle", alignment, "=", lengths * cos[i])
    laws = []

    def conserve(rule: str, potential: sp.Expr, chain: Fact, start: sp.Expr) -> Fact:
        still = proof.equal(
            f"{rule}: no drift",
            rate(size - degree * potential),
            0,
            because=[identity, (-p, chain)],
            why="the identity less p times the chain rule",
        )
        return proof.constant(f"{rule}: the law", still, start)

    def align(rule: str, degree_of_potential: sp.Expr, law: Fact, euler: Fact, start: sp.Expr) -> None:
        aligned = proof.equal(
            f"{rule}: the alignment",
            alignment,
            degree_of_potential * (size - start) / p,
            because=[euler, (-degree_of_potential / p, law)],
            why="the law solved for the potential",
        )
        cosine = proof.equal(
            f"{rule}: the cosine",
            cos[i],
            degree_of_potential * (size - start) / (p * lengths),
            because=[(-1 / lengths, angle), (1 / lengths, aligned)],
            why="divided by both lengths",
        )
        laws.extend([law, aligned, cosine])

    # any potential, homogeneous of degree q for the alignment
    chain = proof.given("potential", rate(Psi[i]), "=", along(M, rate(v[r, i])))
    law = conserve("potential", Psi[i], chain, indexed("C")[i])
    euler = proof.given("homogeneous potential", alignment, "=", q * Psi[i])
    align("potential", q, law, euler, indexed("C")[i])

    # FA: M = b, which does not move
    feedback = proof.given("FA", M[i, r], "=", B[i, r])
    fixed = proof.given("FA", rate(B[i, r]), "=", 0)
    chain = proof.equal(
        "FA: chain rule", rate(along(B, v[r, i])), along(M, rate(v[r, i])), using=[feedback, fixed], why="b is fixed"
    )
    law = conserve("FA", along(B, v[r, i]), chain, indexed("C^FA")[i])
    euler = proof.equal("FA: <M, v> is the potential", alignment, along(B, v[r, i]), using=[feedback], why="M = b")
    align("FA", sp.S.One, law, euler, indexed("C^FA")[i])
    laws.append(
        proof.at_most(
            "FA: the feedback alignment is at least -C / p",
            -indexed("C^FA")[i] / p,
            along(B, v[r, i]),
            because=[(1 / p, size), (1 / p, law)],
            why="squares are not negative",
        )
    )

    # sign-FA: M = sign v, where v = 0 any number
    feedback = proof.given("sign-FA", M[i, r] * v[r, i], "=", sp.Abs(v[r, i]))
    chain = proof.cite(
        "sign-FA: chain rule for an entry",
        rate(sp.Abs(v[r, i])),
        "=",
        M[i, r] * rate(v[r, i]),
        theorem=LIPSCHITZ,
        using=[feedback],
    )
    one_norm = sp.Sum(sp.Abs(v[r, i]), (r, 1, m))
    chain = proof.sum_over("sign-FA: chain rule", chain, (r, 1, m), why="summed over the layer above")
    law = conserve("sign-FA", one_norm, chain, indexed("C^sign")[i])
    euler = proof.equal("sign-FA: <M, v> is the potential", alignment, one_norm, using=[feedback], why="s v = |v|")
    align("sign-FA", sp.S.One, law, euler, indexed("C^sign")[i])

    # adaFA: M = b with db/dt = kappa dv/dt, so that b - kappa v = D stays
    feedback = proof.given("adaFA", M[i, r], "=", B[i, r])
    driven = proof.given("adaFA", rate(B[i, r]), "=", moving * kappa * rate(v[r, i]))
    still = proof.equal(
        "adaFA: b - kappa v does not move", rate(B[i, r] - kappa * v[r, i]), 0, using=[driven], why="the rule"
    )
    offset = proof.constant("adaFA: the offset D", still, D[i, r])
    squares = kappa / 2 * sp.Sum(v[r, i] ** 2, (r, 1, m))
    chain = proof.equal(
        "adaFA: chain rule",
        rate(along(B, v[r, i]) - squares),
        along(M, rate(v[r, i])),
        using=[feedback, driven],
        why="product rule",
    )
    law = conserve("adaFA, in b", along(B, v[r, i]) - squares, chain, indexed("C^ada")[i])
    weighted = proof.times("adaFA: the offset along v", v[r, i], offset)
    summed = proof.sum_over("adaFA: the offset along v, summed", weighted, (r, 1, m))
    laws.append(
        proof.equal(
            "adaFA: the law",
            size - p * (squares + along(D, v[r, i])),
            indexed("C^ada")[i],
            because=[law, (p, summed)],
            why="b = D + kappa v",
        )
    )

    # backprop: the feedback is v itself
    feedback = proof.given("backprop", M[i, r], "=", v[r, i])
    half_square = sp.Sum(v[r, i] ** 2, (r, 1, m)) / 2
    chain = proof.equal(
        "backprop: chain rule", rate(half_square), along(M, rate(v[r, i])), using=[feedback], why="product rule"
    )
    laws.append(conserve("backprop", half_square, chain, indexed("C^bp")[i]))
    return laws


def counterexample_other_rule() -> sp.Basic:
    # backprop, one linear neuron, one sample x = 1 with e = 1: w = 2, v = 3; does FA's w^2/2 - b v stay for b = 1?
    weight, outgoing, fixed, error = (sp.Integer(each) for each in (2, 3, 1, 1))
    weight_rate, outgoing_rate = -outgoing * error, -weight * error
    return sp.Eq(weight * weight_rate - fixed * outgoing_rate, 0)


def counterexample_tanh() -> sp.Basic:
    # FA with phi(z) = tanh z at z = w = log 2, x = M = e = 1: d/dt (w^2/2 - p v) = -16/25 log 2 + 3/5 p, at z = log 3
    # -9/25 log 3 + 4/5 p: no p makes both zero, or else 2^64 = 3^27
    return sp.Eq(sp.Integer(2) ** 64, sp.Integer(3) ** 27)


PROOF = Proof(
    id="neuron-law",
    title="Neuron conservation law",
    statement=(
        r"For a rule with feedback $M_i = \nabla\Psi_i(v_i)$, "
        r"$C_i = \frac12(|w_i|^2 + \beta_i^2) - p\,\Psi_i(v_i)$ is constant along the flow: FA with "
        r"$\Psi_i = \langle b_i, v_i\rangle$, sign-FA with $|v_i|_1$ (across sign changes too), adaFA with "
        r"$\frac\kappa2|v_i|^2 + \langle D_i, v_i\rangle$, backprop with $\frac12|v_i|^2$. So for $\Psi$ of degree "
        r"$q$, $\langle M_i, v_i\rangle = q\,(\frac12(|w_i|^2 + \beta_i^2) - C_i)/p$, and the cosine of $M_i$ and "
        r"$v_i$ is this over $|M_i|\,|v_i|$; for FA $\langle b_i, v_i\rangle \ge -C_i/p$."
    ),
    assumptions={
        **NEURON_IDENTITY.assumptions,
        "potential": r"$\frac{d}{dt}\Psi_i = \langle M_i, \dot v_i\rangle$, as $M_i = \nabla\Psi_i(v_i)$",
        "homogeneous potential": r"$\langle M_i, v_i\rangle = q\,\Psi_i$: $\Psi_i$ is of degree $q$ (Euler)",
        "angle": r"$\langle M_i, v_i\rangle = |M_i|\,|v_i| \cos_i$, both lengths positive",
        "FA": r"$M_i = b_i$ is fixed",
        "sign-FA": r"$M_i = \operatorname{sign}(v_i)$, where an entry of $v_i$ is zero any number",
        "adaFA": r"$M_i = b_i$ moves with $\dot b_i = \kappa\,\dot v_i$",
        "backprop": r"$M_i = v_i$",
    },
    source="paper",
    derive=derive,
    controls=(
        Control("another degree", lambda proof: derive(proof, degree=p + 1)),
        Control("adaFA's feedback against its rule", lambda proof: derive(proof, moving=-1)),
        Control("FA's law under backprop", counterexample_other_rule, counterexample=True),
        Control("tanh, of whatever degree", counterexample_tanh, counterexample=True),
    ),
)
