"""The loop of the peers that the tests keep running: jobs come as lines of JSON, and each is answered by a line."""

import contextlib
import json
import os
import pathlib
import sys
from collections.abc import Callable


def serve(main: Callable[..., None]) -> None:
    """Calls main(folder, ...) with the members of each job by their names, and prints nothing, or what went wrong."""
    for line in sys.stdin:
        job = json.loads(line)
        problem = ""
        try:
            # PyTorch's exporter talks on stdout.
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                main(pathlib.Path(job.pop("folder")), **job)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
        print(problem, flush=True)
