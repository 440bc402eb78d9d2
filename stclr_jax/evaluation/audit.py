"""Shortcut audit: does an embedding hold expression, or person and light?

A positive pair always shows the same person in the same light, so a network
can tell pairs apart by the face alone and never look at the expression. These
figures say how far that went. Everything is computed from representations of
the videos that pretraining saw; held out are people, or where people are what
is read, expressions.
"""

import numpy as np

from stclr_jax.evaluation import probes

# Orders in which a clip's frames are shown; see `frame_orders`.
FORWARD = 'forward'
CONTROLS = ('shuffled', 'reversed', 'last_frame')
NUM_LIGHTS = 3  # chosen: dark, middle and bright thirds


def frame_orders(num_frames, *, seed=0):
  """Makes the controls: what of a clip is shown, and when.

  Args:
    num_frames: of a clip.
    seed: int, of the shuffle, which is the same for all clips.

  Returns:
    By name, indices into the clip's frames, int [num_frames].
  """
  forward = np.arange(num_frames)
  shuffled = forward
  random = np.random.RandomState(seed)
  # Neither of the orders that have a name, where there is another one.
  while num_frames > 2 and (
    np.array_equal(shuffled, forward) or np.array_equal(shuffled, forward[::-1])
  ):
    shuffled = random.permutation(num_frames)
  return {
    FORWARD: forward,
    'shuffled': shuffled,
    'reversed': forward[::-1].copy(),
    'last_frame': np.full(num_frames, num_frames - 1),
  }


def light_classes(brightness):
  """Deals videos to thirds by their brightness.

  Args:
    brightness: mean of each video's pixels, float [n].

  Returns:
    int [n] in [0, NUM_LIGHTS).
  """
  ranks = np.argsort(np.argsort(brightness, kind='stable'), kind='stable')
  return ranks * NUM_LIGHTS // len(ranks)


def audit(representations, labels, subjects, lights):
  """Reads expression, person and light off representations.

  Args:
    representations: by order of the frames, see `frame_orders`, float [n, d].
    labels: expression of each video, int [n].
    subjects: person of each video, int [n].
    lights: illumination of each video, int [n], such as `light_classes` or
      the condition it was recorded in.

  Returns:
    A JSON-able dict:
    'videos', 'people': how many.
    'probes': by 'expression', 'subject' and 'illumination', a `_share` of
      videos read rightly by a linear probe, with people held out; for
      'subject' expressions are held out. None where that cannot be done.
    'retrieval': by the same names, a `_share` of videos whose nearest other
      video (by cosine) agrees; for 'expression' and 'illumination' the same
      person's videos are left out, who would never or always agree.
    'neighbors': of all videos, the `_share` whose nearest one is the same
      person's ('same_subject'), shows the same expression
      ('same_expression'), or neither.
    'pairs': mean cosines of pairs of the same person with other expressions,
      of other people with the same expression, and of neither; and
      'subject_over_expression', the probability that a pair of the first kind
      is more alike than one of the second (0.5: neither wins).
    'controls': by order of the frames, mean 'cosine' to the forward
      representation, and a `_share` read rightly by an expression probe of
      its own ('expression').
  """
  labels, subjects, lights = map(np.asarray, (labels, subjects, lights))
  forward = representations[FORWARD]
  cosine = _cosines(forward)
  other_person = subjects[:, None] != subjects[None, :]
  everyone = ~np.eye(len(labels), dtype=bool)
  return {
    'videos': len(labels),
    'people': len(np.unique(subjects)),
    'probes': {
      'expression': _probe(forward, labels, subjects),
      'subject': _probe(forward, subjects, labels),
      'illumination': _probe(forward, lights, subjects),
    },
    'retrieval': {
      'expression': _retrieve(cosine, labels, other_person),
      'subject': _retrieve(cosine, subjects, everyone),
      'illumination': _retrieve(cosine, lights, other_person),
    },
    'neighbors': _neighbors(cosine, labels, subjects),
    'pairs': _pairs(cosine, labels, subjects),
    'controls': {
      name: {
        'cosine': float(_paired_cosine(forward, h).mean()),
        'expression': _probe(h, labels, subjects),
      }
      for name, h in representations.items()
      if name != FORWARD
    },
  }


