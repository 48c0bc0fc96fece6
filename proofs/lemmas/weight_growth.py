r"""weight-growth: outputs near a target need incoming weights of a certain size.

The symbols are those of lemma two-layers; size_i is half of |w_i|^2 + beta_i^2. The outputs f are a target y^* of
length Y and a gap of length E. v_i M_i = size_i - C_i says how large the outgoing weights can be: |v_i| <= |w_i|^2 /
(2 b) + k_i, where m_i is the size of the feedback (|b_i| for FA, 1 for sign-FA), b the least of them and k_i =
|C_i| / m_i. reach = sqrt(N lambda_max) is the largest singular value of the inputs, so hidden outputs have a length of
at most reach |w_i|. With W^2 = sum_i |w_i|^2 (biases included) this gives Y - E <= reach (W^3 / (2 b) + |k| W). The
right side grows with W; so W is at least z, if z is 0 or the right side at z is at most Y - E.
"""

import sympy as sp

from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as smaller
from fa_theory.proofs.lemmas.root_order import y as greater
from fa_theory.proofs.lemmas.two_layers import M, beta, f, over_neurons, size, theta, x0, z
from fa_theory.proofs.notation import N, a, d, h, i, indexed, j, k, n, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

target, gap, C, coefficients = (indexed(name) for name in ("y^*", "epsilon", "C", "xi"))
coefficient_bias = sp.Symbol("xi_0", real=True)
length, outgoing = indexed("|w|", nonnegative=True), indexed("|v|", nonnegative=True)
feedback, k_law = indexed("m", positive=True), indexed("k", nonnegative=True)
labels, reach, least_b, straight = sp.symbols("Y reach b |k|", positive=True)
high = sp.Symbol("lambda_max", nonnegative=True)
error, W, needed = (sp.Function(name, nonnegative=True) for name in ("E", "W", "z"))
l, r = sp.symbols("l r", integer=True)  # noqa: E741 - a second sample beside j, a second neuron beside i


def over_samples(summand: sp.Expr) -> sp.Expr:
    return sp.Sum(summand, (j, 1, N))


def root(proof: Derivation, name: str, low: sp.Expr, high: sp.Expr, squares: Fact) -> Fact:
    """From low^2 <= high^2 conclude low <= high, high being not negative by its signs."""
    nonnegative = proof.at_most(f"{name}: signs", 0, high, because=[high], why="declared")
    return proof.apply(ROOT, {smaller: low, greater: high}, {"nonnegative": nonnegative, "squares": squares}, name=name)


def outgoing_weights(proof: Derivation) -> Fact:
    """Show |v_i| <= |w_i|^2 / (2 b) + k_i."""
    law = proof.given("law", v[i] * M[i], "=", size - C[i])
    sizes = proof.given("feedback sizes", (outgoing[i] * feedback[i]) ** 2, "=", (v[i] * M[i]) ** 2)
    constant = proof.given("constants", (k_law[i] * feedback[i]) ** 2, "=", C[i] ** 2)
    negative = proof.given("constants", -C[i], "<=", k_law[i] * feedback[i])
    least = proof.given("feedback sizes", least_b, "<=", feedback[i])
    squares = proof.at_most(
        "the size of the alignment",
        (outgoing[i] * feedback[i]) ** 2,
        (size + k_law[i] * feedback[i]) ** 2,
        because=[
            (2 * size, negative),
            (-1, constant),
            sizes,
            (v[i] * M[i] + size - C[i], law),
        ],
        why="|size - C| <= size + |C|",
    )
    bound = root(proof, "and its root", outgoing[i] * feedback[i], size + k_law[i] * feedback[i], squares)
    return proof.at_most(
        "outgoing weights",
        outgoing[i],
        length[i] ** 2 / (2 * least_b) + k_law[i],
        because=[
            (1 / feedback[i], bound),
            (size / (least_b * feedback[i]), least),
            (-1 / (2 * least_b), proof.given("lengths", length[i] ** 2, "=", 2 * size)),
        ],
        why="divided by m_i, which is at least b",
    )


