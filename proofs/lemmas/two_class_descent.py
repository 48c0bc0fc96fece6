r"""two-class-descent: with two outputs and errors orthogonal to (1, 1), as in a two-class softmax, FA has its descent.

The symbols are those of lemma two-layers, but for two outputs F[1,j] and F[2,j] with outgoing weights V[1,i], V[2,i]
and feedback b[i,1], b[i,2]; eps[j] is the derivative of the loss by the first output, -eps[j] that by the second. Only
differences matter: this is a network with one output (F_1 - F_2) / sqrt(2), outgoing weights (V_1 - V_2) / sqrt(2),
feedback (b_1 - b_2) / sqrt(2) and errors sqrt(2) eps.
"""

import sympy as sp

from fa_theory.proofs.lemmas.two_layers import PROOF as TWO_LAYERS
from fa_theory.proofs.lemmas.two_layers import (
    G,
    M,
    beta,
    f,
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
    z,
)
from fa_theory.proofs.notation import B, d, e, h, i, indexed, j, k, n, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

V, F, eps, C = indexed("V"), indexed("F"), indexed("eps"), indexed("C")
root = sp.sqrt(2)

apart, feedback = V[1, i] - V[2, i], B[i, 1] - B[i, 2]


def reduce(proof: Derivation, second: int = 1) -> list[Fact]:
    """Return dL/dt and the balance of every neuron, from those of the network with one output."""
    outputs = proof.given("outputs", F[1, j], "=", over_neurons(V[1, i] * h[j, i]))
    others = proof.given("outputs", F[2, j], "=", over_neurons(V[2, i] * h[j, i]))
    drawn = proof.given("loss", rate(loss(t)), "=", over_samples(eps[j] * (rate(F[1, j]) - rate(F[2, j]))))
    means = [
        proof.given("means", name, "=", over_samples(eps[j] * what))
        for name, what in ((g[i, k], theta[i, j] * x[j, k]), (gamma[i], theta[i, j] * x0), (G[i], h[j, i]))
    ]
    incoming = proof.given("flow", rate(w[i, k]), "=", -feedback * g[i, k])
    threshold = proof.given("flow", rate(beta[i]), "=", -feedback * gamma[i])
    outgoing = [
        proof.given("flow", rate(V[1, i]), "=", -G[i]),
        proof.given("flow", rate(V[2, i]), "=", second * G[i]),
    ]
    preactivation = proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * x[j, k], (k, 1, d)) + x0 * beta[i])
    values = {
        v: lambda neuron: (V[1, neuron] - V[2, neuron]) / root,
        M: lambda neuron: (B[neuron, 1] - B[neuron, 2]) / root,
        G: lambda neuron: root * G[neuron],
        g: lambda neuron, source: root * g[neuron, source],
        gamma: lambda neuron: root * gamma[neuron],
        e: lambda sample: root * eps[sample],
        f: lambda sample: (F[1, sample] - F[2, sample]) / root,
    }
    facts: dict[str, Fact | list[Fact]] = {
        "network": [
            preactivation,
            proof.equal(
                "the difference of the outputs",
                (F[1, j] - F[2, j]) / root,
                over_neurons(apart / root * h[j, i]),
                because=[(1 / root, outputs), (-1 / root, others)],
                why="linear in the outgoing weights",
            ),
        ],
        "loss": proof.equal(
            "the loss sees the difference only",
            rate(loss(t)),
            over_samples(root * eps[j] * rate((F[1, j] - F[2, j]) / root)),
            because=[drawn],
            why="the errors are opposite",
        ),
        "means": [proof.times("a mean of the scaled error", root, each) for each in means],
        "flow": [
            proof.equal("incoming weights", rate(w[i, k]), -(feedback / root) * root * g[i, k], because=[incoming]),
            proof.equal("biases", rate(beta[i]), -(feedback / root) * root * gamma[i], because=[threshold]),
            proof.equal("outgoing weights", rate(apart / root), -root * G[i], using=outgoing, why="both move"),
        ],
    }
    return [
        proof.apply(TWO_LAYERS, values, facts, conclusion=which, name=name)
        for which, name in enumerate(("the loss along the flow", "the balance of every neuron"))
    ]


def derive(proof: Derivation, second: int = 1, half: sp.Expr = sp.S.Half) -> list[Fact]:
    split, balance = reduce(proof, second)
    fixed = [proof.given("feedback", rate(B[i, r]), "=", 0) for r in (1, 2)]
    still = proof.equal(
        "no drift", rate(size - half * feedback * apart), 0, because=[balance], using=fixed, why="the feedback is fixed"
    )
    law = proof.constant("the law", still, C[i])
    aligned = proof.given("aligned start", C[i], "<=", 0)
    products = proof.at_most(
        "the alignment of differences is not negative", 0, feedback * apart, because=[(2, aligned), (2, law), 2 * size]
    )
    every = proof.sum_over("all neurons", proof.times("a neuron's share", share, products), (i, 1, n))
    descent = proof.at_most(
        "descent",
        rate(loss(t)),
        0,
        because=[split, every, 2 * own],
        why="nothing that is left is positive",
    )
    return [split, law, descent]


def counterexample_misaligned() -> sp.Basic:
    # one neuron, one sample, linear: w = 0, V = (-1, 1), b = (1, -1), error (1, -1): dw/dt = -2, dV/dt = 0
    weight, V, feedback, error = 0, (-1, 1), (1, -1), (1, -1)
    speed = -sum(b * each for b, each in zip(feedback, error, strict=True))
    outgoing = [-each * weight for each in error]
    fall = sum(each * (one * speed + moved * weight) for each, one, moved in zip(error, V, outgoing, strict=True))
    return sp.Le(sp.Integer(fall), 0)


PROOF = Proof(
    id="two-class-descent",
    title="Aligned starts descend with two classes",
    statement=(
        r"If the errors are $(\epsilon_j, -\epsilon_j)$, then under FA "
        r"$C_i = \frac12 (|w_i|^2 + \beta_i^2) - \frac12 (b_{i,1} - b_{i,2}) (V_{1,i} - V_{2,i})$ is constant, and if "
        r"all $C_i \le 0$ the loss never increases."
    ),
    assumptions={
        "outputs": r"$F_r = \sum_i V_{r,i} h_i$ for $r = 1, 2$ at every sample",
        "loss": r"$\dot L = E[\epsilon (\dot F_1 - \dot F_2)]$, as errors $(\epsilon_j, -\epsilon_j)$ give",
        "means": r"$g_i = E[\epsilon\,\theta_i x]$, $\gamma_i = E[\epsilon\,\theta_i x_0]$ and $G_i = E[\epsilon h_i]$",
        "flow": (
            r"each weight moves along its update direction: $\dot w_i = -(b_{i,1} - b_{i,2}) g_i$, "
            r"$\dot \beta_i = -(b_{i,1} - b_{i,2}) \gamma_i$, $\dot V_{1,i} = -G_i$ and $\dot V_{2,i} = G_i$"
        ),
        "feedback": r"$b$ does not move",
        "aligned start": r"$C_i \le 0$ for every hidden neuron",
        **{key: TWO_LAYERS.assumptions[key] for key in ("degree one", "data")},
        "network": r"$z_i = \langle w_i, x \rangle + x_0 \beta_i$ at every sample",
    },
    source="own",
    derive=derive,
    controls=(
        Control("outgoing weights that move alike", lambda proof: derive(proof, second=-1)),
        Control("the law without its half", lambda proof: derive(proof, half=sp.S.One)),
        Control("a start that is not aligned, at which the loss grows", counterexample_misaligned, True),
    ),
)
