"""Roofline of a step: the time its arithmetic and memory need, by layer.

    python -m benchmarks.step.roofline --layers
    python -m benchmarks.step.roofline --device h100 --architecture r3d_18
    python -m benchmarks.step.roofline --device this --frames 8 --size 56

Nothing here runs the network; tests hold its shapes against the encoder's. All
figures are for one view unless they say otherwise. A FLOP is a multiply or an
add; channels that are only padding are not counted.
"""

import argparse
import dataclasses
import math

from benchmarks.step import ceilings
from benchmarks.step.ceilings import DEVICES
from stclr_jax.models import architectures
from stclr_jax.models import encoders

PAPER_VIEWS = 480 * 2 * 1000  # Sec. IV.A; a fold, in whole batches: 832,000

# The share of both ceilings that good convolutions and passes reach. chosen:
# between MLPerf's ResNet-50 and a bare matrix product.
CONVOLUTION_SHARE, PASS_SHARE = 0.65, 0.85


@dataclasses.dataclass(frozen=True)
class Layer:
  """One convolution and the batch norm behind it.

  Attributes:
    name: the path of its module below the encoder, as in 'layer1_0/conv1'.
    in_shape: of its input, (t, h, w, c).
    out_shape: of its output, (t, h, w, c).
    kernel: extent in (t, h, w).
    strides: step in (t, h, w).
    relu: whether a ReLU follows.
    residual: what is added before it: None, 'identity' or 'convolution'.
  """

  name: str
  in_shape: tuple[int, int, int, int]
  out_shape: tuple[int, int, int, int]
  kernel: tuple[int, int, int]
  strides: tuple[int, int, int]
  relu: bool = True
  residual: str | None = None

  @property
  def inputs(self):
    """Numbers in the input."""
    return math.prod(self.in_shape)

  @property
  def outputs(self):
    """Numbers in the output."""
    return math.prod(self.out_shape)

  @property
  def weights(self):
    """Numbers in the kernel."""
    return math.prod(self.kernel) * self.in_shape[-1] * self.out_shape[-1]

  @property
  def flops(self):
    """Of the forward pass; of either gradient as well."""
    return 2 * self.outputs * math.prod(self.kernel) * self.in_shape[-1]

  @property
  def is_first(self):
    """Says if the input is pixels, which need no gradient."""
    return self.in_shape[-1] == 3

  @property
  def is_shortcut(self):
    """Says if it lies beside a block's convolutions."""
    return self.name.endswith('downsample')