def hidden_outputs(proof: Derivation) -> Fact:
    """Show that the hidden outputs of a neuron have a length of at most reach |w_i|."""
    active = proof.given("degree one", h[j, i], "=", theta[i, j] * z[j, i])
    preactivation = proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * x[j, k], (k, 1, d)) + x0 * beta[i])
    steep, flat = proof.given("slopes", a, "<=", theta[i, j]), proof.given("slopes", theta[i, j], "<=", 1)
    spread = proof.given(
        "largest eigenvalue",
        over_samples((sp.Sum(x[j, k] * coefficients[k], (k, 1, d)) + x0 * coefficient_bias) ** 2),
        "<=",
        N * high * (sp.Sum(coefficients[k] ** 2, (k, 1, d)) + coefficient_bias**2),
        schematic=[coefficients, coefficient_bias],
    )
    reaches = proof.given("largest eigenvalue", reach**2, "=", N * high)
    lost = proof.at_most(
        "gates add nothing", theta[i, j] ** 2, 1, because=[(flat, steep), (1 + a, flat)], why="(1 - theta)(1 + theta)"
    )
    lost = proof.sum_over("all samples", proof.times("of a preactivation", z[j, i] ** 2, lost), (j, 1, N))
    own = spread.at({coefficients: lambda source: w[i, source], coefficient_bias: beta[i]})
    square = proof.given("lengths", length[i] ** 2, "=", 2 * size)
    total = proof.equal(
        "preactivations",
        over_samples(z[j, i] ** 2),
        over_samples((sp.Sum(x[j, k] * w[i, k], (k, 1, d)) + x0 * beta[i]) ** 2),
        using=[preactivation],
    )
    return proof.at_most(
        "hidden outputs",
        over_samples(h[j, i] ** 2),
        reach**2 * length[i] ** 2,
        because=[lost, own, total, (-(length[i] ** 2), reaches), (-N * high, square)],
        using=[active],
        why="slopes are at most 1; largest singular value",
    )


def derive(proof: Derivation, half: sp.Expr = sp.S.Half) -> Fact:
    network = proof.given("network", f[j], "=", over_neurons(v[i] * h[j, i]))
    near = proof.given("target", f[j], "=", target[j] + gap[j])
    wanted = proof.given("target", labels**2, "=", over_samples(target[j] ** 2))
    missed = proof.given("target", error(t) ** 2, "=", over_samples(gap[j] ** 2))
    v_size = proof.given("feedback sizes", outgoing[i] ** 2, "=", v[i] ** 2)
    square = proof.given("lengths", length[i] ** 2, "=", 2 * size)
    all_weights = proof.given("lengths", W(t) ** 2, "=", over_neurons(length[i] ** 2))
    constants = proof.given("constants", straight**2, "=", over_neurons(k_law[i] ** 2))

    # how far the outputs of a neuron go towards the target
    towards = over_samples(target[j] * h[j, i])
    hidden = hidden_outputs(proof)
    apart = sp.Sum((target[j] * h[l, i] - target[l] * h[j, i]) ** 2, (j, 1, N), (l, 1, N)) / 2
    squares = proof.at_most(
        "Cauchy-Schwarz: outputs along the target",
        (v[i] * towards) ** 2,
        (outgoing[i] * labels * reach * length[i]) ** 2,
        because=[
            v[i] ** 2 * apart,
            (v[i] ** 2 * labels**2, hidden),
            (-(v[i] ** 2) * over_samples(h[j, i] ** 2), wanted),
            (-(labels**2) * reach**2 * length[i] ** 2, v_size),
        ],
        why="the target has length Y, hidden outputs at most reach |w_i|",
    )
    of_neuron = root(proof, "and their root", v[i] * towards, outgoing[i] * labels * reach * length[i], squares)
    across = over_samples(target[j] * gap[j])
    apart = sp.Sum((target[j] * gap[l] - target[l] * gap[j]) ** 2, (j, 1, N), (l, 1, N)) / 2
    squares = proof.at_most(
        "Cauchy-Schwarz: the gap along the target",
        (-across) ** 2,
        (labels * error(t)) ** 2,
        because=[apart, (-over_samples(gap[j] ** 2), wanted), (-(labels**2), missed)],
        why="lengths Y and E",
    )
    of_gap = root(proof, "and its root", -across, labels * error(t), squares)
    fit = proof.sum_over(
        "the target is outputs less the gap",
        proof.times(
            "along the target",
            target[j],
            proof.equal("f is both", over_neurons(v[i] * h[j, i]), target[j] + gap[j], because=[near, (-1, network)]),
        ),
        (j, 1, N),
    )
    all_neurons = proof.sum_over("all neurons", of_neuron, (i, 1, n))
    fitting = proof.at_most(
        "so the neurons must go the rest of the way",
        labels - error(t),
        reach * over_neurons(outgoing[i] * length[i]),
        because=[(1 / labels, all_neurons), (1 / labels, of_gap), (-1 / labels, fit), (1 / labels, wanted)],
        why="divided by Y",
    )

    # how far they can go
    small = proof.times("of a neuron", length[i], outgoing_weights(proof))
    limited = proof.sum_over("all neurons", small, (i, 1, n))
    cubes, pairs = over_neurons(length[i] ** 3), ((i, 1, n), (r, 1, n))
    different = (1 - sp.KroneckerDelta(i, r)) ** 2
    fourth = proof.at_most(
        "fourth powers",
        over_neurons(length[i] ** 4),
        over_neurons(length[i] ** 2) ** 2,
        because=[sp.Sum(different * length[i] ** 2 * length[r] ** 2, *pairs)],
        why="the products of different squares are not negative",
    )
    squares = proof.at_most(
        "Cauchy-Schwarz: cubes",
        cubes**2,
        (W(t) ** 3) ** 2,
        because=[
            sp.Sum((length[i] * length[r] ** 2 - length[r] * length[i] ** 2) ** 2, *pairs) / 2,
            (over_neurons(length[i] ** 2), fourth),
        ],
        using=[all_weights],
        why="(sum |w| |w|^2)^2 <= sum |w|^2 sum |w|^4",
    )
    cubes_root = root(proof, "and their root", cubes, W(t) ** 3, squares)
    linear = over_neurons(k_law[i] * length[i])
    squares = proof.at_most(
        "Cauchy-Schwarz: constants",
        linear**2,
        (straight * W(t)) ** 2,
        because=[
            sp.Sum((k_law[i] * length[r] - k_law[r] * length[i]) ** 2, *pairs) / 2,
            (-(W(t) ** 2), constants),
            (-over_neurons(k_law[i] ** 2), all_weights),
        ],
        why="lengths |k| and W",
    )
    linear_root = root(proof, "and its root", linear, straight * W(t), squares)
    cubic = half / least_b
    enough = proof.at_most(
        "the weights must be large enough",
        labels - error(t),
        reach * (cubic * W(t) ** 3 + straight * W(t)),
        because=[fitting, (reach, limited), (reach * cubic, cubes_root), (reach, linear_root)],
        why="all together",
    )

    # so they are at least z
    low = proof.given(
        "least size",
        needed(t) * reach * (cubic * needed(t) ** 3 + straight * needed(t)),
        "<=",
        needed(t) * (labels - error(t)),
    )
    steep = cubic * (W(t) ** 2 + W(t) * needed(t) + needed(t) ** 2) + straight
    ordered = proof.at_most(
        "W is at least z where z is not 0",
        needed(t) ** 2,
        needed(t) * W(t),
        because=[(1 / (reach * steep), low), (needed(t) / (reach * steep), enough)],
        why="the right side grows with W: divided by the slope between z and W",
    )
    return proof.at_most(
        "the weights are at least as large as z says",
        needed(t) ** 2,
        2 * over_neurons(size),
        because=[(W(t) - needed(t)) ** 2, (2, ordered), all_weights, proof.sum_over("lengths", square, (i, 1, n))],
        why="z^2 <= z W gives z^2 <= W^2",
    )


