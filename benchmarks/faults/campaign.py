"""Kills, stops and damages runs at random moments; do they end the same?

    unshare --user --map-root-user --mount \\
      python -m benchmarks.faults.campaign --faults=200 --out=faults.json

Each case begins a run anew, does one to three things to it at random moments,
lets it end, and compares it with one that nothing was done to: parameters,
optimiser and batch statistics to the bit, each line of metrics.jsonl, each
prediction. Prints a table and writes JSON. `unshare` gives the right to mount
the small disks that become full; without it that fault is left out.
"""

import argparse
import collections
import itertools
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time
from concurrent import futures

from tqdm import tqdm

from benchmarks import records
from benchmarks.faults import cases
from benchmarks.faults import victims


def main():
  """Runs the campaign."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--faults', type=int, default=200)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--jobs', type=int, default=1, help='runs at a time')
  parser.add_argument('--workflow', choices=victims.WORKFLOWS, default=None)
  parser.add_argument('--out', type=pathlib.Path)
  options = parser.parse_args()
  with tempfile.TemporaryDirectory() as place:
    found = run(pathlib.Path(place), options)
  print(describe(found))
  if options.out:
    options.out.write_text(json.dumps(found, indent=2) + '\n')
  sys.exit(bool(found['wrong']))


def run(place, options):
  """Does `options.faults` faults or a few more.

  Args:
    place: an empty folder.
    options: `faults`, `seed`, `jobs`, and `workflow`, None for all of them in
      turn.

  Returns:
    JSON-able figures: faults by workflow and kind, cases that went wrong,
    seconds from SIGTERM to the end.
  """
  began = time.monotonic()
  kinds = [cases.KILL, cases.TERMINATE, cases.DAMAGE]
  try:
    with cases.Disk(place / 'tried').mounted():
      kinds.append(cases.FULL_DISK)
  except OSError as error:
    print(f'No disk can be made to be full here ({error}): left out.')
  names = [options.workflow] if options.workflow else [*victims.WORKFLOWS]
  whole = {name: cases.run_whole(name, place) for name in names}
  done = []
  numbers = itertools.count()

  def work():
    while bar.n < options.faults:
      number = next(numbers)
      name = names[number % len(names)]
      draw = random.Random(f'{options.seed} {number}')
      case = cases.Case(name, number, kinds, draw)
      case.suffer(place, whole[name])
      if not case.wrong:
        shutil.rmtree(place / f'case_{number}')
      done.append(case)
      bar.update(len(case.suffered))

  with (
    tqdm(total=options.faults, unit='fault') as bar,
    futures.ThreadPoolExecutor(options.jobs) as pool,
  ):
    for worker in [pool.submit(work) for _ in range(options.jobs)]:
      worker.result()
  count = collections.Counter(
    (case.name, kind) for case in done for kind in case.suffered
  )
  return {
    **records.origin(),
    'versions': records.versions(),
    'seconds': round(time.monotonic() - began),
    'cases': len(done),
    'faults': [
      {'workflow': name, 'kind': kind, 'count': number}
      for (name, kind), number in sorted(count.items())
    ],
    'too_late': sum(case.too_late for case in done),
    'wrong': [
      {'workflow': case.name, 'number': case.number, 'is': case.wrong}
      for case in done
      if case.wrong
    ],
    'sigterm_to_the_end_s': sorted(
      round(seconds, 2) for case in done for seconds in case.seconds_to_the_end
    ),
  }


def describe(found):
  """A table of a campaign's figures."""
  rows = [
    f'{row["workflow"]:>18} {row["kind"]:>10} {row["count"]:6d}'
    for row in found['faults']
  ]
  seconds = found['sigterm_to_the_end_s']
  waited = (
    f'From SIGTERM to the end: {seconds[len(seconds) // 2]:.1f} s, at most '
    f'{seconds[-1]:.1f}.'
    if seconds
    else ''
  )
  wrong = [f'  {one["workflow"]}: {one["is"]}' for one in found['wrong']]
  count = sum(row['count'] for row in found['faults'])
  return '\n'.join(
    [
      *rows,
      f'{count} faults in {found["cases"]} runs ({found["too_late"]} more came '
      f'after the end); {len(wrong)} did not end as an undisturbed one.',
      *wrong,
      waited,
    ]
  )


if __name__ == '__main__':
  main()
