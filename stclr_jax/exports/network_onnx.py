"""The network as an ONNX graph, written with the package `onnx` alone.

What goes in and comes out is what `network_function` says, and what the graph
computes is tried against our own network at each export.
"""

import json

import numpy as np

from stclr_jax.errors import MissingPackageError
from stclr_jax.exports import network_function
from stclr_jax.models import architectures
from stclr_jax.models import folding
from stclr_jax.models.weights import torchvision_arrays

# chosen: what onnxruntime 1.12 (2022) and newer read, and other runtimes with
# them; nothing here needs more.
OPSET = 17
IR_VERSION = 8


def import_onnx():
  """Imports what is needed.

  Returns:
    (onnx, onnxruntime).

  Raises:
    MissingPackageError: if one is not installed.
  """
  try:
    import onnx
    import onnxruntime
  except ImportError as error:
    raise MissingPackageError(
      '`--onnx` needs the packages onnx and onnxruntime, of which one is not '
      f"installed ({error}): pip install 'stclr_jax[onnx]', or pip install "
      'onnx onnxruntime.'
    ) from error
  return onnx, onnxruntime


def build(trained):
  """Writes a network as a graph.

  Numbers of clips and frames, height and width are free.

  Args:
    trained: a `trained_network.Trained`.

  Returns:
    bytes of an `onnx.ModelProto`, checked by `onnx`.

  Raises:
    MissingPackageError: see `import_onnx`.
  """
  onnx, _ = import_onnx()
  graph = _Graph(onnx, trained)
  x = _normalize(graph)
  if trained.labels is None:
    _encode(graph, x, network_function.EMBEDDING)
  else:
    _classify(graph, _read(graph, x))
  info = onnx.helper.make_tensor_value_info
  d = network_function.features(trained)
  shape = ('batch', 'frames', 'height', 'width', 3)
  inputs = [info(network_function.CLIPS, onnx.TensorProto.UINT8, shape)]
  if network_function.needs_rest(trained):
    shape = ('batch_or_1', d)
    inputs.append(info(network_function.REST, onnx.TensorProto.FLOAT, shape))
  model = onnx.helper.make_model(
    onnx.helper.make_graph(
      graph.nodes,
      str(trained.encoder.architecture),
      inputs,
      [
        info(name, onnx.TensorProto.FLOAT, ('batch', size))
        for name, size in _outputs(trained, d).items()
      ],
      graph.weights,
    ),
    opset_imports=[onnx.helper.make_opsetid('', OPSET)],
    ir_version=IR_VERSION,
    producer_name='stclr_jax',
  )
  onnx.helper.set_model_props(model, _describe(trained))
  onnx.checker.check_model(model, full_check=True)
  return model.SerializeToString()


def _outputs(trained, d):
  """Sizes of the outputs by name, in order."""
  if trained.labels is None:
    return {network_function.EMBEDDING: d}
  num_classes = len(trained.labels)
  return {
    network_function.PROBABILITIES: num_classes,
    network_function.LOGITS: num_classes,
    _features(trained): d,
  }


def _features(trained):
  if trained.input == 'change':
    return network_function.CHANGE
  return network_function.EMBEDDING


class _Graph:
  """Nodes in the order of computation, and the weights that they read."""

  def __init__(self, onnx, trained):
    self._onnx = onnx
    self.trained = trained
    encoder = network_function.exact(trained).encoder
    _, folded = folding.fold(encoder, trained.encoder_variables)
    self.params = folded['params']
    found = architectures.find(encoder.architecture)
    self.architecture = found.scaled(encoder.width)
    self.nodes, self.weights = [], []

  def add(self, kind, inputs, *outputs, **attributes):
    """Adds a node; returns the name of its first output."""
    node = self._onnx.helper.make_node(
      kind, inputs, outputs, name=outputs[0], **attributes
    )
    self.nodes.append(node)
    return outputs[0]

  def hold(self, name, array):
    """Adds weights; returns their name."""
    array = np.ascontiguousarray(array)
    self.weights.append(self._onnx.numpy_helper.from_array(array, name))
    return name

  def find(self, path):
    """Finds one of the folded encoder's arrays."""
    found = self.params
    for name in path:
      found = found[name]
    return found


def _normalize(graph):
  """Bytes to what the encoder sees, [b, 3, t, h, w]."""
  options = graph.trained.view_options
  to = 1  # onnx.TensorProto.FLOAT
  x = graph.add('Cast', [network_function.CLIPS], 'floats', to=to)
  for kind, name, values in (
    ('Div', 'in_0_to_1', (255,)),
    ('Sub', 'less_mean', options.mean),
    ('Div', 'normalized', options.std),
  ):
    held = graph.hold(f'{name}.values', np.asarray(values, np.float32))
    x = graph.add(kind, [x, held], name)
  return graph.add('Transpose', [x], 'channels_first', perm=(0, 4, 1, 2, 3))


