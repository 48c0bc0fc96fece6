r"""linear-excess: what the weights of a linear network see of its excess loss.

The symbols are those of lemma two-layers, with all slopes 1. y = X q^* + r are the labels, q^* a least squares solution
(biases and the constant input x_0 included) and r its residual, orthogonal to the inputs. Then the error is a part p in
the span of the inputs less r. Half the mean square of p is the excess loss, and X^T e = X^T p.
"""

import sympy as sp

from fa_theory.proofs.lemmas.two_layers import beta, f, loss, over_neurons, over_samples, theta, x0, z
from fa_theory.proofs.notation import N, d, e, h, i, indexed, j, k, t, v, w, x
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

y, p, q, r = (indexed(name) for name in ("y", "p", "q", "r"))
best, coefficients = indexed("q^*"), indexed("xi")
best_bias, coefficient_bias = sp.symbols("q^*_0 xi_0", real=True)
least, high = sp.Symbol("lambda_+", nonnegative=True), sp.Symbol("lambda_max", nonnegative=True)
u = indexed("u")
floor = sp.Symbol("L^*", real=True)

common = sp.Sum(over_samples(e[j] * x[j, k]) ** 2, (k, 1, d)) + over_samples(e[j] * x0) ** 2


def total(values: sp.Expr) -> sp.Expr:
    return sp.Sum(values, (j, 1, N))


def over_data(values: sp.Expr) -> sp.Expr:
    """Return |X^T u|^2 for u_j = values, the constant input included."""
    return sp.Sum(total(values * x[j, k]) ** 2, (k, 1, d)) + total(values * x0) ** 2


def derive(proof: Derivation, slope: sp.Expr = sp.S.One, share: sp.Expr = sp.S.One) -> list[Fact]:
    squared = proof.given("squared loss", loss(t), "=", total(e[j] ** 2) / (2 * N))
    error = proof.given("squared loss", e[j], "=", f[j] - y[j])
    network = [
        proof.given("network", f[j], "=", over_neurons(v[i] * h[j, i])),
        proof.given("degree one", h[j, i], "=", theta[i, j] * z[j, i]),
        proof.given("network", z[j, i], "=", sp.Sum(w[i, k] * x[j, k], (k, 1, d)) + x0 * beta[i]),
        proof.given("linear", theta[i, j], "=", slope),
    ]
    labels = proof.given("least squares", y[j], "=", sp.Sum(x[j, k] * best[k], (k, 1, d)) + x0 * best_bias + r[j])
    normal = proof.given("least squares", total(r[j] * x[j, k]), "=", 0)
    normal_bias = proof.given("least squares", total(r[j] * x0), "=", 0)
    residual = proof.given("least squares", floor, "=", total(r[j] ** 2) / (2 * N))
    curved = proof.given(
        "least non-zero eigenvalue",
        least * N * total((sp.Sum(x[j, k] * coefficients[k], (k, 1, d)) + x0 * coefficient_bias) ** 2),
        "<=",
        over_data(sp.Sum(x[j, k] * coefficients[k], (k, 1, d)) + x0 * coefficient_bias),
        schematic=[coefficients, coefficient_bias],
    )

    gap = proof.define("the end-to-end map less the best one", q[k], over_neurons(v[i] * w[i, k]) - best[k])
    offset = over_neurons(v[i] * beta[i]) - best_bias
    part = proof.define("the error in the span", p[j], sp.Sum(x[j, k] * q[k], (k, 1, d)) + x0 * offset)
    split = proof.equal(
        "the error is this part less the residual",
        e[j],
        p[j] - r[j],
        because=[error, (-1, labels)],
        using=[*network, part, gap],
        why="the network is linear",
    )
    across = proof.equal(
        "which are orthogonal",
        total(p[j] * r[j]),
        0,
        because=[
            proof.sum_over("normal equations", proof.times("along q", q[k], normal), (k, 1, d)),
            (offset, normal_bias),
        ],
        using=[part],
        why="the residual is orthogonal to all inputs",
    )
    excess = proof.equal(
        "the excess loss",
        loss(t) - floor,
        total(p[j] ** 2) / (2 * N),
        because=[squared, (-1, residual), (-1 / N, across)],
        using=[split],
        why="Pythagoras",
    )
    seen = proof.equal(
        "the residual is not seen", total(e[j] * x[j, k]), total(p[j] * x[j, k]), because=[(-1, normal)], using=[split]
    )
    seen_bias = proof.equal(
        "nor by biases", total(e[j] * x0), total(p[j] * x0), because=[(-1, normal_bias)], using=[split]
    )
    sums, sums_bias = total((e[j] + p[j]) * x[j, k]), total((e[j] + p[j]) * x0)
    same = proof.equal(
        "so weights see the part in the span",
        over_data(e[j]),
        over_data(p[j]),
        because=[proof.sum_over("squared", proof.times("an input", sums, seen), (k, 1, d)), (sums_bias, seen_bias)],
        why="squares of equal numbers",
    )
    steep = proof.at_most(
        "what the weights see of the error",
        2 * share * least * (loss(t) - floor),
        common,
        because=[
            (1 / N**2, curved.at({coefficients: q, coefficient_bias: offset})),
            (2 * least, excess),
            (-1 / N**2, same),
        ],
        using=[part],
        why="least non-zero eigenvalue",
    )
    above = proof.given("largest eigenvalue", over_data(u[j]), "<=", high * N * total(u[j] ** 2), schematic=[u])
    flat = proof.at_most(
        "and at most",
        common,
        2 * high * (loss(t) - floor),
        because=[(1 / N**2, above.at({u: p})), (-2 * high, excess), (1 / N**2, same)],
        why="largest eigenvalue",
    )
    gap_size = proof.equal(
        "the part in the span is the gap to the best outputs",
        loss(t) - floor,
        total((e[j] + r[j]) ** 2) / (2 * N),
        because=[
            excess,
            (
                -1 / (2 * N),
                proof.sum_over("squares of it", proof.times("a square", p[j] + r[j] + e[j], split), (j, 1, N)),
            ),
        ],
        why="p = e + r",
    )
    excess = proof.at_most(
        "the excess is not negative", floor, loss(t), because=[(-1, excess), total(p[j] ** 2) / (2 * N)], why="a square"
    )
    return [steep, excess, flat, gap_size]


