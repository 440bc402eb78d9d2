"""Kills, stops and damages runs at random moments; do they end the same?

    python -m benchmarks.faults.campaign --faults=200 --out=faults.json

Each case begins a run anew, does one to three things to it at random moments,
lets it end, and compares it with one that nothing was done to: parameters,
optimiser and batch statistics to the bit, each line of metrics.jsonl, each
prediction. Prints a table and writes JSON.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from jax import tree
from tqdm import tqdm

from benchmarks import records
from benchmarks.faults import victims
from stclr_jax import commands
from stclr_jax.learning.saved import checkpoints
from stclr_jax.runs.training import journal

# chosen: ten times what the slowest run takes; a run that takes longer hangs.
HANGS_AFTER = 300
KINDS = ('kill', 'terminate', 'damage')
# Of a summary: what is different each time.
TIMES = ('seconds', 'views_per_second', 'clips_per_second')


def main():
  """Runs the campaign."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--faults', type=int, default=200)
  parser.add_argument('--seed', type=int, default=0)
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
  """Does `options.faults` faults.

  Args:
    place: an empty folder.
    options: `faults`, `seed` and `workflow`, None for all of them in turn.

  Returns:
    JSON-able figures: faults by workflow and kind, cases that ended wrong,
    seconds from SIGTERM to the end.
  """
  draw = random.Random(options.seed)
  names = [options.workflow] if options.workflow else [*victims.WORKFLOWS]
  whole = {name: _run_whole(name, place) for name in names}
  done, wrong, to_the_end = collections.Counter(), [], []
  with tqdm(total=options.faults, unit='fault') as bar:
    number = 0
    while done.total() < options.faults:
      name = names[number % len(names)]
      case = Case(name, place / f'case_{number}', whole[name], draw)
      case.suffer(draw.randint(1, 3))
      done.update((name, kind) for kind in case.suffered)
      to_the_end += case.seconds_to_the_end
      if case.wrong:
        wrong.append({'workflow': name, 'number': number, 'is': case.wrong})
      else:
        shutil.rmtree(case.workdir)
      bar.update(len(case.suffered))
      number += 1
  return {
    **records.origin(),
    'versions': records.versions(),
    'cases': number,
    'faults': [
      {'workflow': name, 'kind': kind, 'count': count}
      for (name, kind), count in sorted(done.items())
    ],
    'wrong': wrong,
    'sigterm_to_the_end_s': sorted(to_the_end),
  }


class Whole:
  """A run that nothing was done to.

  Attributes:
    outcome: see `_outcome`.
    seconds: that it took, once all was compiled.
  """

  def __init__(self, outcome, seconds):
    self.outcome = outcome
    self.seconds = seconds


