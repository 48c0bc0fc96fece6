r"""two-layers: how the loss and the weights of a two-layer network with one output move, under any feedback.

Hidden neuron i has incoming weights w[i,k] and bias beta[i], which sees the constant input x_0: 1, or 0 in networks
without hidden biases. Its outgoing weight is v[i], the feedback to it M[i]; e[j] is the derivative of the loss at
sample j by the output. The activation has degree one: its value
is its slope theta[i,j] times the preactivation z[j,i]. At a kink the slope may be any number: that covers all
solutions in Filippov's sense. g[i,k] and gamma[i] are the means of e theta x_k and e theta x_0, so that w_i moves
along M_i g_i while its gradient is v_i g_i.
"""

import sympy as sp

from fa_theory.proofs.notation import N, d, e, h, i, indexed, j, k, n, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

loss = sp.Function("L", real=True)
beta, z, f, theta, M, G = (indexed(name) for name in ("beta", "z", "f", "theta", "M", "G"))
g, gamma = indexed("g"), indexed("gamma")
x0 = sp.Symbol("x_0", real=True)

DEGREE_ONE = (
    r"$h = \theta z$, $\theta$ the slope of the activation at $z$ (any number at a kink), and $\dot h = \theta \dot z$ "
    r"at almost all times: by the chain rule off the kinks, and as $\dot h = \dot z = 0$ almost everywhere on "
    r"$\{z = 0\}$, so for every solution in Filippov's sense"
)


def over_samples(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (j, 1, N)) / N


def over_neurons(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (i, 1, n))


size = sp.Sum(w[i, k] ** 2, (k, 1, d)) / 2 + beta[i] ** 2 / 2
share = sp.Sum(g[i, k] ** 2, (k, 1, d)) + gamma[i] ** 2
own = over_neurons(G[i] ** 2)


def derive(proof: Derivation, incoming: sp.Expr = M[i], degree: int = 1) -> list[Fact]:
    preactivation = proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * x[j, k], (k, 1, d)) + x0 * beta[i])
    output = proof.given("network", f[j], "=", over_neurons(v[i] * h[j, i]))
    active = proof.given("degree one", degree * h[j, i], "=", theta[i, j] * z[j, i])
    fixed = proof.given("data", rate(x[j, k]), "=", 0)
    drawn = proof.given("loss", rate(loss(t)), "=", over_samples(e[j] * rate(f[j])))
    means = [
        proof.given("means", g[i, k], "=", over_samples(e[j] * theta[i, j] * x[j, k])),
        proof.given("means", gamma[i], "=", over_samples(e[j] * theta[i, j] * x0)),
    ]
    gradient = proof.given("means", G[i], "=", over_samples(e[j] * h[j, i]))
    moving = [
        proof.given("flow", rate(w[i, k]), "=", -incoming * g[i, k]),
        proof.given("flow", rate(beta[i]), "=", -incoming * gamma[i]),
    ]
    outgoing = proof.given("flow", rate(v[i]), "=", -G[i])

    chain = proof.given("degree one", rate(h[j, i]), "=", theta[i, j] * rate(z[j, i]))
    inward = proof.differentiated("how preactivations move", preactivation)
    outward = proof.differentiated("how the output moves", output)
    produced = proof.equal(
        "along the flow",
        rate(f[j]),
        -over_neurons(G[i] * h[j, i])
        - over_neurons(v[i] * M[i] * theta[i, j] * (sp.Sum(g[i, k] * x[j, k], (k, 1, d)) + gamma[i] * x0)),
        using=[outward, chain, inward, fixed, outgoing, *moving],
        why="product rule",
    )
    weighted = proof.sum_over("weighted by the error", proof.times("at a sample", e[j], produced), (j, 1, N))
    collected = proof.equal(
        "the means collect the samples",
        over_samples(e[j] * produced.claim.rhs),
        -own - over_neurons(v[i] * M[i] * share),
        using=[*means, gradient],
        why="the sums over the samples are N G, N g and N gamma",
    )
    split = proof.equal(
        "the loss along the flow",
        rate(loss(t)),
        -own - over_neurons(v[i] * M[i] * share),
        because=[drawn, (1 / N, weighted), collected],
        why="the three steps together",
    )
    gathered = proof.equal(
        "incoming weights see the preactivation",
        rate(size),
        -M[i] * over_samples(e[j] * theta[i, j] * z[j, i]),
        using=[*moving, *means, preactivation],
        why="product rule; the sum over the inputs is z_i",
    )
    balance = proof.equal(
        "what incoming weights gain, the outgoing weight gains along the feedback",
        rate(size),
        M[i] * rate(v[i]),
        because=[gathered],
        using=[outgoing, gradient, active],
        why="degree one: theta z is the hidden output",
    )
    return [split, balance]


PROOF = Proof(
    id="two-layers",
    title="Two layers, one output",
    statement=(
        r"$\dot L = -|G|^2 - \sum_i v_i M_i (|g_i|^2 + \gamma_i^2)$, and "
        r"$\frac{d}{dt} \frac12 (|w_i|^2 + \beta_i^2) = M_i \dot v_i$ for every hidden neuron."
    ),
    assumptions={
        "network": r"$z_i = \langle w_i, x \rangle + x_0 \beta_i$ and $f = \sum_i v_i h_i$ at every sample",
        "degree one": DEGREE_ONE,
        "data": r"the samples do not move; $x_0$ is $1$, or $0$ where there are no hidden biases",
        "loss": r"$\dot L = \frac1N \sum_j e_j \dot f_j$: $e_j$ is the derivative of the loss by $f$ at sample $j$",
        "means": r"$g_i = E[e\,\theta_i x]$, $\gamma_i = E[e\,\theta_i x_0]$ and $G_i = E[e\,h_i]$",
        "flow": r"$\dot w_i = -M_i g_i$, $\dot \beta_i = -M_i \gamma_i$ and $\dot v_i = -G_i$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("incoming weights that move along the gradient", lambda proof: derive(proof, incoming=v[i])),
        Control("an activation of degree two", lambda proof: derive(proof, degree=2)),
    ),
)
