"""What is kept of the shapes of passes: nothing, so that memory does not grow with their number."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch._C import _len_torch_function_stack
from torch.nn.functional import gelu

from whyalike.models.gelu import OwnKernel

PASSES = """
import sys
import torch
from tiny_models import tiny
from whyalike import Explainer

model, tokenizer = tiny("bert").parts
torch.nn.functional.gelu(torch.ones(3, 5, 7))
explainer = Explainer((model, tokenizer))
explainer.explain("what opening", "looks at")
print("explaining", flush=True)
list(explainer.explain_many([("warm wool gloves", "mittens"), ("a scarf", "of soft grey yarn")]))
"""


def test_passes_leave_no_kernel_of_their_shape():
    given = os.environ | {"ONEDNN_VERBOSE": "profile_create"}
    given["PYTHONPATH"] = os.pathsep.join([*sys.path, str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", PASSES], capture_output=True, text=True, check=True, env=given
    )
    before, after = done.stdout.split("explaining")
    if "gelu" not in before:
        pytest.skip("This torch computes GELU without oneDNN.")
    assert "gelu" not in after


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 4, 6), (4, 6), (5,)])
def test_values_gradient_and_layout_are_those_of_gelu(shape, approximate):
    states = torch.randn(shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    with OwnKernel():
        found = gelu(states, approximate=approximate)
    wanted = gelu(states.double(), approximate=approximate)
    torch.testing.assert_close(found.double(), wanted, atol=1e-6, rtol=1e-5)
    assert found.is_contiguous()
    (slope,) = torch.autograd.grad(found.sum(), states)
    (true,) = torch.autograd.grad(wanted.sum(), states)
    torch.testing.assert_close(slope, true, atol=1e-6, rtol=1e-5)


def test_second_derivatives_are_those_of_gelu():
    states = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    with OwnKernel():
        assert torch.autograd.gradgradcheck(gelu, (states,))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_what_has_no_turned_form_is_computed_as_it_is():
    states = torch.randn(3, 5, 7)
    place = torch.empty_like(states)
    nested = torch.nested.nested_tensor([torch.randn(2, 3), torch.randn(4, 3)])
    with OwnKernel():
        gelu(states, out=place)
        found = gelu(nested)
    assert torch.equal(place, gelu(states))
    assert all(map(torch.equal, found.unbind(), gelu(nested).unbind()))


def test_another_thread_computes_as_ever():
    """A mode is of its thread: what a user runs beside is not turned."""
    with ThreadPoolExecutor(1) as other, OwnKernel():
        assert other.submit(_len_torch_function_stack).result() == 0
        assert _len_torch_function_stack() == 1
