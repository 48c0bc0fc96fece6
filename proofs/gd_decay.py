r"""gd-decay: gradient descent with FA on a two-layer linear network decays geometrically, at steps of a stated size.

The lemmas hold the parts: gradient-step writes out what one step does to the errors, e' = e - (eta/N) X A X^T e with
A = (<b, v> - eta b^T W g) I + W^T W, and to a few numbers; bounded-descent shows from them that, if A has stayed
between theta c and mu / (eta lambda_+), it does so for one step more: the drift of the law and the growth of the
weights are paid for by the fall of the loss (telescoping). Here the induction over the steps is put together.

D_k = L_k - L_* is the excess loss, L_* what no linear map can reach: the part of the targets y outside the span of the
columns of X, over 2N; the data may be of any rank. K counts the steps; nu = 2 - mu.
"""

import sympy as sp

from fa_theory.proofs.lemmas.bounded_descent import PROOF as BOUNDED
from fa_theory.proofs.lemmas.bounded_descent import (
    K,
    c,
    eta,
    gain,
    greatest,
    invariant,
    law,
    least,
    nu,
    ratio,
)
from fa_theory.proofs.lemmas.geometric_decay import PROOF as GEOMETRIC
from fa_theory.proofs.lemmas.geometric_decay import M, rho
from fa_theory.proofs.lemmas.gradient_step import PROOF as STEP
from fa_theory.proofs.lemmas.gradient_step import loss, rest
from fa_theory.proofs.notation import N, k
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

NUMBERS, ERRORS, EXCESS = range(9), 9, 10
"""Conclusions of gradient-step: about the numbers, about the errors, and what the excess loss is."""

DECAY, SAFE = 3, 4
"""Conclusions of bounded-descent: the fall by a factor, and that the factor is not negative."""

least_possible = rest / (2 * N)


def derive(proof: Derivation, start_law: sp.Expr = c, speed: int = 1) -> list[Fact]:
    errors = proof.apply(STEP, {}, conclusion=ERRORS, name="the errors after a step")
    numbers = [proof.apply(STEP, {}, conclusion=each, name="the numbers after a step") for each in NUMBERS]
    excess = proof.apply(STEP, {}, conclusion=EXCESS, name="the excess loss")

    # the base of the induction, and the induction
    started = proof.given("aligned", law[0], "=", start_law)
    (low, high), (unpaid, pay), (size, bound) = invariant(sp.S.Zero)
    base = [
        proof.at_most("the law at the start", low, high, because=[started], why="it is c"),
        proof.at_most("nothing has to be paid for yet", unpaid, pay, because=[(-nu * gain, started)], why="both are 0"),
        proof.at_most("the weights have not grown yet", size, bound, why="both are |W_0|"),
    ]
    kept = proof.induct(BOUNDED, K, base, {"one step": numbers})

    # what it gives at every step
    falling = proof.apply(
        BOUNDED,
        {},
        {"one step": numbers, "induction hypothesis": kept},
        conclusion=DECAY,
        name="the excess loss falls by a factor at every step",
    )
    safe = proof.apply(BOUNDED, {}, {"one step": numbers}, conclusion=SAFE, name="the step is safe")
    ordered = proof.given("eigenvalues", least, "<=", greatest)
    positive = proof.at_most(
        "the factor is not negative",
        0,
        ratio,
        because=[safe, (eta * nu * gain, ordered)],
        why="lambda_- <= lambda_+",
    )
    decay = proof.apply(
        GEOMETRIC,
        {rho: ratio},
        {"decay": falling.at({K: M}, schematic=[M]), "ratio": positive},
        name="geometric decay of the excess loss",
    )
    bounded = proof.at_most(
        "gd-decay",
        loss[K] - least_possible,
        (1 - speed * eta * nu * gain * least) ** K * (loss[0] - least_possible),
        because=[decay, excess.at({k: K}), (-(ratio**K), excess.at({k: sp.S.Zero}))],
        why="D is the excess loss",
    )
    return [bounded, errors, *kept]


def counterexample_misaligned() -> sp.Basic:
    # c = -1 < 0 at the start: W = 2, v = 1, b = 1, so b v - W^2 / 2 = -1; x = 1, e = 1, eta = 1/2: A = (1 - 1) + 4 = 4
    # and e' = -1: no gain at all, though eta lambda_+ |c| is only 1/2
    weight, outgoing, feedback, error, rate = map(sp.Rational, (2, 1, 1, 1, sp.Rational(1, 2)))
    new_weight, new_outgoing = weight - rate * feedback * error, outgoing - rate * weight * error
    target = weight * outgoing - error
    return sp.Lt((new_weight * new_outgoing - target) ** 2, error**2)


def counterexample_excess() -> sp.Basic:
    # rank-deficient data x = (1, 1), y = (1, -1): the loss is at least 1/2 and cannot decay to zero, only its excess
    least_loss = min(
        ((u - 1) ** 2 + (u + 1) ** 2) / sp.Integer(4) for u in (sp.Rational(each, 4) for each in range(-8, 9))
    )
    return sp.Eq(least_loss, 0)


PROOF = Proof(
    id="gd-decay",
    title="Geometric decay under gradient descent",
    statement=(
        r"Gradient descent with FA, two linear layers, scalar output, squared loss, any data, any width. Let "
        r"$c = \langle b, v_0\rangle - \frac12 |W_0|_F^2 > 0$, $D_0 = L_0 - L_*$ the excess loss at the start, "
        r"$\lambda_-$ and $\lambda_+$ the least non-zero and the greatest eigenvalue of $X^T X / N$, $0 < \theta < 1$, "
        r"$0 < \mu < 2$ and $r = |W_0|_F + \frac{2 |b| \sqrt{2 D_0 / \lambda_-}}{(2 - \mu)\theta c}$. If "
        r"$\eta |b|^2 D_0 \le (2 - \mu)(1 - \theta)\theta c^2$ and "
        r"$\eta\lambda_+ (\frac32 r^2 + c + \eta |b| r \sqrt{2\lambda_+ D_0}) \le \mu$, then for every $k$ "
        r"$L_k - L_* \le (L_0 - L_*)\,(1 - \eta (2 - \mu)\theta c \lambda_-)^k$. Each step takes the errors $e$ to "
        r"$e - \frac\eta N X A X^T e$."
    ),
    assumptions={
        **STEP.assumptions,
        **{key: BOUNDED.assumptions[key] for key in ("parameters", "step size")},
        "aligned": r"$c = \langle b, v_0\rangle - \frac12 |W_0|_F^2 > 0$",
        "eigenvalues": r"$\lambda_- \le \lambda_+$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("a law that starts at half of c", lambda proof: derive(proof, start_law=c / 2)),
        Control("twice the speed", lambda proof: derive(proof, speed=2)),
        Control("a start that is not aligned", counterexample_misaligned, counterexample=True),
        Control("the loss in place of its excess", counterexample_excess, counterexample=True),
    ),
)
