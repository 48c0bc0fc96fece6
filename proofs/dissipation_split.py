r"""dissipation-split: how fast the loss falls, layer by layer, under any update direction.

A network of D layers of any widths n_0, ..., n_D. At sample j, layer l has preactivations z[l,j,i], outputs h[l,j,i]
and slopes theta[l,j,i], so that its outputs move at theta times the rate of its preactivations (theta = 1 in the last
layer, whose outputs are the network's; h[0] are the inputs). U[l,j,i] is N times the derivative of the loss by
h[l,j,i], Delta[l,j,i] that by z[l,j,i]: the backward signal with M = W^T. Then (G, gamma) are the gradients by weights
and biases. The update directions (F, psi) of the hidden layers may be anything: FA, sign-FA, adaFA, DFA or another.

The proof follows the power P[l] = E<U_l, dh_l/dt> that the loss draws from layer l. In each layer the weights take
their share <G_l, dW_l/dt> of it and the rest is passed on to the layer below; the inputs do not move.
"""

import sympy as sp

from fa_theory.proofs.lemmas.telescoping import PROOF as TELESCOPING
from fa_theory.proofs.lemmas.telescoping import A, last, layer, s
from fa_theory.proofs.notation import N, i, indexed, j, k, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

depth = sp.Symbol("D", integer=True, positive=True)
width = sp.IndexedBase("n", integer=True, positive=True)
loss = sp.Function("L", real=True)
W, beta, z, h, theta = (indexed(name) for name in ("W", "beta", "z", "h", "theta"))
U, Delta, G, gamma, F, psi, P = (indexed(name) for name in ("U", "Delta", "G", "gamma", "F", "psi", "P"))
c = sp.Symbol("c", nonnegative=True)


def over_samples(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (j, 1, N)) / N


def over_neurons(summand: sp.Expr, index: sp.Symbol = i, of: sp.Expr = layer) -> sp.Expr:
    return sp.Sum(summand, (index, 1, width[of]))


def inner(one: sp.Expr, bias: sp.Expr, of: sp.Expr = layer) -> sp.Expr:
    """Return the sum over all weights and biases of layer `of`."""
    return over_neurons(over_neurons(one, k, of - 1) + bias, i, of)


def pairing(of: sp.Expr = layer) -> sp.Expr:
    """Return <G_l, F_l>, biases included."""
    return inner(G[of, i, k] * F[of, i, k], gamma[of, i] * psi[of, i], of)


def squared(weights: sp.IndexedBase, biases: sp.IndexedBase, of: sp.Expr = layer) -> sp.Expr:
    return inner(weights[of, i, k] ** 2, biases[of, i] ** 2, of)


def over_hidden_layers(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (layer, 1, depth - 1))


