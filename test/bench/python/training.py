"""LoRA training with PEFT as it is usually done: bfloat16 weights, rows padded to the longest of the batch.

A plain loop instead of transformers' Trainer, whose overhead is thereby not counted against PEFT.
"""

import json
import time
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, get_linear_schedule_with_warmup

IGNORED = -100
DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}


def prompt_of(instruction: str, given: str) -> str:
    if given == "":
        return (
            "Below is an instruction that describes a task. "
            "Write a response that appropriately completes the request.\n\n"
            f"### Instruction:\n{instruction}\n\n### Response:"
        )
    return (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        f"### Instruction:\n{instruction}\n\n### Input:\n{given}\n\n### Response:"
    )


def encode(tokenizer, record: dict, cutoff: int) -> tuple[list[int], list[int]]:
    """Token ids and labels of a record; the prompt has no labels."""
    prompt = prompt_of(record["instruction"], record.get("input", ""))
    prompt_ids = tokenizer(prompt)["input_ids"]
    ids = tokenizer(f"{prompt} {record['output']} ")["input_ids"] + [tokenizer.eos_token_id]
    labels = [IGNORED] * len(prompt_ids) + ids[len(prompt_ids) :]
    return ids[:cutoff], labels[:cutoff]


def encode_file(tokenizer, file: str, cutoff: int) -> list:
    return [encode(tokenizer, record, cutoff) for record in json.loads(Path(file).read_text())]


def collate(rows: list, pad: int) -> dict:
    """Rows under each other, padded on the right to the longest."""
    length = max(len(ids) for ids, _ in rows)
    fill = lambda values, with_: torch.tensor([v + [with_] * (length - len(v)) for v in values])
    return {
        "input_ids": fill([ids for ids, _ in rows], pad),
        "attention_mask": fill([[1] * len(ids) for ids, _ in rows], 0),
        "labels": fill([labels for _, labels in rows], IGNORED),
    }


def targets_of(rows: list) -> int:
    return sum(label != IGNORED for _, labels in rows for label in labels[1:])


def load_base(path: str, dtype: str):
    return AutoModelForCausalLM.from_pretrained(path, dtype=DTYPES[dtype])


class Training:
    """A model with LoRA, an optimizer and a schedule. `options` are those of an evolve configuration."""

    def __init__(self, options: dict):
        torch.manual_seed(options["seed"])
        self.options = options
        self.tokenizer = AutoTokenizer.from_pretrained(options["model"])
        lora = LoraConfig(
            r=options["r"],
            lora_alpha=options["alpha"],
            lora_dropout=options["dropout"],
            target_modules=options["targetModules"],
            task_type="CAUSAL_LM",
        )
        self.model = get_peft_model(load_base(options["model"], options["dtype"]), lora)
        self.model.train()
        self.trainable = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trainable, lr=options["learningRate"], weight_decay=0.0)
        self.schedule = get_linear_schedule_with_warmup(
            self.optimizer, options["warmupSteps"], options["steps"]
        )

    def perturb(self) -> None:
        """Makes B other than zero, so that the gradient of A is other than zero too."""
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(std=0.02)

    def save(self, folder: str) -> None:
        self.model.save_pretrained(folder)

    def step(self, rows: list) -> dict:
        """One optimizer step over `rows`, in micro-batches of `batchSize`; seconds include collating."""
        start = time.perf_counter()
        size = self.options["batchSize"]
        targets = targets_of(rows)
        total = 0.0
        for at in range(0, len(rows), size):
            batch = collate(rows[at : at + size], self.tokenizer.pad_token_id)
            loss = self.model(**batch, num_items_in_batch=targets).loss
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(self.trainable, 1.0).item()
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return {"loss": total, "gradNorm": norm, "seconds": time.perf_counter() - start}


def held_out_loss(model_path: str, adapter: str, file: str, cutoff: int) -> float:
    """Mean cross-entropy of a target token, in float32, a row at a time."""
    tokenizer = AutoTokenizer.from_pretrained(model_path)
    model = PeftModel.from_pretrained(load_base(model_path, "f32"), adapter).eval()
    total, targets = 0.0, 0
    with torch.no_grad():
        for row in encode_file(tokenizer, file, cutoff):
            count = targets_of([row])
            total += model(**collate([row], 0)).loss.item() * count
            targets += count
    return total / targets
