r"""bounded-descent: the induction step of gd-decay, in terms of the numbers of lemma gradient-step.

k counts the steps, K is one of them. D is the excess loss, gamma = |g| the size of the mean gradient of the end-to-end
map, omega = |W|_F, beta = <b, v>, law = beta - omega^2 / 2 (c at the start), zz = |W g|^2, tt = |W^T W g|^2; the step
size is eta. theta and mu = 2 - nu are free to choose; theta c bounds from below what a step gains.

The hypothesis at K: the law has lost no more than the loss so far pays for, and the weights have grown no more than
the root of the loss has fallen. Both hold at the start, and at K they keep A between theta c and mu / (eta lambda_+).
"""

import sympy as sp

from fa_theory.proofs.lemmas.root_order import PROOF as ROOT
from fa_theory.proofs.lemmas.root_order import x as smaller
from fa_theory.proofs.lemmas.root_order import y as greater
from fa_theory.proofs.notation import indexed, k
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

K = sp.Symbol("K", integer=True, nonnegative=True)
eta, least, greatest, size_b, theta, nu, c = sp.symbols("eta lambda_- lambda_+ |b| theta nu c", positive=True)
D, gamma, omega, zz = (indexed(name, nonnegative=True) for name in ("D", "gamma", "omega", "zz"))
beta, law, tt = indexed("beta"), indexed("law"), indexed("tt")

mu = 2 - nu
gain = theta * c
steepness = sp.sqrt(2 * least)
growth = 4 * size_b / (nu * gain * steepness)
radius = omega[0] + growth * sp.sqrt(D[0])
slope = sp.sqrt(2 * greatest * D[0])
ratio = 1 - eta * nu * gain * least


def one_step(proof: Derivation) -> dict[str, Fact]:
    """State what lemma gradient-step says about a step."""
    acted = beta[k + 1] ** 2 * gamma[k] ** 2 + 2 * beta[k + 1] * zz[k] + tt[k]
    dropped = beta[k + 1] * gamma[k] ** 2 + zz[k]
    said = {
        "law": (law[k], "=", beta[k] - omega[k] ** 2 / 2),
        "drift": (law[k + 1], "=", law[k] - eta**2 * size_b**2 * gamma[k] ** 2 / 2),
        "alignment": (beta[k + 1], "<=", beta[k] + eta * size_b * gamma[k] * omega[k]),
        "weights": (omega[k + 1], "<=", omega[k] + eta * size_b * gamma[k]),
        "carried": (zz[k], "<=", gamma[k] ** 2 * omega[k] ** 2),
        "back": (tt[k], "<=", omega[k] ** 2 * zz[k]),
        "loss": (D[k + 1], "<=", D[k] - eta * dropped + eta**2 * greatest / 2 * acted),
        "small gradient": (gamma[k] ** 2, "<=", 2 * greatest * D[k]),
        "large gradient": (2 * least * D[k], "<=", gamma[k] ** 2),
    }
    return {name: proof.given("one step", *claimed) for name, claimed in said.items()}


def invariant(at: sp.Expr) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """Return the sides of what is kept: the law between its bounds, and the size of the weights."""
    return (
        (law[at], c),
        (nu * gain * (c - law[at]), eta * size_b**2 * (D[0] - D[at])),
        (omega[at], omega[0] + growth * (sp.sqrt(D[0]) - sp.sqrt(D[at]))),
    )


def root(proof: Derivation, name: str, low: sp.Expr, high: sp.Expr, positive: Fact, squares: Fact) -> Fact:
    return proof.apply(ROOT, {smaller: low, greater: high}, {"nonnegative": positive, "squares": squares}, name=name)


