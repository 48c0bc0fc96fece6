r"""logistic-mean: the mean of 1 - exp(-l_j), which drives the logistic loss, against the mean L of the losses l_j.

For the logistic loss l = log(1 + exp(-y f)) the size of its derivative is 1 - exp(-l).
"""

import sympy as sp

from fa_theory.proofs.lemmas.exp_order import PROOF as EXP_ORDER
from fa_theory.proofs.lemmas.exp_order import tangent, x, y
from fa_theory.proofs.notation import N, indexed, j
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

WEIERSTRASS = "Weierstrass' product inequality: prod (1 - a_j) >= 1 - sum a_j for 0 <= a_j <= 1"

losses = indexed("ell")
L, S = sp.symbols("L S", real=True)


def derive(proof: Derivation, share: sp.Expr = 1 / N) -> list[Fact]:
    mean = proof.given("means", L, "=", sp.Sum(losses[j], (j, 1, N)) / N)
    drive = proof.given("means", S, "=", share * sp.Sum(1 - sp.exp(-losses[j]), (j, 1, N)))
    nonnegative = proof.given("losses", 0, "<=", losses[j])

    above_tangent = tangent(proof, -L, -losses[j])
    summed = proof.sum_over("summed over the samples", above_tangent, (j, 1, N))
    above = proof.at_most(
        "at most that of the mean",
        S,
        1 - sp.exp(-L),
        because=[(1 / N, summed), (1, drive), (-sp.exp(-L), mean)],
        why="Jensen's inequality for the concave 1 - exp(-l), by its tangent at the mean",
    )
    least = proof.apply(
        EXP_ORDER,
        at={x: -losses[j], y: 0},
        given={"ordered": proof.at_most("signs", -losses[j], 0, because=[nonnegative])},
        name="0 <= 1 - exp(-l), which is less than 1",
    )
    union = proof.cite(
        "the product of the exp(-l_j)",
        1 - sp.Sum(1 - sp.exp(-losses[j]), (j, 1, N)),
        "<=",
        sp.exp(-sp.Sum(losses[j], (j, 1, N))),
        theorem=WEIERSTRASS,
        using=[least, mean],
    )
    below = proof.at_most(
        "at least a share of that of the sum",
        1 - sp.exp(-N * L),
        N * S,
        because=[union, (-N, drive)],
        using=[mean],
        why="1 - prod exp(-l_j) is at most sum (1 - exp(-l_j))",
    )
    return [above, below]


PROOF = Proof(
    id="logistic-mean",
    title="Mean drive and mean loss",
    statement=(
        r"For $\ell_j \ge 0$, $L = \frac1N\sum_j \ell_j$ and $S = \frac1N\sum_j (1 - e^{-\ell_j})$: "
        r"$\frac1N(1 - e^{-NL}) \le S \le 1 - e^{-L}$."
    ),
    assumptions={"means": r"$L$ and $S$ are these means", "losses": r"$\ell_j \ge 0$"},
    source="own",
    derive=derive,
    controls=(Control("a sum in place of the mean", lambda proof: derive(proof, share=sp.S.One)),),
)
