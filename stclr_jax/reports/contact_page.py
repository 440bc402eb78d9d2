"""The contact sheet as one HTML page, written a video at a time."""

import base64
import html
import pathlib

import numpy as np

from stclr_jax.data import placement
from stclr_jax.data import sources
from stclr_jax.files import whole
from stclr_jax.reports import contact_sheet
from stclr_jax.views import temporal

_HEIGHT = 96  # of a frame on the page, in pixels; chosen: faces can be told
_JPEG_QUALITY = 85  # chosen: a page of 24 videos then has one or two megabytes
_BOXES = ((230, 60, 50), (40, 120, 230))  # of view 1 and 2, RGB

_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; color: #222;
  max-width: 1180px; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.05em; margin: 0 0 .4em; }
table { border-collapse: collapse; } pre { background: #f6f6f6; padding: 1em;
  overflow-x: auto; font-size: 12px; }
td, th { padding: .15em .8em .15em 0; text-align: right; }
td:first-child, th:first-child { text-align: left; }
section { border-top: 1px solid #ccc; padding: 1em 0; }
img { display: block; max-width: 100%; }
.what { color: #555; font-size: 12px; margin: .5em 0 .15em; }
.one { color: #e63c32; } .two { color: #2878e6; }
.none { color: #b00; font-weight: bold; }
.bar { background: #8ab; height: .7em; display: inline-block; }
.notice { background: #fff3c4; padding: .5em 1em; }
"""


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
  chosen = contact_sheet.choose_videos(store, num_videos)
  report, coverage = _read_report(config.data)
  rows = contact_sheet.make_rows(
    store, chosen, options, seed=config.seed, num_shown=num_shown
  )
  with whole.writing(path, encoding='utf-8') as page:
    page.write(_head(store, config, options, report, len(chosen)))
    for row in rows:
      page.write(_section(row, options, coverage.get(row.video_id)))
    page.write('</body></html>\n')
  return len(chosen)


def _head(store, config, options, report, num_shown):
  size = store.frame_bytes
  kept = store.frames is not None or placement.keep_in_host(
    'auto', size, memory_share=config.data.memory_share
  )
  where = placement.choose(
    'auto', size, in_host=kept, memory_share=config.data.memory_share
  )
  name = html.escape(store.name)
  height, width = store.frame_size
  parts = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    f'<title>{name}</title><style>{_STYLE}</style></head><body>',
    f'<h1>{name}</h1>',
  ]
  if store.synthetic:
    parts.append(
      '<p class="notice">These faces are drawn. Figures on them say nothing '
      'about Oulu-CASIA.</p>'
    )
  parts += [
    f'<p>Frames are cut and resized to {height} x {width} pixels '
    f'(<code>data.frame_size</code>); {where.reason}. On this machine the '
    f'placement is <b>{where.placement}</b>.</p>',
    _counts_table(contact_sheet.count_videos(store)),
  ]
  if report:
    parts.append(
      '<details open><summary>What went in (the report beside the records)'
      f'</summary><pre>{html.escape(report)}</pre></details>'
    )
  parts.append(
    f'<p>{num_shown} of {store.num_videos} videos, evenly from all classes and '
    'people. In the first row each video, as it is '
    'before a view is taken; at its end the middle frame with the crops of '
    '<b class="one">view 1</b> and <b class="two">view 2</b>. Below, the two '
    f'views of {options.num_frames} frames and {options.size} x {options.size} '
    f'pixels that the first epoch of pretraining (seed {config.seed}) makes a '
    'positive pair.</p>'
  )
  return '\n'.join(parts)


def _counts_table(counts):
  most = max(c.videos for c in counts[1:]) if len(counts) > 1 else 1
  rows = []
  for c in counts:
    found = str(c.videos) if c.videos else '<span class="none">none</span>'
    bar = '' if c is counts[0] else round(160 * c.videos / max(1, most))
    bar = f'<span class="bar" style="width:{bar}px"></span>' if bar else ''
    rows.append(
      f'<tr><td>{html.escape(c.name)}</td><td>{found}</td><td>{c.subjects}</td>'
      f'<td>{c.frames:,}</td><td>{c.shortest} / {c.median:g} / {c.longest}</td>'
      f'<td style="text-align:left">{bar}</td></tr>'
    )
  return (
    '<table><tr><th>class</th><th>videos</th><th>people</th><th>frames</th>'
    '<th>shortest / median / longest</th><th></th></tr>'
    f'{"".join(rows)}</table>'
  )


def _section(row, options, coverage):
  kept = '' if coverage is None else f', face found in {coverage:.0%} of frames'
  marked = _mark_crops(row)
  parts = [
    f'<section><h2>{html.escape(row.video_id)}: {html.escape(row.label)}</h2>'
    f'<div class="what">person {html.escape(row.subject)}, {row.length} '
    f'frames{kept}; shown {_numbers(row.shown)}, and the crops</div>',
    _image([*row.frames, marked]),
  ]
  for view, color in zip(row.pair, ('one', 'two'), strict=True):
    parts += [
      f'<div class="what"><b class="{color}">view {view.number}</b> '
      f'{describe_view(view.parameters, row, options)}</div>',
      _image(view.frames),
    ]
  return '\n'.join([*parts, '</section>\n'])


def describe_view(drawn, row, options):
  """Says what was drawn for a view.

  Args:
    drawn: a `views.ViewParameters` of NumPy values.
    row: a `contact_sheet.Row`.
    options: a `views.ViewOptions`.

  Returns:
    A line of text.
  """
  height, width = row.frames.shape[1:3]
  box, color = drawn.box, drawn.color
  share = int(box.height) * int(box.width) / (height * width)
  uniform = temporal.sample_uniform(row.length, num_frames=options.num_frames)
  gaps = np.diff(drawn.indices)
  if np.array_equal(drawn.indices, uniform):
    how = 'at equal distances'
  elif row.length >= options.num_frames and (gaps == 1).all():
    how = 'consecutive'
  else:
    how = 'irregular'
  factors = {
    name: f'{name} x{float(getattr(color, name)):.2f}'
    for name in ('brightness', 'contrast', 'saturation')
  } | {'hue': f'hue {360 * float(color.hue):+.0f}°'}
  names = ('brightness', 'contrast', 'saturation', 'hue')
  neutral = all(
    float(getattr(color, n)) == v
    for n, v in zip(names, (1, 1, 1, 0), strict=True)
  )
  colors = ', '.join(factors[names[int(i)]] for i in color.order)
  return (
    f'frames {_numbers(drawn.indices)} ({how}); crop {int(box.width)} x '
    f'{int(box.height)} at ({int(box.left)}, {int(box.top)}), {share:.0%} of '
    f'the frame; {"mirrored" if drawn.flip else "not mirrored"}; '
    f'{"colours as they are" if neutral else colors}'
  )


def _mark_crops(row):
  import cv2

  frame = row.frames[len(row.frames) // 2].copy()
  for view, color in zip(row.pair, _BOXES, strict=True):
    box = view.parameters.box
    left, top = int(box.left), int(box.top)
    end = left + int(box.width) - 1, top + int(box.height) - 1
    line = max(1, frame.shape[0] // 80)
    cv2.rectangle(frame, (left, top), end, color, line)
  return frame


def _image(frames):
  """Frames beside one another, as HTML."""
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
  data = base64.b64encode(encoded).decode()
  return f'<img alt="" src="data:image/jpeg;base64,{data}">'


def _numbers(numbers):
  return ' '.join(map(str, np.asarray(numbers).tolist()))


def _read_report(data):
  """What a build or an import says of itself, and each video's coverage."""
  if sources.must_draw(data.name, data.split) or not sources.has_tfds():
    return '', {}
  from stclr_jax.data import imported
  from stclr_jax.data.imports import import_report
  from tfds_oulu import integrity
  from tfds_oulu import integrity_table

  data_dir = data.data_dir or None
  source = sources.open_source(data.name, split=data.split, data_dir=data_dir)
  description = integrity.read(source.directory)
  if description is not None:
    file = pathlib.Path(source.directory) / integrity.FILE_NAME
    return integrity_table.format_table(description, file), {}
  if data.name not in imported.list_names(data_dir):
    return '', {}
  report = imported.read_report(data.name, data_dir)
  coverage = {v['video_id']: v['coverage'] for v in report['videos']}
  return import_report.describe(report, source.directory), coverage
