"""Our own kernels by themselves: their shapes, resources and block sizes."""

import pathlib
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from benchmarks.step import autotune
from benchmarks.step import device_compilers
from benchmarks.step import temporal_kernels
from stclr_jax.errors import UserError
from stclr_jax.models.kernels import block_sizes
from stclr_jax.models.kernels import blocks
from stclr_jax.models.kernels.blocks import Geometry

ROOT = pathlib.Path(__file__).parents[2]


def test_shapes_are_those_of_table_i():
  found = temporal_kernels.geometries(views=3)
  # The stem's, and two in each of eight blocks.
  assert sum(map(len, found.values())) == 17
  assert Geometry(3, 16, 112 * 112, 48, 64, 3, 1) in found  # 45 filled up
  assert Geometry(3, 4, 14 * 14, 928, 512, 3, 2) in found  # 921 filled up
  for geometry in found:
    key = geometry.in_features, geometry.features, geometry.stride
    assert key in block_sizes.FORWARD
    assert key in block_sizes.INPUT_GRADIENT


@pytest.mark.parametrize('kind', temporal_kernels.KINDS)
def test_what_is_compared_computes_the_same(kind):
  geometry = Geometry(2, 3, 5, 8, 8, 3, 2)
  sizes = temporal_kernels.chosen(kind, geometry)
  call, shapes = temporal_kernels.make_call(
    kind, geometry, sizes, interpret=True, dtype='float32'
  )
  arguments = autotune.random_arguments(shapes)
  ours = jax.tree.leaves(jax.jit(call)(*arguments))
  plain = jax.tree.leaves(jax.jit(autotune.plain(kind, geometry))(*arguments))
  np.testing.assert_allclose(ours[0], plain[0], atol=1e-4)
  if kind != 'kernel_gradient':
    np.testing.assert_allclose(ours[1], np.stack(plain[1:]), rtol=1e-4)


def test_tables_can_be_pasted_where_they_belong(capsys):
  autotune.main(['--dry'])
  _, _, text = capsys.readouterr().out.partition('FORWARD = ')
  scope = vars(types.SimpleNamespace(**vars(blocks)))
  exec('FORWARD = ' + text, scope)
  for kind in temporal_kernels.KINDS:
    [(key, sizes)] = scope[kind.upper()].items()
    geometry = Geometry(1, 2, 64, key[0], key[1], 3, key[2])
    assert sizes == temporal_kernels.chosen(kind, geometry)


@pytest.mark.parametrize('kind', temporal_kernels.KINDS)
def test_candidates_begin_with_the_sizes_of_now(kind):
  for geometry in temporal_kernels.geometries():
    tried = autotune.candidates(kind, geometry)
    assert tried[0] == temporal_kernels.chosen(kind, geometry)
    assert len(set(tried)) == len(tried)


@pytest.mark.slow
def test_kernels_compiled_for_an_h200_spill_no_register():
  try:
    device_compilers.check()
  except UserError as error:
    pytest.skip(str(error))
  # In its own process: this one must not load a GPU's plugin.
  finished = subprocess.run(
    [sys.executable, '-m', 'benchmarks.step.temporal_kernels'],
    cwd=ROOT, capture_output=True, text=True,
  )  # fmt: skip
  assert finished.returncode == 0, finished.stdout + finished.stderr[-3000:]
  rows = [r for r in finished.stdout.splitlines() if '_gradient |' in r]
  assert len(rows) == 2 * len(temporal_kernels.geometries())