def layer_by_layer(proof: Derivation, sign: int, upward: bool) -> tuple[Fact, Fact]:
    """Return what the power is, and by how much it differs between two neighbouring layers."""
    network = proof.given(
        "network", z[layer, j, i], "=", over_neurons(W[layer, i, k] * h[layer - 1, j, k], k, layer - 1) + beta[layer, i]
    )
    outputs = proof.given("network", rate(h[layer, j, i]), "=", theta[layer, j, i] * rate(z[layer, j, i]))
    signal = proof.given("signal", Delta[layer, j, i], "=", theta[layer, j, i] * U[layer, j, i])
    transposed = W[layer + 1, i, k] if upward else W[layer + 1, k, i]
    below = proof.given("signal", U[layer, j, k], "=", over_neurons(transposed * Delta[layer + 1, j, i], i, layer + 1))
    gradient = proof.given("gradient", G[layer, i, k], "=", over_samples(Delta[layer, j, i] * h[layer - 1, j, k]))
    biases = proof.given("gradient", gamma[layer, i], "=", over_samples(Delta[layer, j, i]))
    moving = proof.given("flow", rate(W[layer, i, k]), "=", sign * F[layer, i, k])
    shifting = proof.given("flow", rate(beta[layer, i]), "=", sign * psi[layer, i])

    power = proof.define(
        "the power drawn from a layer's outputs",
        P[layer],
        over_samples(over_neurons(U[layer, j, i] * rate(h[layer, j, i]))),
    )
    inward = proof.equal(
        "from a neuron's output to its preactivation",
        U[layer, j, i] * rate(h[layer, j, i]),
        Delta[layer, j, i] * rate(z[layer, j, i]),
        using=[outputs, signal],
        why="the slope moves from the output to the signal",
    )
    inward = proof.sum_over("summed over neurons and samples", inward, (i, 1, width[layer]), (j, 1, N))
    velocity = proof.differentiated("how preactivations move", network)
    shared = proof.equal(
        "the weights' share, and what is passed on",
        over_samples(over_neurons(Delta[layer, j, i] * rate(z[layer, j, i]))),
        inner(G[layer, i, k] * rate(W[layer, i, k]), gamma[layer, i] * rate(beta[layer, i]))
        + over_samples(over_neurons(U[layer - 1, j, k] * rate(h[layer - 1, j, k]), k, layer - 1)),
        using=[velocity, gradient, biases, below],
        why="product rule; the signal to the layer below is the transpose of the weights",
    )
    flowing = proof.equal(
        "along the flow the share is -<G, F>",
        inner(G[layer, i, k] * rate(W[layer, i, k]), gamma[layer, i] * rate(beta[layer, i])),
        -pairing(),
        using=[moving, shifting],
        why="the flow",
    )
    drop = proof.equal(
        "from one layer to the next",
        P[layer] - P[layer - 1],
        -pairing(),
        because=[power, (-1, power.at({layer: layer - 1})), (1 / N, inward), shared, flowing],
        why="the four steps together",
    )

    return power, drop


def derive(proof: Derivation, sign: int = -1, cross: sp.Expr = sp.S.Half, upward: bool = True) -> list[Fact]:
    power, drop = layer_by_layer(proof, sign, upward)
    top = proof.given(
        "loss", rate(loss(t)), "=", over_samples(over_neurons(U[depth, j, i] * rate(h[depth, j, i]), i, depth))
    )
    still = proof.given("inputs", rate(h[0, j, k]), "=", 0)
    own_weights = proof.given("last layer", F[depth, i, k], "=", G[depth, i, k])
    own_biases = proof.given("last layer", psi[depth, i], "=", gamma[depth, i])

    bottom = proof.equal("no power goes into the data", P[0], 0, using=[power, still], why="the inputs do not move")
    hidden = proof.apply(
        TELESCOPING,
        {A: P, s: lambda one: -pairing(one), last: depth - 1},
        {"steps": drop},
        name="all hidden layers",
    )
    output = proof.equal(
        "the last layer descends its own gradient",
        P[depth] - P[depth - 1],
        -squared(G, gamma, depth),
        because=[drop.at({layer: depth})],
        using=[own_weights, own_biases],
        why="there F = G",
    )
    split = proof.equal(
        "the loss along the flow",
        rate(loss(t)),
        -squared(G, gamma, depth) - over_hidden_layers(pairing()),
        because=[top, (-1, power.at({layer: depth})), output, hidden, bottom],
        why="the loss draws the power P_D from the last layer's outputs",
    )

    distance = inner((G[layer, i, k] - F[layer, i, k]) ** 2, (gamma[layer, i] - psi[layer, i]) ** 2)
    polarised = proof.equal(
        "polarisation",
        pairing(),
        cross * (squared(G, gamma) + squared(F, psi) - distance),
        why="expand the last square",
    )
    summed = proof.sum_over("polarisation in all hidden layers", polarised, (layer, 1, depth - 1))
    components = proof.equal(
        "gradient, FA and alignment components",
        rate(loss(t)),
        -squared(G, gamma, depth) - over_hidden_layers(squared(G, gamma) + squared(F, psi) - distance) / 2,
        because=[split, (-1, summed)],
        why="the split, polarised",
    )

    def dominated(key: str, size: sp.Expr) -> list[Fact]:
        dominance = proof.given(key, c * over_hidden_layers(size), "<=", over_hidden_layers(pairing()))
        bound = proof.at_most(
            f"{key}: the loss falls at least this fast",
            rate(loss(t)),
            -squared(G, gamma, depth) - c * over_hidden_layers(size),
            because=[split, dominance],
            why="the split, bounded",
        )
        descent = proof.at_most(
            f"{key}: descent",
            rate(loss(t)),
            0,
            because=[bound, squared(G, gamma, depth), c * over_hidden_layers(size)],
            why="squares are not negative, and c >= 0",
        )
        return [bound, descent]

    return [
        split,
        polarised,
        components,
        *dominated("dominance", squared(F, psi)),
        *dominated("gradient dominance", squared(G, gamma)),
    ]


