r"""neuron-identity: what incoming weights gain, outgoing weights gain along the feedback.

Incoming weights w_i = W_l[i, :] of neuron i of layer l and its bias beta_i, outgoing weights v_i = W_{l+1}[:, i],
feedback M_i = M_{l+1}[i, :], which may depend on time and on the state, not on the sample. Sums run over the inputs
k = 1..d of the layer, the neurons r = 1..m of the layer above and the samples j = 1..N: a layer of any width in a
network of any depth, since nothing is assumed of the inputs h or of the signal Delta from above.

The update directions are F_i = F_l[i, :] of the incoming weights, F^b_i of the bias and G_i = F_{l+1}[:, i] of the
outgoing weights. The number iota is 1 where the layer has biases; iota = 0, beta = 0 is a layer without.
theta is phi'(z), and where phi has a kink at z = 0 any number: so the identity holds for every solution in Filippov's
sense, at almost all times.
"""

import sympy as sp

from fa_theory.proofs.notation import N, d, h, i, indexed, j, k, m, p, phi, r, v, w
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

bias, z, theta, M = indexed("beta"), indexed("z"), indexed("theta"), indexed("M")
delta, above = indexed("delta"), indexed("Delta")
F, Fb, G = indexed("F"), indexed("F^b"), indexed("G")
iota = sp.Symbol("iota", real=True)

size = sp.Sum(w[i, k] ** 2, (k, 1, d)) / 2 + bias[i] ** 2 / 2
"""Half the squared length of a neuron's incoming weights and bias."""


def over_samples(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (j, 1, N)) / N


def derive(proof: Derivation, degree: sp.Expr = p, speed: int = 1, feedback: sp.Expr = M[i, r]) -> list[Fact]:
    preactivation = proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * h[j, k], (k, 1, d)) + iota * bias[i])
    updates = [
        proof.given("updates", F[i, k], "=", over_samples(delta[j, i] * h[j, k])),
        proof.given("updates", Fb[i], "=", iota * over_samples(delta[j, i])),
        proof.given("updates", G[r, i], "=", over_samples(above[j, r] * phi(z[j, i]))),
    ]
    signal = proof.given("feedback", delta[j, i], "=", sp.Sum(feedback * above[j, r], (r, 1, m)) * theta[j, i])
    homogeneous = proof.given("homogeneous", theta[j, i] * z[j, i], "=", degree * phi(z[j, i]))

    along_weights = sp.Sum(F[i, k] * w[i, k], (k, 1, d)) + Fb[i] * bias[i]
    along_feedback = sp.Sum(M[i, r] * G[r, i], (r, 1, m))
    gathered = proof.equal(
        "the incoming weights see the preactivation",
        along_weights,
        over_samples(delta[j, i] * z[j, i]),
        using=[*updates, preactivation],
        why="the sum over the inputs, with the bias, is z_i",
    )
    spread = proof.equal(
        "homogeneity turns it into the activation",
        over_samples(delta[j, i] * z[j, i]),
        p * over_samples(sp.Sum(M[i, r] * above[j, r], (r, 1, m)) * phi(z[j, i])),
        using=[signal, homogeneous],
        why="phi'(z) z = p phi(z)",
    )
    matched = proof.equal(
        "the outgoing weights see the same average",
        along_feedback,
        over_samples(sp.Sum(M[i, r] * above[j, r], (r, 1, m)) * phi(z[j, i])),
        using=updates,
        why="the feedback is the same for all samples, so it leaves the average",
    )
    balance = proof.equal(
        "balance of the update directions",
        along_weights,
        p * along_feedback,
        because=[gathered, spread, (-p, matched)],
        why="the three steps together",
    )

    flow = [
        proof.given("flow", rate(w[i, k]), "=", -speed * F[i, k]),
        proof.given("flow", rate(bias[i]), "=", -Fb[i]),
        proof.given("flow", rate(v[r, i]), "=", -G[r, i]),
    ]
    identity = proof.equal(
        "both rates agree",
        rate(size),
        p * sp.Sum(M[i, r] * rate(v[r, i]), (r, 1, m)),
        because=[(-1, balance)],
        using=flow,
        why="product rule along the flow, then the balance",
    )
    return [identity, balance]


def counterexample_tanh() -> sp.Basic:
    # phi = tanh is homogeneous of no degree p: z phi'(z) / phi(z) would be p at z = log 2 and at z = log 3, where
    # tanh is 3/5 and 4/5. So 16/15 log 2 = 9/20 log 3, and 64 log 2 = 27 log 3, which says 2^64 = 3^27.
    at_two, at_three = ((1 - s**2) / s for s in (sp.Rational(3, 5), sp.Rational(4, 5)))
    whole = 60
    return sp.Eq(sp.Integer(2) ** (whole * at_two), sp.Integer(3) ** (whole * at_three))


def counterexample_feedback_of_the_sample() -> sp.Basic:
    # one linear neuron, w = 1, samples x = 1 and 1 with signals 1 and -1 from above and feedback 1 and 2: the outgoing
    # weight does not move, so the right side is 0 whatever M is, and yet the incoming weight does
    weight, inputs, signals, feedbacks = sp.Integer(1), (1, 1), (1, -1), (1, 2)
    samples = list(zip(inputs, signals, feedbacks, strict=True))
    outgoing = -sp.Rational(sum(e * weight * x for x, e, _ in samples), 2)
    incoming = -sp.Rational(sum(M_j * e * x for x, e, M_j in samples), 2)
    assert outgoing == 0
    return sp.Eq(weight * incoming, 0)


PROOF = Proof(
    id="neuron-identity",
    title="Neuron identity",
    statement=(
        r"For every hidden neuron $i$, with $w_i$, $\beta_i$ its incoming weights and bias, $v_i$ its outgoing weights "
        r"and $M_i$ the feedback to it: $\frac{d}{dt} \frac12 (|w_i|^2 + \beta_i^2) = p \langle M_i, \dot v_i\rangle$, "
        r"for any loss, data, width and depth. It comes from a balance of the update directions at every state, "
        r"$\langle F_i, w_i\rangle + F^b_i \beta_i = p \langle M_i, G_i\rangle$."
    ),
    assumptions={
        "network": r"$z_i = \sum_k w_{i,k} h_k + \iota\beta_i$ at every sample; $\iota$ is 1 with biases, 0 without",
        "updates": r"$F$, $F^b$, $G$ are the update directions of $w$, $\beta$, $v$, means over the samples",
        "feedback": r"the signal is $\delta_i = (M \Delta)_i\, \theta_i$, $M$ the same for all samples",
        "homogeneous": r"$\theta z = p\,\varphi(z)$ with $\theta = \varphi'(z)$, at a kink any $\theta$ and $z = 0$",
        "flow": r"each weight and bias moves against its update direction, at almost all times",
    },
    source="paper",
    derive=derive,
    controls=(
        Control("incoming weights that move twice as fast", lambda proof: derive(proof, speed=2)),
        Control("an activation of another degree", lambda proof: derive(proof, degree=p + 1)),
        Control("feedback that depends on the sample", lambda proof: derive(proof, feedback=indexed("M")[j, i, r])),
        Control("tanh, of whatever degree", counterexample_tanh, counterexample=True),
        Control("feedback of the sample, whatever M", counterexample_feedback_of_the_sample, counterexample=True),
    ),
)
