import functools
import math

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax import lax

from stclr_jax.models import architectures
from stclr_jax.models import blocks
from stclr_jax.models import convolutions
from stclr_jax.models import heads
from stclr_jax.models import normalization
from stclr_jax.models.convolutions import Conv
from stclr_jax.models.encoders import Encoder
from stclr_jax.models.normalization import BatchNorm

PARAMETERS = {
  'r2plus1d_18': 31_300_125,
  'r3d_18': 33_166_272,
  'mc3_18': 11_490_240,
}

# Table I, [c, t, h, w] as printed, in the order of computation. Each line of
# a block's first convolution is its spatial half, then its temporal half.
TABLE_I = [
  (45, 16, 112, 112),
  (64, 16, 112, 112),
  *[(144, 16, 112, 112), (64, 16, 112, 112)] * 4,
  (230, 16, 56, 56),
  (128, 8, 56, 56),
  (230, 8, 56, 56),
  (128, 8, 56, 56),
  (128, 8, 56, 56),  # Residual layer 1
  *[(288, 8, 56, 56), (128, 8, 56, 56)] * 2,
  (460, 8, 28, 28),
  (256, 4, 28, 28),
  (460, 4, 28, 28),
  (256, 4, 28, 28),
  (256, 4, 28, 28),  # Residual layer 2
  *[(576, 4, 28, 28), (256, 4, 28, 28)] * 2,
  (921, 4, 14, 14),
  (512, 2, 14, 14),
  (921, 2, 14, 14),
  (512, 2, 14, 14),
  (512, 2, 14, 14),  # Residual layer 3
  *[(1152, 2, 14, 14), (512, 2, 14, 14)] * 2,
]


def conv_outputs(architecture, clip_shape):
  """Shapes [c, t, h, w] of all convolutions' outputs, in order."""
  shapes = []

  def note_shape(next_fun, args, kwargs, context):
    y = next_fun(*args, **kwargs)
    if isinstance(context.module, Conv):
      _, t, h, w, c = y.shape
      shapes.append((c, t, h, w))
    return y

  encoder = Encoder(architecture=architecture)
  with nn.intercept_methods(note_shape):
    h, _ = jax.eval_shape(
      lambda: encoder.init_with_output(
        jax.random.key(0), jnp.zeros((1, *clip_shape)), train=False
      )
    )
  return shapes, h.shape


def test_every_row_of_table_1():
  shapes, pooled = conv_outputs('r2plus1d_18', (16, 224, 224, 3))
  assert shapes == TABLE_I
  assert pooled == (1, 512)


def test_mc3_never_strides_time():
  shapes, _ = conv_outputs('mc3_18', (16, 224, 224, 3))
  assert {t for _, t, _, _ in shapes} == {16}
  assert shapes[-1] == (512, 16, 14, 14)


def test_r3d_halves_time_with_space():
  shapes, _ = conv_outputs('r3d_18', (16, 224, 224, 3))
  assert shapes[-1] == (512, 2, 14, 14)


@pytest.mark.parametrize('architecture', PARAMETERS)
def test_parameter_count_is_torchvisions(architecture):
  variables = jax.eval_shape(
    lambda: Encoder(architecture=architecture).init(
      jax.random.key(0), jnp.zeros((1, 16, 32, 32, 3)), train=False
    )
  )
  leaves = jax.tree.leaves(variables['params'])
  assert sum(leaf.size for leaf in leaves) == PARAMETERS[architecture]


# --- One block against plain lax, forward and gradient ---------------------


