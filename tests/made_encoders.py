"""An encoder that compiles at once, for tests of steps around it."""

import numpy as np
from flax import linen as nn

from stclr_jax.models.normalization import BatchNorm


class OrderEncoder(nn.Module):
  """An encoder to which the order of frames matters, and batch norm."""

  groups: int = 1
  axis_name: str | None = None

  @nn.compact
  def __call__(self, clips, *, train):
    x = nn.Dense(6, param_dtype=np.float64)(clips.reshape(len(clips), -1))
    norm = BatchNorm(
      dtype=np.float64, groups=self.groups, axis_name=self.axis_name
    )
    return norm(x[:, None, None, None], train=train, relu=True)[:, 0, 0, 0]
