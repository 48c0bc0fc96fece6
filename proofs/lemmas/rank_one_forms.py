r"""rank-one-forms: with several outputs, the share of a hidden neuron can have either sign.

Outgoing weights v, feedback b and error u are vectors of any length m. The loss falls at the form <u, v> <b, u> (times
a square): for it never to be negative, v must be a nonnegative multiple of b, or b be zero. Shown by an error at which
it is negative: if v is no multiple of b, take what v has across b, less a little of b.
"""

import sympy as sp

from fa_theory.proofs.notation import indexed, m, r
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

v, b, u = indexed("v"), indexed("b"), indexed("u")
s = sp.Symbol("s", real=True)
q, square, multiple = sp.symbols("q beta lambda", positive=True)
amount = sp.Symbol("mu", nonnegative=True)


def inner(one: sp.Expr, other: sp.Expr) -> sp.Expr:
    return sp.Sum(one * other, (r, 1, m))


def derive(proof: Derivation, tilt: sp.Expr = -q / (1 + s**2)) -> list[Fact]:
    length = proof.given("feedback", inner(b[r], b[r]), "=", square)
    product = proof.given("no multiple", inner(v[r], b[r]), "=", s)
    gap = proof.given("no multiple", square * inner(v[r], v[r]) - s**2, "=", q)

    across = square * v[r] - s * b[r]
    error = across + tilt * b[r]
    with_v = proof.equal(
        "the error along v",
        inner(error, v[r]),
        q + s * tilt,
        because=[gap, (-s + tilt, product)],
        why="<across, v> = |b|^2 |v|^2 - <v, b>^2",
    )
    with_b = proof.equal(
        "the error along b",
        inner(b[r], error),
        square * tilt,
        because=[(square, product), (-s + tilt, length)],
        why="<b, across> = 0",
    )
    form = proof.equal(
        "the form at that error",
        inner(error, v[r]) * inner(b[r], error),
        -(q**2) * square * (1 - s + s**2) / (1 + s**2) ** 2,
        because=[(inner(b[r], error), with_v), (q + s * tilt, with_b)],
        why="multiplied",
    )
    negative = proof.less(
        "it is negative",
        inner(error, v[r]) * inner(b[r], error),
        0,
        because=[form, q**2 * square * ((s - sp.S.Half) ** 2 + sp.Rational(3, 4)) / (1 + s**2) ** 2],
        why="1 - s + s^2 = (s - 1/2)^2 + 3/4",
    )

    opposite = proof.given("negative multiple", v[r], "=", -multiple * b[r])
    at_b = proof.equal(
        "the form at b, if v is a negative multiple of b",
        inner(b[r], v[r]) * inner(b[r], b[r]),
        -multiple * square**2,
        using=[opposite],
        because=[(-multiple * (inner(b[r], b[r]) + square), length)],
        why="<b, v> = -lambda |b|^2",
    )
    also_negative = proof.less(
        "it is negative, too",
        inner(b[r], v[r]) * inner(b[r], b[r]),
        0,
        because=[at_b, multiple * square**2],
        why="lambda and |b| are positive",
    )

    along = proof.given("nonnegative multiple", v[r], "=", amount * b[r])
    never = proof.at_most(
        "conversely, a nonnegative multiple",
        0,
        inner(u[r], v[r]) * inner(b[r], u[r]),
        because=[amount * inner(b[r], u[r]) ** 2],
        using=[along],
        why="mu times a square",
    )
    return [negative, also_negative, never]


def counterexample_orthogonal() -> sp.Basic:
    # three classes: u = (1, -1, 0) is orthogonal to (1, 1, 1), as errors of a softmax are
    v, b, u = (1, 0, 0), (0, 1, 0), (1, -1, 0)
    along_v, along_b = (sp.Integer(sum(p * q for p, q in zip(u, each, strict=True))) for each in (v, b))
    return sp.Ge(along_v * along_b, 0)


PROOF = Proof(
    id="rank-one-forms",
    title="No sign in a neuron with several outputs",
    statement=(
        r"$\langle u, v \rangle \langle b, u \rangle \ge 0$ for every $u \in \mathbb{R}^m$ only if $b = 0$ or $v$ is a "
        r"nonnegative multiple of $b$ (and then it is): if $|b|^2 |v|^2 > \langle v, b \rangle^2$, it is negative at "
        r"$u = |b|^2 v - \langle v, b \rangle b - \tau b$ with "
        r"$\tau = (|b|^2 |v|^2 - \langle v, b \rangle^2) / (1 + \langle v, b \rangle^2)$; if $v = -\lambda b$ with "
        r"$\lambda > 0$, at $u = b$."
    ),
    assumptions={
        "feedback": r"$|b|^2 = \beta > 0$",
        "no multiple": r"$\langle v, b \rangle = s$, and $q = |b|^2 |v|^2 - s^2 > 0$: $v$ is no multiple of $b$",
        "negative multiple": r"$v = -\lambda b$ with $\lambda > 0$",
        "nonnegative multiple": r"$v = \mu b$ with $\mu \ge 0$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the error across b alone", lambda proof: derive(proof, tilt=sp.S.Zero)),
        Control("two orthogonal vectors", counterexample_orthogonal, True),
    ),
)
