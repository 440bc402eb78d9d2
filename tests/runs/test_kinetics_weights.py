"""torchvision's weights as the beginning of a run."""

import jax
import numpy as np
import pytest

from stclr_jax.learning.saved import checkpoints
from stclr_jax.models.weights import torchvision_names
from stclr_jax.runs import build
from stclr_jax.workflows import finetune
from stclr_jax.workflows import pretrain


def write_weights(path, config):
  """Writes random weights under torchvision's names."""
  from safetensors import numpy as safetensors

  variables = build.init_network(
    pretrain.make_network(config),
    build.make_view_options(config.views),
    seed=7,
  )
  tensors = {'fc.bias': np.zeros(400, np.float32)}
  for collection in ('params', 'batch_stats'):
    leaves, _ = jax.tree_util.tree_flatten_with_path(
      variables[collection]['encoder']
    )
    for key_path, leaf in leaves:
      name = torchvision_names.torchvision_name(
        [key.key for key in key_path], 'r2plus1d_18'
      )
      leaf = np.asarray(leaf) + np.float32(0.01)
      if leaf.ndim == 5:
        leaf = leaf.transpose(4, 3, 0, 1, 2)
      tensors[name] = np.ascontiguousarray(leaf)
  safetensors.save_file(tensors, path)
  return tensors


def test_weights_find_their_places(tiny_config, shallow_encoder, tmp_path):
  path = tmp_path / 'kinetics.safetensors'
  config = tiny_config('pretrain', init='kinetics400', init_weights=str(path))
  weights = write_weights(path, config)
  fresh = build.init_network(
    pretrain.make_network(config),
    build.make_view_options(config.views),
    seed=0,
  )
  variables, report = build.load_weights(fresh, config)
  assert report.fresh == ('projection_head',)
  assert report.skipped == ('fc.bias',)
  assert report.loaded == len(weights) - 1
  encoder = variables['params']['encoder']
  np.testing.assert_array_equal(
    encoder['stem_spatial']['kernel'].transpose(4, 3, 0, 1, 2),
    weights['stem.0.weight'],
  )
  np.testing.assert_array_equal(
    variables['batch_stats']['encoder']['layer2_0']['norm2']['var'],
    weights['layer2.0.conv2.1.running_var'],
  )
  assert (
    variables['params']['projection_head']
    is (fresh['params']['projection_head'])
  )


@pytest.mark.slow
def test_both_workflows_begin_with_the_weights(
  tiny_store, tiny_config, tmp_path, capsys
):
  path = tmp_path / 'kinetics.safetensors'
  choice = {'init': 'kinetics400', 'init_weights': str(path)}
  config = tiny_config('pretrain', num_epochs=1, **choice)
  config.optimizer.learning_rate = 1e-30  # moves no float32
  config.optimizer.weight_decay = 0.0
  weights = write_weights(path, config)
  summary = pretrain.run(config, tmp_path / 'pretrained', store=tiny_store)
  assert '  Skipped, in the file only: fc.bias' in capsys.readouterr().out
  assert summary.init_weights.fresh == ('projection_head',)
  kernel = checkpoints.read(tmp_path / 'pretrained').state['params'][
    'encoder']['stem_spatial']['kernel']  # fmt: skip
  np.testing.assert_array_equal(
    kernel.transpose(4, 3, 0, 1, 2), weights['stem.0.weight']
  )
  config = tiny_config('finetune', num_epochs=1, **choice)
  summary = finetune.run(config, tmp_path / 'finetuned', store=tiny_store)
  assert summary.init == 'kinetics400'
  # One epoch of the classifier alone.
  after = checkpoints.read(tmp_path / 'finetuned').state['params']['encoder']
  np.testing.assert_array_equal(after['stem_spatial']['kernel'], kernel)


@pytest.mark.parametrize('workflow', [pretrain, finetune])
@pytest.mark.parametrize(
  'choice,error,message',
  [
    ({'init': 'imagenet'}, ValueError, "'imagenet'.*kinetics400"),
    ({'init': 'kinetics400'}, ValueError, 'needs `init_weights`.*r2plus1d_18'),
    (
      {'init': 'scratch', 'init_weights': 'w.pth'},
      ValueError,
      "`init_weights` .='w.pth'.*no meaning",
    ),
    (
      {'init': 'kinetics400', 'init_weights': 'none.pth'},
      FileNotFoundError,
      'no file none.pth',
    ),
  ],
)
def test_impossible_beginnings_are_refused(
  workflow, choice, error, message, tiny_store, tiny_config, tmp_path
):
  name = workflow.__name__.rpartition('.')[2]
  with pytest.raises(error, match=message):
    workflow.run(
      tiny_config(name, **choice), tmp_path / 'run', store=tiny_store
    )
  assert not (tmp_path / 'run').exists()
