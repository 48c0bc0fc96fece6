r"""gradient-step: one step of gradient descent with FA in a two-layer linear network, in terms of a few numbers.

Weights W (n, d) and v (n), feedback b (n), inputs X (N, d), targets y (N); k counts the steps, i the hidden neurons,
j the samples, a and c the inputs. e are the errors, g the mean of e_j x_j, z = W g, and A = (b.v' - ...) I + W^T W acts
on g as q = A g. The columns of Q (N, rank) are an orthonormal basis of the span of the columns of X, and X = Q x.

The numbers: D is the excess loss, gamma = |g|, omega = |W|_F, beta = <b, v>, law = beta - omega^2 / 2 (minus the
neuron law's constant, summed over the neurons), zz = |z|^2, tt = |W^T z|^2, drop = <g, q>.
"""

from collections.abc import Callable

import sympy as sp

from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as smaller
from fa_theory.proofs.lemmas.root_order import y as greater
from fa_theory.proofs.notation import N, d, i, indexed, j, k, n
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

a, c, p, s = sp.symbols("a c p s", integer=True)
rank = sp.Symbol("rank", integer=True, positive=True)
eta, least, greatest, size_b = sp.symbols("eta lambda_- lambda_+ |b|", positive=True)

W, v, b, X, y = (indexed(name) for name in ("W", "v", "b", "X", "y"))
Q, x, e, g, z, q, part, loss = (indexed(name) for name in ("Q", "x", "e", "g", "z", "q", "epsilon", "L"))
end = indexed("m")
beta, law, tt = (indexed(name) for name in ("beta", "law", "tt"))
D, gamma, omega, zz = (indexed(name, nonnegative=True) for name in ("D", "gamma", "omega", "zz"))
half = sp.Rational(1, 2)
u = indexed("u")


def total(summand: sp.Expr, *ranges: tuple[sp.Symbol, sp.Expr]) -> sp.Expr:
    return sp.Sum(summand, *((index, 1, high) for index, high in ranges))


rest = total(y[j] ** 2, (j, N)) - total(total(Q[j, p] * y[j], (j, N)) ** 2, (p, rank))


