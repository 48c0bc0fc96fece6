"""Print the losses and error estimates of a run as JSON, under whatever BLAS the environment chooses."""

import json
import sys

import numpy as np

import fa_theory as ft

dtype = np.dtype(sys.argv[1])
start = ft.initialise("gaussian", (20, 50, 30, 2), "leaky_relu:0.1", "fa", seed=4)
weights, matrices = ([each.astype(dtype) for each in group] for group in (start.weights, start.matrices()))
rng = np.random.default_rng(5)
X, Y = rng.standard_normal((100, 20)).astype(dtype), rng.standard_normal((100, 2)).astype(dtype)
network, problem = ft.Network(weights, start.activation, matrices), ft.Problem(X, Y)
run = ft.simulate(network, problem, method="gd", steps=100, step_size=0.02, points=11)
json.dump({"loss": run.loss.tolist(), "error": run.error.tolist()}, sys.stdout)
