"""The contact sheet as one HTML page."""

import numpy as np

from stclr_jax.data import data_folder
from stclr_jax.data import imported_report
from stclr_jax.data import placement
from stclr_jax.files import whole
from stclr_jax.reports import notices
from stclr_jax.reports import pages
from stclr_jax.reports.browsing import contact_sheet

_HEIGHT = 96  # of a frame on the page, in pixels; chosen: faces can be told
_JPEG_QUALITY = 85  # chosen: a page of 24 videos then has one or two megabytes
_ROWS = (
  'In the first row each video, as it is before a view is taken; at its end '
  'the middle frame with the crops of view 1 (red) and view 2 (blue). Below, '
  'its views. '
)
_BOXES = ((230, 60, 50), (40, 120, 230))  # of view 1 and 2, red and blue


def write(path, store, config, options, *, num_videos, num_shown):
  """Writes the page; one video is decoded at a time.

  Args:
    path: of the HTML file; replaced.
    store: a `VideoStore`.
    config: as `configs/pretrain.py` gives it.
    options: its `views.ViewOptions`.
    num_videos: at most so many are shown; the counts are of all.
    num_shown: at most so many frames of each.

  Returns:
    Number of videos shown.
  """
  shown = store.synthetic or config.data.with_faces
  chosen = contact_sheet.choose_videos(store, num_videos)
  rows = contact_sheet.make_rows(
    store, chosen, options, seed=config.seed, num_shown=num_shown
  )
  coverage = {}
  if store.directory:
    coverage = imported_report.read_coverage(store.directory)
  blocks = [
    *_head(store, config.data),
    pages.Text(
      f'{len(chosen)} of {store.num_videos} videos, evenly from all classes '
      f'and people. {_ROWS if shown else ""}The two views of '
      f'{options.num_frames} frames and {options.size} x {options.size} pixels '
      f'are those that the first epoch of pretraining (seed {config.seed}) '
      'makes a positive pair.'
    ),
  ]
  for row in rows:
    blocks += _section(row, coverage.get(row.video_id), shown)
  whole.write_text(path, pages.to_html(blocks))
  return len(chosen)


def faces_notice(store, data):
  """Says whether people are on the page; '' of drawn faces.

  Args:
    store: a `VideoStore`.
    data: `config.data`.
  """
  return notices.faces(store.synthetic, data.with_faces, 'shows them')


def _head(store, data):
  """Blocks that say what the data set is."""
  size, share = store.frame_bytes, data.memory_share
  kept = store.frames is not None or placement.keep_in_host(
    'auto', size, memory_share=share
  )
  where = placement.choose('auto', size, in_host=kept, memory_share=share)
  height, width = store.frame_size
  blocks = [pages.Heading(store.name, 1)]
  if store.synthetic:
    blocks.append(
      pages.Text(
        'These faces are drawn. Figures on them say nothing about Oulu-CASIA.',
        warning=True,
      )
    )
  if notice := faces_notice(store, data):
    blocks.append(pages.Text(notice, warning=data.with_faces))
  blocks += [
    pages.Text(
      f'Frames are cut and resized to {height} x {width} pixels '
      f'(data.frame_size); {where.reason}. On this machine the placement is '
      f'{where.placement}.'
    ),
    _counts_table(contact_sheet.count_videos(store)),
  ]
  report = data_folder.read_report(store.directory) if store.directory else ''
  if report:
    title = 'What went in (the report beside the records)'
    blocks.append(pages.Details(title, [pages.Code(report)]))
  return blocks


def _counts_table(counts):
  most = max([1, *(count.videos for count in counts[1:])])
  bars = ['', *(pages.Bar(count.videos / most) for count in counts[1:])]
  return pages.Table(
    ('class', 'videos', '', 'people', 'frames', 'shortest / median / longest'),
    [
      (
        count.name,
        str(count.videos or 'none'),
        bar,
        str(count.subjects),
        f'{count.frames:,}',
        f'{count.shortest} / {count.median:g} / {count.longest}',
      )
      for count, bar in zip(counts, bars, strict=True)
    ],
  )


def _section(row, coverage, shown):
  """Blocks that show a video and its two views; or only what they are."""
  faces = (
    '' if coverage is None else f', face found in {coverage:.0%} of frames'
  )
  heading = pages.Heading(f'{row.video_id}: {row.label}')
  about = f'person {row.subject}, {row.length} frames{faces}'
  if not shown:
    drawn = [f'view {view.number}: {view.drawn}' for view in row.pair]
    return [heading, *map(pages.Text, (about, *drawn))]
  return [
    heading,
    _image(
      [*row.frames, mark_crops(row)],
      f'{about}; shown {_numbers(row.shown)}, and the crops',
    ),
    *(
      _image(
        view.frames,
        f'view {view.number} ({color}): {view.drawn}',
      )
      for view, color in zip(row.pair, ('red', 'blue'), strict=True)
    ),
  ]


def mark_crops(row):
  """Draws where the two views were cut.

  Args:
    row: a `contact_sheet.Row`.

  Returns:
    uint8 [h, w, 3]: a copy of the middle frame, view 1 red, view 2 blue.
  """
  import cv2

  frame = row.frames[len(row.frames) // 2].copy()
  for view, color in zip(row.pair, _BOXES, strict=True):
    box = view.box
    left, top = int(box.left), int(box.top)
    end = left + int(box.width) - 1, top + int(box.height) - 1
    line = max(1, frame.shape[0] // 80)
    cv2.rectangle(frame, (left, top), end, color, line)
  return frame


def _image(frames, caption):
  """A block that shows frames beside one another."""
  import cv2

  scaled = []
  for frame in frames:
    width = max(1, round(frame.shape[1] * _HEIGHT / frame.shape[0]))
    shrinks = frame.shape[0] > _HEIGHT
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    scaled.append(cv2.resize(frame, (width, _HEIGHT), interpolation=how))
  strip = np.concatenate(scaled, axis=1)
  ok, encoded = cv2.imencode(
    '.jpg', strip[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
  )
  assert ok, 'OpenCV writes any JPEG'
  return pages.InlineImage(encoded.tobytes(), caption)


def _numbers(numbers):
  return ' '.join(map(str, np.asarray(numbers).tolist()))