def over_inputs(vector: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    """Return |x u|^2 / N for a vector u over the inputs."""
    return total(total(x[p, a] * vector(a), (a, d)) ** 2, (p, rank)) / N


def over_basis(vector: Callable[[sp.Expr], sp.Expr]) -> sp.Expr:
    """Return |x^T u|^2 / N for a vector u over the basis."""
    return total(total(x[p, a] * vector(p), (p, rank)) ** 2, (a, d)) / N


def attempt_gauss_seidel(proof: Derivation) -> list[Fact]:
    return derive(proof, second=total(W[k + 1, i, a] * g[k, a], (a, d)))


def derive(proof: Derivation, second: sp.Expr = z[k, i]) -> list[Fact]:
    moved = [
        proof.given("step", W[k + 1, i, a], "=", W[k, i, a] - eta * b[i] * g[k, a]),
        proof.given("step", v[k + 1, i], "=", v[k, i] - eta * second),
    ]
    mapped = proof.given("network", end[k, a], "=", total(W[k, i, a] * v[k, i], (i, n)))
    errors = proof.given("network", e[k, j], "=", total(X[j, a] * end[k, a], (a, d)) - y[j])
    mean = proof.given("network", g[k, a], "=", total(X[j, a] * e[k, j], (j, N)) / N)
    carried = proof.given("network", z[k, i], "=", total(W[k, i, a] * g[k, a], (a, d)))
    aligned = proof.given("numbers", beta[k], "=", total(b[i] * v[k, i], (i, n)))
    acting = beta[k + 1] * g[k, a] + total(W[k, i, a] * z[k, i], (i, n))
    acted = proof.given("network", q[k, a], "=", acting)
    new_errors = proof.equal(
        "the errors after a step: e' = e - eta X A g, with A = <b, v'> I + W^T W",
        e[k + 1, j],
        e[k, j] - eta * total(X[j, a] * q[k, a], (a, d)),
        using=[errors, mapped, acted, aligned, *moved],
        why="multiplied out; <b, v'> = <b, v> - eta b^T W g",
    )

    # the numbers
    squares = [
        proof.given("numbers", size_b**2, "=", total(b[i] ** 2, (i, n))),
        proof.given("numbers", gamma[k] ** 2, "=", total(g[k, a] ** 2, (a, d))),
        proof.given("numbers", omega[k] ** 2, "=", total(W[k, i, a] ** 2, (i, n), (a, d))),
    ]
    sized_b, sized_g, sized_W = squares
    lawful = proof.given("numbers", law[k], "=", beta[k] - omega[k] ** 2 / 2)
    carried_size = proof.given("numbers", zz[k], "=", total(z[k, i] ** 2, (i, n)))
    backwards = total(total(W[k, i, a] * z[k, i], (i, n)) ** 2, (a, d))
    back_size = proof.given("numbers", tt[k], "=", backwards)
    turned = total(b[i] * z[k, i], (i, n))
    new_beta = proof.equal(
        "how <b, v> moves", beta[k + 1], beta[k] - eta * turned, using=[aligned, *moved], why="the step of v"
    )
    new_omega = proof.equal(
        "how |W|^2 moves",
        omega[k + 1] ** 2,
        omega[k] ** 2 - 2 * eta * turned + eta**2 * size_b**2 * gamma[k] ** 2,
        using=[sized_W, moved[0], sized_b, sized_g, carried],
        why="the step of W, squared; b^T W g = <b, z>",
    )
    drift = proof.equal(
        "the law drifts",
        law[k + 1],
        law[k] - eta**2 * size_b**2 * gamma[k] ** 2 / 2,
        because=[new_beta, (-half, new_omega)],
        using=[lawful],
        why="<b, z> cancels: bregman-drift for FA, summed over the neurons",
    )

    # Cauchy-Schwarz, by Lagrange's identity
    carried_little = proof.at_most(
        "|W g| <= |W| |g|",
        zz[k],
        omega[k] ** 2 * gamma[k] ** 2,
        because=[total((W[k, i, a] * g[k, c] - W[k, i, c] * g[k, a]) ** 2, (i, n), (a, d), (c, d)) / 2],
        using=[carried_size, sized_W, sized_g, carried],
        why="Lagrange's identity in every row of W",
    )
    back_little = proof.at_most(
        "|W^T z| <= |W| |z|",
        tt[k],
        omega[k] ** 2 * zz[k],
        because=[total((W[k, i, a] * z[k, s] - W[k, s, a] * z[k, i]) ** 2, (a, d), (i, n), (s, n)) / 2],
        using=[back_size, sized_W, carried_size],
        why="Lagrange's identity in every column of W",
    )
    turned_little = proof.at_most(
        "<b, z>^2 <= |b|^2 |W|^2 |g|^2",
        turned**2,
        (size_b * omega[k] * gamma[k]) ** 2,
        because=[
            total((b[i] * z[k, s] - b[s] * z[k, i]) ** 2, (i, n), (s, n)) / 2,
            (size_b**2, carried_little),
            (-(size_b**2), carried_size),
        ],
        using=[sized_b],
        why="Lagrange's identity",
    )
    positive = proof.at_most("a size", 0, size_b * omega[k] * gamma[k], because=[size_b * omega[k] * gamma[k]])
    turned_least = proof.apply(
        ROOT,
        {smaller: -turned, greater: size_b * omega[k] * gamma[k]},
        {"nonnegative": positive, "squares": turned_little},
    )
    beta_above = proof.at_most(
        "how far <b, v> can rise",
        beta[k + 1],
        beta[k] + eta * size_b * omega[k] * gamma[k],
        because=[(eta, turned_least), new_beta],
        why="-<b, z> <= |b| |W| |g|",
    )
    widened = proof.at_most(
        "|W'|^2 <= (|W| + eta |b| |g|)^2",
        omega[k + 1] ** 2,
        (omega[k] + eta * size_b * gamma[k]) ** 2,
        because=[(2 * eta, turned_least), new_omega],
        why="the same",
    )
    wide = omega[k] + eta * size_b * gamma[k]
    widening = proof.apply(
        ROOT,
        {smaller: omega[k + 1], greater: wide},
        {"nonnegative": proof.at_most("a size", 0, wide, because=[wide]), "squares": widened},
        name="how far |W| can rise",
    )

    # the loss, in coordinates of the span of the data
    coordinates = proof.given("span", x[p, a], "=", total(Q[j, p] * X[j, a], (j, N)))
    spanned = proof.given("span", X[j, a], "=", total(Q[j, p] * x[p, a], (p, rank)))
    projected = proof.given("span", part[k, p], "=", total(Q[j, p] * e[k, j], (j, N)))
    excess = proof.given("numbers", D[k], "=", total(part[k, p] ** 2, (p, rank)) / (2 * N))
    slope = proof.equal(
        "the gradient, in coordinates",
        g[k, a],
        total(x[p, a] * part[k, p], (p, rank)) / N,
        using=[mean, spanned, projected],
        why="X^T e = x^T Q^T e",
    )
    learnt = proof.equal(
        "the error in the span moves",
        part[k + 1, p],
        part[k, p] - eta * total(x[p, a] * q[k, a], (a, d)),
        using=[projected, new_errors, coordinates],
        why="Q^T X = x",
    )
    descended = proof.equal(
        "the excess loss moves",
        D[k + 1],
        D[k] - eta * total(g[k, a] * q[k, a], (a, d)) + eta**2 / 2 * over_inputs(lambda index: q[k, index]),
        using=[excess, learnt, slope],
        why="the square, multiplied out",
    )
    most = greatest * total(u[a] ** 2, (a, d))
    steepest = proof.given("spectrum", over_inputs(lambda index: u[index]), "<=", most, schematic=[u])
    most = greatest * total(u[p] ** 2, (p, rank))
    steep = proof.given("spectrum", over_basis(lambda index: u[index]), "<=", most, schematic=[u])
    fewest = least * total(u[p] ** 2, (p, rank))
    flattest = proof.given("spectrum", fewest, "<=", over_basis(lambda index: u[index]), schematic=[u])
    square = beta[k + 1] ** 2 * gamma[k] ** 2 + 2 * beta[k + 1] * zz[k] + tt[k]
    acted_size = proof.equal(
        "|q|^2",
        total(q[k, a] ** 2, (a, d)),
        square,
        using=[acted, sized_g, carried_size, back_size, carried],
        why="q = <b, v'> g + W^T z",
    )
    dropped = beta[k + 1] * gamma[k] ** 2 + zz[k]
    aimed = proof.equal(
        "<g, q>",
        total(g[k, a] * q[k, a], (a, d)),
        dropped,
        using=[acted, sized_g, carried_size, carried],
        why="<g, W^T z> = |z|^2",
    )
    descent = proof.at_most(
        "the excess loss after a step",
        D[k + 1],
        D[k] - eta * dropped + eta**2 * greatest / 2 * square,
        because=[
            descended,
            (-eta, aimed),
            (eta**2 / 2, steepest.at({u: lambda index: q[k, index]})),
            (eta**2 * greatest / 2, acted_size),
        ],
        why="lambda_+ |q|^2 bounds the quadratic term",
    )
    current = {u: lambda index: part[k, index]}
    small_gradient = proof.at_most(
        "|g|^2 <= 2 lambda_+ D",
        gamma[k] ** 2,
        2 * greatest * D[k],
        because=[(1 / N, steep.at(current))],
        using=[sized_g, slope, excess],
        why="the gradient in coordinates",
    )
    large_gradient = proof.at_most(
        "|g|^2 >= 2 lambda_- D",
        2 * least * D[k],
        gamma[k] ** 2,
        because=[(1 / N, flattest.at(current))],
        using=[sized_g, slope, excess],
        why="the gradient in coordinates",
    )
    # the loss itself
    losses = proof.given("numbers", loss[k], "=", total(e[k, j] ** 2, (j, N)) / (2 * N))
    rows = proof.sum_over("X^T X = X^T Q x", proof.times("weighted", X[j, a], spanned.at({a: c})), (j, 1, N))
    columns = proof.sum_over("x^T x = X^T Q x", proof.times("weighted", x[p, c], coordinates), (p, 1, rank))
    gram = proof.equal(
        "X^T X = x^T x",
        total(X[j, a] * X[j, c], (j, N)),
        total(x[p, a] * x[p, c], (p, rank)),
        because=[rows, (-1, columns)],
        why="both are X^T Q x",
    )
    paired = proof.times("weighted", end[k, a] * end[k, c], gram)
    learnt_part = proof.sum_over("the squared outputs", paired, (a, 1, d), (c, 1, d))
    in_span = proof.equal(
        "the error in the span, in coordinates",
        part[k, p],
        total(x[p, a] * end[k, a], (a, d)) - total(Q[j, p] * y[j], (j, N)),
        using=[projected, errors, coordinates],
        why="Q^T X = x",
    )
    crossed = proof.equal(
        "outputs against targets",
        total(X[j, a] * end[k, a] * y[j], (j, N), (a, d)),
        total(x[p, a] * end[k, a] * Q[j, p] * y[j], (j, N), (a, d), (p, rank)),
        using=[spanned],
        why="X = Q x",
    )
    split = proof.equal(
        "the excess loss is what is above the rest of the targets",
        loss[k] - rest / (2 * N),
        D[k],
        because=[losses, (-1, excess), (1 / (2 * N), learnt_part), (-1 / N, crossed)],
        using=[errors, in_span],
        why="only the targets have a part outside the span",
    )
    return [
        lawful,
        drift,
        beta_above,
        widening,
        carried_little,
        back_little,
        descent,
        small_gradient,
        large_gradient,
        new_errors,
        split,
    ]


PROOF = Proof(
    id="gradient-step",
    title="One step of gradient descent with FA",
    statement=(
        r"Two linear layers, scalar output, FA: a step of size $\eta$ takes the errors $e$ to "
        r"$e - \frac{\eta}{N} X A X^T e$, $A = (\langle b, v\rangle - \eta\, b^T W g) I + W^T W$, and the law "
        r"$\langle b, v\rangle - \frac12 |W|^2$ falls by $\frac12\eta^2 |b|^2 |g|^2$; the excess loss $D$ satisfies "
        r"$D' \le D - \eta\, g^T A g + \frac12 \eta^2 \lambda_+ |A g|^2$ and "
        r"$2\lambda_- D \le |g|^2 \le 2\lambda_+ D$."
    ),
    assumptions={
        "step": r"$W' = W - \eta\, b g^T$, $v' = v - \eta W g$",
        "network": r"$e_j = \langle v, W x_j\rangle - y_j$, $g = \frac1N\sum_j e_j x_j$, $z = W g$, "
        r"$q = \langle b, v'\rangle g + W^T z$",
        "numbers": r"$D$, $L$, $\gamma = |g|$, $\omega = |W|_F$, $|b|$, $\beta = \langle b, v\rangle$, the law, "
        r"$|z|^2$ and $|W^T z|^2$ are what they are named after",
        "span": r"the columns of $Q$ are an orthonormal basis of the columns of $X$: $X = Q x$, $x = Q^T X$; "
        r"$\epsilon = Q^T e$",
        "spectrum": r"$\lambda_-$ and $\lambda_+$ bound the eigenvalues of $x x^T / N$, which are the non-zero ones of "
        r"$X^T X / N$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("outgoing weights that see the new incoming ones", attempt_gauss_seidel),
        Control("outgoing weights that do not move", lambda proof: derive(proof, second=sp.S.Zero)),
    ),
)
