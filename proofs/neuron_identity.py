r"""neuron-identity: what incoming weights gain, outgoing weights gain along the feedback.

Incoming weights w of neuron i of layer l (and its bias beta), outgoing weights v = W_{l+1}[:, i], feedback
M = M_{l+1}[i, :]. Sums run over inputs k = 1..d of the layer, neurons r = 1..m of the layer above, and samples
j = 1..N: a layer of any width in a network of any depth, since nothing is assumed of the inputs h or of the signal
Delta from above.
"""

import sympy as sp

from fa_theory.proofs.notation import N, d, dphi, h, i, indexed, j, k, m, p, phi, r, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

bias, z, M = indexed("beta"), indexed("z"), indexed("M")
delta, above = indexed("delta"), indexed("Delta")


def over_samples(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (j, 1, N)) / N


def derive(proof: Derivation, degree: sp.Expr = p, scale: int = 1, feedback: sp.Expr = M[i, r]) -> Fact:
    preactivation = proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * h[j, k], (k, 1, d)) + bias[i])
    incoming = proof.given("flow", rate(w[i, k]), "=", -scale * over_samples(delta[j, i] * h[j, k]))
    threshold = proof.given("flow", rate(bias[i]), "=", -over_samples(delta[j, i]))
    outgoing = proof.given("flow", rate(v[r, i]), "=", -over_samples(above[j, r] * phi(z[j, i])))
    signal = proof.given("feedback", delta[j, i], "=", sp.Sum(feedback * above[j, r], (r, 1, m)) * dphi(z[j, i]))
    homogeneous = proof.given("homogeneous", dphi(z[j, i]) * z[j, i], "=", degree * phi(z[j, i]))

    size = sp.Sum(w[i, k] ** 2, (k, 1, d)) / 2 + bias[i] ** 2 / 2
    gathered = proof.equal(
        "the incoming weights see the preactivation",
        rate(size),
        -over_samples(delta[j, i] * z[j, i]),
        using=[incoming, threshold, preactivation],
        why="product rule along the flow; the sum over the inputs is z_i",
    )
    spread = proof.equal(
        "homogeneity turns it into the activation",
        -over_samples(delta[j, i] * z[j, i]),
        -p * over_samples(sp.Sum(M[i, r] * above[j, r], (r, 1, m)) * phi(z[j, i])),
        using=[signal, homogeneous],
        why="the feedback is the same for all samples, and phi'(z) z = p phi(z)",
    )
    matched = proof.equal(
        "the outgoing weights see the same average",
        p * sp.Sum(M[i, r] * rate(v[r, i]), (r, 1, m)),
        -p * over_samples(sp.Sum(M[i, r] * above[j, r], (r, 1, m)) * phi(z[j, i])),
        using=[outgoing],
        why="the flow of the layer above",
    )
    return proof.equal(
        "both rates agree",
        rate(size),
        p * sp.Sum(M[i, r] * rate(v[r, i]), (r, 1, m)),
        because=[gathered, spread, (-1, matched)],
        why="the three steps together",
    )


def counterexample_tanh() -> sp.Basic:
    # one neuron, one sample, w = M = x = e = 1, phi(z) = z - z^3/3 (not homogeneous, like tanh)
    weight, slope, value = sp.Rational(1), 1 - sp.Rational(1), 1 - sp.Rational(1, 3)
    return sp.Eq(weight * -slope, -value)


PROOF = Proof(
    id="neuron-identity",
    title="Neuron identity",
    statement=(
        r"For every hidden neuron $i$, with $w_i$, $\beta_i$ its incoming weights and bias, $v_i$ its outgoing weights "
        r"and $M_i$ the feedback to it: $\frac{d}{dt} \frac12 (|w_i|^2 + \beta_i^2) = p \langle M_i, \dot v_i\rangle$, "
        r"for any loss, data, width and depth."
    ),
    assumptions={
        "network": r"$z_i = \sum_k w_{i,k} h_k + \beta_i$ at every sample",
        "flow": r"each weight and bias moves along its update direction, a mean over the samples",
        "feedback": r"the signal is $\delta_i = (M \Delta)_i\, \varphi'(z_i)$, $M$ the same for all samples",
        "homogeneous": r"$\varphi'(z)\,z = p\,\varphi(z)$ for every $z$",
    },
    source="paper",
    derive=derive,
    controls=(
        Control("incoming weights that move twice as fast", lambda proof: derive(proof, scale=2)),
        Control("an activation of another degree", lambda proof: derive(proof, degree=p + 1)),
        Control("feedback that depends on the sample", lambda proof: derive(proof, feedback=indexed("M")[j, i, r])),
        Control("an activation that is not homogeneous", counterexample_tanh, counterexample=True),
    ),
)
