"""Functions as they are traced for other devices, to be run on this one."""

import jax
from jax.extend import core

from stclr_jax import targets


def traced_for(kind, function):
  """Makes a function of what another one is on a kind of device.

  Args:
    kind: one of `targets.PLATFORMS`.
    function: of pytrees of arrays, to pytrees of arrays.

  Returns:
    A function of the same arguments and results.
  """

  def run(*args):
    with targets.compiling_for(kind):
      traced, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    results = jax.jit(core.jaxpr_as_fun(traced))(*jax.tree.leaves(args))
    return jax.tree.unflatten(jax.tree.structure(shapes), results)

  return run
