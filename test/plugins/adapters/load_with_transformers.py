"""Loads a model folder with transformers and prints the logits: python load_with_transformers.py MODEL

Standard input is a JSON list of token ids; the last line of standard output is a JSON object of what was found: the
logits, one list a token, the type of the weights, and what the tokenizer makes of "Hello". Ends with status 3 and a
line on standard error where torch or transformers is missing.
"""

import json
import sys

try:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype="auto").eval()
dtype = str(model.dtype).removeprefix("torch.")
with torch.no_grad():
    logits = model.float()(torch.tensor([json.load(sys.stdin)])).logits[0]
tokens = AutoTokenizer.from_pretrained(sys.argv[1]).encode("Hello")
print(json.dumps({"logits": logits.tolist(), "dtype": dtype, "tokens": tokens}))
