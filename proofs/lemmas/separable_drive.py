r"""separable-drive: on separable data weights that keep or gain length drive the loss, from an aligned start under FA.

Two layers, one output, labels y_j = +-1, a unit vector u of margin gamma, any loss that falls in y f: its derivative at
sample j is e_j = -y_j sigma_j with sigma_j > 0, and S is the mean of the sigma_j. A trained hidden bias is the weight
of an input that is always 1. The slopes theta are those of a leaky ReLU, at a kink any number in [a, 1].

Lemma margin-lengths bounds |w_i| from below by low_i and a neuron's share |g_i|^2 by (a gamma S)^2, and by the neuron
law v_i b_i = |w_i|^2 / 2 - C_i. In linear networks all neurons have the same share, and only the sum of C_i matters.
"""

from typing import Any

import sympy as sp

from fa_theory.proofs.descent import PROOF as DESCENT
from fa_theory.proofs.descent import start as constants
from fa_theory.proofs.lemmas import two_layers
from fa_theory.proofs.lemmas.gated_mean import gamma, sigma, y
from fa_theory.proofs.lemmas.gated_mean import theta as gate
from fa_theory.proofs.lemmas.margin_lengths import PROOF as MARGIN_LENGTHS
from fa_theory.proofs.lemmas.margin_lengths import S, low, over_inputs, share, square
from fa_theory.proofs.lemmas.two_layers import G, M, g, loss, over_neurons, over_samples, own
from fa_theory.proofs.notation import B, a, e, h, i, j, k, n, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

C = constants["FA"]
s = sp.Symbol("s", nonnegative=True)
Q = sp.Function("Q", real=True)
common = over_inputs(over_samples(-y[j] * sigma[j] * x[j, k]) ** 2)
lengths = over_neurons(low[i] ** 2)

# descent's network without separate biases, with these slopes and errors, and with the feedback b
SETTING: dict[Any, Any] = {
    two_layers.theta: lambda neuron, sample: gate[sample, neuron],
    e: lambda sample: -y[sample] * sigma[sample],
    two_layers.x0: 0,
    two_layers.beta: lambda _: sp.S.Zero,
    two_layers.gamma: lambda _: sp.S.Zero,
    M: B,
}


