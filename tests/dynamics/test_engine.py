"""The buffered engine against the plain formulas of `passes`, step by step."""

import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem
from hypothesis import assume, given
from hypothesis import strategies as st

import fa_theory as ft
from fa_theory.dynamics import engine, forward
from fa_theory.dynamics.decay import with_decay
from fa_theory.dynamics.steppers import EngineStepper, PlainStepper
from fa_theory.model import Network, Problem, initialise
from fa_theory.testing import instances

ETA = 1 / 16


def both(network, problem, decay=0.0, batch_size=None, seed=0, step_size=ETA):
    network, rates = with_decay(network, decay)
    return (
        PlainStepper(network, problem, step_size, rates, batch_size, seed),
        EngineStepper([network], [problem], [step_size], rates, batch_size, [seed]),
    )


def arrays_of(parameters):
    return [*parameters.weights, *(b for b in parameters.biases if b is not None), *parameters.shares]


def largest(*states):
    return max(1.0, *(float(np.max(abs(A))) for state in states for A in arrays_of(state)))


def difference(network, problem, *, steps=3, **options):
    """The largest difference of weights after a few steps, relative to the largest weight of the run."""
    plain, fast = both(network, problem, **options)
    size = 1.0
    for _ in range(steps):
        plain.forward()
        fast.forward()
        plain.advance()
        fast.advance()
        size = largest(plain.parameters(0))
    pairs = zip(arrays_of(plain.parameters(0)), arrays_of(fast.parameters(0)), strict=True)
    return max(float(np.max(abs(p - f))) for p, f in pairs) / size


def tanh_instances():
    return instances(activation="tanh")


def comparable(network, X):
    """Whether rounding is small: nothing is large, above all no output, and rounding decides no sample's side.

    The first layer's sums are exact, as the numbers drawn are eighths; those above may round.
    """
    *first, output = forward(network, X).preactivations
    hidden = first[1:]
    small = np.all(abs(output) < 50) and all(np.all(abs(z) < 1e3) for z in first)
    return small and not (network.activation.has_kink and any(np.any(abs(z) < 1e-9) for z in hidden))


# One step of numbers of size at most 2: rounding is some hundred eps of the largest weight, times what powers of sums
# magnify (2^6 and more); a wrong formula is off by far more than the million eps that leave room for both.
TOLERANCE = 1e6 * np.finfo(float).eps


@given(st.one_of(instances(), instances(depth=2, n_outputs=1), tanh_instances()), st.sampled_from([0.0, 0.5]))
def test_the_engine_takes_the_step_of_the_plain_formulas(instance, decay):
    network, problem = instance
    assume(comparable(network, problem.X))
    assert difference(network, problem, decay=decay, steps=1) <= TOLERANCE


@given(instances(n_samples=4), st.integers(1, 4), st.integers(0, 3))
def test_minibatches_too(instance, batch_size, seed):
    network, problem = instance
    assume(comparable(network, problem.X))
    assert difference(network, problem, batch_size=batch_size, seed=seed, steps=1) <= TOLERANCE


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("widths", [(3, 5, 1), (3, 5, 2), (3, 4, 5, 1), (9, 5, 1), (9, 4, 5, 2)])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_larger_networks(rule, widths, name, biases, decay):
    """With fewer samples than inputs too (7 and 9), where the engine keeps z_1 in place of W_1."""
    network = draw_network(1, widths, name, rule, biases=biases, scale=0.5)
    problem = draw_problem(1, 7, widths[0], widths[-1])
    assert difference(network, problem, decay=decay, steps=20) <= 1e-13


