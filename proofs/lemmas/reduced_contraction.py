r"""reduced-contraction: a path that nearly solves the reduced flow stays near the solution; aligned flows contract.

The reduced flow (statement reduced-flow) is du/dt = -S (theta(u) - theta*), S = X^T X / N, where the network is the
linear map theta(u) = P W(u)^T v(u) + R R^T u + r; u = S w makes it dw/dt = theta* - theta(S w). P = J J^T picks the
inputs that W has weights for: all but the input 1 of an output bias beside no hidden ones. Where there is an output
bias, R is the unit vector of that input, else 0. A path p has a defect delta, theta* - theta(S p) - dp/dt. Distances
are |p - w|_S with |z|_S^2 = z^T S z = |X z|^2 / N, that is the norm of S^(-1) for u.

theta is a polynomial of degree three, so the mean of its derivative along a segment is a sixth of that at both ends and
two thirds of that in the middle (Simpson's rule): no mean value theorem is needed. The norm has no derivative at 0;
rho = sqrt(|p - w|_S^2 + epsilon^2) has, and epsilon then tends to 0.

What is known of b.v may be known only in a tube around the path, of radius r_u in u. So both are followed with a clock
chi that stops for ever once their distance in u has come to r_u: it is shown never to stop.
"""

from typing import Any

import sympy as sp

from fa_theory.proofs.lemmas import least_eigenvalue
from fa_theory.proofs.lemmas.exp_order import PROOF as ORDER
from fa_theory.proofs.lemmas.exp_order import x as lower
from fa_theory.proofs.lemmas.exp_order import y as upper
from fa_theory.proofs.lemmas.gronwall_defect import PROOF as GRONWALL
from fa_theory.proofs.lemmas.gronwall_defect import defect as missing
from fa_theory.proofs.lemmas.gronwall_defect import rate as growth
from fa_theory.proofs.lemmas.gronwall_defect import y as followed
from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as smaller
from fa_theory.proofs.lemmas.root_order import y as greater
from fa_theory.proofs.notation import N, d, m, n, square, t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof
from fa_theory.symbolic.rates import rate

LIMIT = "continuity: an inequality between continuous functions that holds for all epsilon > 0 holds at epsilon = 0"

W0, X = sp.MatrixSymbol("W_0", n, d), sp.MatrixSymbol("X", N, d)
v0, b = sp.MatrixSymbol("v_0", n, 1), sp.MatrixSymbol("b", n, 1)
J, R = sp.MatrixSymbol("J", d, m), sp.MatrixSymbol("R", d, 1)
rest, goal = sp.MatrixSymbol("r", d, 1), sp.MatrixSymbol("theta_*", d, 1)
w, p, delta = (sp.MatrixSymbol(name, d, 1) for name in ("w", "p", "delta"))
u, e, q, z, across = (sp.MatrixSymbol(name, d, 1) for name in ("u", "e", "q", "z", "q_0"))
layers, any_layer = [sp.MatrixSymbol(f"W_{name}", n, d) for name in ("w", "m", "p")], sp.MatrixSymbol("W_z", n, d)
twist = sp.MatrixSymbol("K", N, N)
F, G = sp.MatrixSymbol("F", N, N), sp.MatrixSymbol("G", d, d)
distance, chi = sp.Function("D", nonnegative=True), sp.Function("chi", nonnegative=True)
kappa, k, h = sp.symbols("kappa k h", nonnegative=True)
eigenvalue, reach, epsilon = sp.symbols("lambda r_u epsilon", positive=True)

half, sixth = sp.Rational(1, 2), sp.Rational(1, 6)
S, P = X.T * X / N, J * J.T