def derive(proof: Derivation, growth: sp.Expr = sp.S.Half, steepness: sp.Expr = a) -> list[Fact]:
    trivial = [
        proof.equal("no separate biases", 0, over_samples(-y[j] * sigma[j] * gate[j, i] * 0)),
        proof.equal("which do not move", rate(0), -B[i] * 0),
        proof.equal("the feedback of FA", B[i], B[i]),
    ]
    means = [
        proof.given("means", g[i, k], "=", over_samples(-y[j] * sigma[j] * gate[j, i] * x[j, k])),
        proof.given("means", G[i], "=", over_samples(-y[j] * sigma[j] * h[j, i])),
    ]
    flow = [
        proof.given("flow", rate(w[i, k]), "=", -B[i] * g[i, k]),
        proof.given("flow", rate(v[i]), "=", -G[i]),
    ]
    feedback = proof.given("fixed", rate(B[i]), "=", 0)
    discharged: dict[str, Fact | list[Fact]] = {
        "means": [*means, trivial[0]],
        "flow": [*flow, trivial[1]],
        "FA": [trivial[2], feedback],
        "data": proof.given("fixed", rate(x[j, k]), "=", 0),
    }
    split = proof.apply(DESCENT, SETTING, discharged, conclusion=0, name="the loss along the flow")
    law = proof.apply(DESCENT, SETTING, discharged, conclusion=1, name="the neuron law")
    below, long = (
        proof.apply(MARGIN_LENGTHS, {}, conclusion=which, name=name)
        for which, name in enumerate(("incoming weights are at least this long", "a share is not small"))
    )

    # what the weights take from the loss
    slow = proof.given("rate", Q(t), "<=", steepness**2 * gamma**2 * (s + growth * lengths))

    def falls(name: str, taken: Fact, sum_of_c: Fact) -> Fact:
        every = proof.sum_over("all neurons", below, (i, 1, n))
        return proof.at_most(
            f"{name}: the loss falls",
            rate(loss(t)),
            -Q(t) * S(t) ** 2,
            because=[
                split,
                taken,
                own,
                ((a * gamma * S(t)) ** 2 / 2, every),
                (-((a * gamma * S(t)) ** 2), sum_of_c),
                (S(t) ** 2, slow),
            ],
            why="the outgoing weights only add to it",
        )

    negative = proof.given("aligned start", C[i], "<=", 0)
    sum_of_c = proof.given("aligned start", -over_neurons(C[i]), "=", s)
    aligned = proof.at_most(
        "the alignment is not negative", 0, v[i] * B[i], because=[negative, square / 2, (-1, law)], why="neuron law"
    )
    taken = proof.at_most(
        "what a neuron takes",
        (a * gamma * S(t)) ** 2 * (square / 2 - C[i]),
        v[i] * B[i] * share,
        because=[(aligned, long), (-((a * gamma * S(t)) ** 2), law)],
        why="its share is at least (a gamma S)^2",
    )
    gated = falls("aligned", proof.sum_over("all neurons", taken, (i, 1, n)), sum_of_c)

    linear = proof.given("linear", gate[j, i], "=", 1)
    shared = proof.equal("linear: one share for all", share, common, using=[means[0], linear], why="slopes are 1")
    sum_of_c = proof.given("aligned sum", -over_neurons(C[i]), "=", s)
    total = over_neurons(v[i] * B[i])
    laws = proof.sum_over("the laws of all neurons", law, (i, 1, n))
    aligned = proof.at_most(
        "linear: the sum of the alignments is not negative",
        0,
        total,
        because=[s, over_neurons(square) / 2, (-1, laws), (-1, sum_of_c)],
        why="neuron laws",
    )
    long = proof.at_most(
        "linear: the share is not short", (a * gamma * S(t)) ** 2, common, because=[long, shared], why="one share"
    )
    shares = proof.sum_over("alignment by share", proof.times("of a neuron", v[i] * B[i], shared), (i, 1, n))
    taken = proof.at_most(
        "linear: what all neurons take",
        (a * gamma * S(t)) ** 2 * over_neurons(square / 2 - C[i]),
        over_neurons(v[i] * B[i] * share),
        because=[(aligned, long), (-((a * gamma * S(t)) ** 2), laws), (-1, shares)],
        why="only the sum of the alignments matters",
    )
    return [gated, falls("linear", taken, sum_of_c)]


PROOF = Proof(
    id="separable-drive",
    title="Weights on separable data drive the loss",
    statement=(
        r"FA on separable data, slopes in $[a, 1]$, in the time $\tau$, $\dot\tau = S$: if $C_i \le 0$ for all $i$, or "
        r"in linear networks $\sum_i C_i \le 0$, then $\dot L \le -Q S^2$ for every "
        r"$Q \le a^2\gamma^2 (s + \frac12 \sum_i low_i^2)$, $s = -\sum_i C_i$ and "
        r"$low_i = \max(r_i + |b_i| a\gamma\tau, |w_i(0)| - |b_i| R\tau, 0)$."
    ),
    assumptions={
        **MARGIN_LENGTHS.assumptions,
        "network": r"$z_i = \langle w_i, x\rangle$ and $f = \sum_i v_i h_i$ at every sample",
        "degree one": two_layers.DEGREE_ONE,
        "fixed": r"samples, $u$, the feedback and the directions $q_i$ do not move",
        "loss": r"$\dot L = -E[y \sigma \dot f]$: the loss has the derivative $-y_j \sigma_j$ at sample $j$",
        "means": r"$S = E[\sigma]$, $g_i = -E[y\sigma\theta_i x]$ and $G_i = -E[y\sigma h_i]$",
        "flow": r"$\dot w_i = -b_i g_i$ and $\dot v_i = -G_i$: FA",
        "rate": r"$Q \le a^2\gamma^2 (s + \frac12 \sum_i low_i^2)$",
        "aligned start": r"$C_i \le 0$ for every hidden neuron, and $s = -\sum_i C_i$",
        "aligned sum": r"$s = -\sum_i C_i \ge 0$",
        "linear": r"$\theta = 1$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the neuron law without its half", lambda proof: derive(proof, growth=sp.S.One)),
        Control("gates that cost nothing", lambda proof: derive(proof, steepness=sp.S.One)),
    ),
)
