"""The peer of the bench: a JSON request a line on standard input, a JSON answer a line on standard output."""

import json
import os
import sys
import traceback

import torch
from operations import OPERATIONS


class Peer:
    def __init__(self):
        self.operations = {}

    def facts(self) -> dict:
        import peft
        import transformers

        versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
        return {"versions": versions, "threads": torch.get_num_threads()}

    def operation(self, name: str, repeats: int, **shape) -> dict:
        key = json.dumps([name, shape])
        if key not in self.operations:
            self.operations[key] = OPERATIONS[name](**shape)
            self.operations[key].measure(1)
        return self.operations[key].measure(repeats)

    def openTraining(self, options: dict, rows: str, adapter: str) -> dict:
        from training import Training, encode_file

        self.operations.clear()
        self.training = Training(options)
        self.training.perturb()
        self.training.save(adapter)
        self.rows = encode_file(self.training.tokenizer, rows, options["cutoffLength"])
        return {"tokens": sum(len(ids) for ids, _ in self.rows)}

    def trainingStep(self) -> dict:
        return self.training.step(self.rows)

    def openGeneration(self, model: str, dtype: str) -> dict:
        from generation import Generation

        self.generation = Generation(model, dtype)
        return {}

    def decode(self, **of) -> dict:
        return self.generation.decode(**of)

    def readSpeed(self) -> dict:
        from generation import read_speed

        return {"bytesPerSecond": read_speed()}

    def heldOutLoss(self, **of) -> dict:
        from training import held_out_loss

        return {"loss": held_out_loss(**of)}


def main() -> None:
    torch.manual_seed(42)
    torch.set_num_threads(os.cpu_count())
    peer = Peer()
    # Libraries that print must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(peer, request.pop("op"))(**request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