def reference_conv(x, kernel, strides):
  return lax.conv_general_dilated(
    x,
    kernel,
    strides,
    [(k // 2, k // 2) for k in kernel.shape[:3]],
    dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'),
  )


def reference_norm(x, params):
  mean = x.mean((0, 1, 2, 3), keepdims=True)
  var = jnp.square(x - mean).mean((0, 1, 2, 3), keepdims=True)
  scale, bias = (
    params[name][None, None, None, None] for name in ('scale', 'bias')
  )
  return (x - mean) / jnp.sqrt(var + 1e-5) * scale + bias


def reference_conv_2plus1d(x, params, stride):
  x = reference_conv(x, params['spatial']['kernel'], (1, stride, stride))
  x = jax.nn.relu(reference_norm(x, params['norm']))
  return reference_conv(x, params['temporal']['kernel'], (stride, 1, 1))


def reference_block(params, x, stride):
  y = reference_conv_2plus1d(x, params['conv1'], stride)
  y = jax.nn.relu(reference_norm(y, params['norm1']))
  y = reference_conv_2plus1d(y, params['conv2'], 1)
  y = reference_norm(y, params['norm2'])
  if 'downsample' in params:
    x = reference_conv(x, params['downsample']['kernel'], (stride,) * 3)
    x = reference_norm(x, params['downsample_norm'])
  return jax.nn.relu(x + y)


def make_block(in_features, features, stride, lowering):
  stage = architectures.Stage(features, 1, architectures.convolution_2plus1d)
  block = blocks.ResidualBlock(
    architectures.make_block('block', stage, in_features, stride),
    channel_multiple=1,
    conv=functools.partial(Conv, dtype=jnp.float64, lowering=lowering),
    norm=functools.partial(BatchNorm, dtype=jnp.float64),
  )
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, 4, 6, 6, in_features))
  variables = jax.jit(lambda x: block.init(jax.random.key(1), x, train=False))(
    x
  )
  # Away from the initial ones and zeros, where mistakes could hide.
  variables = jax.tree.map(
    lambda v: v + 0.1 * rng.standard_normal(v.shape), variables
  )
  return block, variables, x


@pytest.mark.parametrize('lowering', ['im2col', 'convolution'])
@pytest.mark.parametrize(
  'in_features,features,stride',
  [
    (8, 8, 1),
    (8, 16, 2),
    pytest.param(64, 128, 2, marks=pytest.mark.slow),
  ],
)
def test_block_equals_plain_lax(
  in_features, features, stride, lowering, float64
):
  block, variables, x = make_block(in_features, features, stride, lowering)

  def ours(params, x):
    y, _ = block.apply(
      variables | {'params': params}, x, train=True, mutable=['batch_stats']
    )
    return y

  def outputs_and_gradients(function):
    def loss(params, x):
      y = function(params, x)
      return jnp.sum(jnp.sin(y)), y

    gradient = jax.grad(loss, (0, 1), has_aux=True)
    return jax.jit(gradient)(variables['params'], x)

  gradients, y = outputs_and_gradients(ours)
  theirs = functools.partial(reference_block, stride=stride)
  expected_gradients, expected = outputs_and_gradients(theirs)
  np.testing.assert_allclose(y, expected, rtol=1e-9, atol=1e-9)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9),
    gradients,
    expected_gradients,
  )


# --- Small encoders, dtypes, heads, errors -----------------------------------


def init_with_output(encoder, clips):
  init = jax.jit(
    lambda c: encoder.init_with_output(jax.random.key(1), c, train=False)
  )
  return init(clips)


@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_small_encoder_encodes(architecture):
  encoder = Encoder(architecture=architecture, width=1 / 16)
  clips = jax.random.normal(jax.random.key(0), (2, 4, 16, 16, 3))
  h, variables = init_with_output(encoder, clips)
  assert h.shape == (2, 32) and h.dtype == jnp.float32
  assert np.isfinite(h).all() and np.abs(h[0] - h[1]).max() > 1e-4
  assert variables['batch_stats']


def test_bfloat16_encoder_keeps_float32_parameters():
  encoder = Encoder(width=1 / 16, dtype=jnp.bfloat16)
  clips = jax.random.normal(jax.random.key(0), (2, 4, 16, 16, 3))
  h, variables = init_with_output(encoder, clips)
  assert h.dtype == jnp.float32
  assert {v.dtype for v in jax.tree.leaves(variables)} == {jnp.dtype('float32')}
  exact = jax.jit(lambda v, c: Encoder(width=1 / 16).apply(v, c, train=False))(
    variables, clips
  )
  np.testing.assert_allclose(h, exact, atol=0.05 * np.abs(exact).max())


