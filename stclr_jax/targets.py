"""Says for which kind of device a program is traced. For all rooms.

Some operations are computed in one way on a CPU and in another on a GPU. They
ask here, and not JAX, so that a program for a GPU can be made where there is
none (benchmarks/step/program.py).
"""

import jax

from stclr_jax.errors import check_one_of

PLATFORMS = ('cpu', 'gpu', 'tpu')

# Such a context is part of what jit looks programs up by, and each thread has
# its own: what was traced for one target is never run on another.
_target = jax.make_user_context(None)


def platform():
  """Says for which kind of device operations are traced now.

  Returns:
    That of JAX's default devices, or the one of `compiling_for`: one of
    `PLATFORMS`; an exotic backend's own name.
  """
  return _target.value or jax.default_backend()


def compiling_for(kind):
  """Makes what this thread traces within a `with` block a program of a target.

  Args:
    kind: one of `PLATFORMS`.

  Returns:
    A context manager. Within it nothing must be run, only lowered and
    compiled: devices are still those that JAX has.

  Raises:
    UserError: for another kind.
  """
  check_one_of('kind', kind, PLATFORMS)
  return _target(kind)
