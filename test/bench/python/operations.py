"""PyTorch's time for single operations, forward and backward, as torch.nn.functional has them."""

import time

import torch
import torch.nn.functional as F

DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}


class Operation:
    """`inputs` take gradients, `frozen` do not: the backward pass is what LoRA training needs of it."""

    def __init__(self, function, inputs, frozen=()):
        self.function = function
        self.inputs = [x.requires_grad_() for x in inputs]
        self.frozen = frozen
        self.gradient = torch.randn_like(function(*self.inputs, *self.frozen))

    def measure(self, repeats: int) -> dict:
        """Seconds of each forward and each backward pass."""
        forward, backward = [], []
        for _ in range(repeats):
            start = time.perf_counter()
            y = self.function(*self.inputs, *self.frozen)
            middle = time.perf_counter()
            torch.autograd.grad(y, self.inputs, self.gradient)
            forward.append(middle - start)
            backward.append(time.perf_counter() - middle)
        return {"forward": forward, "backward": backward}


def linear(tokens: int, columns: int, out: int, dtype: str) -> Operation:
    of = {"dtype": DTYPES[dtype]}
    return Operation(F.linear, [torch.randn(tokens, columns, **of)], [torch.randn(out, columns, **of)])


def rms_norm(tokens: int, columns: int, dtype: str) -> Operation:
    of = {"dtype": DTYPES[dtype]}
    norm = lambda x, weight: F.rms_norm(x, (columns,), weight, 1e-5)
    return Operation(norm, [torch.randn(tokens, columns, **of)], [torch.ones(columns, **of)])


def swiglu(tokens: int, columns: int, dtype: str) -> Operation:
    pair = [torch.randn(tokens, columns, dtype=DTYPES[dtype]) for _ in range(2)]
    return Operation(lambda gate, up: F.silu(gate) * up, pair)


class IntegerProduct:
    """int8 × int8 -> int32, forward only: no training, but what oneDNN makes of this machine's int8."""

    def __init__(self, tokens: int, columns: int, out: int):
        self.x = torch.randint(-127, 128, (tokens, columns), dtype=torch.int8)
        self.weight = torch.randint(-127, 128, (out, columns), dtype=torch.int8)

    def measure(self, repeats: int) -> dict:
        forward = []
        for _ in range(repeats):
            start = time.perf_counter()
            torch._int_mm(self.x, self.weight.t())
            forward.append(time.perf_counter() - start)
        return {"forward": forward, "backward": []}


OPERATIONS = {"integerProduct": IntegerProduct, "linear": linear, "rmsNorm": rms_norm, "swiglu": swiglu}
