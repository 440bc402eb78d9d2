"""Turns the records of a suite into a page beside what was aimed at."""

from benchmarks.step.kernels import table_of_kernels

# Figure, floor and goal; the goals are for an H200.
GOALS = {
  'ours / best unmodified torch': ('1.0', '1.3'),
  'ours / eager torch': ('1.15', '1.5'),
  'ours / torch in 2D': ('0.9', '1.05'),
  'model FLOP utilisation': ('20 %', '33 %'),
  'end to end / step alone': ('0.93', '0.985'),
  'end to end / torch end to end': ('1.3', '3'),
  'augmentation, us a view': ('150', '35'),
  'augmentation / torchvision v2': ('3', '15'),
  'GB a view, remat none': ('1.3', '1.05'),
  'GB a view, remat batch_norm': ('0.85', '0.6'),
  'GB a view with remat / torch': ('1.0', '0.6'),
  "the paper's pretraining, minutes": ('80', '48'),
  'share of copies': ('6 %', '1 %'),
  'compile cold / warm, s': ('300 / 60', '90 / 10'),
}


def write(found):
  """Writes the page.

  Args:
    found: the records of a suite, in order.

  Returns:
    Markdown.
  """
  lines = ['# Benchmarks', '']
  for record in found:
    if record['benchmark'] == 'ceilings':
      lines.append(
        f'{record["name"]}: {record["matmul_flops"] / 1e12:.4g} TFLOP/s, '
        f'{record["bytes_per_s"] / 1e12:.3g} TB/s; preset {record["preset"]}; '
        f'{record["versions"]}'
      )
  lines += ['', '| figure | floor | goal | measured |', '|---|---|---|---|']
  figures = collect(found)
  for name, (floor, goal) in GOALS.items():
    measured = figures.get(name, 'not measured')
    lines.append(f'| {name} | {floor} | {goal} | {measured} |')
  lines += _ablations(found)
  for record in found:
    if record['benchmark'] == 'kernels' and 'kernels' in record:
      lines += ['', *table_of_kernels(record)]
  notes = [
    f'- {record["benchmark"]} '
    f'{record.get("implementation") or record.get("ablation") or ""}: '
    f'{name}, {str(record[name])[-300:]}'
    for record in found
    for name in ('failed', 'skipped')
    if record.get(name)
  ]
  if notes:
    lines += ['', 'Left out or failed:', '', *notes]
  return '\n'.join(lines) + '\n'


def collect(found):
  """Picks the figures of `GOALS`.

  Args:
    found: the records of a suite, in order.

  Returns:
    By name, the figure as text.
  """
  figures = {}
  per_view = {}
  for record in found:
    if isinstance(record.get('failed'), str) or record.get('skipped'):
      continue
    kind = record['benchmark']
    if kind == 'compare':
      figures |= _of_compare(record)
    elif kind == 'pipeline':
      for name, key in (
        ('end to end / step alone', 'of_step_alone'),
        ('end to end / torch end to end', 'ratio'),
        ("the paper's pretraining, minutes", 'paper_minutes'),
      ):
        if record[key] is not None:
          figures[name] = f'{record[key]:.3g}'
    elif kind == 'augment' and 'ours' in record['us_per_view']:
      figures['augmentation, us a view'] = (
        f'{record["us_per_view"]["ours"]:.4g}'
      )
      if record['ratio']:
        figures['augmentation / torchvision v2'] = f'{record["ratio"]:.3g}'
    elif kind == 'memory':
      slopes = record['bytes_per_view']
      peak = slopes.get('peak_bytes') or slopes.get('program_bytes')
      key = record['remat'] or 'torch'
      per_view[key] = peak or slopes.get('process_bytes')
    elif kind == 'kernels' and 'groups' in record:
      figures['share of copies'] = f'{record["groups"]["copy"]["share"]:.1%}'
    elif kind == 'compile_time' and 'cold' in record:
      cold, warm = (sum(record[name].values()) for name in ('cold', 'warm'))
      figures['compile cold / warm, s'] = f'{cold:.0f} / {warm:.0f}'
  for remat in ('none', 'batch_norm'):
    if remat in per_view:
      figures[f'GB a view, remat {remat}'] = f'{per_view[remat] / 1e9:.3g}'
  if per_view.get('torch') and 'batch_norm' in per_view:
    ratio = per_view['batch_norm'] / per_view['torch']
    figures['GB a view with remat / torch'] = f'{ratio:.2f}'
  return figures


def _of_compare(record):
  figures = {}
  for name, key in (
    ('ours / best unmodified torch', 'best'),
    ('ours / eager torch', 'torch_eager'),
    ('ours / torch in 2D', 'torch_2d'),
  ):
    if key in record['ratios']:
      ratio = record['ratios'][key]
      figures[name] = (
        f'{ratio["median"]:.3f} ({ratio["min"]:.3f} to {ratio["max"]:.3f}) at '
        f'{record["views"]} views'
      )
  ours = record['implementations'].get('ours')
  if ours and ours['mfu']:
    figures['model FLOP utilisation'] = f'{ours["mfu"]:.1%}'
  return figures


def _ablations(found):
  rows = [r for r in found if r['benchmark'] == 'ablation' and 'measured' in r]
  if not rows:
    return []
  lines = [
    '',
    '| undone | predicted | measured | spread |',
    '|---|---|---|---|',
  ]
  for row in rows:
    low, high = row['predicted']
    spread = max(row['spread'].values())
    lines.append(
      f'| {row["ablation"]} | {low:g} to {high:g} | {row["measured"]:.3f} '
      f'| {spread:.1%} |'
    )
  return lines
