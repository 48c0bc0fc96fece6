r"""kept-start: what a two-layer network keeps of its start while no incoming weight moves farther than far_i.

The symbols are those of lemma two-layers; those with a 0 are the start's. Of a neuron three things are known: its size
is at least least_i, that of the start less far_i; its slopes are at least kept_ij (the start's where they cannot have
changed, else a), and they are those of the start in all samples if part_i = 1 (0 for other neurons); and its hidden
outputs are close to those of the start. The first bounds its alignment by the neuron law, the second its share
|g_i|^2 + gamma_i^2 of the loss's fall, the third that of the outgoing weights.
"""

import sympy as sp

from fa_theory.proofs.lemmas.linear_excess import over_data, total
from fa_theory.proofs.lemmas.two_layers import PROOF as TWO_LAYERS
from fa_theory.proofs.lemmas.two_layers import G, beta, g, gamma, loss, over_samples, share, size, theta, x0, z
from fa_theory.proofs.notation import N, d, e, h, i, indexed, j, k, r, t, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

TRIANGLE = "triangle inequality: |p| >= |q| - |p - q|"
LIPSCHITZ = "a function with slopes in [0, 1] brings no two values farther apart"

u, change, z0, h0, w0, beta0 = (indexed(name) for name in ("u", "p", "z^0", "h^0", "w^0", "beta^0"))
change0 = sp.Symbol("p_0", real=True)
kept, start_slope = indexed("kept", nonnegative=True), indexed("theta^0", nonnegative=True)
far, before, long = (indexed(name, nonnegative=True) for name in ("far", "before", "|w|"))
least, part = indexed("least", nonnegative=True), indexed("part", nonnegative=True)
low, high = sp.Symbol("lambda_min", nonnegative=True), sp.Symbol("lambda_max", positive=True)
epsilon, rest = sp.Symbol("epsilon", positive=True), sp.Symbol("1-epsilon", nonnegative=True)


def moved(proof: Derivation) -> Fact:
    square = sp.Sum((w[i, k] - w0[i, k]) ** 2, (k, 1, d)) + (beta[i] - beta0[i]) ** 2
    return proof.given("moved", square, "<=", far[i] ** 2)


def sizes(proof: Derivation) -> Fact:
    """Show that |w_i| >= least_i = (|w_i(0)| - far_i)_+."""
    proof_of_size = proof.given("length", long[i] ** 2, "=", sp.Sum(w[i, k] ** 2, (k, 1, d)) + beta[i] ** 2)
    first = proof.given("length", before[i] ** 2, "=", sp.Sum(w0[i, k] ** 2, (k, 1, d)) + beta0[i] ** 2)
    positive = proof.given("least size", least[i] ** 2, "=", least[i] * (before[i] - far[i]))
    triangle = proof.cite(
        "weights keep what they do not move",
        before[i] - far[i],
        "<=",
        long[i],
        theorem=TRIANGLE,
        using=[moved(proof), proof_of_size, first],
    )
    return proof.at_most(
        "the size that is left",
        least[i] ** 2,
        2 * size,
        because=[(long[i] - least[i]) ** 2, (2 * least[i], triangle), (2, positive), proof_of_size],
        why="squares of ordered numbers, where least is not 0",
    )


def quadratic(proof: Derivation) -> Fact:
    means = [
        proof.given("means", g[i, k], "=", over_samples(e[j] * theta[i, j] * x[j, k])),
        proof.given("means", gamma[i], "=", over_samples(e[j] * theta[i, j] * x0)),
    ]
    return proof.equal(
        "a neuron's share is a quadratic form", share, over_data(e[j] * theta[i, j]) / N**2, using=means, why="means"
    )


