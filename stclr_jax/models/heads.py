"""Heads of the encoder, what they read, and the two networks that result.

Parameters of both networks are {'encoder': ..., head: ...}: dropping the
projection head after pretraining is taking one key.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of

# What a head reads. 'clip': h of the clip, as in the paper. 'change': h of the
# clip's last frame less h of the video's first one, each shown as long as a
# clip; a person is the same in both, where videos begin at rest.
# 'change_of_clip': h of the clip less h of the first frame. 'both': h of the
# clip, then its change.
INPUTS = ('clip', 'change', 'change_of_clip', 'both')
# What a classifier takes for rest: the video's first frame, or the mean of h
# over the person's clips, for videos that do not begin at rest. The mean is one
# if the clips show all expressions about equally.
PERSON_MEAN = 'person_mean'
RESTS = ('first_frame', PERSON_MEAN)
# How the dense layers begin. 'torch_linear': weights and biases uniform within
# 1 / sqrt(inputs) of zero, as torch's nn.Linear. Otherwise biases are zero, and
# the projection is Flax's LeCun normal, of variance 1 / inputs (three times
# torch's); the classifier is of deviation 0.01, as torchvision begins the last
# layer of its video networks.
TORCH_LINEAR = 'torch_linear'
PROJECTION_INITIALIZERS = ('lecun_normal', TORCH_LINEAR)
CLASSIFIER_INITIALIZERS = ('normal', TORCH_LINEAR)


def shows_first_frame(what: str, rest: str = 'first_frame') -> bool:
  """Says whether a head is shown the video's first frame before its clip.

  Args:
    what: it reads, of `INPUTS`.
    rest: what it takes for rest, of `RESTS`.

  Raises:
    UserError: for other words, or two that have no meaning together.
  """
  check_one_of('input', what, INPUTS)
  check_one_of('rest', rest, RESTS)
  if rest == PERSON_MEAN and what not in ('change_of_clip', 'both'):
    raise UserError(
      f'`classifier.rest` (={rest!r}) has no meaning with `classifier.input` '
      f"= {what!r}: 'change_of_clip' reads the clip less its person's mean, "
      "'both' the clip as well; the others need 'first_frame'."
    )
  return what != 'clip' and rest != PERSON_MEAN


def compare(
  shown: Float[Array, 'b d'], rest: Float[Array, 'b d'], what: str
) -> Float[Array, 'b features']:
  """Puts together what a head reads of h and of h at rest.

  Args:
    shown: h of what is shown.
    rest: h of the same person at rest.
    what: of `INPUTS`, but not 'clip'.

  Returns:
    float [b, d], or [b, 2d] for 'both'.
  """
  if what == 'both':
    return jnp.concatenate([shown, shown - rest], axis=-1)
  return shown - rest


def read(
  encoder: nn.Module, clips: Float[Array, 'b t h w 3'], what: str, *, train
) -> Float[Array, 'b features']:
  """Encodes what a head reads.

  Args:
    encoder: an `Encoder`.
    clips: the frame at rest before those of the clip, unless `what` = 'clip',
      see `views.ViewOptions.rest`.
    what: of `INPUTS`.
    train: see `Encoder`.

  Returns:
    float [b, d], or [b, 2d] for 'both'.

  Source: chosen: the change shows the expression where h shows the person.
  """
  if not shows_first_frame(what):
    return encoder(clips, train=train)
  clip = clips[:, 1:]
  first, last = (
    jnp.broadcast_to(frame, clip.shape)
    for frame in (clips[:, :1], clips[:, -1:])
  )
  # A clip beside its own rest: parts of the batch that batch norm treats apart
  # hold both. One pass, so that both have the same statistics.
  pairs = jnp.stack([last if what == 'change' else clip, first], axis=1)
  h = encoder(pairs.reshape(-1, *clip.shape[1:]), train=train)
  return compare(h[::2], h[1::2], what)


class TorchLinear(nn.Module):
  """A dense layer that begins as torch's does; parameters are `nn.Dense`'s.

  Attributes:
    features: of the output.

  Source: torch.nn.Linear.reset_parameters, torch 2.13: kaiming_uniform_ with
    a = sqrt(5), which is uniform within 1 / sqrt(inputs), for biases too.
  """

  features: int

  @nn.compact
  def __call__(self, x: Float[Array, 'b d']) -> Float[Array, 'b features']:
    """Maps x, float [b, d], to float [b, features]."""
    inputs = x.shape[-1]
    bound = inputs**-0.5

    def begin(key, shape):
      return jax.random.uniform(key, shape, jnp.float32, -bound, bound)

    kernel = self.param('kernel', begin, (inputs, self.features))
    return x @ kernel + self.param('bias', begin, (self.features,))[None]


class ProjectionHead(nn.Module):
  """Two dense layers with a ReLU between: z = g(h).

  Attributes:
    hidden_features: 512 by default; chosen: not in the paper, SimCLR's is as
      wide as its representation.
    features: 128; Sec. IV.A.
    initializer: of `PROJECTION_INITIALIZERS`; chosen: not in the paper.

  Source: ST-CLR Sec. III.A.3; Chen et al. 2020 (arXiv:2002.05709), Sec. 4.2.
  """

  hidden_features: int = 512
  features: int = 128
  initializer: str = PROJECTION_INITIALIZERS[0]

  @nn.compact
  def __call__(self, h: Float[Array, 'b d']) -> Float[Array, 'b features']:
    """Projects h, float [b, d], to z, float [b, features]."""
    of_torch = self.initializer == TORCH_LINEAR
    dense = TorchLinear if of_torch else nn.Dense
    x = nn.relu(dense(self.hidden_features, name='hidden')(h))
    return dense(self.features, name='output')(x)


class PretrainNetwork(nn.Module):
  """Encoder and projection head: clips to embeddings.

  Attributes:
    encoder: an `Encoder`.
    projection_head: a `ProjectionHead`.
    input: what the head reads, of `INPUTS`.
  """

  encoder: nn.Module
  projection_head: nn.Module
  input: str = 'clip'

  def __call__(
    self, clips: Float[Array, 'b t h w 3'], *, train: bool
  ) -> Float[Array, 'b features']:
    """Maps clips, see `read`, to z, float [b, features]."""
    return self.projection_head(
      read(self.encoder, clips, self.input, train=train)
    )

  def encode(self, clips: Float[Array, 'b t h w 3']) -> Float[Array, 'b d']:
    """Maps clips to h with the running statistics."""
    return self.encoder(clips, train=False)


class ClassifierNetwork(nn.Module):
  """Encoder and one linear layer: clips to logits (Sec. III.B).

  Attributes:
    encoder: an `Encoder`.
    num_classes: number of expressions.
    input: what the layer reads, of `INPUTS`.
    rest: what it takes for rest, of `RESTS`.
    initializer: of the layer, of `CLASSIFIER_INITIALIZERS`; chosen: not in the
      paper.
  """

  encoder: nn.Module
  num_classes: int
  input: str = 'clip'
  rest: str = 'first_frame'
  initializer: str = CLASSIFIER_INITIALIZERS[0]

  def setup(self):
    if self.initializer == TORCH_LINEAR:
      self.classifier = TorchLinear(self.num_classes)
    else:
      self.classifier = nn.Dense(
        self.num_classes, kernel_init=nn.initializers.normal(0.01)
      )

  def __call__(
    self,
    clips: Float[Array, 'b t h w 3'],
    *,
    train: bool,
    rest_of: Callable | None = None,
  ) -> Float[Array, 'b num_classes']:
    """Maps clips to logits.

    Args:
      clips: see `read`; of 'person_mean' without a frame before them.
      train: see `Encoder`.
      rest_of: of 'person_mean' only: maps h, float [b, d], to h of each one's
        person at rest. One clip does not tell it.

    Returns:
      float [b, num_classes].

    Raises:
      ValueError: if there is `rest_of` where none is read, or none where one
        is.
    """
    of_person = self.rest == PERSON_MEAN
    if (rest_of is not None) != of_person and not self.is_initializing():
      raise ValueError(
        f'`rest_of` must be given where `rest` (={self.rest!r}) is '
        f'{PERSON_MEAN!r}, and only there; `encode` and `classify` take the '
        'two steps apart.'
      )
    if not of_person:
      return self.classifier(read(self.encoder, clips, self.input, train=train))
    h = self.encoder(clips, train=train)
    return self.classify(h, h if rest_of is None else rest_of(h))

  def encode(self, clips: Float[Array, 'b t h w 3']) -> Float[Array, 'b d']:
    """Maps clips to h with the running statistics."""
    return self.encoder(clips, train=False)

  def classify(
    self, h: Float[Array, 'b d'], rest: Float[Array, 'b d']
  ) -> Float[Array, 'b num_classes']:
    """Maps h, and h of the same person at rest, to logits."""
    return self.classifier(compare(h, rest, self.input))
