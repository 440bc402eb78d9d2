"""Makes the files beside it; needs torch and torchvision, which no test does.

    python tests/models/weights/torchvision_files/make_files.py

`outputs.npz`: what torchvision's three networks make of one clip, their
weights drawn by `draw_weights` of test_torchvision_weights.py; with the names
and shapes of their state dicts. `archive.pth`, `sequence.pth`: some small
tensors in both of torch's formats.
"""

import collections
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parents[3]), str(HERE.parent)]

import test_torchvision_weights as weights  # noqa: E402

from benchmarks.step import torch_networks  # noqa: E402


def main():
  torch, video = torch_networks.import_torchvision()
  arrays = {}
  clip = torch.tensor(weights.draw_clip()).permute(0, 4, 1, 2, 3)
  for architecture in weights.architectures.ARCHITECTURES:
    network = getattr(video, architecture)(weights=None).eval()
    shapes = {k: list(v.shape) for k, v in network.state_dict().items()}
    drawn = weights.draw_weights(shapes)
    network.load_state_dict({k: torch.tensor(v) for k, v in drawn.items()})
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
      # float64: what both sides' float32 would be without rounding.
      output = network.double()(clip.double())
    arrays[architecture] = output.numpy().astype(np.float32)
    arrays[f'{architecture}_shapes'] = np.array(json.dumps(shapes))
  np.savez_compressed(HERE / 'outputs.npz', **arrays)

  ramp = torch.arange(24, dtype=torch.float32)
  tensors = collections.OrderedDict(
    matrix=ramp.reshape(4, 6),
    transposed=ramp.reshape(4, 6).T,
    part=ramp[10:14],
    parameter=torch.nn.Parameter(ramp[:3].clone()),
    scalar=torch.tensor(7),
    empty=torch.zeros(0, 3),
    half=ramp[:5].half(),
    bfloat16=ramp[:5].bfloat16(),
    double=ramp[:5].double(),
    flags=torch.tensor([True, False]),
  )
  tensors._metadata = collections.OrderedDict(version=1)
  torch.save(tensors, HERE / 'archive.pth')
  torch.save(
    {'epoch': 3, 'state_dict': tensors},
    HERE / 'sequence.pth',
    _use_new_zipfile_serialization=False,
  )


if __name__ == '__main__':
  main()
