"""Many networks at once against a loop over `simulate`."""

import numpy as np
import pytest
from flow_oracles import RULES, draw_network, draw_problem
from threadpoolctl import threadpool_info

import fa_theory as ft
from fa_theory.dynamics import ensembles
from fa_theory.dynamics.ensembles import block_size
from fa_theory.model import Network, PotentialFeedback, Problem, initialise

# The order of sums in products may differ from that of the loop: some eps a step, and steps here do not magnify it.
TOLERANCE = 1e-12


def assert_same(runs, expected):
    assert len(runs) == len(expected)
    for run, one in zip(runs, expected, strict=True):
        assert (run.method, run.options, run.outcome, run.n_steps) == (
            one.method,
            one.options,
            one.outcome,
            one.n_steps,
        )
        assert run.t.tolist() == one.t.tolist()
        assert run.loss_t.tolist() == one.loss_t.tolist()
        np.testing.assert_allclose(run.loss, one.loss, rtol=TOLERANCE, atol=1e-14)
        np.testing.assert_allclose(run.losses, one.losses, rtol=TOLERANCE, atol=1e-14)
        np.testing.assert_allclose(run.error, one.error, rtol=1e-9)
        for state, wanted in zip(run.states, one.states, strict=True):
            for layer, W in enumerate(wanted.weights):
                np.testing.assert_allclose(state.weights[layer], W, rtol=TOLERANCE, atol=TOLERANCE)
            for layer, b in enumerate(wanted.biases):
                assert (b is None) == (state.biases[layer] is None)
                if b is not None:
                    np.testing.assert_allclose(state.biases[layer], b, rtol=TOLERANCE, atol=TOLERANCE)
            for share, wanted_share in zip(state.shares, wanted.shares, strict=True):
                np.testing.assert_allclose(share, wanted_share, rtol=TOLERANCE)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of two networks, so that five of them take three."""
    monkeypatch.setattr(ensembles, "block_size", lambda *_: 2)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("widths", [(3, 5, 1), (3, 4, 5, 2), (9, 5, 1)])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.2])
@pytest.mark.usefixtures("small_blocks")
def test_an_ensemble_is_the_loop(rule, widths, name, biases, decay):
    networks = [draw_network(seed, widths, name, rule, biases=biases) for seed in range(5)]
    problem = draw_problem(1, 7, widths[0], widths[-1])
    options = {"method": "gd", "steps": 20, "points": 3, "loss_every": 3, "weight_decay": decay}
    etas = [0.01, 0.02, 0.03, 0.04, 0.05]
    loop = [ft.simulate(net, problem, step_size=eta, **options) for net, eta in zip(networks, etas, strict=True)]
    assert_same(ft.ensemble(networks, problem, step_size=etas, **options), loop)


@pytest.mark.parametrize("widths", [(9, 5, 1), (9, 4, 5, 2), (3, 5, 1)])
@pytest.mark.parametrize("name", ["leaky_relu:0.2", "linear"])
@pytest.mark.usefixtures("small_blocks")
def test_descent_on_problems_of_their_own(widths, name):
    """With fewer samples than inputs too, and two linear layers: each has its own X X^T and Q."""
    networks = [draw_network(seed, widths, name, "fa", biases=True, scale=0.5) for seed in range(5)]
    problems = [draw_problem(seed, 7, widths[0], widths[-1]) for seed in range(5)]
    options = {"method": "gd", "steps": 20, "points": 3, "loss_every": 1, "step_size": 0.02, "weight_decay": 0.1}
    loop = [ft.simulate(net, problem, **options) for net, problem in zip(networks, problems, strict=True)]
    assert_same(ft.ensemble(networks, problems, **options), loop)


@pytest.mark.parametrize("widths", [(9, 5, 1), (3, 5, 1)])
def test_a_member_that_diverges_stops_no_other_form(widths):
    """Members of the Gram form and of products of rank m: with eta = 50 one diverges, the other goes on as alone."""
    name = "linear" if widths[0] == 3 else "leaky_relu:0.2"
    networks, problem = [draw_network(seed, widths, name) for seed in range(2)], draw_problem(1, 7, widths[0], 1)
    options = {"method": "gd", "steps": 60, "points": 4}
    runs = ft.ensemble(networks, problem, step_size=[50.0, 0.01], **options)
    assert [run.outcome for run in runs] == ["diverged", "completed"]
    assert_same(runs[1:], [ft.simulate(networks[1], problem, step_size=0.01, **options)])


@pytest.mark.parametrize("own_problems", [False, True])
@pytest.mark.parametrize("seeds", [3, [1, 2, 1, 2, 3]])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.usefixtures("small_blocks")
def test_minibatches_and_problems_of_their_own(own_problems, seeds, biases, n_outputs):
    networks = [draw_network(seed, (3, 5, n_outputs), "leaky_relu:0.2", "fa", biases=biases) for seed in range(5)]
    given = [draw_problem(seed, 12, 3, n_outputs) for seed in range(5 if own_problems else 1)]
    loss = "logistic" if n_outputs == 1 else "squared"
    given = [Problem(each.X, np.sign(each.Y) if n_outputs == 1 else each.Y, loss) for each in given]
    options = {"method": "sgd", "steps": 15, "points": 4, "batch_size": 5, "loss_every": 2}
    loop = [
        ft.simulate(net, given[k % len(given)], seed=seeds if isinstance(seeds, int) else seeds[k], **options)
        for k, net in enumerate(networks)
    ]
    assert_same(ft.ensemble(networks, given, seed=seeds, **options), loop)
    assert_same(
        ft.ensemble(networks[:1], given[:1], method="sgd", steps=3),
        [ft.simulate(networks[0], given[0], method="sgd", steps=3)],
    )


@pytest.mark.parametrize("loss", ["logistic", "exponential", "cross_entropy"])
@pytest.mark.parametrize("name", ["relu", "linear", "tanh", "power:2"])
def test_losses_and_activations(loss, name):
    m = 3 if loss == "cross_entropy" else 1
    networks = [draw_network(seed, (3, 4, m), name, scale=0.5) for seed in range(3)]
    rng = np.random.default_rng(0)
    Y = np.eye(3)[rng.integers(0, 3, 7)] if m == 3 else np.sign(rng.standard_normal(7))
    problem = Problem(rng.standard_normal((7, 3)), Y, loss)
    options = {"method": "gd", "steps": 10, "points": 3, "loss_every": 1}
    assert_same(
        ft.ensemble(networks, problem, threads=1, **options),
        [ft.simulate(net, problem, **options) for net in networks],
    )


@pytest.mark.parametrize("n_members", [1, 3])
def test_a_member_that_diverges_stops_no_other(n_members):
    """The middle one takes steps of 50, the others of 0.01; alone, it stops the run."""
    networks = [draw_network(1, (3, 5, 1)) for _ in range(n_members)]
    etas = [0.01, 50.0, 0.01] if n_members == 3 else [50.0]
    problem = draw_problem(1, 7, 3, 1)
    options = {"method": "gd", "steps": 3000, "points": 301, "loss_every": 7}
    runs = ft.ensemble(networks, problem, step_size=etas, **options)
    assert [run.outcome for run in runs] == ["diverged" if eta == 50.0 else "completed" for eta in etas]
    assert_same(
        runs, [ft.simulate(net, problem, step_size=e, **options) for net, e in zip(networks, etas, strict=True)]
    )
    assert all(np.all(np.isfinite(run.losses)) for run in runs)


@pytest.mark.parametrize("method", ["flow", "midpoint"])
def test_other_methods_run_one_by_one(method):
    networks = [draw_network(seed, (2, 3, 1), "linear") for seed in range(3)]
    problem = draw_problem(1, 4, 2, 1)
    options = {"method": method, "points": 3} | ({"time": 0.5} if method == "flow" else {"steps": 5})
    assert_same(ft.ensemble(networks, problem, **options), [ft.simulate(net, problem, **options) for net in networks])


def test_rules_of_ones_own_run_one_by_one():
    rule = PotentialFeedback(lambda W: W.T, lambda W: np.sum(W**2, axis=0) / 2)
    networks = [Network(draw_network(seed, (2, 3, 1)).weights, "relu", [rule]) for seed in range(2)]
    problem = draw_problem(1, 4, 2, 1)
    options = {"method": "gd", "steps": 5, "points": 3}
    assert_same(ft.ensemble(networks, problem, **options), [ft.simulate(net, problem, **options) for net in networks])


def test_blocks_fit_the_cache_and_leave_no_thread_idle():
    """h, phi' and delta of 50 neurons at 100 samples take 120 kB: eight or nine networks fill 1 MB."""
    network, problem = initialise("gaussian", (20, 50, 1), "relu", "fa", seed=0), draw_problem(1, 100, 20, 1)
    assert block_size(network, problem, 256, 2) in (8, 9)
    assert block_size(network, problem, 8, 4) == 2
    wide, many = initialise("gaussian", (20, 5000, 1), "relu", "fa", seed=0), draw_problem(1, 1000, 20, 1)
    assert block_size(wide, many, 256, 2) == 1


