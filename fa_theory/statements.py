"""The statements of the theory that this version checks: identifiers, titles and who claims what."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = (
    "Z. Robertson and O. Koyejo, Implicit Regularization in Feedback Alignment Learning Mechanisms for Neural "
    "Networks, ICML 2024 (arXiv:2306.01870)"
)


@dataclass(frozen=True)
class Statement:
    """One statement of the theory.

    Attributes
    ----------
    id : str
        Its identifier, used for files, functions and reports alike.
    title : str
        A short name.
    source : str
        ``"paper"``: claimed by Robertson and Koyejo (2024), with this project's constants and assumptions;
        ``"own"``: this project's own.
    claim : str
        What it says, in plain text.
    evidence : tuple of str
        The kinds of evidence that this version can give for it.
    """

    id: str
    title: str
    source: str
    claim: str
    evidence: tuple[str, ...]


_FLOAT = ("float-checked",)
_ENCLOSED = ("float-checked", "enclosed")

STATEMENTS = {
    each.id: each
    for each in (
        Statement(
            "neuron-identity",
            "Neuron identity",
            "paper",
            "For every hidden neuron i of layer l, d/dt 1/2 (|W_l[i,:]|^2 + b_l[i]^2) = "
            "p <M_{l+1}[i,:], d/dt W_{l+1}[:,i]>, for any feedback matrix that is the same for all samples, any loss, "
            "data and depth.",
            _FLOAT,
        ),
        Statement(
            "neuron-law",
            "Neuron conservation law",
            "paper",
            "C_i = 1/2 (|W_l[i,:]|^2 + b_l[i]^2) - p Psi_i(W_{l+1}[:,i]) is constant along the flow. The paper "
            "states it for FA; the form with a potential Psi is this project's own.",
            _FLOAT,
        ),
        Statement(
            "matrix-law",
            "Matrix conservation law",
            "own",
            "In linear networks W_l W_l^T + b_l b_l^T - B W_{l+1} - W_{l+1}^T B^T is constant under FA, with the "
            "corresponding quadratic forms for backprop and adaFA, and between sign changes for sign-FA.",
            _FLOAT,
        ),
        Statement(
            "projection-law",
            "Projection laws",
            "own",
            "W_1 (I - P_X) is constant for any rule and activation; in linear networks under FA so is (I - U U^T) W_1, "
            "with U a basis of the range of B_2 B_3 ... B_L.",
            _FLOAT,
        ),
        Statement(
            "bregman-drift",
            "Drift of the neuron law in one step",
            "own",
            "One step of gradient descent or SGD changes C_i by exactly 1/2 eta^2 |F_l[i,:]|^2 (and the bias part) "
            "minus p times the Bregman divergence of Psi between the outgoing weights after and before.",
            ("exact",),
        ),
        Statement(
            "dissipation-split",
            "Split of the loss's decay",
            "paper",
            "dL/dt = -|G_L|^2 - sum_l <G_l, F_l>, and <G, F> = 1/2 (|G|^2 + |F|^2 - |G - F|^2): gradient, feedback and "
            "alignment components. The paper splits the dynamics in these three; this form of it is the project's.",
            _FLOAT,
        ),
        Statement(
            "descent",
            "Aligned starts descend",
            "paper",
            "Two layers, scalar output, degree one: if all C_i <= 0 at the start (linear: if their sum is), the loss "
            "never increases, for any data and loss; if all C_i <= 0, alignment dominates with c = min |C_i| / |M_i|^2 "
            "(FA, sign-FA). The paper claims convergence under alignment dominance; this form is the project's.",
            _ENCLOSED,
        ),
        Statement(
            "exponential-decay",
            "Exponential decay of the squared loss",
            "paper",
            "Squared loss, leaky ReLU of slope a, independent samples, aligned start: L(t) <= L(0) exp(-2 a^2 s "
            "lambda_min(X X^T / N) t). Linear: any data, for the excess loss, with the smallest non-zero eigenvalue. "
            "The paper claims exponential decay under alignment dominance; the constants are this project's.",
            _ENCLOSED,
        ),
        Statement(
            "separable-decay",
            "Decay of the loss on separable data",
            "paper",
            "Exponential and logistic loss on data with margin gamma > 0, aligned start: L decays at least as the "
            "solution of dL/dt = -rho L^2 (exponential) or d sigma/dt = -(rho/N) (1 - exp(-sigma))^2, sigma = N L "
            "(logistic), rho = a^2 gamma^2 s. The paper claims generalised decay for separable data; the "
            "constants are this project's.",
            _ENCLOSED,
        ),
        Statement(
            "multi-output-decay",
            "Exponential decay with several outputs",
            "own",
            "Two-layer linear FA with m outputs, squared loss, B of full column rank: if "
            "a0 = 1/2 lambda_min(-U^T C U) > 0, then L - L* <= V(0) / lambda_min(B^T B) exp(-2 a0 lambda t).",
            _ENCLOSED,
        ),
        Statement(
            "hitting-time",
            "Hitting time from any start",
            "own",
            "Two-layer, scalar, leaky FA, logistic loss, separable data, any start, not all b_i = 0: the loss reaches "
            "epsilon no later than N tau / (1 - exp(-N epsilon)), tau the first at which an explicit comparison "
            "function of tau, made from C_i and u.w_i(0), is at most epsilon. FA aligns first, then learns.",
            _FLOAT,
        ),
        Statement(
            "gd-decay",
            "Geometric decay under gradient descent",
            "own",
            "Two-layer, linear, scalar FA, squared loss, c = -C(0) > 0: for any theta in (0, 1), mu in (0, 2) and "
            "every step size eta below an explicit limit, L_k - L* <= (L_0 - L*) (1 - eta (2 - mu) theta c lambda)^k "
            "after every step k of gradient descent.",
            _ENCLOSED,
        ),
        Statement(
            "reduced-flow",
            "The flow in d variables",
            "own",
            "Two-layer, linear, scalar FA of any width: W_1(t) = W_1(0) + b u^T, v(t) = v(0) + W_1(0) u + 1/2 b |u|^2 "
            "and du/dt = -(1/N) sum_j e_j x_j, an equation in d variables.",
            _FLOAT,
        ),
        Statement(
            "minimum-norm",
            "Minimum-norm limit",
            "paper",
            "Linear networks, squared loss: once the loss is that of the best linear map, the end-to-end map is Y^T "
            "(X^+)^T + W_L ... W_2 W_1(0) (I - P_X); with the rows of W_1(0) in the row space of X, the minimum-norm "
            "interpolant. The paper (v1) claims the latter for over-parameterised two-layer FA; this form is the "
            "project's.",
            _FLOAT,
        ),
    )
}


def cite(statement_id: str) -> str:
    """Return how to cite a statement: the paper's reference, or that the statement is this project's own.

    Raises
    ------
    ValueError
        If there is no statement of that id.

    Examples
    --------
    >>> print(cite("matrix-law"))
    matrix-law (Matrix conservation law): this project's own statement, not from the paper.
    """
    if statement_id not in STATEMENTS:
        raise ValueError(f"statement must be one of {', '.join(STATEMENTS)}, got {statement_id!r}")
    statement = STATEMENTS[statement_id]
    source = (
        PAPER + "; constants and assumptions as in fa_theory"
        if statement.source == "paper"
        else ("this project's own statement, not from the paper")
    )
    return f"{statement.id} ({statement.title}): {source}."
