"""The network as one function of clips, for formats that carry functions.

Clips go in as bytes, as videos give them, so that nobody has to guess the order
of colours or the scale. Batch norms are folded into the kernels before them.
"""

import dataclasses

import jax
import jax.numpy as jnp

from stclr_jax.models import architectures
from stclr_jax.models import folding
from stclr_jax.models import heads
from stclr_jax.views import views

# Names of what goes in and comes out.
CLIPS, REST = 'clips', 'rest'
EMBEDDING, CHANGE = 'embedding', 'change'
LOGITS, PROBABILITIES = 'logits', 'probabilities'


def exact(trained):
  """Lets a network compute in float32, whatever it was trained in.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    A `trained_network.Trained`.
  """
  encoder = trained.encoder.clone(dtype=jnp.float32)
  return dataclasses.replace(trained, encoder=encoder)


def needs_rest(trained):
  """Says whether a network must be told who is shown, see `make`."""
  return trained.rest == heads.PERSON_MEAN


def temperature(trained):
  """Returns by what logits are divided before they become probabilities."""
  return 1.0 if trained.calibration is None else trained.calibration.temperature


def features(trained):
  """Returns the numbers of a representation."""
  encoder = trained.encoder
  whole = architectures.find(encoder.architecture).scaled(encoder.width)
  return whole.stages[-1].features


def make(trained):
  """Makes a function of a network.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    `function(clips)`: uint8 RGB [b, t, size, size, 3] to a dict of
    `embedding`, float32 [b, d], h of the clips; of a classifier of 'change',
    which never computes it, `change` in its place; of a classifier also
    `logits` and calibrated `probabilities`, float32 [b, num_classes]. With rest
    'person_mean' it is `function(clips, rest)`: float32 [1, d], the mean of
    `embedding` over clips of the person.
  """
  encoder, variables = folding.fold(
    exact(trained).encoder, trained.encoder_variables
  )
  # Alike on every device.
  encoder = encoder.clone(lowering='convolution', channel_multiple=1)
  options = trained.view_options

  def encode(x):
    return encoder.apply(variables, x, train=False)

  def function(clips, rest=None):
    x = views.normalize(
      clips.astype(jnp.float32) / 255, options.mean, options.std
    )
    if trained.labels is None:
      return {EMBEDDING: encode(x)}
    named, read = _read(trained, encode, x, rest)
    layer = trained.variables['params']['classifier']
    logits = read @ layer['kernel'] + layer['bias'][None]
    probabilities = jax.nn.softmax(logits / temperature(trained))
    return {**named, LOGITS: logits, PROBABILITIES: probabilities}

  if needs_rest(trained):
    return function
  return lambda clips: function(clips)


def _read(trained, encode, x, rest):
  """Gives what the classifier reads, as `heads.read` and `heads.compare` do."""
  if trained.input == 'clip':
    h = encode(x)
    return {EMBEDDING: h}, h
  if needs_rest(trained):
    h = encode(x)
    rest = jnp.broadcast_to(rest, h.shape)
    return {EMBEDDING: h}, heads.compare(h, rest, trained.input)
  of_change = trained.input == 'change'
  shown = jnp.broadcast_to(x[:, -1:], x.shape) if of_change else x
  first = jnp.broadcast_to(x[:, :1], x.shape)
  h, rest = jnp.split(encode(jnp.concatenate([shown, first])), 2)
  read = heads.compare(h, rest, trained.input)
  return ({CHANGE: read} if of_change else {EMBEDDING: h}), read