PROOF = Proof(
    id="linear-excess",
    title="Excess loss of a linear network",
    statement=(
        r"In two-layer linear networks with one output $0 \le L - L^* = \frac1{2N} |e + r|^2$, $r$ the residual of the "
        r"best linear map, and $2 \lambda_+ (L - L^*) \le |\frac1N X^T e|^2 \le 2 \lambda_{\max} (L - L^*)$, "
        r"$\lambda_+$ the least non-zero and $\lambda_{\max}$ the greatest eigenvalue of $X^T X / N$."
    ),
    assumptions={
        "network": r"$z_i = \langle w_i, x \rangle + x_0 \beta_i$ and $f = \sum_i v_i h_i$ at every sample",
        "degree one": r"$h = \theta z$",
        "linear": r"$\theta = 1$",
        "squared loss": r"$L = \frac1{2N} \sum_j e_j^2$ with $e_j = f_j - y_j$",
        "least squares": (
            r"$y = X q^* + r$ with $X^T r = 0$, which the normal equations solve, and $L^* = \frac1{2N} |r|^2$"
        ),
        "least non-zero eigenvalue": (
            r"$\lambda_+ N |u|^2 \le |X^T u|^2$ for every $u = X \xi$ in the span of the inputs, with $\lambda_+ \ge 0$"
        ),
        "largest eigenvalue": r"$|X^T u|^2 \le \lambda_{\max} N |u|^2$ for every $u$, with $\lambda_{\max} \ge 0$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("slopes that are not 1", lambda proof: derive(proof, slope=sp.Integer(2))),
        Control("without the half of the loss", lambda proof: derive(proof, share=sp.Integer(2))),
    ),
)