def layers(architecture='r2plus1d_18', *, frames=16, size=224, width=1.0):
  """Lists the convolutions in the order of computation.

  Args:
    architecture: see `architectures.find`.
    frames: of a clip.
    size: of a frame, in pixels.
    width: see `encoders.Encoder`.

  Returns:
    A list of `Layer`.
  """
  found = []

  def add(prefix, shape, convolution, **more):
    name, features, kernel, strides, _ = convolution
    out = tuple(-(-n // s) for n, s in zip(shape[:3], strides, strict=True))
    out += (features,)
    found.append(Layer(prefix + name, shape, out, kernel, strides, **more))
    return out

  network = architectures.find(architecture).scaled(width)
  shape = (frames, size, size, 3)
  for convolution in network.stem:
    shape = add('', shape, convolution)
  for block in network.blocks():
    entry = shape
    for convolution in block.conv1:
      shape = add(f'{block.name}/conv1/', shape, convolution)
    for convolution in block.conv2[:-1]:
      shape = add(f'{block.name}/conv2/', shape, convolution)
    residual = 'convolution' if block.shortcut else 'identity'
    shape = add(
      f'{block.name}/conv2/', shape, block.conv2[-1], residual=residual
    )
    if block.shortcut:
      add(f'{block.name}/', entry, block.shortcut, relu=False)
  return found


def parameters(found):
  """Counts kernels, and scale and bias of each batch norm."""
  return sum(layer.weights + 2 * layer.out_shape[-1] for layer in found)


def forward_flops(found):
  """Counts the FLOPs of a view's forward pass."""
  return sum(layer.flops for layer in found)


def training_flops(found):
  """Counts the FLOPs of a view's forward and backward pass."""
  return sum(layer.flops * (2 if layer.is_first else 3) for layer in found)


def kernels(found, mode):
  """Lists the kernels of a training step, and what they have to move.

  Args:
    found: see `layers`.
    mode: 'xla': convolutions, batch norm's sums, and the fused passes that
      normalise and rectify, apart. 'epilogue': sums taken while convolving.
      'ideal': normalising done by the next convolution as well, nothing kept
      but convolutions' outputs. 'torch': every operation by itself.

  Yields:
    (kind, layer, FLOPs, numbers moved).

  Raises:
    ValueError: for another mode.
  """
  if mode not in ('xla', 'epilogue', 'ideal', 'torch'):
    raise ValueError(f'`mode` (={mode!r}) is not xla, epilogue, ideal, torch.')
  for layer in found:
    flops, read, out = layer.flops, layer.inputs, layer.outputs
    if layer.kernel == (1, 1, 1):
      read //= math.prod(layer.strides)
    added = layer.residual is not None
    shared = layer.residual == 'identity'
    yield 'forward', layer, flops, read + out
    if mode == 'ideal':
      if added:
        yield 'residual', layer, 0, 5 * out
      if not layer.is_first:
        yield 'input gradient', layer, flops, 2 * out + 2 * layer.inputs
      yield 'weight gradient', layer, flops, 2 * out + read
      continue
    if not layer.is_first:
      yield 'input gradient', layer, flops, out + layer.inputs
    yield 'weight gradient', layer, flops, out + read
    if mode != 'epilogue':
      yield 'sums', layer, 0, out
    if mode == 'torch':
      yield 'sums backward', layer, 0, 2 * out
      passes = 2 + 3  # normalise; its gradient
      passes += (2 + 3) * layer.relu
      passes += 3 * added + 3 * shared  # the sum; gradients that meet
      meeting = 3 * layer.inputs * layer.is_shortcut  # at the block's input
      yield 'passes', layer, 0, passes * out + meeting
      continue
    yield 'sums backward', layer, 0, (2 + added) * out
    yield 'passes backward', layer, 0, (3 + added + shared) * out
    # A shortcut's batch norm is computed with the block's last one.
    if not layer.is_shortcut:
      yield 'passes', layer, 0, (2 + added) * out


def kernel_seconds(flops, moved, device, *, shares=(1.0, 1.0)):
  """Computes the least time of one kernel.

  Args:
    flops: of the kernel.
    moved: numbers read and written.
    device: a `ceilings.Device`.
    shares: of the device's matrix products and of its copies that kernels
      reach.

  Returns:
    Seconds.
  """
  moving = moved * device.item_bytes / (device.bytes_per_s * shares[1])
  return max(flops / (device.matmul_flops * shares[0]), moving)


def bound(found, device, mode='xla', *, views=64, shares=(1.0, 1.0)):
  """Computes the least time of a training step, per view.

  Args:
    found: see `layers`.
    device: a `ceilings.Device`.
    mode: see `kernels`.
    views: of a step, which share the optimiser's traffic.
    shares: see `kernel_seconds`.

  Returns:
    Seconds by kind, those of `kernels` and 'optimizer' and 'augmentation'.
  """
  seconds = {}
  for kind, _, flops, moved in kernels(found, mode):
    took = kernel_seconds(flops, moved, device, shares=shares)
    seconds[kind] = seconds.get(kind, 0.0) + took
  rate = device.bytes_per_s * shares[1]
  # float32 parameters, gradients and momenta read, two of them written; their
  # bfloat16 copies written once and read twice.
  seconds['optimizer'] = parameters(found) * (4 * 5 + 2 * 3) / rate / views
  # Bytes read, five passes over 16-bit pixels.
  pixels = math.prod(found[0].in_shape)
  seconds['augmentation'] = pixels * (1 + 2 * 2 + 2 * 2 * 3) / rate
  return seconds


def kept_bytes(found, *, remat='none', item_bytes=2):
  """Computes what the backward pass needs of the forward pass, per view.

  Args:
    found: see `layers`.
    remat: see `encoders.REMAT`, or 'torch' for both of each convolution's
      output and what is made of it.
    item_bytes: of an activation.

  Returns:
    Bytes; of 'block', without the one block that is computed again.
  """
  outputs = sum(layer.outputs for layer in found)
  blocks = sum(layer.outputs for layer in found if layer.residual)
  inputs = found[0].inputs + sum(
    layer.inputs
    for layer in found
    if '/conv1' in layer.name and not layer.name.endswith('temporal')
  )
  kept = {
    'torch': 2 * outputs,
    'none': 2 * outputs,
    'batch_norm': outputs + blocks,
    'block': inputs,
  }
  return kept[remat] * item_bytes


def main():
  """Prints the tables."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--architecture', default='r2plus1d_18')
  parser.add_argument('--frames', type=int, default=16)
  parser.add_argument('--size', type=int, default=224)
  parser.add_argument('--views', type=int, default=64, help='of a step')
  parser.add_argument(
    '--device', default='h200', choices=(*DEVICES, 'this'), help='this: measure'
  )
  parser.add_argument('--layers', action='store_true', help='a row a layer')
  options = parser.parse_args()
  measured = options.device == 'this'
  device = ceilings.this_device() if measured else DEVICES[options.device]
  found = layers(options.architecture, frames=options.frames, size=options.size)
  training = training_flops(found)
  print(
    f'{options.architecture}, {options.frames}x{options.size}x{options.size}: '
    f'{len(found)} convolutions, {parameters(found):,} parameters,\n'
    f'{forward_flops(found) / 1e9:.2f} GFLOP forward and '
    f'{training / 1e12:.4f} TFLOP a training step per view.\n'
    f'{device.name}: {device.matmul_flops / 1e12:.3g} TFLOP/s, '
    f'{device.bytes_per_s / 1e12:.3g} TB/s; below '
    f'{device.matmul_flops / device.bytes_per_s:.0f} FLOP per byte memory is '
    'the bound.\n'
  )
  if options.layers:
    print_layers(found, device)
  print_bounds(found, device, options.views)
  print('\nKept for the backward pass, GB per view:')
  for remat in encoders.REMAT:
    kept = kept_bytes(found, remat=remat, item_bytes=device.item_bytes)
    print(f'  {remat}: {kept / 1e9:.2f}')


def print_layers(found, device):
  """Prints a row a layer: shapes, FLOPs, bytes and both times forward."""
  print('| layer | channels | kernel/strides | output | GFLOP | MB out | us |')
  print('|---|---|---|---|---|---|---|')
  for layer in found:
    t, h, w, c = layer.out_shape
    read = layer.inputs + layer.outputs
    seconds = kernel_seconds(layer.flops, read, device)
    print(
      f'| {layer.name} | {layer.in_shape[-1]} to {c} '
      f'| {layer.kernel}/{layer.strides} | {t}x{h}x{w} '
      f'| {layer.flops / 1e9:.2f} '
      f'| {layer.outputs * device.item_bytes / 1e6:.1f} '
      f'| {seconds * 1e6:.1f} |'
    )
  print()


def print_bounds(found, device, views):
  """Prints milliseconds per view, MFU and the paper's pretraining."""
  training = training_flops(found)
  good = (CONVOLUTION_SHARE, PASS_SHARE)
  print('| kernels | ms a view | views/s | MFU | 960,000 views |')
  print('|---|---|---|---|---|')
  for title, mode, shares in (
    ('as XLA fuses, perfect', 'xla', (1.0, 1.0)),
    ('statistics in epilogues, perfect', 'epilogue', (1.0, 1.0)),
    ('all fused, perfect', 'ideal', (1.0, 1.0)),
    ('as eager torch, perfect', 'torch', (1.0, 1.0)),
    ('as XLA fuses, 65 % / 85 %', 'xla', good),
    ('all fused, 65 % / 85 %', 'ideal', good),
    ('as eager torch, 65 % / 85 %', 'torch', good),
    ('as XLA fuses, 45 % / 75 %', 'xla', (0.45, 0.75)),
  ):
    seconds = sum(
      bound(found, device, mode, views=views, shares=shares).values()
    )
    print(
      f'| {title} | {seconds * 1e3:.2f} | {1 / seconds:.4g} '
      f'| {training / seconds / device.peak_flops:.1%} '
      f'| {PAPER_VIEWS * seconds / 3600:.2f} h |'
    )


if __name__ == '__main__':
  main()
