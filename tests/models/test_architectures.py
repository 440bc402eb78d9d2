"""Networks as data: the paper's numbers, one of one's own, an unknown one."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks.step import roofline
from stclr_jax.models import architectures
from stclr_jax.models.encoders import Encoder


def test_mid_features_are_the_papers():
  pairs = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
  pairs += [(256, 512), (512, 512)]
  assert [architectures.mid_features(*pair) for pair in pairs] == [
    144, 230, 288, 460, 576, 921, 1152,
  ]  # fmt: skip


def test_a_network_of_ones_own_is_one_entry(monkeypatch):
  # Mixed the other way round: time is convolved in the last stage only.
  own = architectures.Architecture(
    architectures.ARCHITECTURES['r3d_18'].stem,
    (
      architectures.Stage(32, 1, architectures.convolution_2d),
      architectures.Stage(48, 3, architectures.convolution_2plus1d),
    ),
  )
  monkeypatch.setitem(architectures.ARCHITECTURES, 'own', own)
  clips = jnp.zeros((1, 4, 16, 16, 3))
  variables = jax.eval_shape(
    lambda: Encoder('own').init(jax.random.key(0), clips, train=False)
  )
  given = jax.eval_shape(
    lambda: Encoder(own).init(jax.random.key(0), clips, train=False)
  )
  assert variables == given
  kernels = {
    '/'.join(part.key for part in path[:-1]): leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables['params'])
    if path[-1].key == 'kernel'
  }
  assert kernels['layer1_0/conv1/conv'] == (1, 3, 3, 64, 32)
  assert kernels['layer2_0/downsample'] == (1, 1, 1, 32, 48)
  mid = architectures.mid_features(48, 48)
  assert kernels['layer2_2/conv2/temporal'] == (3, 1, 1, mid, 48)
  assert 'layer2_1/downsample' not in kernels and len(kernels) == 1 + 3 + 13
  found = roofline.layers('own', frames=4, size=16)
  assert {layer.name for layer in found} == set(kernels)


def test_unknown_architecture_is_refused():
  encoder = Encoder(architecture='resnet50')
  with pytest.raises(ValueError, match="architecture.*'resnet50'.*r3d_18"):
    encoder.init(jax.random.key(0), jnp.zeros((1, 4, 16, 16, 3)), train=False)
