"""Our views as a torchvision user would draw them; imports no JAX.

Three ways to sample frames; then torchvision v2's crop, flip and colour
jitter, one draw for all frames of a clip, with the parameters of `views`.
"""

import numpy as np

from benchmarks.pipeline import synthetic_videos
from benchmarks.step import torch_networks

MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


def sample_frames(generator, length, num_frames):
  """Picks frames of a video: random, uniform or sequential.

  Args:
    generator: of NumPy.
    length: frames in the video.
    num_frames: frames of a clip.

  Returns:
    int64 [num_frames], ascending.
  """
  strategy = generator.integers(3)
  if length < num_frames:
    return (2 * np.arange(num_frames) + 1) * length // (2 * num_frames)
  if strategy == 0:
    return np.sort(generator.choice(length, num_frames, replace=False))
  if strategy == 1:
    return np.linspace(0, length - 1, num_frames).round().astype(np.int64)
  return generator.integers(length - num_frames + 1) + np.arange(num_frames)


def make_transform(size):
  """Makes crop, flip and colour; uint8 or float [t, 3, h, w] to the same."""
  _, v2 = torch_networks.import_torchvision('transforms.v2')
  return v2.Compose(
    [
      v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
      v2.RandomHorizontalFlip(),
      v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    ]
  )


def normalize(clips):
  """Normalises uint8 [..., 3, h, w], or float in [0, 1], to float32."""
  import torch

  if clips.dtype == torch.uint8:
    clips = clips.float() / 255
  mean = torch.tensor(MEAN, device=clips.device).reshape(3, 1, 1)
  std = torch.tensor(STD, device=clips.device).reshape(3, 1, 1)
  return (clips - mean) / std


class Videos:
  """A map-style data set for a DataLoader: pairs of views of a video.

  Attributes:
    length: of the data set; as long as anyone asks.
  """

  def __init__(self, options, *, augmented):
    """Prepares the frames, shared with forked workers.

    Args:
      options: of `synthetic_videos.add_options` and of a step.
      augmented: whether to augment, or only to gather frames.
    """
    self._options, self._augmented = options, augmented
    self._frames, self._first, self._length = synthetic_videos.make_videos(
      options
    )
    self._transform = make_transform(options.size)

  def __len__(self):
    return 2**30

  def __getitem__(self, index):
    """Returns a pair of clips, uint8 [2, t, 3, h, w]."""
    import torch

    generator = np.random.default_rng(index)
    video = index % self._options.videos
    pair = []
    for _ in range(2):
      frames = sample_frames(
        generator, self._length[video], self._options.frames
      )
      clip = torch.from_numpy(self._frames[self._first[video] + frames])
      clip = clip.permute(0, 3, 1, 2)
      pair.append(self._transform(clip) if self._augmented else clip)
    return torch.stack(pair)
