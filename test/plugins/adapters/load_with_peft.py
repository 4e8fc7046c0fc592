"""Loads an adapter onto a base model with PEFT and prints the logits: python load_with_peft.py MODEL ADAPTER

Standard input is a JSON list of token ids; the last line of standard output is a JSON list of logits, one list a
token. Ends with status 3 and a line on standard error where torch, transformers or peft is missing.
"""

import json
import sys

try:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

torch.set_num_threads(1)
base = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
model = PeftModel.from_pretrained(base, sys.argv[2]).eval()
with torch.no_grad():
    logits = model(torch.tensor([json.load(sys.stdin)])).logits[0]
print(json.dumps(logits.tolist()))
