r"""comparison: dy/dt <= -g(y) with g > 0 bounds y through a primitive Gamma of -1/g: Gamma(y(t)) >= Gamma(y(0)) + t.

All quantities are followed along the solution: g(t) stands for g(y(t)), Gamma(t) for Gamma(y(t)). The bound ybar is
the solution of the equation, Gamma(ybar(t)) = Gamma(y(0)) + t; Gamma_bar(t) stands for Gamma(ybar(t)). That Gamma
decreases is said by the factor between y - ybar and Gamma(ybar) - Gamma(y), which is g somewhere between both.
"""

import sympy as sp

from fa_theory.proofs.notation import t
from fa_theory.symbolic.derivation import MONOTONE, Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

y, ybar, g = (sp.Function(name, real=True) for name in ("y", "ybar", "g"))
Gamma, Gamma_bar = (sp.Function(name, real=True) for name in ("Gamma", "Gamma_bar"))
between = sp.Function("g_xi", positive=True)
most = sp.Symbol("Gamma_max", real=True)


def derive(proof: Derivation, sign: int = -1) -> list[Fact]:
    positive = proof.given("positive", 0, "<", g(t))
    decay = proof.given("decay", y(t).diff(t), "<=", sign * g(t))
    primitive = proof.given("primitive", g(t) * Gamma(t).diff(t), "=", -y(t).diff(t))

    inverse = proof.reciprocal("1/g is positive", positive)
    grows = proof.at_most(
        "Gamma grows at least as fast as time",
        sp.Derivative(t - Gamma(t), t),
        0,
        because=[(inverse, decay), (-1 / g(t), primitive)],
        why="dGamma/dt = -(dy/dt) / g >= 1",
    )
    bounded = proof.cite(
        "so time less Gamma stays below its start", t - Gamma(t), "<=", -Gamma(0), theorem=MONOTONE, using=[grows]
    )
    implicit = proof.at_most(
        "the bound in terms of Gamma", Gamma(0) + t, Gamma(t), because=[bounded], why="the same, rearranged"
    )

    solution = proof.given("bound", Gamma_bar(t), "=", Gamma(0) + t)
    apart = proof.given("decreasing", between(t) * (Gamma(t) - Gamma_bar(t)), "=", ybar(t) - y(t))
    explicit = proof.at_most(
        "the bound",
        y(t),
        ybar(t),
        because=[(between(t), implicit), (between(t), solution), apart],
        why="Gamma(y) >= Gamma(ybar), and Gamma decreases",
    )

    integrable = proof.given("integrable", Gamma(t), "<=", most)
    finite = proof.at_most(
        "no longer than this",
        t,
        most - Gamma(0),
        because=[implicit, integrable],
        why="Gamma grows at least as fast as time, but not beyond its supremum",
    )
    return [implicit, explicit, finite]


PROOF = Proof(
    id="comparison",
    title="Generalised decay",
    statement=(
        r"If $y' \le -g(y)$ with $g > 0$ and $\Gamma' = -1/g$, then $\Gamma(y(t)) \ge \Gamma(y(0)) + t$, hence "
        r"$y(t) \le \bar y(t) = \Gamma^{-1}(\Gamma(y(0)) + t)$. If $\Gamma \le \Gamma_{\max}$ where $y > 0$, as when "
        r"$1/g$ is integrable at $0$, then $y$ is positive for a time of at most $\Gamma_{\max} - \Gamma(y(0))$."
    ),
    assumptions={
        "positive": r"$g > 0$ on an interval that holds all values of $y$ and $\bar y$",
        "decay": r"$y$ is absolutely continuous and $y' \le -g(y)$ at almost all times",
        "primitive": r"$\Gamma' = -1/g$ on that interval, so that $g(y)\, \frac{d}{dt} \Gamma(y(t)) = -y'$",
        "bound": r"$\Gamma(\bar y(t)) = \Gamma(y(0)) + t$",
        "decreasing": (
            r"$\Gamma(y) - \Gamma(\bar y) = (\bar y - y) / g_\xi$, $g_\xi = g(\xi) > 0$ for some $\xi$ between $y$ and "
            r"$\bar y$, by the mean value theorem"
        ),
        "integrable": r"$\Gamma(y) \le \Gamma_{\max}$ as long as $y > 0$",
    },
    source="textbook",
    derive=derive,
    controls=(Control("growth instead of decay", lambda proof: derive(proof, sign=1)),),
)
