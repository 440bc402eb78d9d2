"""Sums of channels, as they are made on each kind of device."""

import re

import jax
import numpy as np
import pytest
from traced_for import traced_for

from stclr_jax import targets
from stclr_jax.models import channel_sums


@pytest.mark.parametrize('kind', ['cpu', 'gpu', 'tpu'])
@pytest.mark.parametrize(
  'shape', [(1, 3), (7, 5), (2, 3, 4, 4, 6), (2053, 2), (2, 4099, 1)]
)
def test_sums_are_those_of_numpy(shape, kind, float64):
  first, second = np.random.default_rng(0).standard_normal((2, *shape))
  found = traced_for(kind, channel_sums.sum_both)(first, second)
  axes = tuple(range(len(shape) - 1))
  expected = np.stack([first.sum(axes), second.sum(axes)])
  np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('kind', ['cpu', 'gpu'])
@pytest.mark.parametrize('shape', [(1, 3), (2, 3, 4, 4, 6), (2, 4099, 1)])
def test_sums_above_a_pivot_are_those_of_numpy(shape, kind, float64):
  x = np.random.default_rng(0).standard_normal(shape) + 3
  pivot = 2.0 + np.arange(shape[-1])
  near, sums = traced_for(kind, channel_sums.sums_above)(x, pivot)
  if kind == 'gpu':
    np.testing.assert_array_equal(near, pivot)
  above = (x - np.asarray(near)).reshape(-1, shape[-1])
  expected = np.stack([above.sum(0), np.square(above).sum(0)])
  np.testing.assert_allclose(sums, expected, rtol=1e-10, atol=1e-10)


def test_half_precision_has_no_digits_to_keep():
  x = np.ones((2, 3, 4), np.float16)
  near, sums = traced_for('gpu', lambda x: channel_sums.sums_above(x, x[0, 0]))(
    x
  )
  assert near is None and (np.asarray(sums) == 6).all()


@pytest.mark.parametrize('rows', [64 * 16 * 112 * 112, 64 * 2 * 7 * 7, 2**20])
def test_both_sums_end_in_one_of_the_same_stretches(rows):
  x = jax.ShapeDtypeStruct((rows, 8), np.float32)
  with targets.compiling_for('gpu'):
    text = jax.jit(channel_sums.sum_both).lower(x, x).as_text()
  found = re.findall(r'stablehlo.reduce\(.*?\(tensor<(\d+)x(\d+)x8xf32>', text)
  (number, length), second, (both, left) = (map(int, one) for one in found)
  assert (number, length) == tuple(second)
  assert number * length == rows
  assert length <= channel_sums.LONGEST_STRETCH
  assert (both, left) == (2, number)
