r"""exp-order: the exponential keeps order both ways, because it lies above its tangents."""

import sympy as sp

from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

TANGENT = "tangent: exp(s) >= exp(r) (1 + s - r) for all real r and s"

x, y = sp.symbols("x y", real=True)


def tangent(proof: Derivation, at: sp.Expr, point: sp.Expr) -> Fact:
    """Cite that the exponential lies above its tangent."""
    name = f"exp({point}) above the tangent at {at}"
    return proof.cite(name, sp.exp(at) * (1 + point - at), "<=", sp.exp(point), theorem=TANGENT, universal=True)


def derive(proof: Derivation, sign: int = 1) -> list[Fact]:
    ordered = proof.given("ordered", sign * x, "<=", sign * y)
    at_x = tangent(proof, x, y)
    forward = proof.at_most(
        "exp keeps order",
        sp.exp(x),
        sp.exp(y),
        because=[at_x, (sp.exp(x), ordered)],
        why="exp(y) is at least exp(x) (1 + y - x), which is at least exp(x)",
    )
    exponentials = proof.given("exponentials ordered", sp.exp(x), "<=", sp.exp(y))
    at_y = tangent(proof, y, x)
    backward = proof.at_most(
        "and so does its inverse",
        x,
        y,
        because=[(sp.exp(-y), at_y), (sp.exp(-y), exponentials)],
        why="exp(y) (1 + x - y) is at most exp(x), which is at most exp(y)",
    )
    return [forward, backward]


PROOF = Proof(
    id="exp-order",
    title="The exponential keeps order",
    statement=r"If $x \le y$, then $e^x \le e^y$, and conversely.",
    assumptions={"ordered": r"$x \le y$", "exponentials ordered": r"$e^x \le e^y$"},
    source="textbook",
    derive=derive,
    controls=(Control("from the opposite order", lambda proof: derive(proof, sign=-1)),),
)
