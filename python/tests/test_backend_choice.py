"""Who computes: the drop-in's cuda=True, the environment, the command's --backend; with a GPU and without."""

import json
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from movie_files import Sample, command, read_locs

import lumicrop
from oracle import assert_agrees
from test_dropin import assert_same, columns_of, crops_of
from test_vectors import drop_in
from vectors import NAMES, Vector

# No device for CUDA itself, for an emulation of it, and for one that shows an older driver.
NO_DEVICE = {"CUDA_VISIBLE_DEVICES": "-1", "CUEMU_DEVICES": "0"}
UNUSABLE = [NO_DEVICE, {"CUDA_VISIBLE_DEVICES": "-1", "CUEMU_DEVICES": "-1"}]


def elsewhere(work, **environment):
    """What `work` returns in a thread of its own, which has contexts of its own, under another environment."""
    answers, before = [], dict(os.environ)
    os.environ.pop("LUMICROP_BACKEND", None)
    os.environ.update(environment)

    def run():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                answers[:] = [work(), None]
            except BaseException as error:
                answers[:] = [None, error]
        answers.append(caught)

    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        os.environ.clear()
        os.environ.update(before)
    result, error, caught = answers
    if error is not None:
        raise error
    return result, caught


def python(code, **environment):
    """What a fresh interpreter prints, as JSON."""
    environment = {name: value for name, value in os.environ.items() if name != "LUMICROP_BACKEND"} | environment
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# -------------------------------------------------------------------------------------------------------------- drop-in


@pytest.mark.cuda
@pytest.mark.parametrize("name", NAMES)
def test_the_drop_in_counts_every_row_on_a_gpu(oracle_folder, name):
    vector = Vector.load(oracle_folder, name)
    (photons, info), warned = elsewhere(lambda: drop_in(vector, cuda=True))
    assert not warned
    assert isinstance(photons, np.ndarray) and photons.dtype == np.float32
    assert_agrees(photons, vector.in_detection_order(vector.expected), "photons")
    assert_agrees(info["background_vector"], vector.in_detection_order(vector.expected), "background")
    for k, expected in enumerate(vector.expected):
        assert_agrees(info["psf_sums"][k], expected, "psf_sum")
        assert_agrees(info["weighted_denominators"][k], expected, "denominator")
    cpu = drop_in(vector)[1]
    assert cpu.keys() == info.keys()
    for one, other in zip(info.get("border_medians", ()), cpu.get("border_medians", ()), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_drop_in_falls_back_to_the_cpu_with_a_warning_that_says_why():
    def work():
        return lumicrop.integrate_crop([crops_of()], channels_weighted_integrations=False, cuda=True)

    due = lumicrop.integrate_crop([crops_of()], channels_weighted_integrations=False)
    result, (warning,) = elsewhere(work, LUMICROP_BACKEND="cpu")
    assert_same(result, due)
    assert warning.category is RuntimeWarning and warning.filename == __file__
    assert str(warning.message) == "cuda=True, but the CPU computes: LUMICROP_BACKEND=cpu is set in the environment"


@pytest.mark.parametrize("environment", UNUSABLE)
def test_the_drop_in_falls_back_where_no_gpu_is_usable(environment):
    code = """
import json, warnings, numpy, lumicrop
crops = numpy.random.default_rng(1).poisson(100, (6, 7, 7))
due = lumicrop.integrate_crop([crops], channels_weighted_integrations=False)[0]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    photons = lumicrop.integrate_crop([crops], channels_weighted_integrations=False, cuda=True)[0]
    again = lumicrop.integrate_crop([crops], channels_weighted_integrations=False, cuda=True)[0]
print(json.dumps({"same": bool((photons == due).all() and (again == due).all()), "dtype": str(photons.dtype),
                  "warnings": [[w.category.__name__, str(w.message)] for w in caught],
                  "reason": lumicrop.backends()[1].reason, "usable": lumicrop.backends()[1].usable}))
"""
    said = python(code, **environment)
    assert said["same"] and said["dtype"] == "float32" and not said["usable"]
    assert [kind for kind, _ in said["warnings"]] == ["RuntimeWarning"] * 2
    assert all(said["reason"] in text for _, text in said["warnings"])


# ---------------------------------------------------------------------------------------------------------- native call


@pytest.mark.cuda
def test_a_gpu_that_works_is_chosen_and_the_environment_forbids_it():
    context, _ = elsewhere(lumicrop.Context)
    assert context.info.backend == "cuda" and context.info.device >= 0 and context.info.reason
    context, _ = elsewhere(lumicrop.Context, LUMICROP_BACKEND="cpu")
    assert context.info.backend == "cpu" and "LUMICROP_BACKEND=cpu" in context.info.reason
    context, _ = elsewhere(lambda: lumicrop.Context("cuda"), LUMICROP_BACKEND="cpu")  # asked for by name
    assert context.info.backend == "cuda"


@pytest.mark.parametrize("environment", UNUSABLE)
def test_the_native_call_raises_where_cuda_is_asked_for_and_missing(environment):
    code = """
import json, lumicrop
try:
    lumicrop.Context("cuda")
    raised = None
except lumicrop.Error as error:
    raised = [type(error).__name__, str(error)]
auto = lumicrop.Context()
info = lumicrop.backends()[1]
print(json.dumps({"raised": raised, "auto": [auto.info.backend, auto.info.reason], "compiled_in": info.compiled_in,
                  "found": info.found, "usable": info.usable, "n_devices": info.n_devices, "reason": info.reason}))
"""
    said = python(code, **environment)
    kind, text = said["raised"]
    assert kind in (("NoDevice", "DriverTooOld") if said["compiled_in"] else ("Unsupported",))
    assert (text in said["reason"] or said["reason"] in text) and said["auto"] == ["cpu", said["reason"]]
    assert not said["usable"] and not said["found"] and said["n_devices"] == 0


# --------------------------------------------------------------------------------------------------------------- command


@pytest.mark.cuda
@pytest.mark.parametrize("method", ["filter", "sum"])
def test_the_command_on_a_gpu_counts_what_it_counts_on_the_cpu(tmp_path, method):
    sample = Sample(tmp_path)
    movie, table, photons = sample.movie_path, sample.table_path, {}
    for backend, options in ("cpu", ()), ("cuda", ("--device", 0, "--memory-budget", "64M")):
        out = tmp_path / f"{backend}.hdf5"
        said = command(
            "integrate", movie, table, "-o", out, "--size", 7, "--method", method, "--no-plot", "--backend", backend, *options
        )
        assert ("cuda (device 0)" if backend == "cuda" else "cpu (") in said
        photons[backend] = read_locs(out)
    for name in ("lumicrop_photons", "lumicrop_background"):
        np.testing.assert_allclose(photons["cuda"][name], photons["cpu"][name], rtol=1e-4, atol=0.05)
    np.testing.assert_array_equal(photons["cuda"]["lumicrop_flags"], photons["cpu"]["lumicrop_flags"])


@pytest.mark.cuda
def test_the_command_names_a_gpu_that_is_not_there(tmp_path):
    sample = Sample(tmp_path)
    said = command(
        "integrate", sample.movie_path, sample.table_path, "--backend", "cuda", "--device", 99, "--quiet", exit_code=1
    )
    assert said.startswith("lumicrop: ") and "99" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "options", [("--device", -2), ("--device", "first"), ("--memory-budget", "much"), ("--memory-budget", "-1")]
)
def test_devices_and_budgets_that_are_none_end_the_command_with_2(tmp_path, options):
    sample = Sample(tmp_path)
    command("integrate", sample.movie_path, sample.table_path, *options, exit_code=2)