@pytest.mark.parametrize("name", ["relu", "leaky_relu:0.2", "linear", "power:2"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_at_zero_the_slope_is_the_one_from_the_left(name, n_outputs):
    """A sample at zero, weights at zero and at minus zero: every z there is a zero, and phi' is the left slope."""
    W = np.array([[0.0, -0.0], [-0.0, -0.0], [1.0, -1.0], [-2.0, 0.5]])
    X = np.array([[0.0, 0.0], [1.0, 1.0], [-0.0, 3.0], [1.0, 2.0]])
    network = Network([W, np.ones((n_outputs, 4))], name, [np.ones((4, n_outputs))])
    problem = Problem(X, np.arange(4.0 * n_outputs).reshape(4, n_outputs))
    assert difference(network, problem, steps=1) <= 1e-15
    if name != "power:2":  # which grows without bound
        assert difference(network, problem, steps=5) <= 1e-13


def test_dead_neurons_do_not_move():
    network = Network([[[-1.0, -1.0], [1.0, 0.5]], [[1.0, 1.0]]], "relu", [np.ones((2, 1))])
    run = ft.simulate(network, Problem([[1.0, 1.0], [2.0, 0.5]], [1.0, 2.0]), method="gd", steps=50)
    assert run.states[-1].weights[0][0].tolist() == [-1.0, -1.0]
    assert run.states[-1].weights[1][0, 0] == 1.0


class Altered:
    """NumPy with some functions replaced."""

    def __init__(self, **replaced):
        self.__dict__.update(replaced)

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_perturbed_formula_is_seen(monkeypatch, n_outputs):
    """Negative control: slopes that take the right value at zero, or are a little wrong, fail the comparison."""
    network, problem = draw_network(1, (3, 5, n_outputs)), draw_problem(1, 7, 3, n_outputs)
    at_zero = Network([np.zeros((5, 3)), *network.weights[1:]], "leaky_relu:0.2", network.feedback)
    assert difference(network, problem, steps=1) <= 1e-15
    monkeypatch.setattr(engine, "np", Altered(greater=np.greater_equal))
    assert difference(network, problem, steps=1) <= 1e-15
    assert difference(at_zero, problem, steps=1) > 1e-3
    monkeypatch.setattr(engine, "np", Altered(maximum=np.add))
    assert difference(network, problem, steps=1) > 1e-4


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("altered", [{"zeros_like": np.ones_like}, {"ones_like": np.zeros_like}, {"add": np.subtract}])
def test_a_perturbed_gram_form_is_seen(monkeypatch, n_outputs, altered):
    """Negative control: a sum of delta_1 that starts at one, an old W_1 that counts for nothing, a wrong sign."""
    network, problem = draw_network(1, (9, 5, n_outputs)), draw_problem(1, 7, 9, n_outputs)
    assert difference(network, problem) <= 1e-14
    monkeypatch.setattr(engine, "np", Altered(**altered))
    assert difference(network, problem) > 1e-3


@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.parametrize(
    ("widths", "samples", "gram", "rank"),
    [((9, 5, 2), 7, True, True), ((5, 5, 2), 7, False, True), ((40, 3, 40), 60, False, False)],
)
def test_which_form_is_taken(monkeypatch, name, widths, samples, gram, rank):
    """Fewer samples than inputs; two linear layers, unless outputs are many beside the width. All give the same."""
    taken = []
    for form in ("_GramForm", "_plan_linear"):
        plain = getattr(engine, form)
        monkeypatch.setattr(engine, form, lambda *a, form=form, plain=plain: taken.append(form) or plain(*a))
    network, problem = draw_network(1, widths, name, scale=0.3), draw_problem(1, samples, widths[0], widths[-1])
    assert difference(network, problem) <= 1e-13
    expected = ["_plan_linear"] * rank if name == "linear" else ["_GramForm"] * gram
    assert taken == expected
    taken.clear()
    assert difference(network, problem, batch_size=4) <= 1e-13
    assert "_GramForm" not in taken


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: np.repeat(X, 2, axis=1)[:, ::2]])
@pytest.mark.parametrize("inputs", [4, 60])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
def test_single_precision_and_other_layouts(layout, inputs, name):
    """Fewer and more samples than inputs: losses to 1e-4 of double precision, dtype kept, read-only data untouched."""
    network, problem = draw_network(1, (inputs, 9, 1), name, scale=0.1), draw_problem(1, 30, inputs, 1)
    options = {"method": "gd", "steps": 100, "step_size": 0.02, "points": 3, "loss_every": 10}
    wide = ft.simulate(network, problem, **options)
    narrow = Network([W.astype("f4") for W in network.weights], name, [network.feedback[0].B.astype("f4")])
    X = layout(problem.X.astype("f4"))
    X.flags.writeable = False
    run = ft.simulate(narrow, Problem(X, problem.Y.astype("f4")), **options)
    assert all(W.dtype == np.float32 for W in run.states[-1].weights)
    np.testing.assert_allclose(run.losses, wide.losses, rtol=1e-4)


def test_reading_the_weights_of_the_gram_form_changes_rounding_only():
    """A run whose weights are read at every step, and one whose weights are read at the end."""
    network, problem = draw_network(1, (30, 8, 1)), draw_problem(1, 6, 30, 1)
    options = {"method": "gd", "steps": 400, "step_size": 0.01}
    often, once = (ft.simulate(network, problem, points=points, **options) for points in (401, 2))
    np.testing.assert_allclose(once.states[-1].weights[0], often.states[-1].weights[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(once.loss[-1], often.loss[-1], rtol=1e-12)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_float32_stays_float32(n_outputs, loss):
    """Losses after a hundred steps to 1e-4, and no float64 on the way."""
    if loss == "cross_entropy" and n_outputs == 1:
        loss = "logistic"
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 4))
    Y = np.eye(3)[rng.integers(0, 3, 30)] if n_outputs == 3 else np.sign(X[:, :1])
    network = initialise("gaussian", (4, 9, n_outputs), "leaky_relu:0.1", "fa", seed=1)
    single = [W.astype("f4") for W in network.weights]
    narrow = Network(single, "leaky_relu:0.1", [rule.B.astype("f4") for rule in network.feedback])
    options = {"method": "gd", "steps": 100, "step_size": 0.1, "points": 3, "loss_every": 10}
    wide, run = (
        ft.simulate(network, Problem(X, Y, loss), **options),
        ft.simulate(narrow, Problem(X.astype("f4"), Y.astype("f4"), loss), **options),
    )
    assert all(W.dtype == np.float32 for W in run.states[-1].weights)
    np.testing.assert_allclose(run.loss, wide.loss, rtol=1e-4)
    np.testing.assert_allclose(run.losses, wide.losses, rtol=1e-4)


def test_large_arrays_go_through_the_activation_in_pieces():
    """(n, N) of 60 by 3000 is cut in rows; the result is that of the plain formulas."""
    network = initialise("gaussian", (4, 60, 2), "leaky_relu:0.1", "fa", seed=1)
    rng = np.random.default_rng(0)
    problem = Problem(rng.standard_normal((3000, 4)), rng.standard_normal((3000, 2)))
    assert difference(network, problem, steps=3) <= 1e-13
