"""The open choices whose effect is measured are switches that exist."""

import json
import pathlib
import subprocess

import pytest

from benchmarks import fidelity
from configs import pretrain


@pytest.mark.parametrize('name', fidelity.VARIANTS)
def test_a_variant_changes_the_demo(name):
  config = pretrain.get_config('demo')
  for key, value in fidelity.VARIANTS[name].items():
    before = config
    for part in key.split('.'):
      before = before[part]
    # Seed 0 and others are what the variants are compared with.
    assert before != value, key
    config.update_from_flattened_dict({key: value})


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
  names = list(fidelity.VARIANTS)[:2]
  summary = {
    'loss': 3.0, 'contrastive_accuracy': 0.1, 'knn_accuracy': 0.2,
    'seconds': 1.0, 'data': 'synthetic_demo:vl_strong',
    'audit': {
      'probes': {'expression': {'share': 0.2}, 'subject': {'share': 0.9}}
    },
  }  # fmt: skip
  commands = []

  def run(command, **_):
    commands.append(command)
    workdir = next(c for c in command if c.startswith('--workdir='))
    folder = pathlib.Path(workdir.partition('=')[2])
    folder.mkdir()
    (folder / 'summary.json').write_text(json.dumps(summary))

  monkeypatch.setattr(subprocess, 'run', run)
  out = tmp_path / 'out.jsonl'
  arguments = ['fidelity', '--out', str(out), '--only']
  monkeypatch.setattr('sys.argv', [*arguments, names[0]])
  fidelity.main()
  monkeypatch.setattr('sys.argv', [*arguments, *names])
  fidelity.main()
  rows = [json.loads(line) for line in out.read_text().splitlines()]
  assert [row['variant'] for row in rows] == names
  assert rows[0]['probes'] == {'expression': 0.2, 'subject': 0.9}
  assert '--config.seed=1' in commands[1] and len(commands) == 2
