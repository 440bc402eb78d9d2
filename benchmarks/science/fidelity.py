"""Measures what choices that the paper leaves open change, on drawn faces.

    python -m benchmarks.science.fidelity --runs DIR \
      --out benchmarks/results/fidelity_demo_40_epochs.jsonl

Each variant is the demo with one switch changed, two folds of it pre-trained,
fine-tuned and tested; it is paired with the unchanged demo video by video. The
unchanged demo has a second seed, which says what a difference is worth.
`docs/fidelity.md` quotes the results; they say nothing of Oulu-CASIA. Those in
fidelity_demo.jsonl are of the demo until 2026-11-30, 12 epochs at a rate of
0.001; those in fidelity_demo_40_epochs.jsonl of what it is now. What is in DIR
or in the file already is not run again.
"""

import argparse
import json
import pathlib

from benchmarks.science import demo_runs
from stclr_jax.evaluation.audits import under_the_person
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.experiments.finished import run_pairs
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

FOLDS = (0, 1)
UNCHANGED = 'unchanged, seed 0'

# By what the ledger calls the switches; in the order of what they may matter.
VARIANTS = {
  UNCHANGED: {},
  'unchanged, seed 1': {'seed': 1},
  'temperature=0.5': {'pretrain.temperature': 0.5},
  'views.temporal.variant=author_code': {
    'pretrain.views.temporal.variant': 'author_code',
    'pretrain.views.temporal.probabilities': (),
  },
  'batch_norm.groups=4, negatives.groups=4': {
    'batch_norm.groups': 4, 'pretrain.negatives.groups': 4,
  },
  'views.crop.area=(0.2, 1.0)': {'pretrain.views.crop.area': (0.2, 1.0)},
  'batch_norm.views=apart': {'batch_norm.views': 'apart'},
  'optimizer.state_between_stages=kept': {
    'finetune.optimizer.state_between_stages': 'kept',
  },
  'optimizer.schedule=constant': {'pretrain.optimizer.schedule': 'constant'},
  'projection.hidden_features=32': {'pretrain.projection.hidden_features': 32},
  "heads begin as torch's nn.Linear": {
    'pretrain.projection.initializer': 'torch_linear',
    'finetune.classifier.initializer': 'torch_linear',
  },
  'batch_size=72': {'pretrain.batch_size': 72},
  'views.color at twice the strength': {
    'pretrain.views.color.brightness': 0.8,
    'pretrain.views.color.contrast': 0.8,
    'pretrain.views.color.saturation': 0.8,
    'pretrain.views.color.hue': 0.2,
  },
  'temperature=0.07': {'pretrain.temperature': 0.07},
  'views.mean and views.std of 0.5': {
    f'{stage}.views.{name}': (0.5, 0.5, 0.5)
    for stage in ('pretrain', 'finetune')
    for name in ('mean', 'std')
  },
}  # fmt: skip


def main():
  """Runs the variants that the file of results lacks."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--runs', required=True, help='folder of the runs')
  parser.add_argument('--out', required=True, help='file to append results to')
  parser.add_argument(
    '--only', nargs='*', choices=VARIANTS, default=list(VARIANTS)
  )
  options = parser.parse_args()
  out, runs = pathlib.Path(options.out), pathlib.Path(options.runs)
  done = {row['variant'] for row in demo_runs.read_rows(out)}
  for name in dict.fromkeys((UNCHANGED, *options.only)):
    workdir = runs / folder_name(name)
    if name in done and summaries.is_finished(workdir):
      continue
    folds = {'folds': ','.join(map(str, FOLDS))}
    demo_runs.run('crossval', workdir, {**folds, **VARIANTS[name]})
    row = describe(name, workdir, runs / folder_name(UNCHANGED))
    if name not in done:
      demo_runs.append_row(out, row)
    print(json.dumps(row), flush=True)


def folder_name(variant):
  """Returns a variant's name without what a folder's may not have."""
  kept = (char if char.isalnum() or char in '._-' else '_' for char in variant)
  return ''.join(kept)


def describe(name, workdir, unchanged):
  """Says what a variant changed.

  Args:
    name: of the variant.
    workdir: of its cross-validation.
    unchanged: that of the unchanged demo.

  Returns:
    A JSON-able dict: 'variant', 'changes', 'correct', 'total'; 'difference',
    'low', 'high' and 'p' of the pairing with the unchanged demo; the mean
    over folds of what linear probes read off the frozen encoder, 'probes'.
  """
  paired = run_pairs.compare_runs(
    predicted_runs.read_run(unchanged), predicted_runs.read_run(workdir)
  )
  found = paired.comparison
  audits = [
    summaries.read(folder, summaries.PretrainSummary)
    .audit.readings[under_the_person.CLIP]
    .probes
    for folder in workdirs.folds_with(workdir, 'pretrain').values()
  ]
  return {
    'variant': name,
    'changes': VARIANTS[name],
    'data': paired.data,
    'folds': list(FOLDS),
    'correct': paired.run_b.correct,
    'total': paired.run_b.total,
    'difference': found.difference,
    'low': found.by_people.low,
    'high': found.by_people.high,
    'p': found.sign_flip_p,
    'probes': {
      key: sum(getattr(one, key).share for one in audits) / len(audits)
      for key in ('expression', 'subject')
    },
  }


if __name__ == '__main__':
  main()