def describe(found):
  """Says it in a few lines.

  Args:
    found: as `audit` returns it.

  Returns:
    Lines of text.
  """
  read, retrieved = found['probes'], found['retrieval']
  neighbors, pairs = found['neighbors'], found['pairs']
  lines = [
    f'What the embedding holds ({found["videos"]} videos of {found["people"]} '
    'people that pretraining saw):',
    f'  read by a linear probe: expression {_words(read["expression"])}, '
    f'person {_words(read["subject"])}, light {_words(read["illumination"])}',
    f'  found in the nearest video: expression '
    f'{_words(retrieved["expression"])}, person '
    f'{_words(retrieved["subject"])}, light '
    f'{_words(retrieved["illumination"])}',
    "  nearest of all: the same person's "
    f'{_words(neighbors["same_subject"])}, the same expression '
    f'{_words(neighbors["same_expression"])}',
  ]
  if pairs['subject_over_expression'] is not None:
    lines.append(
      '  two videos of one person are more alike than two of one expression '
      f'with probability {pairs["subject_over_expression"]:.2f}'
    )
  for name, control in found['controls'].items():
    lines.append(
      f'  frames {name.replace("_", " ")}: expression '
      f'{_words(control["expression"])}, cosine to forward '
      f'{control["cosine"]:.3f}'
    )
  return '\n'.join(lines)


def _share(right, chance):
  return {
    'correct': int(right.sum()),
    'total': len(right),
    'share': float(right.mean()),
    'chance': float(chance),
  }


def _probe(representations, targets, groups):
  if len(np.unique(targets)) < 2 or len(np.unique(groups)) < 2:
    return None
  found = probes.cross_probe(representations, targets, groups, num_folds=6)
  return _share(found == targets, _commonest(targets))


def _commonest(targets):
  return np.unique(targets, return_counts=True)[1].max() / len(targets)


def _retrieve(cosine, targets, allowed):
  """Share of videos whose nearest allowed one has the same target."""
  asked = allowed.any(1)
  if not asked.any():
    return None
  same = targets[:, None] == targets[None, :]
  chance = (same & allowed)[asked].sum(1) / allowed[asked].sum(1)
  nearest = np.where(allowed, cosine, -np.inf).argmax(1)
  right = targets[nearest] == targets
  return _share(right[asked], chance.mean())


def _neighbors(cosine, labels, subjects):
  others = ~np.eye(len(labels), dtype=bool)
  same_subject = subjects[:, None] == subjects[None, :]
  same_label = labels[:, None] == labels[None, :]
  kinds = {
    'same_subject': same_subject & others,
    'same_expression': same_label & ~same_subject,
    'neither': ~same_label & ~same_subject,
  }
  nearest = np.where(others, cosine, -np.inf).argmax(1)
  return {
    name: _share(
      kind[np.arange(len(labels)), nearest],
      kind.sum() / others.sum(),
    )
    for name, kind in kinds.items()
  }


def _pairs(cosine, labels, subjects):
  from sklearn import metrics

  above = np.triu(np.ones_like(cosine, bool), 1)
  same_subject = subjects[:, None] == subjects[None, :]
  same_label = labels[:, None] == labels[None, :]
  of_one_person = cosine[above & same_subject & ~same_label]
  of_one_expression = cosine[above & ~same_subject & same_label]
  of_neither = cosine[above & ~same_subject & ~same_label]
  wins = None
  if len(of_one_person) and len(of_one_expression):
    kind = np.repeat([1, 0], [len(of_one_person), len(of_one_expression)])
    both = np.concatenate([of_one_person, of_one_expression])
    wins = float(metrics.roc_auc_score(kind, both))
  return {
    'same_subject': _mean(of_one_person),
    'same_expression': _mean(of_one_expression),
    'neither': _mean(of_neither),
    'subject_over_expression': wins,
  }


def _mean(values):
  return float(values.mean()) if len(values) else None


def _cosines(representations):
  scaled = probes.unit(representations)
  return scaled @ scaled.T


def _paired_cosine(first, second):
  return (probes.unit(first) * probes.unit(second)).sum(1)


def _words(share):
  if share is None:
    return 'unknown'
  return f'{share["share"]:.1%} (chance {share["chance"]:.1%})'
