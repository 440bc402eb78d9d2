"""A paper model of weak scaling: what several GPUs lose to talking.

    python -m benchmarks.step.scaling

No machine of several GPUs was at hand: this is arithmetic over the collectives
that the compiled step holds, which a test counts for 8 devices.
"""

import dataclasses

from benchmarks.step import ceilings
from benchmarks.step import roofline


@dataclasses.dataclass(frozen=True)
class Cluster:
  """Assumptions on machines, links and the program.

  Attributes:
    node_gpus: GPUs that NVLink joins.
    node_bytes_per_s: of an all-reduce among them, for each ("bus bandwidth").
    network_bytes_per_s: of each GPU's own link to other nodes.
    node_latency_s: of a small collective among `node_gpus`.
    network_latency_s: added per doubling of the nodes.
    hidden: share of the gradients' all-reduce under the backward pass.
    norm_collectives: of synchronised batch norms, forward and backward.
    gathers: of embeddings, forward and backward.
  """

  node_gpus: int = 8
  # 460 to 480 GB/s is what nccl-tests print on eight H100 SXM.
  node_bytes_per_s: float = 450e9
  # One 400 Gb/s InfiniBand port a GPU, nine tenths of it used: assumed.
  network_bytes_per_s: float = 45e9
  node_latency_s: float = 20e-6  # assumed
  network_latency_s: float = 10e-6  # assumed
  hidden: float = 0.75  # assumed: layer4, most of the parameters, comes first
  norm_collectives: int = 37 + 37
  gathers: int = 2


def weak_scaling(gpus, views_per_gpu, view_s, parameters, *, cluster=None):
  """Computes a step's time when each GPU keeps its share of views.

  An all-reduce over several nodes is three: a reduce-scatter inside each node,
  an all-reduce of each GPU's part with its peers over the network, and an
  all-gather inside each node.

  Args:
    gpus: how many; whole nodes where there is more than one node.
    views_per_gpu: of a step.
    view_s: seconds of computation per view.
    parameters: float32 numbers whose gradients are exchanged.
    cluster: a `Cluster`; None for the assumptions above.

  Returns:
    Seconds by name: 'compute', 'gradients', 'gradients_exposed', 'norms' and
    'embeddings'; and the 'efficiency', compute over their sum.

  Raises:
    ValueError: for nodes that are not whole.
  """
  cluster = cluster or Cluster()
  inside = min(gpus, cluster.node_gpus)
  nodes = -(-gpus // cluster.node_gpus)
  if nodes > 1 and gpus % cluster.node_gpus:
    raise ValueError(
      f'`gpus` (={gpus}) must fill nodes of {cluster.node_gpus}; '
      f'{nodes * cluster.node_gpus} would do.'
    )
  size = 4 * parameters
  gradients = 2 * size * (inside - 1) / inside / cluster.node_bytes_per_s
  part = size / inside
  gradients += 2 * part * (nodes - 1) / nodes / cluster.network_bytes_per_s
  latency = cluster.node_latency_s if gpus > 1 else 0.0
  latency += cluster.network_latency_s * (nodes - 1).bit_length()
  seconds = {
    'compute': views_per_gpu * view_s,
    'gradients': gradients,
    'gradients_exposed': (1 - cluster.hidden) * gradients,
    'norms': cluster.norm_collectives * latency,
    'embeddings': cluster.gathers * latency,
  }
  lost = ('gradients_exposed', 'norms', 'embeddings')
  total = seconds['compute'] + sum(seconds[name] for name in lost)
  return seconds | {'efficiency': seconds['compute'] / total}


def main():
  """Prints the table of README.md."""
  found = roofline.layers()
  shares = (roofline.CONVOLUTION_SHARE, roofline.PASS_SHARE)
  view_s = sum(
    roofline.bound(found, ceilings.DEVICES['h200'], shares=shares).values()
  )
  print('| GPUs | views each | compute | gradients | norms | efficiency |')
  print('|---|---|---|---|---|---|')
  for gpus in (2, 4, 8, 16, 64):
    for views in (8, 16, 32, 64):
      row = weak_scaling(gpus, views, view_s, roofline.parameters(found))
      print(
        f'| {gpus} | {views} | {row["compute"] * 1e3:.1f} ms '
        f'| {row["gradients"] * 1e3:.2f} ms '
        f'| {row["norms"] * 1e3:.2f} ms | {row["efficiency"]:.1%} |'
      )


if __name__ == '__main__':
  main()
