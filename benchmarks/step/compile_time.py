"""Times the compilation of our step: at first, and from the cache.

    python -m benchmarks.step.compile_time --views 4 --frames 8 --size 56

Two processes, one after the other, keep compiled programs in one new folder,
as `jax_compilation_cache_dir` does for a user.
"""

import argparse
import tempfile

from benchmarks import records
from benchmarks.step import speed


def run(options, *, folder):
  """Compiles twice.

  Args:
    options: of `speed.add_options`.
    folder: an empty one, for the cache.

  Returns:
    A record: for 'cold' and 'warm' the seconds to trace, to compile or load,
    and until the first step was done.
  """
  record = {'benchmark': 'compile_time'}
  record |= {name: getattr(options, name) for name in speed.FIELDS}
  record |= {name: getattr(options, name) for name in speed.OUR_FIELDS}
  for temperature in ('cold', 'warm'):
    with speed.start_worker('ours', options, cache=folder) as worker:
      started = worker.ask('start')
    names = ('trace_s', 'compile_s', 'first_step_s')
    record[temperature] = {name: started[name] for name in names}
  return record | {
    'device': started['device'],
    'devices': started['devices'],
    'versions': started['versions'],
    **records.origin(),
  }


def main(arguments=None):
  """Prints one JSON line.

  Args:
    arguments: of the command line; None for this process's own.
  """
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  speed.add_options(parser)
  options = parser.parse_args(arguments)
  with tempfile.TemporaryDirectory() as folder:
    records.emit(run(options, folder=folder), options.out)


if __name__ == '__main__':
  main()