# --- What must not change the numbers -----------------------------------------


def loss_and_gradients(encoder, variables, clips):
  def loss(params):
    h, updated = encoder.apply(
      variables | {'params': params}, clips, train=True, mutable=['batch_stats']
    )
    return jnp.sum(jnp.sin(h)), (h, updated)

  gradient = jax.jit(jax.grad(loss, has_aux=True))
  # It runs once, and unoptimised it compiles in a third of the time.
  compiled = gradient.lower(variables['params']).compile(
    compiler_options={'xla_backend_optimization_level': 0}
  )
  gradients, (h, updated) = compiled(variables['params'])
  return h, updated, gradients


def make_small(**options):
  encoder = Encoder(width=1 / 16, **options)
  clips = jax.random.normal(jax.random.key(0), (4, 4, 16, 16, 3))
  clips = clips.astype(options['dtype'])
  _, variables = init_with_output(encoder, clips)
  # Biases of zero rectify values that are zero but for rounding.
  variables = jax.tree.map(
    lambda v: v + 0.1 * np.random.default_rng(0).standard_normal(v.shape),
    variables,
  )
  return encoder, variables, clips


@pytest.fixture(
  params=['shallow', pytest.param('whole', marks=pytest.mark.slow)]
)
def depth(request):
  """A quarter of the encoder, which has all that it repeats, or all of it."""
  if request.param == 'shallow':
    request.getfixturevalue('shallow_encoder')
  return request.param


@pytest.mark.parametrize(
  'architecture',
  [
    'r2plus1d_18',
    *(pytest.param(n, marks=pytest.mark.slow) for n in ('r3d_18', 'mc3_18')),
  ],
)
@pytest.mark.parametrize(
  'options',
  [
    {'remat': 'batch_norm'},
    {'remat': 'block'},
    {'channel_multiple': 8},
    {'lowering': 'im2col'},
  ],
  ids=lambda options: '-'.join(map(str, *options.items())),
)
def test_how_it_is_computed_changes_nothing(
  architecture, options, depth, float64
):
  if 'channel_multiple' in options and architecture != 'r2plus1d_18':
    pytest.skip('Only (2+1)D blocks have channels that fill no tensor core.')
  encoder, variables, clips = make_small(
    architecture=architecture, dtype=jnp.float64, lowering='convolution'
  )
  plain = loss_and_gradients(encoder, variables, clips)
  other = loss_and_gradients(encoder.clone(**options), variables, clips)
  for a, b in zip(*map(jax.tree.leaves, (plain, other)), strict=True):
    # A sum rounds by a share of its terms, which may be larger than itself.
    tolerance = 1e-9 * max(1, np.abs(a).max())
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=tolerance)


@pytest.mark.slow
def test_fused_bfloat16_is_as_near_to_float32_as_plain(monkeypatch):
  encoder, variables, clips = make_small(dtype=jnp.float32)

  def errors():
    """Mean over the representation, and over all gradients."""
    exact, rounded = (
      loss_and_gradients(encoder.clone(dtype=dtype), variables, clips)
      for dtype in (jnp.float32, jnp.bfloat16)
    )
    gradients = [
      jax.flatten_util.ravel_pytree(r[2])[0] for r in (exact, rounded)
    ]
    return [
      np.abs(exact[0] - rounded[0]).mean(),
      np.abs(np.subtract(*gradients)).mean(),
    ]

  ours = errors()
  monkeypatch.setattr(normalization, 'normalize_batch', plain_normalize_batch)
  monkeypatch.setattr(convolutions, 'convolve', plain_convolve)
  plain = errors()
  for a, b in zip(ours, plain, strict=True):
    assert 0 < a < 1.5 * b


