"""Writes small video and image files for the tests."""

import dataclasses
import fractions

import av
import cv2
import numpy as np
from PIL import Image


def level_frames(num_frames, size=(48, 64), first=20, step=4):
  """Flat grey frames, each brighter: a frame's level tells its number."""
  return [
    np.full((*size, 3), (first + step * i) % 256, np.uint8)
    for i in range(num_frames)
  ]


def numbers_of(frames, first=20, step=4):
  """Reads the numbers of `level_frames`, after lossy compression too."""
  return [round((float(f.mean()) - first) / step) for f in frames]


@dataclasses.dataclass(frozen=True)
class Encoding:
  """How a video is written.

  Attributes:
    rate: frames a second.
    times: of each frame, in milliseconds; None for a constant rate.
    rotation: degrees counterclockwise by which to turn when shown.
    aspect: width of a pixel over its height.
    gop: frames from one key frame to the next.
    codec: in place of the suffix's.
    b_frames: in a row, which are stored after what they come before.
    container: FFmpeg's name of the format, in place of the suffix's.
    interlaced: whether the encoder says so of each frame.
    sound: seconds by which sound begins earlier than the picture; or None.
  """

  rate: int = 25
  times: list | None = None
  rotation: int | None = None
  aspect: fractions.Fraction | None = None
  gop: int = 12
  codec: str | None = None
  b_frames: int | None = None
  container: str | None = None
  interlaced: bool = False
  sound: float | None = None


def write_video(path, frames, **encoding):
  """Writes frames by the codec that goes with the suffix.

  Args:
    path: of the file.
    frames: uint8 RGB [h, w, 3].
    **encoding: attributes of an `Encoding`.
  """
  made = Encoding(**encoding)
  rate = made.rate
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.suffix == '.gif':
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
      path, save_all=True, append_images=images[1:], duration=1000 / rate
    )
    return path
  codec = made.codec or {
    '.avi': 'mpeg4', '.webm': 'libvpx', '.flv': 'flv1', '.wmv': 'wmv2',
  }.get(path.suffix, 'libx264')  # fmt: skip
  base = (
    fractions.Fraction(1, 1000) if made.times else fractions.Fraction(1, rate)
  )
  late = round((made.sound or 0) * rate)
  with av.open(str(path), 'w', format=made.container) as container:
    stream = container.add_stream(codec, rate=rate)
    stream.height, stream.width = frames[0].shape[:2]
    stream.pix_fmt = 'yuv420p'
    if made.sound is not None:
      track = container.add_stream('mp2', rate=48000, layout='mono')
    if made.b_frames is not None:
      stream.codec_context.max_b_frames = made.b_frames
    if made.interlaced:
      stream.codec_context.flags |= 1 << 29 | 1 << 18  # FFmpeg's +ildct+ilme
    stream.codec_context.time_base = base
    stream.codec_context.gop_size = made.gop
    stream.codec_context.bit_rate = 4_000_000
    stream.codec_context.thread_count = 1
    if made.aspect:
      stream.codec_context.sample_aspect_ratio = made.aspect
    if made.rotation is not None:
      stream.set_display_rotation(made.rotation)
    if made.sound is not None:
      silence = np.zeros((1, 1152), np.int16)
      for i in range(round((late + len(frames)) / rate * 48000 / 1152)):
        frame = av.AudioFrame.from_ndarray(silence, format='s16', layout='mono')
        frame.rate, frame.pts = 48000, 1152 * i
        container.mux(track.encode(frame))
      container.mux(track.encode())
    for i, pixels in enumerate(frames):
      frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
      frame.pts, frame.time_base = (
        made.times[i] if made.times else i + late,
        base,
      )
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  return path


def write_with_cover(path, frames, cover, *, attached=False, cover_only=False):
  """Writes a video whose first track is a still.

  Args:
    path: of the file.
    frames: uint8 RGB [h, w, 3], of the video.
    cover: uint8 RGB [h, w, 3].
    attached: whether the file says that it is a cover picture.
    cover_only: whether to leave the video out, and write sound.
  """
  with av.open(str(path), 'w') as container:
    tracks = [(container.add_stream('mjpeg', rate=25), [cover], 'yuvj420p')]
    if cover_only:
      container.add_stream('aac', rate=8000, layout='mono')
    else:
      video = container.add_stream('libx264', rate=25)
      tracks.append((video, frames, 'yuv420p'))
    if attached:
      tracks[0][0].disposition = av.stream.Disposition.attached_pic
    for stream, pictures, pix_fmt in tracks:
      stream.height, stream.width = pictures[0].shape[:2]
      stream.pix_fmt = pix_fmt
    for stream, pictures, _ in tracks:
      for i, pixels in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
        frame.pts, frame.time_base = i, fractions.Fraction(1, 25)
        container.mux(stream.encode(frame))
      container.mux(stream.encode())
  return path


def write_sound(path):
  """Writes a file with sound and no picture."""
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('aac', rate=8000, layout='mono')
    frame = av.AudioFrame.from_ndarray(
      np.zeros((1, 1024), np.float32), format='fltp', layout='mono'
    )
    frame.rate = 8000
    container.mux(stream.encode(frame))
    container.mux(stream.encode())
  return path


def write_image(path, pixels):
  """Writes an image, uint8 or uint16, grey or RGB, by its suffix."""
  path.parent.mkdir(parents=True, exist_ok=True)
  if pixels.ndim == 3:
    pixels = pixels[..., ::-1]
  ok, data = cv2.imencode(path.suffix, pixels)
  assert ok
  path.write_bytes(data.tobytes())
  return path


def write_frames(folder, num_frames, *, name='{:03d}.jpg', size=(12, 16)):
  """Writes a folder of frames, each of its own brightness."""
  for i, pixels in enumerate(level_frames(num_frames, size)):
    write_image(folder / name.format(i), pixels)
  return folder


def decode(data):
  """Decodes an image to RGB."""
  return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def write_packed(path, frames):
  """Writes an .avi as XviD packs it: two pictures in a packet, then none.

  Args:
    path: of the file.
    frames: uint8 RGB [h, w, 3].
  """
  start = b'\0\0\1\xb6'  # of a picture, then 2 bits: 0 I, 1 P, 2 B
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('mpeg4', rate=25)
    stream.height, stream.width = frames[0].shape[:2]
    stream.pix_fmt = 'yuv420p'
    stream.codec_context.max_b_frames = 1
    stream.codec_context.bit_rate = 4_000_000
    stream.codec_context.thread_count = 1
    coded = []
    for i, pixels in enumerate(frames):
      frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
      frame.pts, frame.time_base = i, fractions.Fraction(1, 25)
      coded += stream.encode(frame)
    coded = [bytes(packet) for packet in coded + stream.encode()]
    packed = []
    for data in coded:
      at = data.index(start)
      if data[at + 4] >> 6 == 2:
        packed[-1] += data
        packed.append(start + b'\x50\x4f')  # a picture that is not coded
      else:
        packed.append(data[:at] + b'\0\0\1\xb2DivX503b1393p' + data[at:])
    for i, data in enumerate(packed):
      packet = av.Packet(data)
      packet.stream, packet.time_base = stream, fractions.Fraction(1, 25)
      packet.pts = packet.dts = i
      packet.is_keyframe = not i
      container.mux(packet)
  return path
