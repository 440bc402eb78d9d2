"""One owner of the kind of device that programs are for."""

import concurrent.futures

import jax
import jax.numpy as jnp
import pytest

from stclr_jax import targets
from stclr_jax.errors import UserError


def test_without_a_target_it_is_the_backends():
  assert targets.platform() == jax.default_backend()


def test_target_ends_with_its_block_also_after_an_error():
  with targets.compiling_for('gpu'):
    with targets.compiling_for('tpu'):
      assert targets.platform() == 'tpu'
    assert targets.platform() == 'gpu'
  with pytest.raises(KeyError), targets.compiling_for('tpu'):
    raise KeyError
  assert targets.platform() == jax.default_backend()


def test_a_program_of_one_target_is_not_used_for_another():
  traced = []

  @jax.jit
  def double(x):
    traced.append(targets.platform())
    return 2 * x if targets.platform() == 'gpu' else x + x

  one = jnp.ones(())
  double(one)
  with targets.compiling_for('gpu'):
    assert 'multiply' in double.lower(one).as_text()
  assert 'add' in double.lower(one).as_text()
  double(one)
  assert traced == [jax.default_backend(), 'gpu']


def test_a_thread_has_a_target_of_its_own():
  with concurrent.futures.ThreadPoolExecutor(1) as threads:
    with targets.compiling_for('gpu'):
      beside = threads.submit(targets.platform).result()
  assert beside == jax.default_backend()


def test_unknown_target_is_refused():
  with pytest.raises(UserError, match='must be one of cpu, gpu, tpu'):
    targets.compiling_for('cuda')


def test_devices_are_those_of_the_target():
  assert targets.devices() is None
  with targets.compiling_for('cpu', jax.devices()[:1]):
    assert targets.devices() == tuple(jax.devices()[:1])
  with targets.compiling_for('gpu'):
    assert targets.devices() is None
