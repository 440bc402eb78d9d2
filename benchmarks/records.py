"""Records of measurements, each with machine and versions beside its figure."""

import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import statistics
import sys
import time

# Folders and files on one machine only.
PLACES = ('--torch_python', '--out', '--data_dir', '--runs')
# What, set around a command, changes how fast it is.
VARIABLES = ('GLIBC_TUNABLES', 'XLA_FLAGS')
PACKAGES = ('jax', 'jaxlib', 'flax', 'torch', 'torchvision', 'triton')


def time_groups(take, *, steps, group):
  """Times steps; the host waits for the device after each group only.

  Args:
    take: `take(n)` takes n steps and waits for them.
    steps: how many.
    group: steps between two waits.

  Returns:
    Seconds per step, of each group.
  """
  seconds = []
  for _ in range(-(-steps // group)):
    started = time.perf_counter()
    take(group)
    seconds.append((time.perf_counter() - started) / group)
  return seconds


def summarize(seconds):
  """Summarises repeated timings.

  Args:
    seconds: of each repetition, at least one.

  Returns:
    Their median, spread (distance of the quartiles over the median), minimum
    and maximum.
  """
  median = statistics.median(seconds)
  spread = 0.0
  if len(seconds) > 1:
    low, _, high = statistics.quantiles(seconds, n=4, method='inclusive')
    spread = (high - low) / median
  return {
    'median_s': median,
    'spread': spread,
    'min_s': min(seconds),
    'max_s': max(seconds),
  }


def versions():
  """Lists the versions of Python and of the packages installed here."""
  found = {'python': platform.python_version()}
  for package in PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def origin():
  """Says where a record comes from.

  Returns:
    A dict with 'cpu', 'cores' and 'command'.
  """
  return machine() | {'command': command()}


def machine():
  """Describes this machine's processor without naming the machine.

  Returns:
    A dict with 'cpu' and 'cores'.
  """
  name = platform.processor() or platform.machine()
  cpuinfo = pathlib.Path('/proc/cpuinfo')
  if cpuinfo.exists():
    for line in cpuinfo.read_text().splitlines():
      if line.startswith('model name'):
        name = line.partition(':')[2].strip()
        break
  affinity = getattr(os, 'sched_getaffinity', None)
  cores = len(affinity(0)) if affinity else os.cpu_count()
  return {'cpu': name, 'cores': cores}


def emit(record, out=None):
  """Prints a record as a JSON line, and appends it to a file.

  Args:
    record: JSON-able dict.
    out: path of a JSON-lines file, flushed at once; None for none.
  """
  line = json.dumps(record)
  print(line, flush=True)
  if out:
    with open(out, 'a') as file:
      file.write(line + '\n')


def command():
  """Returns the command that runs this, without this machine's paths."""
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  name = spec.name if spec else pathlib.Path(sys.argv[0]).stem
  settings = [
    f'{name}={shlex.quote(os.environ[name])}'
    for name in VARIABLES
    if os.environ.get(name)
  ]
  arguments = []
  skip = False
  for argument in sys.argv[1:]:
    if skip or argument.startswith(tuple(f'{name}=' for name in PLACES)):
      skip = False
    elif argument in PLACES:
      skip = True
    else:
      arguments.append(argument)
  return ' '.join([*settings, 'python -m', name, *map(shlex.quote, arguments)])
