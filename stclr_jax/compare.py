"""Compares two runs on the same videos: `python -m stclr_jax.compare A B`.

    python -m stclr_jax.compare runs/finetune runs/scratch
    python -m stclr_jax.compare runs/crossval_a runs/crossval_b --json

A run is a workdir with `predictions.csv`, of a fine-tuning, an evaluation or a
cross-validation (which pools its finished `fold_*/finetune/` there); or a
folder of folds, `fold_*/predictions.csv`, which are pooled here: a method of
the baselines, a pair of conditions. Differences are B minus A.
"""

import argparse
import json

from stclr_jax import commands
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.experiments.finished import run_pairs


def main(arguments=None):
  """Reads the arguments and prints the comparison.

  Args:
    arguments: list of strings; None for those of the command line.
  """
  parser = argparse.ArgumentParser(
    prog='python -m stclr_jax.compare', description=__doc__.split('\n')[0]
  )
  parser.add_argument('run_a', metavar='RUN_A', help='workdir of a run')
  parser.add_argument('run_b', metavar='RUN_B', help='workdir of another')
  parser.add_argument(
    '--json', action='store_true', help='print everything, for machines'
  )
  parser.add_argument(
    '--seed', type=int, default=0, help='of the bootstrap; default 0'
  )
  _compare(parser.parse_args(arguments))


@commands.report_errors()
def _compare(options):
  report = run_pairs.compare_runs(
    predicted_runs.read_run(options.run_a),
    predicted_runs.read_run(options.run_b),
    seed=options.seed,
  )
  print(
    json.dumps(report.as_dict(), indent=2) if options.json else describe(report)
  )


def describe(report, *, limit=12):
  """Says what came out, for people.

  Args:
    report: a `run_pairs.PairReport`.
    limit: how many settings and people to name at most.

  Returns:
    Lines to print.
  """
  drawn = ' (drawn faces, not people)' if report.synthetic else ''
  lines = [
    *([f'{report.data}{drawn}'] if report.data else []),
    f'A  {report.run_a.path}',
    *(f'   {line}' for line in report.text.run_a),
    f'B  {report.run_b.path}',
    *(f'   {line}' for line in report.text.run_b),
    'B - A',
    *(f'   {line}' for line in report.text.comparison),
    f'   the same answer for {report.same_answer} of '
    f'{report.comparison.total} videos',
    '',
    *_listed('Protocols', report.protocol_differences, limit),
    *_listed('Configs', report.config_differences, limit),
    '',
    *_changes('Expressions', report.expressions, None),
    '',
    *_changes('People', report.people, limit),
    '',
    'Neither interval nor test covers training noise: the same config with '
    'another seed\ntrains another network. Compare several seeds before '
    'believing a small difference.',
  ]
  return '\n'.join(lines)


def _listed(title, lines, limit):
  if not lines:
    return [f'{title}: no difference found.']
  more = [f'   ... and {len(lines) - limit} more'] if len(lines) > limit else []
  return [
    f'{title} differ (A | B):',
    *(f'   {line}' for line in lines[:limit]),
    *more,
  ]


def _changes(title, groups, limit):
  changed = {
    name: one for name, one in groups.items() if one.gained or one.lost
  }
  if not changed:
    return [f'{title}: none changed.']
  shown = list(changed.items())[:limit]
  width = max(len(name) for name, _ in shown)
  lines = [f'{title}: {len(changed)} of {len(groups)} changed']
  lines += [
    f'   {name:>{width}}  {one.correct_a:3d} -> {one.correct_b:3d} of '
    f'{one.total:3d}  ({one.gained} gained, {one.lost} lost)'
    for name, one in shown
  ]
  if len(shown) < len(changed):
    lines.append(f'   ... and {len(changed) - len(shown)} more (--json)')
  return lines


if __name__ == '__main__':
  main()