def hidden_part(proof: Derivation, square: Fact, power: int) -> Fact:
    """Show what a neuron's share gives at least."""
    same = proof.given("frozen", part[i] * theta[i, j], "=", part[i] * start_slope[i, j])
    frozen = proof.equal(
        "where slopes are those of the start",
        part[i] * share,
        part[i] * over_data(e[j] * start_slope[i, j]) / N**2,
        because=[(part[i], square)],
        using=[same],
        why="every slope is multiplied by part_i, which is 0 or 1",
    )
    below = proof.given("least eigenvalue", low * N * total(u[j] ** 2), "<=", over_data(u[j]), schematic=[u])
    steep = proof.given("slopes", kept[i, j], "<=", theta[i, j])
    steeper = proof.at_most(
        "at a sample",
        kept[i, j] ** power,
        theta[i, j] ** 2,
        because=[(2 * kept[i, j], steep), (theta[i, j] - kept[i, j]) ** 2],
        why="squares of ordered numbers",
    )
    steeper = proof.sum_over("of the error", proof.times("at a sample", e[j] ** 2, steeper), (j, 1, N))
    other = proof.at_most(
        "where some are not",
        low / N * total(e[j] ** 2 * kept[i, j] ** power),
        share,
        because=[
            (1 / N**2, below.at({u: lambda sample: e[sample] * theta[i, sample]})),
            (low / N, steeper),
            (-1, square),
        ],
        why="least eigenvalue, in the direction of the gated error",
    )
    unfrozen = proof.given("frozen", part[i], "<=", 1)
    return proof.at_most(
        "what a neuron's share gives",
        part[i] * over_data(e[j] * start_slope[i, j]) / N**2
        + (1 - part[i]) * low / N * total(e[j] ** 2 * kept[i, j] ** power),
        share,
        because=[(-1, frozen), (unfrozen, other)],
        why="part_i times the one and 1 - part_i times the other",
    )


def outgoing_part(proof: Derivation, charge: sp.Expr) -> Fact:
    """Show what the square of G_i, the motion of an outgoing weight, is at least."""
    share_left = proof.given("share", rest, "=", 1 - epsilon)
    mean = proof.given("means", G[i], "=", over_samples(e[j] * h[j, i]))
    apart = h[j, i] - h0[j, i]
    at_start, error = over_samples(e[j] * h0[j, i]), over_samples(e[j] * apart)
    young = proof.at_most(
        "a square of a sum",
        rest * at_start**2 - charge * (G[i] - at_start) ** 2,
        G[i] ** 2,
        because=[(G[i] - rest * at_start) ** 2 / epsilon],
        using=[share_left],
        why="Young's inequality",
    )
    named = proof.equal("the change of G", (G[i] - at_start) ** 2, error**2, using=[mean], why="means")
    cauchy = proof.at_most(
        "is small if that of hidden outputs is",
        error**2,
        total(e[j] ** 2) * total(apart**2) / N**2,
        because=[
            sp.Sum((e[j] * apart.subs(j, r) - e[r] * apart) ** 2, (j, 1, N), (r, 1, N)) / (2 * N**2),
        ],
        why="Lagrange's identity",
    )
    active = [
        proof.given("degree one", h[j, i], "=", theta[i, j] * z[j, i]),
        proof.given("start", h0[j, i], "=", start_slope[i, j] * z0[j, i]),
    ]
    lipschitz = proof.cite(
        "hidden outputs change no more than preactivations",
        apart**2,
        "<=",
        (z[j, i] - z0[j, i]) ** 2,
        theorem=LIPSCHITZ,
        using=active,
    )
    sums = [
        proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * x[j, k], (k, 1, d)) + x0 * beta[i]),
        proof.given("start", z0[j, i], "=", sp.Sum(w0[i, k] * x[j, k], (k, 1, d)) + x0 * beta0[i]),
    ]
    stretched = proof.given(
        "largest eigenvalue",
        total((sp.Sum(change[k] * x[j, k], (k, 1, d)) + change0 * x0) ** 2),
        "<=",
        high * N * (sp.Sum(change[k] ** 2, (k, 1, d)) + change0**2),
        schematic=[change, change0],
    ).at({change: lambda entry: w[i, entry] - w0[i, entry], change0: beta[i] - beta0[i]})
    close = proof.at_most(
        "hidden outputs stay close to those of the start",
        total(apart**2),
        high * N * far[i] ** 2,
        because=[proof.sum_over("all samples", lipschitz, (j, 1, N)), stretched, (high * N, moved(proof))],
        using=sums,
        why="the inputs stretch no change by more than sqrt(N lambda_max)",
    )
    return proof.at_most(
        "what an outgoing weight gives",
        rest * at_start**2 - charge * high / N * far[i] ** 2 * total(e[j] ** 2),
        G[i] ** 2,
        because=[
            young,
            (charge, named),
            (charge, cauchy),
            (charge / N**2 * total(e[j] ** 2), close),
        ],
        why="the three together",
    )


