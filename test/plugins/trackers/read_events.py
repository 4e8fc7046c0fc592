"""Prints, as one line of JSON, what TensorBoard finds in the event files of a folder: the steps and values of every scalar, and
the texts with the plugin that shows them. Ends with status 3 where tensorboard is not installed.
"""

import json
import sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

everything = {"scalars": 0, "tensors": 0}
events = EventAccumulator(sys.argv[1], size_guidance=everything)
events.Reload()
tags = events.Tags()
texts = {}
for tag in tags["tensors"]:
    (event,) = events.Tensors(tag)[-1:]
    plugin = events.SummaryMetadata(tag).plugin_data.plugin_name
    (text,) = tensor_util.make_ndarray(event.tensor_proto)
    texts[tag] = {"plugin": plugin, "step": event.step, "text": text.decode("utf-8")}
scalars = {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in tags["scalars"]}
print(json.dumps({"scalars": scalars, "texts": texts}))
