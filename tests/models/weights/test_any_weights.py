"""Weights files in which anything was changed: arrays as wanted, or refused."""

import contextlib
import io
import pathlib
import zipfile

import numpy as np
import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st

from stclr_jax.errors import UserError
from stclr_jax.models.weights import safetensors_files
from stclr_jax.models.weights import torch_files

pytestmark = pytest.mark.properties
ARRAYS = {
  'conv.weight': np.arange(12, dtype=np.float32).reshape(3, 4),
  'bn.num_batches_tracked': np.int64([7]),
}
SAFETENSORS = safetensors_files.dump(ARRAYS)
# A dict of one tensor of four numbers, as torch.save wrote it by hand.
PICKLE = (
  b"(dS'w'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\n"
  b"FloatStorage\nS'0'\nS'cpu'\nI4\ntQI0\n(I4\nt(I1\ntI00\nNtRs."
)


def archive(pickled):
  kept = io.BytesIO()
  with zipfile.ZipFile(kept, 'w') as file:
    file.writestr('a/data.pkl', pickled)
    file.writestr('a/data/0', np.arange(4, dtype=np.float32).tobytes())
  return kept.getvalue()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp('any_weights')


def test_what_is_damaged_below_is_whole(folder):
  (folder / 'w.pth').write_bytes(archive(PICKLE))
  (found,) = torch_files.read_tensors(folder / 'w.pth').values()
  np.testing.assert_array_equal(found, np.arange(4))


@given(content=damaged(SAFETENSORS))
def test_exported_weights(content, folder):
  path = folder / 'model.safetensors'
  path.write_bytes(content)
  with contextlib.suppress(UserError):
    found = safetensors_files.read(path, ARRAYS)
    for name, array in ARRAYS.items():
      assert found[name].shape == array.shape
      assert found[name].dtype == array.dtype
      assert np.isfinite(found[name]).all()


@given(content=damaged(SAFETENSORS))
def test_weights_of_others(content, folder):
  is_read_or_refused(folder / 'theirs.safetensors', content)


@given(content=damaged(archive(PICKLE)))
def test_archives(content, folder):
  is_read_or_refused(folder / 'theirs.pth', content)


@given(pickled=damaged(PICKLE))
def test_pickles_in_sound_archives(pickled, folder):
  is_read_or_refused(folder / 'theirs.pth', archive(pickled))


@given(content=st.binary(max_size=300))
def test_files_of_anything(content, folder):
  is_read_or_refused(folder / 'theirs.pth', content)


def is_read_or_refused(path: pathlib.Path, content):
  path.write_bytes(content)
  with contextlib.suppress(UserError):
    for name, array in torch_files.read_tensors(path).items():
      assert isinstance(name, str)
      assert isinstance(array, np.ndarray)
      assert array.nbytes <= 2**20
