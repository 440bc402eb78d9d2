import dataclasses
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from benchmarks.step import ceilings
from benchmarks.step import roofline
from configs import pretrain as pretrain_config
from stclr_jax.data import folds
from stclr_jax.models import architectures
from stclr_jax.models import encoders
from stclr_jax.models.convolutions import Conv

H200 = ceilings.DEVICES['h200']
README = pathlib.Path(roofline.__file__).parents[1] / 'README.md'


def test_views_of_the_paper_and_of_a_fold_are_told_apart():
  config = pretrain_config.get_config('paper')
  people = np.repeat(np.arange(80), 6)
  videos = len(folds.make_folds(people).fold(0).train)
  whole_batches = videos // config.batch_size * config.batch_size
  of_a_fold = 2 * whole_batches * config.num_epochs
  text = README.read_text()
  assert f'{roofline.PAPER_VIEWS:,} views' in text
  assert f'draws {of_a_fold:,}' in text
  share = of_a_fold / roofline.PAPER_VIEWS
  assert f'{share:.2f} of what stands there' in text


def test_flops_and_parameters_of_table_i_are_exact():
  found = roofline.layers()
  assert len(found) == 37
  assert roofline.parameters(found) == 31_300_125
  assert roofline.forward_flops(found) / 1e9 == pytest.approx(324.15, abs=5e-3)
  assert roofline.training_flops(found) / 1e12 == pytest.approx(
    0.9698, abs=5e-5
  )


@pytest.mark.parametrize(
  'architecture, gmac, parameters',
  # torchvision's own tables, `_ops` and `num_params` less the 400-way fc.
  [
    ('r2plus1d_18', 40.519, 31_505_325 - 205_200),
    ('r3d_18', 40.697, 33_371_472 - 205_200),
    ('mc3_18', 43.343, 11_695_440 - 205_200),
  ],
)
def test_agrees_with_torchvision_at_112(architecture, gmac, parameters):
  found = roofline.layers(architecture, size=112)
  assert roofline.forward_flops(found) / 2e9 == pytest.approx(gmac, abs=2e-3)
  assert roofline.parameters(found) == parameters


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_layers_are_the_encoders(architecture):
  seen = []

  def note(next_fun, args, kwargs, context):
    y = next_fun(*args, **kwargs)
    if isinstance(context.module, Conv):
      path = '/'.join(context.module.path)
      seen.append((path, args[0].shape[1:], y.shape[1:], context.module))
    return y

  encoder = encoders.Encoder(
    architecture=architecture, width=0.5, channel_multiple=1
  )
  with nn.intercept_methods(note):
    variables = jax.eval_shape(
      lambda: encoder.init(
        jax.random.key(0), jnp.zeros((1, 8, 40, 40, 3)), train=False
      )
    )
  found = roofline.layers(architecture, frames=8, size=40, width=0.5)
  assert {layer.name for layer in found} == {path for path, *_ in seen}
  by_name = {layer.name: layer for layer in found}
  for path, in_shape, out_shape, conv in seen:
    layer = by_name[path]
    assert (layer.in_shape, layer.out_shape) == (in_shape, out_shape), path
    assert layer.kernel == tuple(conv.kernel_size), path
    assert layer.strides == tuple(conv.strides), path
  sizes = jax.tree.map(lambda a: int(np.prod(a.shape)), variables['params'])
  assert roofline.parameters(found) == sum(jax.tree.leaves(sizes))


@pytest.mark.parametrize(
  'mode, shares, milliseconds',
  [
    ('xla', (1, 1), 2.34),
    ('epilogue', (1, 1), 2.22),
    ('ideal', (1, 1), 1.58),
    ('torch', (1, 1), 2.97),
    ('xla', (0.65, 0.85), 3.12),
  ],
)
def test_bounds_of_a_step(mode, shares, milliseconds):
  seconds = roofline.bound(roofline.layers(), H200, mode, shares=shares)
  assert sum(seconds.values()) * 1e3 == pytest.approx(milliseconds, abs=6e-3)


def test_no_bound_is_below_the_arithmetic():
  found = roofline.layers('r3d_18')
  least = roofline.training_flops(found) / H200.matmul_flops
  for mode in ('xla', 'epilogue', 'ideal', 'torch'):
    assert sum(roofline.bound(found, H200, mode).values()) > least
    flops = sum(f for _, _, f, _ in roofline.kernels(found, mode))
    assert flops == roofline.training_flops(found)


def three_parts(in_features, features, stride):
  """A convolution in three parts, for a network that nobody has."""
  first = architectures.convolution_2plus1d(in_features, features, stride)
  return (
    *first,
    architectures.Convolution('last', features, (3,) * 3, (1,) * 3),
  )


def test_gradients_meet_at_the_input_of_a_block_with_a_shortcut(subtests):
  r3d = architectures.ARCHITECTURES['r3d_18']
  stages = tuple(s._replace(convolution=three_parts) for s in r3d.stages)
  own = {'own': dataclasses.replace(r3d, stages=stages)}
  for name, whole in (architectures.ARCHITECTURES | own).items():
    with subtests.test(architecture=name):
      found = roofline.layers(whole)
      # What leaves the stem or a block enters the next block.
      stem = len(whole.stem)
      blocks = [layer for layer in found if layer.residual]
      entries = [layer.outputs for layer in (found[stem - 1], *blocks[:-1])]
      meeting = sum(
        3 * entry
        for entry, block in zip(entries, blocks, strict=True)
        if block.residual == 'convolution'
      )
      own = sum(
        layer.outputs
        * (
          5
          + 5 * layer.relu
          + 3 * (layer.residual is not None)
          + 3 * (layer.residual == 'identity')
        )
        for layer in found
      )
      moved = [
        m
        for kind, *_, m in roofline.kernels(found, 'torch')
        if kind == 'passes'
      ]
      assert sum(moved) == own + meeting


def test_memory_kept_for_the_backward_pass():
  found = roofline.layers()
  kept = {r: roofline.kept_bytes(found, remat=r) for r in encoders.REMAT}
  assert kept['none'] / 1e9 == pytest.approx(1.01, abs=6e-3)
  assert kept['batch_norm'] / 1e9 == pytest.approx(0.57, abs=6e-3)
  assert kept['block'] / 1e9 == pytest.approx(0.10, abs=6e-3)


def test_prints_its_tables(capsys, monkeypatch):
  monkeypatch.setattr('sys.argv', ['roofline', '--layers'])
  roofline.main()
  printed = capsys.readouterr().out
  assert '0.9698 TFLOP' in printed
  assert printed.count('| layer1_') == 8
