"""Runs a command that ends with whoever asked for it: `python -m benchmarks.soak.tied PROCESS_ID COMMAND...`."""

import os
import sys

from dashboard.supervisor import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
