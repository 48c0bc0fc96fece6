r"""logistic-decay: dsigma/dt <= -r q^2 with q = 1 - exp(-sigma) bounds sigma through 1/q - log q - sigma.

sigma > 0 is written log(1 + odds), so that q = odds / (1 + odds); the bound is log(1 + odds_bound). By odds,
r Gamma = 1 + 1/odds - log(odds), which decreases: tangents of the exponential show it.
"""

import sympy as sp

from fa_theory.proofs.lemmas import comparison as compare
from fa_theory.proofs.lemmas.exp_order import tangent
from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

odds, bounding = sp.Function("odds", positive=True), sp.Function("odds_bound", positive=True)
r = sp.Symbol("r", positive=True)


def sigma(of: sp.Expr) -> sp.Expr:
    return sp.log(1 + of)


def q(of: sp.Expr) -> sp.Expr:
    return of / (1 + of)


def Gamma(of: sp.Expr, sign: int = 1) -> sp.Expr:
    return (1 / q(of) - sign * sp.log(q(of)) - sigma(of)) / r


def derive(proof: Derivation, sign: int = 1) -> list[Fact]:
    g = r * q(odds(t)) ** 2
    primitive = Gamma(odds(t), sign)
    facts: dict[str, Fact] = {
        "positive": proof.less("g is positive", 0, g, because=[g], why="odds are positive"),
        "decay": proof.given("decay", sigma(odds(t)).diff(t), "<=", -g),
        "primitive": proof.equal(
            "Gamma is the primitive of -1/g",
            g * sp.Derivative(primitive, t),
            -sp.Derivative(sigma(odds(t)), t),
            why="differentiated: by sigma, 1/q - log q - sigma has the derivative -1/q^2",
        ),
    }
    values = {
        compare.y: sp.Lambda(t, sigma(odds(t))),
        compare.g: sp.Lambda(t, g),
        compare.Gamma: sp.Lambda(t, primitive),
    }
    implicit = proof.apply(compare.PROOF, values, facts, name="the bound on Gamma")
    solution = proof.given("bound", Gamma(bounding(t), sign), "=", Gamma(odds(0), sign) + t)
    now, then = odds(t), bounding(t)
    ordered = proof.at_most(
        "odds are below those of the bound",
        now,
        then,
        because=[
            (r * now * then / (1 + then), implicit),
            (r * now * then / (1 + then), solution),
            (then / (1 + then), tangent(proof, sp.log(now), sp.log(then))),
        ],
        why="1/odds - log(odds) is no smaller, and log(odds / odds_bound) >= 1 - odds_bound / odds",
    )
    explicit = proof.at_most(
        "the bound",
        sigma(now),
        sigma(then),
        because=[
            (1 / (1 + then), ordered),
            (1 / (1 + then), tangent(proof, sigma(then), sigma(now))),
        ],
        why="the logarithm keeps order: log((1 + odds_bound) / (1 + odds)) >= 1 - (1 + odds) / (1 + odds_bound)",
    )
    return [implicit, explicit]


def counterexample_primitive() -> sp.Basic:
    # the derivative of Gamma by odds at odds = 1, where q = 1/2, dsigma = 1/2, g = r/4, should be -2/r
    at, step = sp.Integer(1), sp.Symbol("step", positive=True)
    return sp.Eq(sp.diff(Gamma(step, -1), step).subs({step: at, r: 1}), -2)


PROOF = Proof(
    id="logistic-decay",
    title="Decay of the logistic loss",
    statement=(
        r"If $\sigma > 0$ and $\sigma' \le -r\,q^2$ with $q = 1 - e^{-\sigma}$ and $r > 0$, then "
        r"$\Gamma(\sigma(t)) \ge \Gamma(\sigma(0)) + t$, hence $\sigma(t) \le \Gamma^{-1}(\Gamma(\sigma(0)) + t)$, "
        r"$\Gamma = \frac1r (\frac1q - \log q - \sigma)$."
    ),
    assumptions={
        "decay": r"$\sigma = \log(1 + odds) > 0$ is absolutely continuous, $\sigma' \le -r\,q^2$ almost always",
        "bound": r"$\Gamma(\log(1 + odds_{bound}(t))) = \Gamma(\sigma(0)) + t$ with $odds_{bound} > 0$",
    },
    source="own",
    derive=derive,
    controls=(
        Control("the logarithm with the wrong sign", lambda proof: derive(proof, sign=-1)),
        Control("the same at an instance", counterexample_primitive, True),
    ),
)
