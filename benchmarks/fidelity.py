"""What the choices that the paper leaves open change, on drawn faces.

    python -m benchmarks.fidelity --out benchmarks/results/fidelity_demo.jsonl

Each variant is a pretraining run of the demo with one switch changed. What it
is judged by needs no fine-tuning: neighbours of other people vote on each
training video by the frozen encoder.
The unchanged run has several seeds, whose spread says what a difference is
worth. `docs/fidelity.md` quotes the results; they say nothing of Oulu-CASIA.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

# Every run's own: small enough for two cores.
COMMON = {'encoder.width': 0.125}

VARIANTS = {
  'unchanged, seed 0': {},
  'unchanged, seed 1': {'seed': 1},
  'unchanged, seed 2': {'seed': 2},
  'batch_norm.groups=4, negatives.groups=4': {
    'batch_norm.groups': 4, 'negatives.groups': 4,
  },
  'temperature=0.5': {'temperature': 0.5},
  'temperature=0.07': {'temperature': 0.07},
  'batch_norm.views=apart': {'batch_norm.views': 'apart'},
  'views.crop.area=(0.2, 1.0)': {'views.crop.area': (0.2, 1.0)},
  'views.color at twice the strength': {
    'views.color.brightness': 0.8, 'views.color.contrast': 0.8,
    'views.color.saturation': 0.8, 'views.color.hue': 0.2,
  },
  'views.temporal.variant=author_code': {
    'views.temporal.variant': 'author_code',
    'views.temporal.probabilities': (),
  },
  'batch_size=72': {'batch_size': 72},
  'projection.hidden_features=32': {'projection.hidden_features': 32},
  'pretrain_scope=all_unlabelled': {'pretrain_scope': 'all_unlabelled'},
  'optimizer.schedule=cosine': {'optimizer.schedule': 'cosine'},
  'views.mean and views.std of 0.5': {
    'views.mean': (0.5, 0.5, 0.5), 'views.std': (0.5, 0.5, 0.5),
  },
  'batch_norm.groups=4': {'batch_norm.groups': 4},
  'negatives.groups=4': {'negatives.groups': 4},
}  # fmt: skip


def main():
  """Runs the variants that the file of results lacks."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--out', required=True, help='file to append results to')
  parser.add_argument('--only', nargs='*', help='names of variants')
  options = parser.parse_args()
  out = pathlib.Path(options.out)
  done = {row['variant'] for row in _read(out)}
  for name, changes in VARIANTS.items():
    if name in done or (options.only and name not in options.only):
      continue
    summary = _pretrain(COMMON | changes)
    row = {
      'variant': name,
      'changes': changes,
      **{
        key: summary[key]
        for key in ('loss', 'contrastive_accuracy', 'knn_accuracy', 'seconds')
      },
      'probes': {
        key: summary['audit']['probes'][key]['share']
        for key in ('expression', 'subject')
      },
      'data': summary['data'],
    }
    with out.open('a') as file:
      file.write(json.dumps(row) + '\n')
    print(json.dumps(row), flush=True)


def _pretrain(changes):
  with tempfile.TemporaryDirectory() as folder:
    workdir = pathlib.Path(folder, 'run')
    subprocess.run(
      [
        sys.executable, 'main.py', '--config=configs/pretrain.py',
        f'--workdir={workdir}',
        *(f'--config.{key}={value}' for key, value in changes.items()),
      ],
      check=True,
      stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return json.loads((workdir / 'summary.json').read_text())


def _read(path):
  if not path.exists():
    return []
  return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == '__main__':
  main()
