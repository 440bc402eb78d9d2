"""Says for which kind of device a program is traced. For all rooms.

Some operations are computed in one way on a CPU and in another on a GPU. They
ask here, and not JAX, so that a program for a GPU can be made where there is
none (benchmarks/step/program.py).
"""

from typing import NamedTuple

import jax

from stclr_jax.errors import check_one_of

PLATFORMS = ('cpu', 'gpu', 'tpu')

# Such a context is part of what jit looks programs up by, and each thread has
# its own: what was traced for one target is never run on another.
_target = jax.make_user_context(None)


class _Target(NamedTuple):
  platform: str
  devices: tuple[jax.Device, ...] | None


def platform():
  """Says for which kind of device operations are traced now.

  Returns:
    That of JAX's default devices, or the one of `compiling_for`: one of
    `PLATFORMS`; an exotic backend's own name.
  """
  return _target.value.platform if _target.value else jax.default_backend()


def devices():
  """Says which devices a program over all of them is for.

  Returns:
    Those of `compiling_for`, or None for JAX's own.
  """
  return _target.value.devices if _target.value else None


def compiling_for(kind, devices=None):
  """Makes what this thread traces within a `with` block a program of a target.

  Args:
    kind: one of `PLATFORMS`.
    devices: that `parallel` is to spread a step over, such as those of
      `jax.experimental.topologies`; None for JAX's own.

  Returns:
    A context manager. Within it nothing must be run, only lowered and
    compiled: what JAX has are still its own devices.

  Raises:
    UserError: for another kind.
  """
  check_one_of('kind', kind, PLATFORMS)
  return _target(_Target(kind, None if devices is None else tuple(devices)))
