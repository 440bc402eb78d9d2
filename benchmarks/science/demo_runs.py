"""Runs of the demo with some settings changed, and files of their results."""

import json
import subprocess
import sys


def run(workflow, workdir, changes):
  """Runs a workflow's demo in a process of its own.

  Args:
    workflow: whose config, such as 'pretrain'.
    workdir: path of the run.
    changes: settings by key.

  Raises:
    CalledProcessError: if it fails.
  """
  subprocess.run(
    [
      sys.executable, 'main.py', f'--config=configs/{workflow}.py',
      f'--workdir={workdir}',
      *(f'--config.{key}={value}' for key, value in changes.items()),
    ],
    check=True,
    stdout=subprocess.DEVNULL,
  )  # fmt: skip


def read_rows(path):
  """Reads what `append_row` wrote; a list, empty without a file."""
  if not path.exists():
    return []
  return [json.loads(line) for line in path.read_text().splitlines()]


def append_row(path, row):
  """Appends a JSON-able dict to a file, as a line."""
  with path.open('a') as file:
    file.write(json.dumps(row) + '\n')
