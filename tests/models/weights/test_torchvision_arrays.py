import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stclr_jax.models import architectures
from stclr_jax.models.encoders import Encoder
from stclr_jax.models.weights import torchvision_arrays

FILES = pathlib.Path(__file__).parent / 'torchvision_files'


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_names_and_shapes_are_torchvisions(architecture):
  theirs = json.loads(
    str(np.load(FILES / 'outputs.npz')[f'{architecture}_shapes'])
  )
  ours = torchvision_arrays.from_encoder(
    torchvision_arrays.zeros(architecture, 1), architecture
  )
  shapes = {name: list(array.shape) for name, array in ours.items()}
  del theirs['fc.weight'], theirs['fc.bias']
  assert shapes == theirs  # of every batch norm its counter as well
  counters = [a for name, a in ours.items() if 'num_batches' in name]
  assert {a.dtype for a in counters} == {np.dtype(np.int64)}


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_zeros_are_the_variables_of_the_encoder(architecture):
  encoder = Encoder(architecture, width=0.3)
  clip = jnp.zeros((1, 2, 16, 16, 3))
  expected = jax.eval_shape(
    lambda: encoder.init(jax.random.key(0), clip, train=False)
  )
  found = torchvision_arrays.zeros(architecture, 0.3)
  kinds = [
    jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), tree)
    for tree in (dict(expected), found)
  ]
  assert kinds[0] == kinds[1]


def test_a_dense_layer_computes_what_torchs_does():
  random = np.random.default_rng(0)
  layer = {
    'kernel': random.normal(size=(5, 3)).astype(np.float32),
    'bias': random.normal(size=3).astype(np.float32),
  }
  named = torchvision_arrays.from_dense(layer, 'fc')
  assert named['fc.weight'].shape == (3, 5)  # outputs, inputs
  again = torchvision_arrays.to_dense(named, 'fc')
  for name, array in layer.items():
    np.testing.assert_array_equal(again[name], array)
  x = random.normal(size=(2, 5))
  np.testing.assert_allclose(
    x @ named['fc.weight'].T, x @ layer['kernel'], rtol=1e-6
  )