def first(at: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return the first layer at u."""
    return W0 + b * at.T * P


def outgoing(at: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return the outgoing weights at u."""
    return v0 + W0 * P * at + half * b * at.T * P * at


def along(at: sp.MatrixExpr) -> sp.Expr:
    """Return b.v at u."""
    return sp.Trace(b.T * outgoing(at))


def network(at: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return theta(u)."""
    return P * first(at).T * outgoing(at) + R * R.T * at + rest


def slope(at: sp.MatrixExpr) -> sp.MatrixExpr:
    """Return the derivative of theta at u."""
    return P * first(at).T * first(at) * P + along(at) * P + R * R.T


def greatest(matrix: sp.MatrixExpr, root: sp.MatrixExpr, vector: sp.MatrixExpr) -> dict[sp.Basic, Any]:
    """Return what lemma least-eigenvalue needs, for a matrix that is lambda I less root root^T."""
    L = least_eigenvalue
    return {L.A: matrix, L.P: root, L.greatest: eigenvalue, L.Z: vector}


def derive(proof: Derivation, middle: int = 4, price: sp.Expr = kappa) -> list[Fact]:
    picks = [proof.given("inputs", J.T * J, "=", sp.Identity(m))]
    still = [proof.given("fixed", rate(each), "=", sp.ZeroMatrix(*each.shape)) for each in (X, W0, v0, b, J, R, rest)]
    at_w = proof.define("u of the solution", u, S * w)
    error = proof.define("the distance of the path", e, p - w)
    apart = proof.define("its distance in u", q, S * e)

    # theta
    derivative = proof.equal(
        "the derivative of theta", rate(network(u)), slope(u) * rate(u), using=[*still, *picks], why="product rule"
    )
    symmetric = proof.equal("it is symmetric", slope(u).T, slope(u), using=picks, why="P is")
    constant = square(W0) / 2 - sp.Trace(b.T * v0)
    layer = proof.define("the first layer at any u", any_layer, first(z))
    least = proof.at_most(
        "b.v at any u is at least its value at the start, less that of |W|^2 / 2",
        -constant,
        along(z),
        because=[square(any_layer) / 2],
        using=[*picks, layer],
        why="b.v = |W|^2 / 2 - C: the neuron law, added up over the neurons",
    )
    points = (u, u + half * q, u + q)
    form = [sp.Trace(q.T * slope(each) * q) for each in points]
    unseen = proof.define("what W has no weights for", across, q - P * q)
    pulled = []
    for at, letter, value in zip(points, layers, form, strict=True):
        layer = proof.define("the first layer there", letter, first(at))
        aligned = proof.given("alignment", -chi(t) * price, "<=", chi(t) * along(at))
        pulled.append(
            proof.at_most(
                "the derivative is at least -kappa",
                -chi(t) * kappa * square(q),
                chi(t) * value,
                because=[
                    chi(t) * square(letter * P * q),
                    (square(P * q), aligned),
                    chi(t) * kappa * square(across),
                    chi(t) * sp.Trace(R.T * q) ** 2,
                ],
                using=[*picks, layer, unseen],
                why="W^T W and R R^T are not negative, and |P q| <= |q|",
            )
        )
    mean = proof.equal(
        "the mean of the derivative along the segment",
        sp.Trace(q.T * (network(u + q) - network(u))),
        (form[0] + middle * form[1] + form[2]) / (2 + middle),
        using=picks,
        why="Simpson's rule is exact for polynomials of degree three",
    )
    attracts = proof.at_most(
        "so theta pulls apart no faster than at the rate kappa",
        -chi(t) * sp.Trace(q.T * (network(u + q) - network(u))),
        chi(t) * kappa * square(q),
        because=[(-chi(t), mean), (sixth, pulled[0]), (4 * sixth, pulled[1]), (sixth, pulled[2])],
        why="the mean of three that do",
    )

    # the distance
    moves = [
        proof.given("solution", rate(w), "=", chi(t) * (goal - network(S * w))),
        proof.given("path", rate(p), "=", chi(t) * (goal - network(S * p) - delta)),
    ]
    runs = proof.given("clock", chi(t), "<=", 1)
    far = proof.define("the squared distance", distance(t), square(X * e) / N)
    inner = sp.Trace(e.T * X.T * X * delta) / N
    at_p = proof.equal(
        "u of the path", X.T * X * p, N * (u + q), because=[(-N, at_w), (-N, apart)], using=[error], why="u + q is S p"
    )
    folded = [
        at_p,
        proof.equal("u of the solution, times N", X.T * X * w, N * u, because=[(-N, at_w)], why="multiplied"),
        proof.equal("its distance in u, times N", X.T * X * e, N * q, because=[(-N, apart)], why="multiplied"),
    ]
    changes = proof.equal(
        "its rate",
        rate(distance(t)) / 2,
        -chi(t) * (sp.Trace(q.T * (network(u + q) - network(u))) + inner),
        because=[(half, proof.differentiated("by the product rule", far))],
        using=[proof.differentiated("how it moves", error), *moves, *still, *folded],
        why="product rule; S e is q",
    )
    over_samples = proof.given("largest eigenvalue", X * X.T / N, "=", eigenvalue * sp.Identity(N) - F * F.T)
    over_inputs = proof.given("largest eigenvalue", S, "=", eigenvalue * sp.Identity(d) - G * G.T)
    stretched = proof.apply(
        least_eigenvalue.PROOF,
        {n: N, m: 1} | greatest(X * X.T / N, F, X * e),
        {"greatest": over_samples},
        conclusion=1,
        name="S stretches no distance by more than lambda",
    )
    near = proof.at_most(
        "the distance in u",
        square(q),
        eigenvalue * distance(t),
        because=[(1 / N, stretched), (-eigenvalue, far)],
        using=[apart],
        why="|S z|^2 <= lambda z^T S z",
    )
    weighed = proof.apply(
        least_eigenvalue.PROOF,
        {n: d, m: 1} | greatest(S, G, delta),
        {"greatest": over_inputs},
        conclusion=1,
        name="and weighs no defect by more",
    )
    small = proof.given("defect", square(delta), "<=", k**2)
    rho = sp.sqrt(distance(t) + epsilon**2)
    cross = X * e * delta.T * X.T
    crossed = proof.define("what is not parallel", twist, cross - cross.T)
    missed = proof.at_most(
        "Cauchy-Schwarz",
        (-inner) ** 2,
        (sp.sqrt(eigenvalue) * k * rho) ** 2,
        because=[
            square(twist) / (2 * N**2),
            (square(X * e) / N, weighed),
            (eigenvalue * square(X * e) / N, small),
            (-eigenvalue * k**2, far),
            eigenvalue * k**2 * epsilon**2,
        ],
        using=[crossed],
        why="Lagrange's identity",
    )
    positive = sp.sqrt(eigenvalue) * k * rho
    missed = proof.apply(
        ROOT,
        {smaller: -inner, greater: positive},
        {"nonnegative": proof.at_most("signs", 0, positive, because=[positive], why="declared"), "squares": missed},
        name="what the defect adds",
    )
    mu, gap = kappa * eigenvalue, sp.sqrt(eigenvalue) * k
    grows = proof.at_most(
        "the distance grows no faster than at the rate kappa lambda, and by the defect",
        sp.Derivative(rho, t),
        mu * rho + gap,
        because=[
            (1 / rho, changes),
            (1 / rho, attracts),
            (chi(t) * kappa / rho, near),
            (chi(t) / rho, missed),
            (mu * distance(t) / rho, runs),
            (gap, runs),
            mu * epsilon**2 / rho,
        ],
        why="rho drho/dt is half the rate of the squared distance",
    )
    bounded = proof.apply(
        GRONWALL,
        {followed: lambda time: sp.sqrt(distance(time) + epsilon**2), growth: mu, missing: gap},
        {"growth": grows},
        name="so it is bounded, for every epsilon > 0",
    )
    bounded = proof.cite(
        "the distance is bounded",
        sp.sqrt(distance(t)),
        "<=",
        sp.exp(mu * t) * (sp.sqrt(distance(0)) + gap * t),
        theorem=LIMIT,
        using=[bounded],
    )

    # the whole step, and the tube
    step = proof.given("step", t, "<=", h)
    later = proof.apply(
        ORDER,
        {lower: mu * t, upper: mu * h},
        {"ordered": proof.times("the rate over the step", mu, step)},
        name="growth over the step",
    )
    most = sp.exp(mu * h) * (sp.sqrt(distance(0)) + gap * h)
    bounded = proof.at_most(
        "over the whole step",
        sp.sqrt(distance(t)),
        most,
        because=[bounded, (sp.sqrt(distance(0)) + gap * t, later), (sp.exp(mu * h) * gap, step)],
        why="t <= h",
    )
    in_u = proof.at_most(
        "and in u",
        square(q),
        eigenvalue * most**2,
        because=[near, (eigenvalue * (most + sp.sqrt(distance(t))), bounded)],
        why="squares of ordered numbers",
    )
    narrow = proof.given("tube", eigenvalue * most**2, "<", reach**2)
    inside = proof.less("the path stays inside the tube", square(q), reach**2, because=[in_u, narrow], why="both")
    stops = proof.given("clock", (1 - chi(t)) * (reach**2 - square(q)), "<=", 0)
    left = proof.less("what is left to its edge", 0, reach**2 - square(q), because=[inside], why="rearranged")
    lasts = proof.at_most(
        "so the clock has never stopped",
        1,
        chi(t),
        because=[(proof.reciprocal("can be divided by", left), stops)],
        why="divided by what is left",
    )
    return [derivative, symmetric, least, mean, bounded, in_u, lasts]


def counterexample_misaligned() -> sp.Basic:
    # one neuron, one sample x = 1, W = 0, b = 1, v = -1: theta(u) = u^3 / 2 - u, and paths leave the solution u = 0
    apart = half
    return sp.Le(-apart * (apart**3 / 2 - apart), 0)


def counterexample_euclidean() -> sp.Basic:
    # W = (0, 4), b.v = 1, samples (1, 1) and (0, 1): z^T (D theta) S z < 0, so |p - w| grows where |p - w|_S falls
    inputs, shift = sp.Matrix([[1, 1], [0, 1]]), sp.Matrix([-9, 1])
    return sp.Ge((shift.T * sp.diag(1, 17) * inputs.T * inputs * shift)[0] / 2, 0)


PROOF = Proof(
    id="reduced-contraction",
    title="Near the reduced flow",
    statement=(
        r"Let $W(u) = W_0 + b u^T P$, $v(u) = v_0 + W_0 P u + \frac12 b\,u^T P u$, $\theta(u) = P W^T v + R R^T u + r$ "
        r"and $S = X^T X / N$. $D\theta = P W^T W P + \langle b, v\rangle P + R R^T$ is symmetric, and "
        r"$\langle b, v\rangle = \frac12 |W|_F^2 - C \ge -C$. Let $\dot w = \theta_* - \theta(S w)$ and "
        r"$\dot p = \theta_* - \theta(S p) - \delta$ with $|\delta| \le k$, and $\langle b, v\rangle \ge -\kappa$ with "
        r"$\kappa \ge 0$ at $S w$, $S p$ and half way as long as $|S (p - w)| < r_u$. With $|z|_S^2 = z^T S z$, "
        r"$\lambda \ge \lambda_{\max}(S)$ and $\mu = \kappa\lambda$, $|p - w|_S \le e^{\mu h} (|p(0) - w(0)|_S + "
        r"\sqrt\lambda\,k h) = D$ for $t \le h$, and $|S (p - w)| \le \sqrt\lambda\,D$; if this is less than $r_u$, so "
        r"is $|S (p - w)|$ all the time."
    ),
    assumptions={
        "inputs": r"$P = J J^T$ with $J^T J = I$: the columns of $J$ are the unit vectors of the inputs that $W$ has "
        r"weights for",
        "fixed": r"$X$, $W_0$, $v_0$, $b$, $J$, $R$ and $r$ do not move",
        "alignment": r"$\chi \langle b, v\rangle \ge -\chi \kappa$ at $S w$, $S p$ and half way, with $\kappa \ge 0$",
        "solution": r"$\dot w = \chi\,(\theta_* - \theta(S w))$",
        "path": r"$\dot p = \chi\,(\theta_* - \theta(S p) - \delta)$: $\delta$ is the defect",
        "clock": r"$\chi = 1$ until $|S (p - w)|$ comes to $r_u$, and $0$ from then on, where both stand still",
        "largest eigenvalue": r"$\lambda > 0$ is at least the greatest eigenvalue of $S$, and so of $X X^T / N$",
        "defect": r"$|\delta| \le k$",
        "step": r"$t \le h$",
        "tube": r"$\sqrt\lambda\, e^{\mu h} (|p(0) - w(0)|_S + \sqrt\lambda\, k h) < r_u$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the mean of the three points", lambda proof: derive(proof, middle=1)),
        Control("half the alignment that is needed", lambda proof: derive(proof, price=2 * kappa)),
        Control("paths where b.v < 0 do not contract", counterexample_misaligned, counterexample=True),
        Control("the Euclidean norm of w", counterexample_euclidean, counterexample=True),
    ),
)
