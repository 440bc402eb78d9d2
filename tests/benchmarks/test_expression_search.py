"""The recipes of the search are settings that exist, and each is run once."""

import json
import pathlib
import subprocess

import made_summaries
import pytest

from benchmarks.science import expression_search
from configs import pretrain
from stclr_jax.experiments.finished.fold_summaries import BaselinesSummary
from stclr_jax.experiments.finished.fold_summaries import MethodAccuracy
from stclr_jax.runs import summaries
from stclr_jax.runs.summaries import PretrainSummary


@pytest.mark.parametrize('name', expression_search.RECIPES)
def test_a_recipe_changes_the_longer_demo(name):
  config = pretrain.get_config('demo')
  config.update_from_flattened_dict(expression_search.LONGER)
  longer = config.to_json()
  config.update_from_flattened_dict(expression_search.RECIPES[name])
  assert (config.to_json() == longer) == (name == 'clip')


def run_search(monkeypatch, folder, *arguments):
  """Runs the search on made runs; returns commands and results so far."""
  commands = []
  run_anything = subprocess.run

  def run(command, **options):
    if 'main.py' not in command:  # what asks for the machine's name
      return run_anything(command, **options)
    commands.append(command)
    workdir = pathlib.Path(command[3].partition('=')[2])
    workdir.mkdir(parents=True)
    found = made_summaries.make(MethodAccuracy, correct=7, title='Probe')
    methods = dict.fromkeys(expression_search.PROBES, found)
    made = made_summaries.make(BaselinesSummary, folds=(0,), methods=methods)
    if 'configs/pretrain.py' in command[2]:
      audit = made_summaries.make_audit(
        expression=0.3, subject=0.9, num_videos=432
      )
      made = made_summaries.make(PretrainSummary, audit=audit)
    summaries.write(made, workdir)
    return None

  monkeypatch.setattr(subprocess, 'run', run)
  out = folder / 'out.jsonl'
  monkeypatch.setattr(
    'sys.argv',
    ['search', f'--out={out}', f'--runs={folder}/runs', *arguments],
  )
  expression_search.main()
  rows = out.read_text().splitlines() if out.exists() else []
  return commands, [json.loads(row) for row in rows]


def test_recipes_are_run_once_a_seed(tmp_path, monkeypatch):
  only = '--only', 'clip', 'change'
  commands, rows = run_search(monkeypatch, tmp_path, *only)
  assert len(commands) == 4 and [row['measure'] for row in rows] == [0.3, 0.3]
  assert [row['recipe'] for row in rows] == ['clip', 'change']
  assert rows[0]['unseen']['change_probe'] == [7, 60]
  assert rows[0]['cores'] >= 1 and str(tmp_path) not in rows[0]['command']
  assert '--config.projection.input=change' in commands[2]
  assert '--config.num_epochs=20' in commands[0]
  assert not run_search(monkeypatch, tmp_path, *only)[0]
  for flag, key in (('--seed', 'seed'), ('--epochs', 'num_epochs')):
    commands, rows = run_search(monkeypatch, tmp_path, flag, '1', *only[:2])
    assert f'--config.{key}=1' in commands[0]
    assert rows[-1]['seed' if key == 'seed' else 'epochs'] == 1


def test_it_ends_when_its_time_is_up(tmp_path, monkeypatch, capsys):
  commands, rows = run_search(monkeypatch, tmp_path, '--minutes', '0')
  assert not commands and not rows
  assert "Time is up before 'change of clip'" in capsys.readouterr().err
