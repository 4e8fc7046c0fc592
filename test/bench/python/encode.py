"""Encodes a file of Alpaca rows with datasets.map, one process a core: prompts and answers with the fast tokenizer, in batches."""

import json
import os
import sys
import tempfile

from datasets import load_dataset
from transformers import AutoTokenizer

PROMPT = (
    "Below is an instruction that describes a task{context}. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n{input}### Response:"
)


def prompt_of(instruction: str, text: str) -> str:
    context = ", paired with an input that provides further context" if text else ""
    given = f"### Input:\n{text}\n\n" if text else ""
    return PROMPT.format(context=context, instruction=instruction, input=given)


def main() -> None:
    options = json.loads(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(options["model"])
    cutoff = options["cutoffLength"]

    def encode(batch: dict) -> dict:
        prompts = [prompt_of(*pair) for pair in zip(batch["instruction"], batch["input"])]
        asked = tokenizer(prompts)["input_ids"]
        answers = tokenizer([f" {text} " for text in batch["output"]], add_special_tokens=False)["input_ids"]
        rows = [(p, a + [tokenizer.eos_token_id]) for p, a in zip(asked, answers)]
        return {
            "input_ids": [(p + a)[:cutoff] for p, a in rows],
            "labels": [([-100] * len(p) + a)[:cutoff] for p, a in rows],
        }

    with tempfile.TemporaryDirectory() as cache:
        rows = load_dataset("json", data_files=options["rows"], split="train", cache_dir=cache)
        encoded = rows.map(encode, batched=True, num_proc=os.cpu_count(), remove_columns=rows.column_names)
        print(json.dumps({"type": "step", "rows": len(encoded), "first": len(encoded[0]["input_ids"])}), flush=True)


main()
