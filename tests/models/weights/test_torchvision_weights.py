import json
import pathlib
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stclr_jax.errors import UserError
from stclr_jax.models import architectures
from stclr_jax.models import encoders
from stclr_jax.models.weights import torchvision_weights

FILES = pathlib.Path(__file__).parent / 'torchvision_files'


def draw_clip():
  """Two clips, float32 [2, 8, 32, 32, 3]."""
  random = np.random.RandomState(0)  # its numbers never change
  return random.standard_normal((2, 8, 32, 32, 3)).astype(np.float32)


def draw_weights(shapes):
  """Weights of names and shapes, under which activations keep their size."""

  def draw(name, shape):
    random = np.random.RandomState(zlib.crc32(name.encode()))
    if name.endswith('num_batches_tracked'):
      return np.array(1)
    values = random.standard_normal(shape).astype(np.float32)
    if len(shape) > 1:
      return values * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    if name.endswith('running_var'):
      return 1 + np.abs(values)
    return values / 4 + (1 if name.endswith('weight') else 0)

  return {name: draw(name, shape) for name, shape in shapes.items()}


def init(architecture, **options):
  encoder = encoders.Encoder(architecture=architecture, **options)
  variables = jax.eval_shape(
    lambda: encoder.init(
      jax.random.key(0), jnp.zeros((1, 8, 32, 32, 3)), train=False
    )
  )
  variables = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), variables)
  return encoder, {
    'params': {'encoder': variables['params'], 'classifier': np.zeros(3)},
    'batch_stats': {'encoder': variables['batch_stats']},
  }


def save(path, tensors):
  from safetensors import numpy as safetensors

  safetensors.save_file(tensors, path)
  return path


def shapes_of(architecture):
  return json.loads(
    str(np.load(FILES / 'outputs.npz')[f'{architecture}_shapes'])
  )


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_outputs_equal_torchvisions(architecture, tmp_path):
  path = save(
    tmp_path / 'weights.safetensors', draw_weights(shapes_of(architecture))
  )
  encoder, variables = init(architecture)
  variables, report = torchvision_weights.load_encoder(
    variables, path, architecture
  )
  h = jax.jit(lambda v, x: encoder.apply(v, x, train=False))(
    {name: part['encoder'] for name, part in variables.items()}, draw_clip()
  )
  expected = np.load(FILES / 'outputs.npz')[architecture]
  difference = np.abs(h - expected).max()
  print(
    f'{architecture}: largest difference {difference:.1e}, largest output '
    f'{np.abs(expected).max():.1f}'
  )
  assert difference < 1e-4
  assert np.std(expected) > 0.1  # Otherwise anything would be near.
  assert report.fresh == ('classifier',)
  tracked = {n for n in report.skipped if n.endswith('num_batches_tracked')}
  assert set(report.skipped) - tracked == {'fc.weight', 'fc.bias'}
  assert len(report.loaded) + len(report.skipped) == len(
    shapes_of(architecture)
  )
  np.testing.assert_array_equal(variables['params']['classifier'], np.zeros(3))


def test_report_names_both_sides(tmp_path):
  path = save(tmp_path / 'w.safetensors', draw_weights(shapes_of('mc3_18')))
  _, variables = init('mc3_18')
  _, report = torchvision_weights.load_encoder(variables, path, 'mc3_18')
  assert 'fc.bias, fc.weight' in report.describe()
  assert 'Fresh, in the network only: classifier' in report.describe()


@pytest.mark.parametrize(
  'tensors,options,message',
  [
    # Another network's batch norms fit: half an encoder must not pass.
    ('r3d_18', {}, r'has \d+ of \d+ arrays.*layer1.0.conv1.0.weight'),
    ('r2plus1d_18', {'width': 0.5}, r'has 0 of \d+ .*encoder.width'),
    ({'resnet.weight': np.ones(3)}, {}, r'has 0 of \d+.*resnet.weight'),
  ],
)
def test_what_does_not_fit_is_refused(tensors, options, message, tmp_path):
  if isinstance(tensors, str):
    tensors = draw_weights(shapes_of(tensors))
  path = save(tmp_path / 'w.safetensors', tensors)
  _, variables = init('r2plus1d_18', **options)
  with pytest.raises(ValueError, match=f'(?s){message}'):
    torchvision_weights.load_encoder(variables, path, 'r2plus1d_18')


UNSOUND = [
  ('stem.0.weight', np.float32, np.nan, r'stem.0.weight \(1 of \d+ not finite'),
  ('layer1.0.conv1.1.bias', np.float32, -np.inf, r'conv1.1.bias \(1 of 64 not'),
  ('stem.1.running_mean', np.float64, 1e300, r'stem.1.running_mean \(1 of 64'),
  ('stem.1.running_var', np.float32, -1e-3, r'running_var \(1 of 64 negative'),
]


@pytest.mark.parametrize('name, dtype, value, message', UNSOUND)
def test_weights_that_are_not_finite_are_refused(
  name, dtype, value, message, tmp_path
):
  tensors = draw_weights(shapes_of('mc3_18'))
  tensors[name] = tensors[name].astype(dtype)
  tensors[name].flat[-1] = value
  path = save(tmp_path / 'w.safetensors', tensors)
  _, variables = init('mc3_18')
  with pytest.raises(UserError, match=f'`init_weights`.*{message}'):
    torchvision_weights.load_encoder(variables, path, 'mc3_18')


def test_what_is_skipped_may_be_anything(tmp_path):
  tensors = draw_weights(shapes_of('mc3_18'))
  tensors['fc.bias'][0] = np.nan
  path = save(tmp_path / 'w.safetensors', tensors)
  _, variables = init('mc3_18')
  _, report = torchvision_weights.load_encoder(variables, path, 'mc3_18')
  assert 'fc.bias' in report.skipped
