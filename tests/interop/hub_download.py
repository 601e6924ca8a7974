"""Downloads a model with Python's own client, and finds what Decorum has downloaded."""

import json
import sys

from huggingface_hub import snapshot_download

downloaded, found = sys.argv[1:]
print(json.dumps({
    "downloaded": snapshot_download(downloaded, allow_patterns=["*.json", "*.safetensors"]),
    "found": snapshot_download(found, local_files_only=True),
}))