def derive(proof: Derivation, halves: int = 3) -> list[Fact]:
    steps = one_step(proof)
    now = {name: fact.at({k: K}) for name, fact in steps.items()}
    below, paid, grown = (proof.given("induction hypothesis", low, "<=", high) for low, high in invariant(K))
    room = sp.Rational(halves, 2)
    share = proof.given("parameters", theta, "<", 1)
    largest = room * radius**2 + c + eta * size_b * radius * slope
    short = proof.given("step size", eta * greatest * largest, "<=", mu)
    gentle = proof.given("step size", eta * size_b**2 * D[0], "<=", nu * (1 - theta) * theta * c**2)

    # the loss has not grown, and the law has room for this step too
    fallen = proof.at_most(
        "the loss is at most what it was at the start",
        D[K],
        D[0],
        because=[(1 / (eta * size_b**2), paid), (nu * gain / (eta * size_b**2), below)],
        why="the law is at most c",
    )
    steady = proof.at_most(
        "eta lambda_+ c <= mu",
        eta * greatest * c,
        mu,
        because=[short, eta * greatest * room * radius**2, eta * greatest * eta * size_b * radius * slope],
        why="the other terms are not negative",
    )
    safe = proof.at_most(
        "eta nu theta c lambda_+ <= 1",
        eta * nu * gain * greatest,
        1,
        because=[(nu * theta, steady), share, theta * (1 - nu) ** 2],
        why="nu mu <= 1",
    )
    kept = proof.at_most(
        "the law stays above theta c",
        gain,
        law[K + 1],
        because=[
            (1 / (nu * gain), paid),
            (eta * size_b**2 * D[K] / (nu * gain), safe),
            (eta**2 * size_b**2 / 2, now["small gradient"]),
            (-1, now["drift"]),
            (1 / (nu * gain), gentle),
        ],
        why="even a step that loses all of the loss is paid for",
    )
    # how large A can be
    light = proof.at_most(
        "|W| <= r", omega[K], radius, because=[grown, growth * sp.sqrt(D[K])], why="a root is not negative"
    )
    flat = proof.at_most(
        "|g|^2 <= 2 lambda_+ D(0)",
        gamma[K] ** 2,
        slope**2,
        because=[now["small gradient"], (2 * greatest, fallen)],
        why="the loss has not grown",
    )
    flat = root(
        proof, "|g| <= sqrt(2 lambda_+ D(0))", gamma[K], slope, proof.at_most("a root", 0, slope, because=[slope]), flat
    )
    aligned = proof.at_most(
        "theta c <= <b, v'>",
        gain,
        beta[K + 1],
        because=[kept, omega[K + 1] ** 2 / 2, steps["law"].at({k: K + 1})],
        why="<b, v'> is the law plus |W'|^2 / 2",
    )
    narrow = proof.at_most(
        "eta lambda_+ (<b, v'> + |W|^2) <= mu",
        eta * greatest * (beta[K + 1] + omega[K] ** 2),
        mu,
        because=[
            short,
            (eta * greatest, now["alignment"]),
            (-eta * greatest, now["law"]),
            (eta * greatest, below),
            (eta * greatest * room * (radius + omega[K]), light),
            (eta**2 * greatest * size_b * slope, light),
            (eta**2 * greatest * size_b * omega[K], flat),
        ],
        why="each term is at most what it is at r",
    )

    # what a step gains
    dropped = beta[K + 1] * gamma[K] ** 2 + zz[K]
    useful = proof.at_most(
        "theta c |g|^2 <= <g, A g>",
        gain * gamma[K] ** 2,
        dropped,
        because=[(gamma[K] ** 2, aligned), zz[K]],
        why="A is at least theta c",
    )
    positive = proof.at_most(
        "0 <= <g, A g>", 0, dropped, because=[useful, gain * gamma[K] ** 2], why="and that is not negative"
    )
    acted = beta[K + 1] ** 2 * gamma[K] ** 2 + 2 * beta[K + 1] * zz[K] + tt[K]
    bounded = proof.at_most(
        "|A g|^2 <= (<b, v'> + |W|^2) <g, A g>",
        acted,
        (beta[K + 1] + omega[K] ** 2) * dropped,
        because=[(aligned, now["carried"]), (gain, now["carried"]), now["back"]],
        why="the difference is <b, v'> (|W|^2 |g|^2 - |W g|^2) + |W|^2 |z|^2 - |W^T z|^2",
    )
    descent = proof.at_most(
        "the loss falls",
        D[K + 1],
        D[K] - eta * nu / 2 * gain * gamma[K] ** 2,
        because=[
            now["loss"],
            (eta**2 * greatest / 2, bounded),
            (positive, proof.times("half a step", eta / 2, narrow)),
            (eta * nu / 2, useful),
        ],
        why="the quadratic term is at most mu / 2 of the linear one",
    )
    decay = proof.at_most(
        "the loss falls by a factor",
        D[K + 1],
        ratio * D[K],
        because=[descent, (eta * nu * gain / 2, now["large gradient"])],
        why="|g|^2 >= 2 lambda_- D",
    )
    # the hypothesis at the next step
    next_below = proof.at_most(
        "the law has not risen",
        law[K + 1],
        c,
        because=[below, now["drift"], eta**2 * size_b**2 * gamma[K] ** 2 / 2],
        why="its drift is not positive",
    )
    next_paid = proof.at_most(
        "the step's drift is paid for by its loss",
        *invariant(K + 1)[1],
        because=[paid, (-nu * gain, now["drift"]), (eta * size_b**2, descent)],
        why="telescoping: both sides grow",
    )
    now_root, next_root = sp.sqrt(D[K]), sp.sqrt(D[K + 1])
    falling = root(
        proof,
        "sqrt D' <= sqrt D",
        next_root,
        now_root,
        proof.at_most("a root", 0, now_root, because=[now_root]),
        proof.at_most("the loss does not grow", D[K + 1], D[K], because=[descent, eta * nu / 2 * gain * gamma[K] ** 2]),
    )
    steep = root(
        proof,
        "sqrt(2 lambda_- D) <= |g|",
        steepness * now_root,
        gamma[K],
        proof.at_most("a size", 0, gamma[K], because=[gamma[K]]),
        proof.at_most("its square", (steepness * now_root) ** 2, gamma[K] ** 2, because=[now["large gradient"]]),
    )
    scale = eta * nu * gain / 2
    length, share_of_root = scale * gamma[K], 2 / steepness * (now_root - next_root)
    nearly = proof.at_most(
        "x^2 <= x y, where x = eta nu theta c |g| / 2 and y = 2 (sqrt D - sqrt D') / sqrt(2 lambda_-)",
        length**2,
        length * share_of_root,
        because=[
            (scale, descent),
            (falling, proof.times("scaled", 2 * scale / steepness, steep)),
            scale * (now_root - next_root) ** 2,
        ],
        why="D - D' is the difference of the roots times their sum, which is at most 2 sqrt D",
    )
    squared = proof.at_most(
        "x^2 <= y^2",
        length**2,
        share_of_root**2,
        because=[(2, nearly), (length - share_of_root) ** 2],
        why="y^2 - x^2 = 2 (x y - x^2) + (x - y)^2",
    )
    positive_share = proof.at_most("0 <= y", 0, share_of_root, because=[(2 / steepness, falling)])
    step_length = root(proof, "x <= y", length, share_of_root, positive_share, squared)
    next_grown = proof.at_most(
        "the weights have grown no more than the root of the loss has fallen",
        *invariant(K + 1)[2],
        because=[grown, now["weights"], (2 * size_b / (nu * gain), step_length)],
        why="telescoping: |W'| <= |W| + eta |b| |g|",
    )
    return [next_below, next_paid, next_grown, decay, safe]


