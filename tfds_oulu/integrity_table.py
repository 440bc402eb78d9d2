"""Tables and lines in which a build says what it holds."""

import collections
import re

from stclr_jax import oulu_casia

_LINES = 10  # of one kind; the rest is in integrity.json
_COLUMNS = {
  'people': 'people',
  'expressions': 'expressions',
  'videos': 'videos',
  'missing': 'missing',
  'frames': 'frames',
  'frames_min': 'min',
  'frames_median': 'median',
  'frames_max': 'max',
}


def format_table(description, file):
  """Writes what a build holds, for people.

  Args:
    description: as `integrity.summarize` gives it.
    file: path of the full description, to be named.

  Returns:
    Lines of text.
  """
  conditions = description['conditions']
  lines = [*_table(conditions), '']
  for name, condition in conditions.items():
    if condition['counts_as_known']:
      lines.append(f'{name}: people, videos and frames are those of the whole')
    lines += _missing(name, condition['missing'])
    lines += _shorten(f'{name}: {note}' for note in condition['notes'])
  lines += format_unused(description)
  if lines[-1]:
    lines.append('')
  for name, condition in conditions.items():
    lines.append(f'{name} is {condition["checksum"]}')
    if len(condition['folders']) > 1:
      lines.append('  taken from several folders:')
      lines += [
        f'  {n:5} videos from {f}' for f, n in condition['folders'].items()
      ]
  lines.append(f'Each video and its checksum: {file}')
  return '\n'.join(lines)


def format_unused(description):
  """Writes what was found in place of frames.

  Args:
    description: as `integrity.summarize` gives it.

  Returns:
    A list of lines, a few.
  """
  return [
    *_shorten(
      f'skipped {entry["file"]}: {entry["reason"]}'
      for entry in description['skipped']
    ),
    *_ignored(description['ignored']),
  ]


def _table(conditions):
  rows = [['', *_COLUMNS.values()]]
  for name, condition in conditions.items():
    values = {**condition, 'missing': len(condition['missing'])}
    rows.append([name, *(f'{values[column]:,}' for column in _COLUMNS)])
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return [
    '  '.join(
      cell.rjust(width) if i else cell.ljust(width)
      for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ).rstrip()
    for row in rows
  ]


def _missing(name, video_ids):
  """Names whole people who are missing as such, and the other videos."""
  if not video_ids:
    return []
  by_person = collections.defaultdict(list)
  for video_id in video_ids:
    person, expression = video_id.split('/')
    by_person[int(person[1:])].append(expression)
  absent = [
    person
    for person, found in by_person.items()
    if len(found) == len(oulu_casia.EXPRESSIONS)
  ]
  lines = []
  if absent:
    lines.append(f'{name}: nothing of {_ranges(absent)}')
  partly = (
    f'P{p:03d}/{expression}'
    for p, found in by_person.items()
    if p not in absent
    for expression in found
  )
  return lines + _shorten(f'{name}: no {video_id}' for video_id in partly)


def _ranges(numbers):
  """'P001, P003 to P005'."""
  text = ''.join(
    'x' if number in numbers else '.' for number in range(max(numbers) + 1)
  )
  return ', '.join(
    f'P{run.start():03d}'
    + (f' to P{run.end() - 1:03d}' if run.end() - run.start() > 1 else '')
    for run in re.finditer('x+', text)
  )


def _ignored(entries):
  number, folders = collections.Counter(), collections.defaultdict(list)
  for entry in entries:
    number[entry['reason']] += entry['files']
    folders[entry['reason']].append(entry)
  return [
    f'ignored {n:,} {"file" if n == 1 else "files"}, {reason}: '
    f'{_example(folders[reason])}'
    for reason, n in number.most_common()
  ]


def _example(entries):
  first = entries[0]
  path = '/'.join(filter(None, [first['folder'], first['names'][0]]))
  total = sum(entry['files'] for entry in entries)
  return path if total == 1 else f'{path}, …'


def _shorten(lines):
  lines = list(lines)
  if len(lines) > _LINES:
    lines[_LINES:] = [f'… and {len(lines) - _LINES} more of these']
  return lines