def plain_convolve(x, kernel, *, strides, lowering):
  del lowering
  return reference_conv(x, kernel, strides)


def plain_normalize_batch(
  x, scale, bias, residual, epsilon, relu, axis_name, known
):
  """One rounding after each layer, as layers that are not fused have it."""
  assert axis_name is None and known.moments is None
  accurate = x.astype(jnp.float32)
  mean, var = accurate.mean((0, 1, 2, 3)), accurate.var((0, 1, 2, 3))
  mean, var, scale, bias = (
    v[None, None, None, None] for v in (mean, var, scale, bias)
  )
  y = (accurate - mean) / jnp.sqrt(var + epsilon) * scale + bias
  y = y.astype(x.dtype)
  y = y if residual is None else y + residual
  return nn.relu(y) if relu else y, mean.ravel(), var.ravel()


def test_remat_keeps_what_it_says():
  num_clips = 11  # divides no kernel's extents
  clips = jax.ShapeDtypeStruct((num_clips, 16, 64, 64, 3), jnp.bfloat16)

  def kept_elements(remat):
    encoder = Encoder(dtype=jnp.bfloat16, lowering='convolution', remat=remat)
    variables = jax.eval_shape(
      lambda c: encoder.init(jax.random.key(0), c, train=False), clips
    )

    def backward(variables, clips):
      def encode(params, clips):
        h, _ = encoder.apply(
          variables | {'params': params},
          clips,
          train=True,
          mutable=['batch_stats'],
        )
        return h

      return jax.vjp(encode, variables['params'], clips)[1]

    kept = jax.eval_shape(backward, variables, clips)
    return sum(
      k.size // num_clips
      for k in jax.tree.leaves(kept)
      if k.ndim > 1 and k.shape[0] % num_clips == 0
    )

  shapes, _ = conv_outputs('r2plus1d_18', (16, 64, 64, 3))
  outputs = sum(map(math.prod, shapes))
  # The clips', the stem's output, and those of all blocks but the last.
  sizes = [
    stage.features * math.prod(-(-n // 2**i) for n in (16, 32, 32))
    for i, stage in enumerate(architectures.ARCHITECTURES['r2plus1d_18'].stages)
  ]
  inputs = math.prod(clips.shape[1:]) + sizes[0] + 2 * sum(sizes) - sizes[-1]
  assert kept_elements('block') == inputs
  assert kept_elements('batch_norm') == pytest.approx(
    outputs + inputs, rel=0.05
  )
  assert kept_elements('none') > 1.6 * outputs


def test_unknown_remat_is_refused():
  with pytest.raises(ValueError, match="remat.*'all'.*none, batch_norm, block"):
    Encoder(remat='all').init(
      jax.random.key(0), jnp.zeros((1, 4, 16, 16, 3)), train=False
    )


@pytest.mark.parametrize('shape', [(1, 4, 15, 16, 3), (1, 4, 16, 8, 3)])
def test_too_small_images_are_refused(shape):
  with pytest.raises(ValueError, match='at least 16x16'):
    Encoder().init(jax.random.key(0), jnp.zeros(shape), train=False)


def test_channels_first_is_refused():
  with pytest.raises(ValueError, match=r'\(1, 3, 16, 32, 32\).*channels last'):
    clips = jnp.zeros((1, 3, 16, 32, 32))
    Encoder().init(jax.random.key(0), clips, train=False)


def test_projection_head_is_512_512_128():
  head = heads.ProjectionHead()
  params = head.init(jax.random.key(0), jnp.zeros((1, 512)))['params']
  assert params['hidden']['kernel'].shape == (512, 512)
  assert params['output']['kernel'].shape == (512, 128)
  # A ReLU between: flipping the sign of the input is no longer linear.
  h = jax.random.normal(jax.random.key(1), (3, 512))
  z, mirrored = (head.apply({'params': params}, s * h) for s in (1, -1))
  assert np.abs(z + mirrored).max() > 0.1