def no_dominance(proof: Derivation) -> None:
    split = derive(proof)[0]
    proof.at_most("descent for any update", rate(loss(t)), -squared(G, gamma, depth), because=[split])


def counterexample_feedback_against_gradient() -> sp.Basic:
    # one neuron, one sample, identity, x = 1, y = 0, loss f^2/2, w = 1, v = 2, b = -1:
    # f = e = 2, dw/dt = -b e x = 2, dv/dt = -e h = -2
    x, w, v, b = sp.Rational(1), sp.Rational(1), sp.Rational(2), sp.Rational(-1)
    e, hidden = v * w * x, w * x
    speed = e * (v * (-b * e * x) + hidden * (-e * hidden))
    return sp.Le(speed, 0)


PROOF = Proof(
    id="dissipation-split",
    title="Split of the loss's decay",
    statement=(
        r"In a network of $D$ layers, $\dot L = -|G_D|^2 - \sum_{l<D} \langle G_l, F_l \rangle$, with "
        r"$\langle G, F \rangle = \frac12 (|G|^2 + |F|^2 - |G - F|^2)$: a gradient, an FA and an alignment component "
        r"for every hidden layer. Where $\sum_{l<D} \langle G_l, F_l \rangle \ge c \sum_{l<D} |F_l|^2$, as it is if "
        r"every hidden layer has $\langle G_l, F_l \rangle \ge c |F_l|^2$ (alignment dominance), "
        r"$\dot L \le -|G_D|^2 - c \sum_{l<D} |F_l|^2 \le 0$; the same with $|G_l|^2$ (gradient form). "
        r"Weights and biases are counted together, as $(G, \gamma)$ and $(F, \psi)$."
    ),
    assumptions={
        "network": (
            r"$z_l = W_l h_{l-1} + \beta_l$; outputs move at $\dot h = \theta \dot z$, $\theta$ the slope of the "
            r"activation there (at a kink, where $z$ rests, any number; $1$ in the last layer)"
        ),
        "signal": r"$\Delta_l = \theta_l U_l$ and $U_l = W_{l+1}^T \Delta_{l+1}$: backpropagation",
        "gradient": r"$G_l = E[\Delta_l h_{l-1}^T]$ and $\gamma_l = E[\Delta_l]$",
        "flow": r"$\dot W_l = -F_l$ and $\dot \beta_l = -\psi_l$",
        "loss": r"$\dot L = E\langle U_D, \dot h_D \rangle$: $U_D$ is the derivative of the loss by the output",
        "inputs": r"$h_0$ is the data, which does not move",
        "last layer": r"$F_D = G_D$ and $\psi_D = \gamma_D$: no feedback is used in the last layer",
        "dominance": r"$\sum_{l<D} \langle G_l, F_l \rangle \ge c \sum_{l<D} |F_l|^2$ with $c \ge 0$ at that time: it "
        r"follows from $\langle G_l, F_l \rangle \ge c\,|F_l|^2$ in every hidden layer",
        "gradient dominance": r"$\sum_{l<D} \langle G_l, F_l \rangle \ge c \sum_{l<D} |G_l|^2$ with $c \ge 0$ then: it "
        r"follows from $\langle G_l, F_l \rangle \ge c\,|G_l|^2$ in every hidden layer",
    },
    source="paper",
    derive=derive,
    controls=(
        Control("weights that climb", lambda proof: derive(proof, sign=1)),
        Control("polarisation without its half", lambda proof: derive(proof, cross=sp.S.One)),
        Control("signals through weights that are not transposed", lambda proof: derive(proof, upward=False)),
        Control("descent without dominance", no_dominance),
        Control("feedback against the gradient lets the loss grow", counterexample_feedback_against_gradient, True),
    ),
)
