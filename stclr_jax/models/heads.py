"""Heads of the encoder, what they read, and the two networks that result.

Parameters of both networks are {'encoder': ..., head: ...}: dropping the
projection head after pretraining is taking one key.
"""

import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array
from jaxtyping import Float

from stclr_jax.errors import check_one_of

# What a head reads. 'clip': h of the clip, as in the paper. 'change': h of the
# clip's last frame less h of the video's first one, each shown as long as a
# clip; a person is the same in both, where videos begin at rest.
# 'change_of_clip': h of the clip less h of the first frame. 'both': h of the
# clip, then its change.
INPUTS = ('clip', 'change', 'change_of_clip', 'both')


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
  check_one_of('input', what, INPUTS)
  if what == 'clip':
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
  shown, rest = h[::2], h[1::2]
  if what == 'both':
    return jnp.concatenate([shown, shown - rest], axis=-1)
  return shown - rest


class ProjectionHead(nn.Module):
  """Two dense layers with a ReLU between: z = g(h).

  Attributes:
    hidden_features: 512 by default; chosen: not in the paper, SimCLR's is as
      wide as its representation.
    features: 128; Sec. IV.A.

  Source: ST-CLR Sec. III.A.3; Chen et al. 2020 (arXiv:2002.05709), Sec. 4.2.
  """

  hidden_features: int = 512
  features: int = 128

  @nn.compact
  def __call__(self, h: Float[Array, 'b d']) -> Float[Array, 'b features']:
    """Projects h, float [b, d], to z, float [b, features]."""
    x = nn.relu(nn.Dense(self.hidden_features, name='hidden')(h))
    return nn.Dense(self.features, name='output')(x)


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
  """

  encoder: nn.Module
  num_classes: int
  input: str = 'clip'

  def setup(self):
    # torchvision initialises the last layer of its video networks so.
    self.classifier = nn.Dense(
      self.num_classes, kernel_init=nn.initializers.normal(0.01)
    )

  def __call__(
    self, clips: Float[Array, 'b t h w 3'], *, train: bool
  ) -> Float[Array, 'b num_classes']:
    """Maps clips, see `read`, to logits, float [b, num_classes]."""
    return self.classifier(read(self.encoder, clips, self.input, train=train))

  def encode(self, clips: Float[Array, 'b t h w 3']) -> Float[Array, 'b d']:
    """Maps clips to h with the running statistics."""
    return self.encoder(clips, train=False)