PROOF = Proof(
    id="weight-growth",
    title="Outputs need weights",
    statement=(
        r"Let $f = y^* + \epsilon$, $Y = |y^*| > 0$, $E = |\epsilon|$, $v_i M_i = \frac12|w_i|^2 - C_i$ of size "
        r"$|v_i| m_i$, $b = \min_i m_i$, not all $C_i = 0$. If $z \ge 0$ is $0$ or "
        r"$\sqrt{N\lambda_{\max}} (\frac{z^3}{2 b} + |C/m| z) \le Y - E$, then $\sum_i |w_i|^2 \ge z^2$ (biases "
        r"included)."
    ),
    assumptions={
        "network": r"$z_i = \langle w_i, x \rangle + x_0 \beta_i$ and $f = \sum_i v_i h_i$ at every sample",
        "degree one": r"$h = \theta z$",
        "slopes": r"$a \le \theta \le 1$, with $a > 0$",
        "target": r"$f = y^* + \epsilon$ with $|y^*| = Y > 0$ and $|\epsilon| = E$",
        "law": r"$v_i M_i = \frac12 (|w_i|^2 + \beta_i^2) - C_i$",
        "feedback sizes": r"$|v_i M_i| = |v_i| m_i$ and $m_i \ge b > 0$ for every hidden neuron",
        "constants": r"$k_i = |C_i| / m_i$, and $|k| > 0$ is the length of the vector of all $k_i$",
        "lengths": r"$|w_i|^2$ includes $\beta_i^2$, and $W^2 = \sum_i |w_i|^2$",
        "largest eigenvalue": (
            r"$|X \xi|^2 \le N \lambda_{\max} |\xi|^2$ for every $\xi$ (of inputs and biases), and "
            r"$reach = \sqrt{N \lambda_{\max}} > 0$"
        ),
        "least size": r"$z = 0$ or $reach\,(\frac{z^3}{2 b} + |k| z) \le Y - E$",
    },
    source="own",
    derive=derive,
    controls=(Control("the neuron law without its half", lambda proof: derive(proof, half=sp.Rational(1, 4))),),
)