def counterexample_short_room() -> sp.Basic:
    # without the step size's bound: W = 0, v = b = c = 1, x = 1, e = 1, eta = 3: A = b v' = 1, e' = e - eta e = -2
    error, rate = sp.Integer(1), sp.Integer(3)
    return sp.Le((error - rate * error) ** 2, error**2)


PROOF = Proof(
    id="bounded-descent",
    title="One step of bounded descent",
    statement=(
        r"If at step $K$ the law is at most $c$ and has lost no more than the loss pays for, "
        r"$\nu\theta c\,(c - \mathrm{law}_K) \le \eta|b|^2 (D_0 - D_K)$, and "
        r"$|W_K| \le |W_0| + \frac{4|b|}{\nu\theta c\sqrt{2\lambda_-}} (\sqrt{D_0} - \sqrt{D_K})$, then the same "
        r"holds at $K + 1$, and $D_{K+1} \le (1 - \eta\nu\theta c\lambda_-)\, D_K$; and "
        r"$\eta\nu\theta c\lambda_+ \le 1$."
    ),
    assumptions={
        "one step": r"what lemma gradient-step says of every step",
        "induction hypothesis": r"the two bounds at $K$",
        "parameters": r"$0 < \theta < 1$, $\nu = 2 - \mu > 0$",
        "step size": (
            r"$\eta\lambda_+ (\frac32 r^2 + c + \eta|b| r \sqrt{2\lambda_+ D_0}) \le \mu$ and "
            r"$\eta|b|^2 D_0 \le \nu(1 - \theta)\theta c^2$, with "
            r"$r = |W_0| + \frac{4|b|}{\nu\theta c}\sqrt{D_0 / 2\lambda_-}$"
        ),
    },
    source="own",
    derive=derive,
    controls=(
        Control("room for |W|^2 once, not one and a half times", lambda proof: derive(proof, halves=2)),
        Control("a step that is too long", counterexample_short_room, counterexample=True),
    ),
)
