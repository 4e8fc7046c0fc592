"""A whole training run with PEFT, as a process of its own: python train.py '{"model": …, "rows": FILE, …}'.

Writes {"type": "start"} before the first optimizer step, {"type": "step", …} after each, and {"type": "done"}.
"""

import json
import os
import random
import sys

import torch
from training import Training, encode_file


def main() -> None:
    options = json.loads(sys.argv[1])
    torch.set_num_threads(os.cpu_count())
    tell = lambda kind, **more: print(json.dumps({"type": kind, **more}), flush=True)
    training = Training(options)
    rows = encode_file(training.tokenizer, options["rows"], options["cutoffLength"])
    # Rows whose prompt alone fills the cutoff train on nothing.
    rows = [row for row in rows if any(label != -100 for label in row[1][1:])]
    per_step = options["batchSize"] * options["accumulation"]
    tell("start", rows=len(rows), tokens=sum(len(ids) for ids, _ in rows))
    if options["shuffle"]:
        random.Random(options["seed"]).shuffle(rows)
    for step in range(options["steps"]):
        at = step * per_step % len(rows)
        tell("step", step=step + 1, **training.step(rows[at : at + per_step]))
    if options.get("adapter"):
        training.save(options["adapter"])
    tell("done")


if __name__ == "__main__":
    main()
