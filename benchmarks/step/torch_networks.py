"""torchvision's video networks as peers, and one of them rewritten in 2D.

Torch is no requirement of the project; this is imported only where it is.
"""

from stclr_jax.models.weights import torchvision_names


def import_torchvision(module='models.video'):
  """Imports a torchvision module, also beside a torch it was not built for.

  Without torchvision's compiled operators, registering their fake versions
  fails; neither the video networks nor the transforms need any of them.

  Args:
    module: below torchvision.

  Returns:
    The modules torch and torchvision.MODULE.
  """
  import importlib

  import torch

  register = torch.library.register_fake

  def register_others(name, *args, **kwargs):
    if isinstance(name, str) and name.startswith('torchvision::'):
      return lambda function: function
    return register(name, *args, **kwargs)

  torch.library.register_fake = register_others
  try:
    return torch, importlib.import_module(f'torchvision.{module}')
  finally:
    torch.library.register_fake = register


def make_network(architecture, *, in_2d=False):
  """Makes encoder and projection head.

  Args:
    architecture: torchvision's name of it.
    in_2d: whether to rewrite its convolutions, see `rewrite_in_2d`.

  Returns:
    A torch module of clips [b, 3, t, h, w] to embeddings [b, 128].
  """
  torch, video = import_torchvision()
  network = getattr(video, architecture)(weights=None)
  network.fc = torch.nn.Sequential(
    torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 128)
  )
  return rewrite_in_2d(network) if in_2d else network


def rewrite_in_2d(network, *, multiple=8):
  """Rewrites a network as an expert would for a GPU's tensor cores.

  Convolutions with extent one in time or space become 2D ones over a view of
  the same channels-last memory, batch norms see that memory as 2D as well, and
  channels are filled up to a multiple with weights of zero.

  Args:
    network: one of torchvision's video networks; changed in place.
    multiple: of channels.

  Returns:
    The network.
  """
  import torch

  def up(channels):
    return channels if channels == 3 else -(-channels // multiple) * multiple

  def flatten(x):
    """[b, c, t, h, w] in channels-last memory as [b t, c, h, w]."""
    b, c, t, h, w = x.shape
    x = x.permute(0, 2, 3, 4, 1).reshape(b * t, h, w, c)
    return x.permute(0, 3, 1, 2)

  def unflatten(y, b):
    _, c, h, w = y.shape
    y = y.permute(0, 2, 3, 1).reshape(b, -1, h, w, c)
    return y.permute(0, 4, 1, 2, 3)

  class Convolution(torch.nn.Module):
    def __init__(self, conv):
      super().__init__()
      features, channels = conv.weight.shape[:2]
      weight = torch.zeros(up(features), up(channels), *conv.kernel_size)
      weight[:features, :channels] = conv.weight.detach()
      self.weight = torch.nn.Parameter(weight)
      self.kernel, self.stride = conv.kernel_size, conv.stride
      self.padding = conv.padding

    def forward(self, x):
      convolve = torch.nn.functional.conv2d
      b, c, t, h, w = x.shape
      if self.kernel[0] == 1:
        x = flatten(x[:, :, :: self.stride[0]])
        weight, step, pad = self.weight[:, :, 0], self.stride, self.padding
        return unflatten(convolve(x, weight, None, step[1:], pad[1:]), b)
      if self.kernel[1:] == (1, 1) and self.stride[1:] == (1, 1):
        x = x.permute(0, 2, 3, 4, 1).reshape(b, t, h * w, c)
        x = x.permute(0, 3, 1, 2)
        weight, step, pad = self.weight[..., 0], self.stride, self.padding
        y = convolve(x, weight, None, (step[0], 1), (pad[0], 0))
        y = y.permute(0, 2, 3, 1).reshape(b, -1, h, w, y.shape[1])
        return y.permute(0, 4, 1, 2, 3)
      convolve = torch.nn.functional.conv3d
      return convolve(x, self.weight, None, self.stride, self.padding)

  class Norm(torch.nn.BatchNorm2d):
    def __init__(self, norm):
      super().__init__(up(norm.num_features), norm.eps, norm.momentum)

    def forward(self, x):
      return unflatten(super().forward(flatten(x)), x.shape[0])

  for name, module in list(network.named_modules()):
    make = {torch.nn.BatchNorm3d: Norm}.get(type(module))
    if isinstance(module, torch.nn.Conv3d):
      make = Convolution
    if make:
      parent, _, child = name.rpartition('.')
      setattr(network.get_submodule(parent), child, make(module))
  return network


def torch_name(name, architecture):
  """Translates the name of one of our variables.

  Args:
    name: such as 'params/encoder/layer1_0/conv1/spatial/kernel'.
    architecture: of the encoder.

  Returns:
    torchvision's name of it.
  """
  _, part, *path = name.split('/')
  if part == 'encoder':
    return torchvision_names.torchvision_name(path, architecture)
  layer, leaf = path
  leaf = 'weight' if leaf == 'kernel' else leaf
  return f'fc.{ {"hidden": 0, "output": 2}[layer] }.{leaf}'


def load_variables(network, path, architecture):
  """Copies our variables into a network, padded with zeros where it is wider.

  Args:
    network: of `make_network`.
    path: of a `.npz`, see `jax_step.save_variables`.
    architecture: of the encoder.

  Raises:
    KeyError: if either has a variable that the other has not.
  """
  import numpy as np
  import torch

  state = network.state_dict()
  missing = {n for n in state if not n.endswith('num_batches_tracked')}
  for name, value in np.load(path).items():
    if name.endswith('kernel'):
      # [kt, kh, kw, c, n] to [n, c, kt, kh, kw]; [c, n] to [n, c].
      value = np.moveaxis(value, (-1, -2), (0, 1))
    target = torch_name(name, architecture)
    missing.remove(target)
    padded = torch.zeros_like(state[target])
    padded[tuple(slice(n) for n in value.shape)] = torch.tensor(value)
    state[target].copy_(padded)
  if missing:
    raise KeyError(f'{path} has no {", ".join(sorted(missing))}.')
