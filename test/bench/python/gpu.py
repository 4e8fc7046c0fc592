"""PyTorch's and PEFT's side of the figures on a card: `gpu.py PART whole|small`. The last line printed is JSON, figures by name.

Shapes are those of test/gpu/shapes.ts. PEFT trains as is usual: weights in bfloat16, SDPA attention, gradient checkpointing. Its
base is bfloat16 beside our int8 and nf4 too.
"""

import json
import statistics
import sys
import time

import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SMALL = sys.argv[2] == "small"
SEVEN = (128, 192, 2, 2, 3072) if SMALL else (4096, 11008, 32, 32, 32000)
LINEARS = [(40, 64, 128)] if SMALL else [(2048, 4096, 4096), (2048, 4096, 11008)]
ROWS, CUTOFF, STEPS = (2, 96, 2) if SMALL else (4, 512, 6)
PROMPT, TOKENS, TEXTS = (8, 4, [1, 3]) if SMALL else (64, 48, [1, 32])
REPEATS = 1 if SMALL else 30


def wait():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def seconds_of(use):
    use()
    wait()
    start = time.perf_counter()
    for _ in range(REPEATS):
        use()
    wait()
    return (time.perf_counter() - start) / REPEATS


def linears():
    figures = {}
    for rows, width, out in LINEARS:
        weight = torch.randn(out, width, device=DEVICE, dtype=torch.bfloat16)
        x = torch.randn(rows, width, device=DEVICE, dtype=torch.bfloat16, requires_grad=True)
        dy = torch.randn(rows, out, device=DEVICE, dtype=torch.bfloat16)
        linear = torch.nn.functional.linear
        with torch.no_grad():
            forward = seconds_of(lambda: linear(x, weight))
        both = seconds_of(lambda: torch.autograd.grad(linear(x, weight), x, dy))
        operations, what = 2 * rows * width * out, f"{rows}×{width}×{out}"
        figures[f"{what}, forward, GFLOP"] = operations / forward / 1e9
        figures[f"{what}, forward and backward, GFLOP"] = 2 * operations / both / 1e9
    return figures


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    hidden, wide, heads, layers, vocabulary = SEVEN
    config = LlamaConfig(
        hidden_size=hidden,
        intermediate_size=wide,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        num_hidden_layers=layers,
        vocab_size=vocabulary,
        max_position_embeddings=2048,
        attn_implementation="sdpa",
    )
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(DEVICE):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    return model


def training():
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=8, lora_alpha=16, lora_dropout=0, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    start = time.perf_counter()
    model = get_peft_model(llama(), lora)
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=3e-4)
    ids = torch.randint(0, SEVEN[-1], (ROWS, CUTOFF), device=DEVICE)
    ends = []
    for _ in range(STEPS):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainable, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        wait()
        ends.append(time.perf_counter())
    seconds = statistics.median(b - a for a, b in zip(ends, ends[1:]))
    peak = torch.cuda.max_memory_allocated() if DEVICE == "cuda" else 0
    return {
        "a step, speed": ROWS * CUTOFF / seconds,
        "a step, seconds": seconds,
        "peak, memory": peak,
        "until the first step is done, seconds": ends[0] - start,
    }


def decoding():
    from generation import Clock
    from transformers import StoppingCriteriaList

    model = llama().eval()
    figures = {}
    for texts in TEXTS:
        ids = torch.randint(5, SEVEN[-1], (texts, PROMPT), device=DEVICE)
        clock = Clock()
        with torch.no_grad():
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                min_new_tokens=TOKENS,
                max_new_tokens=TOKENS,
                pad_token_id=0,
                stopping_criteria=StoppingCriteriaList([clock]),
            )
        seconds = statistics.median(b - a for a, b in zip(clock.times, clock.times[1:]))
        figures[f"{texts} {'text' if texts == 1 else 'texts'}, speed"] = texts / seconds
    return figures


PARTS = {"linear": linears, "decode-bf16": decoding, "decode-int8": decoding}
PARTS |= {f"train-{storage}": training for storage in ("bf16", "int8", "nf4")}
part = PARTS.get(sys.argv[1])
print(json.dumps(part() if part else {}))
