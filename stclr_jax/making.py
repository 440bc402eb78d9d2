"""The making of videos: rate, length, cropping, colours, as far as known.

For all rooms, as `errors` is: a data set knows it when it is opened, a
checkpoint notes it, and what looks at new videos makes its own likewise. What
nobody knows is None and never guessed.
"""

import dataclasses

import numpy as np

# 'as_recorded': whole frames, as they came. 'face': a square around a face.
FRAMINGS = ('as_recorded', 'face')
# Light that is recorded. Frames are RGB in any case, grey ones three times the
# same.
COLOURS = ('visible', 'near_infrared')


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceCrop:
  """Options by which the square around a face was laid.

  Attributes:
    detector: name of the face detector.
    which: of several faces.
    margin: added on each side, as a share of the face's box.
    smoothing: detections over which a running median is taken.
    min_support: detections that must support each other.
    min_face: smallest face looked for, as a share of the shorter side.
  """

  detector: str
  which: str
  margin: float
  smoothing: int
  min_support: int
  min_face: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Making:
  """Account of how videos were made; None for whatever is not known.

  Attributes:
    fps: frames a second.
    framing: one of `FRAMINGS`.
    face_crop: a `FaceCrop`; None also where the framing is 'face' and somebody
      else cut the faces out, or drew them so.
    colour: one of `COLOURS`.
    synthetic: whether the faces are drawn.
    max_size: of the shorter side of encoded frames, in pixels; larger ones
      were averaged over areas.
    jpeg_quality: of frames encoded anew, 1 to 100.
    frame_size: (height, width) of the frames that a network was shown, in
      pixels.
    clip_frames: median of the videos' numbers of frames.
    num_videos: how many videos that median is of.
  """

  fps: float | None = None
  framing: str | None = None
  face_crop: FaceCrop | None = None
  colour: str | None = None
  synthetic: bool | None = None
  max_size: int | None = None
  jpeg_quality: int | None = None
  frame_size: tuple[int, ...] | None = None
  clip_frames: float | None = None
  num_videos: int | None = None

  @property
  def clip_seconds(self):
    """Median seconds of the videos; None if their rate is not known."""
    if self.fps is None or self.clip_frames is None:
      return None
    return self.clip_frames / self.fps

  def describe(self):
    """Says in a line how the videos were made, what is not known included."""
    if self.fps is None:
      clock = 'unknown frame rate'
    else:
      clock = f'{self.fps:g} frames a second'
    parts = [clock]
    if self.clip_frames is not None:
      parts.append(f'{self.clip_frames:g} frames at the median')
    if self.clip_seconds is not None:
      parts[-1] += f' ({self.clip_seconds:.2f} s)'
    if self.framing is None:
      parts.append('unknown framing')
    elif self.framing == 'as_recorded':
      parts.append('whole frames')
    elif self.synthetic:
      parts.append('drawn faces that fill the frame')
    elif self.face_crop is None:
      parts.append('faces fill the frame, cut out in a way that is not known')
    else:
      crop = self.face_crop
      parts.append(
        f'one square around the {crop.which} face (detector {crop.detector}, '
        f'margin {crop.margin:g})'
      )
    if self.frame_size is not None:
      parts.append('{}x{} pixels'.format(*self.frame_size[::-1]))
    if self.colour == 'near_infrared':
      parts.append('near infrared')
    if self.synthetic and self.framing != 'face':
      parts.append('drawn faces')
    return ', '.join(parts)


def of_videos(store, videos):
  """Says how some videos of a data set were made, and how long they are.

  Args:
    store: a `VideoStore`.
    videos: indices, int [n], n above 0.

  Returns:
    A `Making`.
  """
  return dataclasses.replace(
    store.making or Making(),
    synthetic=bool(store.synthetic),
    frame_size=tuple(int(side) for side in store.frame_size),
    clip_frames=float(np.median(store.length[np.asarray(videos)])),
    num_videos=len(videos),
  )
