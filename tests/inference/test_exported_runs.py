import numpy as np
import optax
import pytest
import saved_networks

import stclr_jax
from stclr_jax.exports import hub_folder
from stclr_jax.inference import network
from stclr_jax.learning import state as states
from stclr_jax.learning.saved import run_checkpoints
from stclr_jax.models.weights import safetensors_files
from stclr_jax.runs import workdirs


def test_a_run_is_exported_with_its_figures(tmp_path, shallow_encoder):
  run, out = tmp_path / 'run', tmp_path / 'out'
  run.mkdir()
  saved_networks.save(run, 'clip')
  saved_networks.finish(run, correct=3, total=4, epoch_tested=1)
  (run / workdirs.PREDICTIONS).write_text(
    'video_id,subject,label,prediction,correct\n'
    'P1/a,P1,a,a,1\nP1/b,P1,b,b,1\nP2/a,P2,a,a,1\nP2/b,P2,b,a,0\n'
  )
  hub_folder.write(run, out, hub_folder.Options())
  ours, theirs = network.read(run), network.read(out)
  assert ours.checksum == theirs.checksum
  for name in ('trained_on', 'making', 'calibration', 'view_options', 'labels'):
    assert getattr(ours, name) == getattr(theirs, name)
  card = ' '.join((out / 'README.md').read_text().split())
  assert '**Accuracy: 3/4 = 75.00 %' in card
  assert 'of 2 people tested, 1 have all their videos' in card
  clips = np.zeros((1, 5, 16, 16, 3), np.uint8)
  classify = stclr_jax.load_classifier(out)
  assert classify(clips).shape == (1, 3)
  np.testing.assert_array_equal(
    stclr_jax.load_encoder(out)(clips), stclr_jax.load_encoder(run)(clips)
  )


def test_a_projection_head_goes_out_on_request(tmp_path, shallow_encoder):
  run, out = tmp_path / 'run', tmp_path / 'out'
  run.mkdir()
  _, variables = saved_networks.save(run, 'clip')
  with pytest.raises(ValueError, match='no pretraining.*--projection_head'):
    hub_folder.write(run, out, hub_folder.Options(projection_head=True))
  layer = {
    'kernel': np.arange(6, dtype=np.float32).reshape(2, 3),
    'bias': np.ones(3, np.float32),
  }
  params = {'encoder': variables['params']['encoder']}
  params['projection_head'] = {'hidden': layer, 'output': layer}
  pretrained = tmp_path / 'pretrained'
  with run_checkpoints.RunCheckpoints(
    pretrained, steps_per_epoch=1, keep=1
  ) as saved:
    state = {'params': params, 'batch_stats': variables['batch_stats']}
    saved.save(
      1, states.create_state(state, optax.identity()), saved_networks.NOTES
    )
  hub_folder.write(pretrained, out, hub_folder.Options(projection_head=True))
  wanted = {
    f'{name}.{part}': array
    for name in ('hidden', 'output')
    for part, array in (('weight', layer['kernel'].T), ('bias', layer['bias']))
  }
  path = out / 'projection_head.safetensors'
  found = safetensors_files.read(path, wanted)
  for name, array in wanted.items():
    np.testing.assert_array_equal(found[name], array)
  assert network.read(out).labels is None
  assert 'projection head' in (out / 'README.md').read_text()
