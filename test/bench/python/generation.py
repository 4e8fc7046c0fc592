"""The peer's greedy decoding with transformers, and how fast this machine reads memory."""

import time

import torch
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList


class Clock(StoppingCriteria):
    """Notes when each token was there; never stops."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores, **_):
        self.times.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool)


class Generation:
    def __init__(self, model: str, dtype: str):
        types = {"bf16": torch.bfloat16, "f32": torch.float32}
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype=types[dtype]).eval()

    def decode(self, prompt: list[int], rows: int, tokens: int) -> dict:
        """Seconds of each token after the first, and the tokens of the first row."""
        ids = torch.tensor([prompt] * rows)
        clock = Clock()
        with torch.no_grad():
            made = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                pad_token_id=0,
                stopping_criteria=StoppingCriteriaList([clock]),
            )
        seconds = [after - before for before, after in zip(clock.times, clock.times[1:])]
        return {"seconds": seconds, "ids": made[0, len(prompt) :].tolist()}


def read_speed() -> float:
    """Bytes a second of reading far more than the caches hold with all threads, the best of several times."""
    numbers = torch.ones(2**27)
    best = 0.0
    for _ in range(8):
        start = time.perf_counter()
        numbers.sum()
        best = max(best, numbers.numel() * 4 / (time.perf_counter() - start))
    return best
