"""The ids of conversations as transformers asks the model in a folder. Standard input: a list of lists of messages."""

import json
import sys

from transformers import AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
print(
    json.dumps(
        [
            list(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False))
            for messages in json.load(sys.stdin)
        ]
    )
)
