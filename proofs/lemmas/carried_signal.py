r"""carried-signal: in a linear network under FA the first hidden layer hears the last signal through one matrix.

Delta[l,j,i] is the signal of layer l at sample j and neuron i, B[l,i,s] the feedback to neuron i of layer l - 1 from
neuron s of layer l, and widths are n[l]. K[l] is the product B_2 B_3 ... B_l: K_2 = B_2 and K_{l+1} = K_l B_{l+1}.
The claim at layer c + 2 is carried one layer further in each step of an induction over c.

What is said for every l is asked of the hidden layers only; from the last layer on, B_{l+1} = I, Delta_{l+1} = Delta_l
and n_{l+1} = n_l, and below the first likewise, make it true of the others.
"""

import sympy as sp

from fa_theory.proofs.notation import i, indexed, j
from fa_theory.symbolic.derivation import Derivation
from fa_theory.symbolic.facts import Fact
from fa_theory.symbolic.proof import Control, Proof

width = sp.IndexedBase("n", integer=True, positive=True)
B, Delta, K = indexed("B"), indexed("Delta"), indexed("K")
layer, s, q = sp.symbols("l s q", integer=True)
counter = sp.Symbol("c", integer=True, nonnegative=True)
reached = counter + 2

ASSUMPTIONS = {
    "linear layers": r"$\Delta_l = \Delta_{l+1} B_{l+1}^T$ at every hidden layer $l$, one sample a row: FA, slopes 1",
    "products": r"$K_2 = B_2$ and $K_{l+1} = K_l B_{l+1}$: $K_l = B_2 B_3 \cdots B_l$",
}


def state(proof: Derivation, transposed: bool = True) -> tuple[Fact, Fact, Fact]:
    """State what a layer hears, where the products start and how they go on."""
    feedback = B[layer + 1, i, q] if transposed else B[layer + 1, q, i]
    heard = sp.Sum(feedback * Delta[layer + 1, j, q], (q, 1, width[layer + 1]))
    longer = sp.Sum(K[layer, i, s] * B[layer + 1, s, q], (s, 1, width[layer]))
    return (
        proof.given("linear layers", Delta[layer, j, i], "=", heard),
        proof.given("products", K[2, i, q], "=", B[2, i, q]),
        proof.given("products", K[layer + 1, i, q], "=", longer),
    )


def through(product: sp.IndexedBase, at: sp.Expr) -> sp.Expr:
    """Return entry (j, i) of Delta_l K_l^T, l the layer `at`."""
    return sp.Sum(product[at, i, q] * Delta[at, j, q], (q, 1, width[at]))


def derive_step(proof: Derivation, transposed: bool = True) -> Fact:
    linear, _, product = state(proof, transposed)
    so_far = proof.given("induction hypothesis", Delta[1, j, i], "=", through(K, reached))
    return proof.equal(
        "one layer further",
        Delta[1, j, i],
        through(K, reached + 1),
        because=[so_far],
        using=[linear.at({layer: reached, i: s}), product.at({layer: reached})],
        why="Delta_l K_l^T = Delta_{l+1} B_{l+1}^T K_l^T = Delta_{l+1} (K_l B_{l+1})^T",
    )


STEP = Proof(
    id="carried-signal-step",
    title="The signal carried by feedback, one layer further",
    statement=r"If $\Delta_1 = \Delta_l K_l^T$, then $\Delta_1 = \Delta_{l+1} K_{l+1}^T$.",
    assumptions={**ASSUMPTIONS, "induction hypothesis": r"$\Delta_1 = \Delta_l K_l^T$ for $l = c + 2$"},
    source="own",
    derive=derive_step,
    controls=(),
)


def derive(proof: Derivation, first: int = 1) -> Fact:
    linear, starts, _ = state(proof)
    start = proof.equal(
        "at layer 2",
        Delta[1, j, i],
        through(K, sp.Integer(2)),
        because=[linear.at({layer: sp.Integer(first)})],
        using=[starts],
        why="K_2 = B_2",
    )
    (carried,) = proof.induct(STEP, counter, [start])
    return carried


def counterexample_order() -> sp.Basic:
    # widths 2, 2, 1: K_3 = B_2 B_3, not B_2^T B_3
    B2, B3, error = sp.Matrix([[1, 2], [3, 4]]), sp.Matrix([1, -1]), sp.Integer(5)
    return sp.Eq(B2 * (B3 * error), B2.T * B3 * error)


PROOF = Proof(
    id="carried-signal",
    title="The signal carried by feedback",
    statement=(
        r"In a linear network under FA, $\Delta_1 = \Delta_L (B_2 B_3 \cdots B_L)^T$ for every number $L \ge 2$ of "
        r"layers: the first hidden layer hears the signal of the last layer through the product of all feedback."
    ),
    assumptions=ASSUMPTIONS,
    source="own",
    derive=derive,
    controls=(
        Control("feedback that is transposed", lambda proof: derive_step(proof, transposed=False)),
        Control("an induction that starts a layer too high", lambda proof: derive(proof, first=2)),
        Control("products of transposed feedback, at an instance", counterexample_order, counterexample=True),
    ),
)
