"""The TFDS feature of frames that are read as the bytes in which they came.

The one module of `stclr_jax` that imports TFDS as it is imported: TFDS writes
the name of a feature's class into its records, and must find it again.
"""

import tensorflow_datasets as tfds


class EncodedImage(tfds.features.Image):
  """An image that is read as the bytes in which it came."""

  def decode_example_np(self, example):
    """Returns the encoded bytes."""
    return example

  def decode_batch_example_np(self, example_data):
    """Returns the encoded bytes of several images."""
    return example_data