@pytest.mark.parametrize(
    "text, count",
    [("0", 0), ("1000", 1000), ("500M", 500 << 20), ("4G", 4 << 30), ("1.5g", 3 << 29), ("64 MiB", 64 << 20), ("2kB", 2048)],
)
def test_amounts_of_memory_are_written_as_people_write_them(text, count):
    from lumicrop.option_values import memory

    assert memory(text) == count


def test_the_budget_and_the_device_reach_the_context(tmp_path, monkeypatch):
    made, sample = [], Sample(tmp_path)
    Context = lumicrop.Context
    monkeypatch.setattr(lumicrop, "Context", lambda **options: made.append(options) or Context(**options))
    command(
        "integrate",
        sample.movie_path,
        sample.table_path,
        "--no-plot",
        "--backend",
        "cpu",
        "--device",
        0,
        "--memory-budget",
        "1.5G",
    )
    assert made[0] == {"backend": "cpu", "threads": 0, "device": 0, "memory_budget": 3 << 29}


@pytest.mark.cuda
def test_info_tells_how_many_gpus_there_are():
    cuda = lumicrop.backends()[1]
    row = next(line for line in command("info").splitlines() if line.startswith("│ cuda"))
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[1:5] == ["yes", "yes", "yes", f"{cuda.n_devices} device{'s' * (cuda.n_devices != 1)}"] and cells[5]


def test_columns_of_the_drop_in_still_come_from_the_host():
    (X0, Y0), columns = columns_of()
    result, _ = elsewhere(lambda: lumicrop.integrate_crop([crops_of()], X0, Y0, **columns, channels_pixels_nm=100, cuda=True))
    assert np.isfinite(result[0]).all()
