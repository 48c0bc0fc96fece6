r"""root-order: numbers compare as their squares do when the greater side is not negative."""

import sympy as sp

from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

x, y = sp.symbols("x y", real=True)

ROOT = "square roots: x^2 <= y^2 and y >= 0 give x <= y"


def derive(proof: Derivation) -> Fact:
    nonnegative = proof.given("nonnegative", 0, "<=", y)
    squares = proof.given("squares", x**2, "<=", y**2)
    return proof.cite("without the squares", x, "<=", y, theorem=ROOT, using=[nonnegative, squares])


def counterexample_negative() -> sp.Basic:
    one, other = sp.Integer(0), sp.Integer(-1)
    return sp.And(one**2 <= other**2, one <= other)


PROOF = Proof(
    id="root-order",
    title="Order of squares",
    statement=r"$x^2 \le y^2$ and $y \ge 0$ give $x \le y$.",
    assumptions={"nonnegative": r"$y \ge 0$", "squares": r"$x^2 \le y^2$"},
    source="textbook",
    derive=derive,
    controls=(Control("a negative upper side", counterexample_negative, counterexample=True),),
)
