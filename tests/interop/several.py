"""Runs several of these scripts in one process, because importing PyTorch takes longer than most of them.

    python several.py '[["transformers_logits.py", "--model", "DIR", ...], ...]'

Prints a JSON list of what each of them prints.
"""

import contextlib
import io
import json
import runpy
import sys
from pathlib import Path


def run(script: str, *arguments: str) -> object:
    sys.argv = [script, *arguments]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(Path(__file__).parent / script), run_name="__main__")
    except (Exception, SystemExit) as error:
        raise RuntimeError(f"{' '.join(sys.argv)} failed: {error}") from error
    return json.loads(printed.getvalue())


if __name__ == "__main__":
    print(json.dumps([run(*job) for job in json.loads(sys.argv[1])]))
