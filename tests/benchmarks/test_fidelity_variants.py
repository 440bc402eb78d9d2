"""The open choices whose effect is measured are switches that exist."""

import csv
import json
import pathlib
import subprocess

import made_summaries
import pytest

from benchmarks.science import fidelity
from configs import crossval
from stclr_jax.experiments.finished.fold_summaries import CrossvalSummary
from stclr_jax.runs import summaries
from stclr_jax.runs.summaries import PretrainSummary


@pytest.mark.parametrize('name', fidelity.VARIANTS)
def test_a_variant_changes_the_demo(name):
  config = crossval.get_config('demo')
  for key, value in fidelity.VARIANTS[name].items():
    before = config
    for part in key.split('.'):
      before = before[part]
    # Seed 0 and others are what the variants are compared with.
    assert before != value, key
    config.update_from_flattened_dict({key: value})


def write_run(folder, num_right):
  """A cross-validation of two folds, twelve videos, some named rightly."""
  videos = [(f'P{i // 6}/{i}', i // 6, 'Joy') for i in range(12)]
  folder.mkdir(parents=True)
  with (folder / 'predictions.csv').open('w', newline='') as file:
    writer = csv.writer(file)
    writer.writerow(['video_id', 'subject', 'label', 'prediction'])
    for i, (video, person, label) in enumerate(videos):
      named = label if i < num_right else 'Fear'
      writer.writerow([video, person, label, named])
  summaries.write(made_summaries.make(CrossvalSummary, data='drawn'), folder)
  for fold, share in enumerate((0.2, 0.4)):
    audit = made_summaries.make_audit(
      expression=share, subject=0.9, num_videos=10
    )
    place = folder / f'fold_{fold}/pretrain'
    place.mkdir(parents=True)
    summaries.write(made_summaries.make(PretrainSummary, audit=audit), place)


def test_variants_are_paired_with_the_unchanged_and_run_once(
  tmp_path, monkeypatch
):
  commands = []

  def run(command, **_):
    workdir = next(c for c in command if c.startswith('--workdir='))
    folder = pathlib.Path(workdir.partition('=')[2])
    write_run(folder, 6 + 3 * len(commands))
    commands.append(command)

  monkeypatch.setattr(subprocess, 'run', run)
  out = tmp_path / 'out.jsonl'
  arguments = ['fidelity', f'--out={out}', f'--runs={tmp_path}/runs', '--only']
  for _ in range(2):
    monkeypatch.setattr('sys.argv', [*arguments, 'temperature=0.5'])
    fidelity.main()
  assert len(commands) == 2
  assert '--config.pretrain.temperature=0.5' in commands[1]
  assert '--config.folds=0,1' in commands[1]
  rows = [json.loads(line) for line in out.read_text().splitlines()]
  assert [row['variant'] for row in rows] == [
    fidelity.UNCHANGED, 'temperature=0.5',
  ]  # fmt: skip
  assert [row['correct'] for row in rows] == [6, 9]
  assert [row['difference'] for row in rows] == [0, 0.25]
  assert rows[1]['probes'] == pytest.approx({'expression': 0.3, 'subject': 0.9})