def steepness_of(proof: Derivation, squared: Fact, square: Fact) -> Fact:
    """Show that |g_i|^2 <= 2 lambda_max L."""
    above = proof.given("largest eigenvalue", over_data(u[j]), "<=", high * N * total(u[j] ** 2), schematic=[u])
    steep = proof.given("slopes", kept[i, j], "<=", theta[i, j])
    flat = proof.given("slopes", theta[i, j], "<=", 1)
    lost = proof.at_most(
        "gates add nothing",
        theta[i, j] ** 2,
        1,
        because=[(flat, steep), (1 + kept[i, j], flat)],
        why="(1 - theta)(1 + theta)",
    )
    lost = proof.sum_over("of the error", proof.times("at a sample", e[j] ** 2, lost), (j, 1, N))
    return proof.at_most(
        "a share is at most",
        share,
        2 * high * loss(t),
        because=[
            (1 / N**2, above.at({u: lambda sample: e[sample] * theta[i, sample]})),
            (high / N, lost),
            (-2 * high, squared),
            square,
        ],
        why="largest eigenvalue, and gates of at most 1",
    )


def derive(proof: Derivation, power: int = 2, charge: sp.Expr = rest / epsilon) -> list[Fact]:
    squared = proof.given("squared loss", loss(t), "=", total(e[j] ** 2) / (2 * N))
    square = quadratic(proof)
    return [
        sizes(proof),
        hidden_part(proof, square, power),
        outgoing_part(proof, charge),
        steepness_of(proof, squared, square),
        square,
    ]


def counterexample_slopes_that_change() -> sp.Basic:
    # one sample x = 1, leaky ReLU of slope 1/10, w goes from 1 to -1: the share falls from e^2 to (e / 10)^2
    error = sp.Integer(3)
    return sp.Ge((sp.Rational(1, 10) * error) ** 2, error**2)


PROOF = Proof(
    id="kept-start",
    title="What is kept of the start",
    statement=(
        r"If $|w_i - w^0_i| \le far_i$: $|w_i| \ge least_i = (|w^0_i| - far_i)_+$; $|g_i|^2 \ge part_i |X^T D_i e|^2 / "
        r"N^2 + (1 - part_i) \lambda_{\min} \sum_j kept_{ij}^2 e_j^2 / N$; $G_i^2 \ge (1 - \epsilon) E[e\,h^0_i]^2 - "
        r"(1/\epsilon - 1) \lambda_{\max} far_i^2 E[e^2]$ for $0 < \epsilon \le 1$; $|g_i|^2 \le 2 \lambda_{\max} L$ "
        r"(biases included)."
    ),
    assumptions={
        **{key: TWO_LAYERS.assumptions[key] for key in ("network", "degree one", "means")},
        "squared loss": r"$L = \frac1{2N} \sum_j e_j^2$",
        "slopes": r"$0 \le kept_{ij} \le \theta_{ij} \le 1$",
        "least eigenvalue": r"$\lambda_{\min} N |u|^2 \le |X^T u|^2$ for every $u$, with $\lambda_{\min} \ge 0$",
        "largest eigenvalue": (
            r"$|X^T u|^2 \le \lambda_{\max} N |u|^2$ for every $u$, $|X p|^2 \le \lambda_{\max} N |p|^2$ for every $p$"
        ),
        "start": r"$w^0$, $\beta^0$, $z^0$ and $h^0 = \theta^0 z^0$ are the start's weights and hidden outputs",
        "length": r"$|w_i|$ and $before_i$ are the lengths of $(w_i, \beta_i)$ and of its start",
        "moved": r"$|w_i - w^0_i| \le far_i$ up to now, for every hidden neuron",
        "least size": r"$least_i = (before_i - far_i)_+$",
        "frozen": r"$0 \le part_i \le 1$, and $part_i = 0$ unless all slopes of neuron $i$ are those of the start",
        "share": r"$0 < \epsilon \le 1$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("slopes that count once", lambda proof: derive(proof, power=1)),
        Control("hidden outputs whose change costs nothing", lambda proof: derive(proof, charge=sp.S.Zero)),
        Control("slopes that change", counterexample_slopes_that_change, counterexample=True),
    ),
)
