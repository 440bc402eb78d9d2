"""Runs whose batch is divided into parts, and those that cannot be."""

import math

import pytest

from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


@pytest.mark.slow
def test_a_run_in_parts(tiny_store, tiny_config, tmp_path):
  parts = {'batch_size': 16, 'batch_norm.groups': 8}
  config = tiny_config(
    'pretrain',
    num_epochs=1,
    **parts,
    **{'negatives.groups': 8, 'batch_norm.views': 'apart'},
  )
  summary = pretrain.run(config, tmp_path / 'pretrained', store=tiny_store)
  # Two videos a part: three others, one of them the positive.
  assert summary.loss_at_chance == math.log(3)
  assert summary.contrastive_accuracy > 1 / 16
  config = tiny_config(
    'finetune', num_epochs=1, init_from=str(tmp_path / 'pretrained'), **parts
  )
  config.frozen_epochs = 0
  assert math.isfinite(
    finetune.run(config, tmp_path / 'run', store=tiny_store).training_loss
  )


@pytest.mark.parametrize(
  'workflow,changes,message',
  [
    (pretrain, {'negatives.groups': 4}, '`negatives.groups` .=4.*8 devices'),
    (pretrain, {'batch_norm.groups': 16}, '`batch_norm.groups` .=16.*=8'),
    (pretrain, {'batch_norm.views': 'both'}, "'both'.*together, apart"),
    (finetune, {'batch_norm.groups': 3}, '`batch_norm.groups` .=3'),
  ],
)
def test_parts_that_do_not_divide_are_refused(
  workflow, changes, message, tiny_store, tiny_config, tmp_path
):
  name = workflow.__name__.rpartition('.')[2]
  with pytest.raises(ValueError, match=message):
    workflow.run(tiny_config(name, **changes), tmp_path / 'run')
  assert not (tmp_path / 'run').exists()
