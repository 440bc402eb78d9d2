"""How the figure of an evaluation came about: a classifier on other data.

Its protocol is a dict of fields of its own, as `workflows/evaluate.py` writes
it: what was trained on stands in place of folds and selection.
"""


def describe(summary):
  """Says how the figure of an evaluation came about.

  Args:
    summary: `summary.json` of an evaluation: its 'protocol', 'seen' and
      'unseen'.

  Returns:
    A list of lines to stand beside the number.
  """
  kept, seen = summary['protocol'], summary['seen']
  pretrained = kept.get('pretrained_on')  # unknown to earlier versions
  views = kept['views_per_video']
  lines = [
    f'{kept["data"]}: {kept["num_videos"]} videos of {kept["num_people"]} '
    f'people tested (data {kept["data_hash"][:12]})',
    f'trained on {kept["trained_on"]}'
    + (f', pretrained on {pretrained}' if pretrained else '')
    + '; last epoch'
    + (f'; labels {kept["label_map"]}' if kept['label_map'] else ''),
    f'{views} view{"" if views == 1 else "s"} a video: {kept["view"]}',
  ]
  if seen['total']:
    lines.append(
      f'LEAK: The classifier was trained on {seen["people"]} of these people: '
      f'{describe_counts(seen)} of theirs, '
      f'{describe_counts(summary["unseen"])} of others.'
    )
  return lines + [f'LEAK: {leak}' for leak in kept['leaks']]


def describe_counts(counts):
  """Returns such as '3/4 = 75.0%' of a dict with 'correct' and 'total'."""
  if not counts['total']:
    return '0/0'
  share = counts['correct'] / counts['total']
  return f'{counts["correct"]}/{counts["total"]} = {share:.1%}'


def pool(summaries):
  """Puts together what evaluations on the folds of one data set say.

  Args:
    summaries: list of `summary.json`, each of other people.

  Returns:
    A dict with 'protocol', 'seen' and 'unseen': counts are added up, leaks
    joined, and what the folds do not share is 'one a fold'.
  """
  kept = [one['protocol'] for one in summaries]
  shared = {
    name: value
    if all(other.get(name) == value for other in kept)
    else 'one a fold'
    for name, value in kept[0].items()
  }
  shared |= _add(kept, ('num_videos', 'num_people'))
  leaks = [leak for one in kept for leak in one['leaks']]
  shared['leaks'] = list(dict.fromkeys(leaks))
  return {
    'protocol': shared,
    **{
      name: _add([one[name] for one in summaries], summaries[0][name])
      for name in ('seen', 'unseen')
    },
  }


def _add(dicts, names):
  return {name: sum(one[name] for one in dicts) for name in names}
