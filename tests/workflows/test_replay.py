"""Steps of real runs, shrunk, that are taken again."""

import dataclasses
import functools
import hashlib
import json

import ml_collections
import numpy as np
import pytest

from stclr_jax import replay as command
from stclr_jax.errors import NotFiniteError
from stclr_jax.errors import UserError
from stclr_jax.files import json_records
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import journal
from stclr_jax.runs.training import replaying
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain

WORKFLOWS = {'pretrain': pretrain, 'finetune': finetune}


def replay(workdir, step, place, store):
  config = ml_collections.ConfigDict(workdirs.read_config(workdir))
  run = functools.partial(WORKFLOWS[config.workflow].run, store=store)
  return replaying.replay(run, config, workdir, place / 'again', step)


def digests(folder):
  return {
    path.relative_to(folder): hashlib.sha256(path.read_bytes()).digest()
    for path in folder.rglob('*')
    if path.is_file()
  }


@pytest.mark.slow
def test_a_step_of_either_stage_gives_what_the_run_wrote(
  tiny_store, tiny_config, tmp_path
):
  workdir = tmp_path / 'run'
  config = tiny_config(
    'finetune',
    init='scratch',
    num_epochs=2,
    log_every_steps=1,
    **{'checkpoint.keep': 2},
  )
  finetune.run(config, workdir, store=tiny_store)
  # Of the first epoch's, none is left before it: from the beginning.
  before = digests(workdir)
  written = {
    line['step']: line for line in journal.read_lines(workdir) if 'loss' in line
  }
  per_epoch = len(written) // 2
  for step, begun in ((2, 0), (per_epoch + 3, per_epoch)):
    found = replay(workdir, step, tmp_path / str(step), tiny_store)
    assert found.gone_on_from == begun
    assert found.epoch == written[step]['epoch']
    assert len(found.videos) == config.batch_size
    assert found.watched.first_wrong is None
    for name in ('loss', 'accuracy', 'gradient_norm'):
      np.testing.assert_allclose(
        found.watched.metrics[name], written[step][name], rtol=1e-4
      )
  assert digests(workdir) == before
  with pytest.raises(UserError, match=r'There is no step 999 .* are 1 to \d+'):
    replay(workdir, 999, tmp_path / 'none', tiny_store)


@pytest.mark.slow
def test_the_step_before_the_wrong_one_was_finite(broken, tiny_store, tmp_path):
  step = replaying.find_step(broken)
  earlier = replay(broken, step - 1, tmp_path, tiny_store)
  assert earlier.watched.first_wrong is None
  assert 'All of it is finite' in command.describe(earlier, broken)


@pytest.fixture
def broken(tiny_store, tiny_config, tmp_path):
  """A pretraining whose rate throws it out of float32 by its second step."""
  config = tiny_config('pretrain', **{'optimizer.learning_rate': 1e30})
  with pytest.raises(NotFiniteError, match='not_finite'):
    pretrain.run(config, tmp_path / 'run', store=tiny_store)
  return tmp_path / 'run'


@pytest.mark.slow
def test_the_first_layer_that_is_not_finite_is_found(
  broken, tiny_store, tmp_path
):
  step = replaying.find_step(broken)
  noted = json.loads((broken / 'not_finite.jsonl').read_text())
  found = replay(broken, step, tmp_path, tiny_store)
  assert list(found.videos) == noted['videos']
  assert not np.isfinite(found.watched.metrics['loss'])
  what, name = found.watched.first_wrong
  assert what == 'output'
  assert name.startswith('encoder/')
  place = [layer.name for layer in found.watched.layers].index(name)
  for layer in found.watched.layers[:place]:
    assert layer.output.not_finite == 0
  said = command.describe(found, broken)
  assert f'First not finite, on the way there: {name}, float32' in said
  assert 'the run noted loss nan' in said
  assert len(command.describe(found, broken, everything=True)) > len(said)


def test_what_cannot_be_taken_again_is_refused(tmp_path):
  for workflow in ('pretrain', 'crossval'):
    (tmp_path / workflow).mkdir()
    workdirs.write_json(
      tmp_path / workflow / 'config.json',
      {'format': json_records.FORMAT, 'workflow': workflow},
    )
  with pytest.raises(SystemExit, match='say which one is meant'):
    command.main([str(tmp_path / 'pretrain')])
  with pytest.raises(SystemExit, match='is a run of crossval; a training has'):
    command.main([str(tmp_path / 'crossval'), '3'])
  with pytest.raises(SystemExit, match='nothing'):
    command.main([str(tmp_path / 'nothing'), '3'])


@pytest.mark.slow
def test_data_that_has_changed_is_refused(tiny_store, tiny_config, tmp_path):
  config = tiny_config('pretrain', num_epochs=2)
  pretrain.run(config, tmp_path / 'run', store=tiny_store)
  changed = dataclasses.replace(tiny_store, label=tiny_store.label[::-1])
  with pytest.raises(UserError, match='not those that it was trained on'):
    replay(tmp_path / 'run', 9, tmp_path, changed)