def test_blas_gets_its_threads_back_and_progress_is_told():
    before = [each["num_threads"] for each in threadpool_info()]
    networks, problem, seen = [draw_network(1, (3, 5, 1))] * 5, draw_problem(1, 7, 3, 1), []

    def progress(fraction):
        seen.append(fraction)
        assert all(each["num_threads"] == 1 for each in threadpool_info() if each["user_api"] == "blas")

    ft.ensemble(networks, problem, steps=3, threads=2, progress=progress)
    assert seen == [3 / 5, 1.0]
    with pytest.raises(ValueError, match="step_size must be a positive"):
        ft.ensemble(networks, problem, steps=3, step_size=-1.0)
    assert [each["num_threads"] for each in threadpool_info()] == before


def other(**changes):
    W1, W2, B = np.ones((5, 3)), np.ones((1, 5)), np.ones((5, 1))
    made = {"weights": [W1, W2], "activation": "relu", "feedback": [B], "biases": None} | changes
    return Network(made["weights"], made["activation"], made["feedback"], made["biases"])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (other(weights=[np.ones((4, 3)), np.ones((1, 4))], feedback=[np.ones((4, 1))]), r"same widths.*index 1"),
        (other(activation="leaky_relu:0.2"), "same activation"),
        (other(biases=[np.ones(5), None]), "same biases"),
        (other(feedback="sign-fa"), "same feedback rules"),
        (
            other(weights=[np.ones((5, 3), "f4"), np.ones((1, 5), "f4")], feedback=[np.ones((5, 1), "f4")]),
            "the weights of network 1 must have the dtype",
        ),
    ],
)
def test_networks_must_be_alike(second, message):
    with pytest.raises(ValueError, match=message):
        ft.ensemble([other(), second], Problem(np.ones((2, 3)), np.ones(2)), steps=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "euler"}, "method must be one of"),
        ({"networks": []}, "networks must hold at least one network"),
        ({"problems": []}, "problems must be one, or one for each of 2 networks, got 0"),
        ({"problems": [Problem(np.ones((2, 3)), np.ones(2)), Problem(np.ones((3, 3)), np.ones(3))]}, "same shapes"),
        (
            {"problems": [Problem(np.ones((2, 3)), np.ones(2)), Problem(np.ones((2, 3)), np.ones(2), "logistic")]},
            "same loss",
        ),
        ({"step_size": [0.1]}, "step_size must be one number, or one for each of 2 networks, got 1"),
        ({"seed": [1, 2, 3]}, "seed must be one number"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"problems": Problem(np.ones((2, 4)), np.ones(2))}, "X must have 3 columns"),
        ({"loss_every": 0}, "loss_every must be a whole number"),
    ],
)
def test_arguments_are_checked(options, message):
    given = {"networks": [other(), other()], "problems": Problem(np.ones((2, 3)), np.ones(2)), "steps": 1} | options
    with pytest.raises(ValueError, match=message):
        ft.ensemble(given.pop("networks"), given.pop("problems"), **given)


def test_options_are_those_of_simulate_and_others_are_refused():
    problem = Problem(np.ones((2, 3)), np.ones(2))
    (run,) = ft.ensemble([other()], problem, steps=1, accuracy=1e-8, time=3.0)
    assert run.options == ft.simulate(other(), problem, method="gd", steps=1, accuracy=1e-8, time=3.0).options
    with pytest.raises(
        ValueError, match=r"an option of an ensemble must be one of steps, .*, got 'stpes'; did you mean"
    ):
        ft.ensemble([other()], problem, stpes=1)
