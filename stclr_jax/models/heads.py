"""Heads of the encoder, and the two networks that result.

Parameters of both networks are {'encoder': ..., head: ...}: dropping the
projection head after pretraining is taking one key.
"""

from flax import linen as nn
from jaxtyping import Array
from jaxtyping import Float


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
  """

  encoder: nn.Module
  projection_head: nn.Module

  def __call__(
    self, clips: Float[Array, 'b t h w 3'], *, train: bool
  ) -> Float[Array, 'b features']:
    """Maps clips [b, t, h, w, 3] to z, float [b, features]."""
    return self.projection_head(self.encoder(clips, train=train))

  def encode(self, clips: Float[Array, 'b t h w 3']) -> Float[Array, 'b d']:
    """Maps clips to h with the running statistics."""
    return self.encoder(clips, train=False)


class ClassifierNetwork(nn.Module):
  """Encoder and one linear layer: clips to logits (Sec. III.B).

  Attributes:
    encoder: an `Encoder`.
    num_classes: number of expressions.
  """

  encoder: nn.Module
  num_classes: int

  def setup(self):
    # torchvision initialises the last layer of its video networks so.
    self.classifier = nn.Dense(
      self.num_classes, kernel_init=nn.initializers.normal(0.01)
    )

  def __call__(
    self, clips: Float[Array, 'b t h w 3'], *, train: bool
  ) -> Float[Array, 'b num_classes']:
    """Maps clips [b, t, h, w, 3] to logits, float [b, num_classes]."""
    return self.classifier(self.encoder(clips, train=train))

  def encode(self, clips: Float[Array, 'b t h w 3']) -> Float[Array, 'b d']:
    """Maps clips to h with the running statistics."""
    return self.encoder(clips, train=False)
