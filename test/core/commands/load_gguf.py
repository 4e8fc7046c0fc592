"""Loads FOLDER/model.gguf and prints what is in it: python load_gguf.py FOLDER [F32_FOLDER]

With F32_FOLDER, the same model in fp32, it also tells which tensors are not, byte by byte, what the package gguf makes of
those numbers in their type.

Standard input is a JSON object with token ids and texts; the last line of standard output is a JSON object: metadata and
tensor types as the package gguf reads them, the logits that transformers computes with it, one list a token, and the ids
that its tokenizer makes of the texts. Ends with status 3 and a line on standard error where a package is missing.
"""

import json
import sys
from pathlib import Path

try:
    import torch
    import numpy as np
    from gguf import GGUFReader
    from gguf.quants import quantize
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

torch.set_num_threads(1)
folder = Path(sys.argv[1])
asked = json.load(sys.stdin)
reader = GGUFReader(folder / "model.gguf")
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32).eval()
with torch.no_grad():
    logits = model(torch.tensor([asked["ids"]])).logits[0]
tokenizer = asked["texts"] and AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
others = []
if len(sys.argv) > 2:
    plain = {tensor.name: tensor for tensor in GGUFReader(Path(sys.argv[2]) / "model.gguf").tensors}
    for tensor in reader.tensors:
        wanted = quantize(np.asarray(plain[tensor.name].data, dtype=np.float32), tensor.tensor_type)
        if np.asarray(wanted).tobytes() != np.asarray(tensor.data).tobytes():
            others.append(tensor.name)
short = {key: field.contents() for key, field in reader.fields.items() if len(field.data) <= 1}
print(
    json.dumps(
        {
            "metadata": short,
            "types": {tensor.name: tensor.tensor_type.name for tensor in reader.tensors},
            "others": others,
            "logits": logits.tolist(),
            "tokens": [tokenizer.encode(text, add_special_tokens=False) for text in asked["texts"]],
        }
    )
)