class Case:
  """A run that suffers.

  Attributes:
    workdir: of the run.
    suffered: kinds of faults, in order.
    seconds_to_the_end: from each SIGTERM that was heard.
    wrong: what is wrong with how it ended, in words; '' for nothing.
  """

  def __init__(self, name, workdir, whole, draw):
    self.workdir = workdir
    self.suffered = []
    self.seconds_to_the_end = []
    self.wrong = ''
    self._name = name
    self._whole = whole
    self._draw = draw

  def suffer(self, times):
    """Suffers so many faults, then ends, and is looked at."""
    for _ in range(times):
      kind = self._draw.choice(KINDS)
      self.suffered.append(kind)
      moment = self._draw.uniform(0, 1.1 * self._whole.seconds)
      number = signal.SIGTERM if kind == 'terminate' else signal.SIGKILL
      if not self._end_early(moment, number):
        return
      if kind == 'damage':
        self._damage()
    process = _start(self._name, self.workdir)
    try:
      code = process.wait(HANGS_AFTER)
    except subprocess.TimeoutExpired:
      process.kill()
      self.wrong = 'hangs'
      return
    if code:
      said = self.workdir.with_suffix('.log').read_text()[-1000:]
      self.wrong = f'ends with {code}: {said}'
      return
    self.wrong = compare(_outcome(self.workdir), self._whole.outcome)

  def _end_early(self, moment, number):
    """Sends a signal at a moment; says whether all is well since."""
    process = _start(self._name, self.workdir)
    try:
      process.wait(moment)
    except subprocess.TimeoutExpired:
      process.send_signal(number)
    sent = time.monotonic()
    try:
      code = process.wait(HANGS_AFTER)
    except subprocess.TimeoutExpired:
      process.kill()
      self.wrong = f'hangs after signal {number}'
      return False
    if code == commands.TERMINATED:
      self.seconds_to_the_end.append(time.monotonic() - sent)
    allowed = (0, -number, commands.TERMINATED)
    if code not in allowed:
      said = self.workdir.with_suffix('.log').read_text()[-1000:]
      self.wrong = f'ends with {code} after signal {number}: {said}'
    return not self.wrong

  def _damage(self):
    """Damages a file of the newest checkpoint of the run."""
    folders = [
      path
      for name in (checkpoints.FOLDER, checkpoints.UNFINISHED_EPOCH)
      for path in self.workdir.rglob(f'{name}/*')
      if path.is_dir() and path.name.isdecimal()
    ]
    unfinished = [
      folder
      for folder in folders
      if not (folder.parents[1] / 'summary.json').exists()
    ]
    if not unfinished:
      return
    newest = max(unfinished, key=lambda folder: folder.stat().st_mtime)
    files = sorted(path for path in newest.rglob('*') if path.is_file())
    path = self._draw.choice(files)
    content = bytearray(path.read_bytes())
    how = self._draw.choice(('removed', 'emptied', 'halved', 'flipped'))
    if how == 'removed':
      path.unlink()
    elif how == 'emptied' or not content:
      path.write_bytes(b'')
    elif how == 'halved':
      path.write_bytes(content[: len(content) // 2])
    else:
      content[self._draw.randrange(len(content))] ^= 1
      path.write_bytes(content)


def _run_whole(name, place):
  """Runs a workflow twice; the second time nothing is compiled."""
  for number in (0, 1):
    workdir = place / f'{name}_{number}'
    started = time.monotonic()
    process = _start(name, workdir)
    if process.wait():
      raise RuntimeError(workdir.with_suffix('.log').read_text())
    seconds = time.monotonic() - started
  return Whole(_outcome(workdir), seconds)


def _start(name, workdir):
  with workdir.with_suffix('.log').open('a') as log:
    return subprocess.Popen(
      [sys.executable, '-m', 'benchmarks.faults.victims', name, str(workdir)],
      stdout=log,
      stderr=subprocess.STDOUT,
      # Compiled sooner; what is compared is one program with itself.
      env=dict(os.environ, JAX_DISABLE_MOST_OPTIMIZATIONS='1'),
    )


def _outcome(workdir):
  """Gathers what a run has come to, by name: arrays, lines, figures."""
  found = {}
  for summary in sorted(workdir.rglob('summary.json')):
    run = summary.parent
    name = run.relative_to(workdir)
    figures = json.loads(summary.read_text())
    found[f'{name} figures'] = {
      key: value for key, value in figures.items() if key not in TIMES
    }
    for file in ('predictions.csv', 'oracle_predictions.csv'):
      if (run / file).exists():
        found[f'{name} {file}'] = (run / file).read_text()
    if (run / journal.METRICS).exists():
      found[f'{name} metrics'] = journal.read_lines(run)
      found[f'{name} state'] = [
        np.asarray(leaf) for leaf in tree.leaves(checkpoints.read(run).state)
      ]
  return found


def compare(found, whole):
  """Compares what a run has come to with what it should have.

  Args:
    found: a dict by name: lists of arrays under names that end in ' state',
      else what JSON can hold.
    whole: the same, of an undisturbed run.

  Returns:
    Where they differ first, in words; '' where they do not.
  """
  for name, expected in whole.items():
    if name not in found:
      return f'{name}: missing'
    same = (
      all(map(np.array_equal, found[name], expected))
      if name.endswith(' state')
      else found[name] == expected
    )
    if not same:
      return f'{name}: differs'
  return ''


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
      f'{count} faults in {found["cases"]} runs; {len(wrong)} did not end as '
      'an undisturbed one.',
      *wrong,
      waited,
    ]
  )


if __name__ == '__main__':
  main()
