"""Uses the cache as Python does. The first argument says how:

store REPOSITORY   downloads it with snapshot_download, as HF_ENDPOINT and HF_HUB_CACHE say
find REPOSITORY    where the cache has it, without asking a hub, with the files in it
"""

import json
import os
import sys

try:
    from huggingface_hub import snapshot_download, try_to_load_from_cache
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)

how, repository = sys.argv[1:]
folder = snapshot_download(repository, local_files_only=how == "find")
print(json.dumps({
    "folder": folder,
    "files": sorted(os.listdir(folder)),
    "config": try_to_load_from_cache(repository, "config.json"),
}))