def _read(graph, x):
  """Adds what the classifier reads, as `heads.read` and `heads.compare` do."""
  what = graph.trained.input
  embedding, change = network_function.EMBEDDING, network_function.CHANGE
  if what == 'clip':
    return _encode(graph, x, embedding)
  if network_function.needs_rest(graph.trained):
    h, rest = _encode(graph, x, embedding), network_function.REST
  else:
    first = _repeat(graph, x, 0, 'first_frame')
    shown, h = x, embedding
    if what == 'change':
      shown, h = _repeat(graph, x, -1, 'last_frame'), 'last'
    # Of the encoder in one pass, so that its weights are held once.
    both = graph.add('Concat', [shown, first], 'shown_then_rest', axis=0)
    encoded, rest = _encode(graph, both, 'encoded'), 'at_rest'
    graph.add('Split', [encoded], h, rest, axis=0)
  graph.add('Sub', [h, rest], change)
  if what == 'both':
    return graph.add('Concat', [h, change], 'h_and_change', axis=1)
  return change


def _repeat(graph, x, frame, name):
  """One frame of a clip, shown as long as the clip."""
  bounds = {'start': frame, 'end': frame + 1 or 2**31 - 1, 'axis': 2}
  held = [
    graph.hold(f'{name}.{part}', np.asarray([value], np.int64))
    for part, value in bounds.items()
  ]
  one = graph.add('Slice', [x, *held], f'{name}.once')
  shape = graph.add('Shape', [x], f'{name}.shape')
  return graph.add('Expand', [one, shape], name)


def _classify(graph, read):
  trained = graph.trained
  name = torchvision_arrays.classifier_name(trained.input)
  layer = trained.variables['params']['classifier']
  arrays = torchvision_arrays.from_dense(layer, name)
  held = [graph.hold(*named) for named in arrays.items()]
  scaled = graph.add('Gemm', [read, *held], network_function.LOGITS, transB=1)
  if (by := network_function.temperature(trained)) != 1:
    held = graph.hold('temperature', np.asarray([by], np.float32))
    scaled = graph.add('Div', [scaled, held], 'calibrated')
  graph.add('Softmax', [scaled], network_function.PROBABILITIES, axis=1)


def _encode(graph, x, name):
  """Adds the encoder; `name` is what its h is called."""

  def in_turn(x, path, convolutions, norm=None, relu=True):
    """Adds convolutions, the last with a batch norm of the block's own."""
    for one in convolutions:
      behind = [*path, one.norm] if one.norm else norm
      rectified = relu or one is not convolutions[-1]
      x = _convolve(graph, x, one, [*path, one.name], behind, rectified)
    return x

  x = in_turn(x, [], graph.architecture.stem)
  for block in graph.architecture.blocks():
    at = block.name
    y = in_turn(x, [at, 'conv1'], block.conv1, [at, 'norm1'])
    y = in_turn(y, [at, 'conv2'], block.conv2, [at, 'norm2'], relu=False)
    if block.shortcut is not None:
      x = in_turn(x, [at], [block.shortcut], relu=False)
    x = graph.add('Relu', [graph.add('Add', [y, x], f'{at}.sum')], at)
  return graph.add('ReduceMean', [x], name, axes=(2, 3, 4), keepdims=0)


def _convolve(graph, x, convolution, path, norm, relu):
  name = '.'.join(path)
  kernel = torchvision_arrays.to_layout(graph.find([*path, 'kernel']))
  held = [
    graph.hold(f'{name}.weight', kernel),
    graph.hold(f'{name}.bias', graph.find([*norm, 'bias'])),
  ]
  y = graph.add(
    'Conv',
    [x, *held],
    name,
    kernel_shape=convolution.kernel_size,
    strides=convolution.strides,
    pads=tuple(extent // 2 for extent in convolution.kernel_size) * 2,
  )
  return graph.add('Relu', [y], f'{name}.relu') if relu else y


def _describe(trained):
  """Texts that travel inside of the file."""
  options = trained.view_options
  said = {
    'clips': f'uint8 RGB, {options.num_frames} frames at equal distances from '
    f'first to last, the largest centred square resized to {options.size} '
    'pixels',
  }
  if trained.labels is not None:
    said['labels'] = json.dumps(trained.labels)
    said['classifier_reads'] = trained.input
    said['rest'] = trained.rest
    said['temperature'] = str(network_function.temperature(trained))
  return said


def run(written, inputs):
  """Runs what `build` wrote, as somebody without this package would.

  Args:
    written: bytes.
    inputs: NumPy arrays by name.

  Returns:
    A dict of outputs, NumPy arrays.

  Raises:
    MissingPackageError: see `import_onnx`.
  """
  _, onnxruntime = import_onnx()
  session = onnxruntime.InferenceSession(
    written, providers=['CPUExecutionProvider']
  )
  names = [output.name for output in session.get_outputs()]
  return dict(zip(names, session.run(names, inputs), strict=True))
