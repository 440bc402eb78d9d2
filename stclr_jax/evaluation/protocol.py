"""The protocol of a figure of folds: everything that makes it comparable.

Most differences between published accuracies are differences of protocol:
clips or people dealt to folds, the epoch chosen on the test fold, other views.
A `Protocol` stands beside each number and in `summary.json`. That of a trained
classifier on other data is in `transfer_protocol`.
"""

import dataclasses
import hashlib

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import json_records

PRETRAIN_SCOPES = ('none', 'train_folds', 'all_unlabelled', 'other_data')
SELECTIONS = ('last', 'inner_validation', 'test_oracle')
# What a pretraining that may have met the test people is, by its scope.
PRETRAINING_LEAKS = {
  'all_unlabelled': "Pretraining saw the test people's videos, unlabelled.",
}


@dataclasses.dataclass(frozen=True)
class Protocol(json_records.Record):
  """Everything that two accuracies must share to be compared.

  Attributes:
    data: which data, such as 'oulu_casia:vl_strong'.
    data_hash: `hash_videos` of all its videos.
    num_videos: how many are tested, in all folds that were run.
    num_people: how many people they show.
    num_folds: folds the people were dealt to.
    folds_run: those that were run.
    fold_assignment: 'consecutive', 'strided', 'shuffled' or 'leaky_clips'.
    fold_seed: of 'shuffled' and 'leaky_clips'.
    fold_hashes: of the test video ids of each fold that was run.
    pretrain_scope: whose videos pretraining saw: 'none', 'train_folds' (the
      fold's training people), 'all_unlabelled' (test people's as well)
      or 'other_data' (none of this data's people).
    validation_in_pretraining: whether the people that 'inner_validation'
      chooses by were pretrained on.
    pretrained_on: which data; '' without pretraining.
    pretrained_epochs: after how many epochs the encoder was taken; 0 without
      pretraining or if nobody knows.
    selection: which epoch is tested: 'last', 'inner_validation' (the best on
      the next fold's people) or 'test_oracle' (the best on the test people).
    labelled_fraction: share of the training labels that were known.
    labelled_unit: kept by 'clip' or by 'person'.
    labelled_draw: which of the published subsets.
    seed: of the training run.
    view: how a test video is looked at, see `describe_view`.
    views_per_video: how many such views are averaged.
    beyond_paper: what was done that the paper's method does not do, in words.
  """

  data: str
  data_hash: str
  num_videos: int
  num_people: int
  num_folds: int
  folds_run: tuple[int, ...]
  fold_assignment: str
  fold_seed: int
  fold_hashes: tuple[str, ...]
  pretrain_scope: str
  selection: str
  labelled_fraction: float
  labelled_unit: str
  labelled_draw: int
  seed: int
  view: str
  views_per_video: int = 1
  validation_in_pretraining: bool = False
  pretrained_on: str = ''
  pretrained_epochs: int = 0
  beyond_paper: tuple[str, ...] = ()

  def __post_init__(self):
    for name, allowed in (
      ('pretrain_scope', PRETRAIN_SCOPES),
      ('selection', SELECTIONS),
    ):
      check_one_of(name, getattr(self, name), allowed)
    # JSON has lists only.
    for name in ('folds_run', 'fold_hashes', 'beyond_paper'):
      object.__setattr__(self, name, tuple(getattr(self, name)))
    if len(self.folds_run) != len(self.fold_hashes):
      raise UserError(
        f'`fold_hashes` (of {len(self.fold_hashes)} folds) must have one for '
        f'each of the {len(self.folds_run)} folds in `folds_run`.'
      )

  @property
  def leaks(self):
    """Sentences on what the classifier learned of the test people."""
    found = []
    if self.fold_assignment == 'leaky_clips':
      found.append('People are trained on and tested: folds deal clips.')
    if self.selection == 'test_oracle':
      found.append('The epoch was chosen by the test result.')
    if self.pretrain_scope in PRETRAINING_LEAKS:
      found.append(PRETRAINING_LEAKS[self.pretrain_scope])
    return tuple(found)

  @property
  def people_tested(self):
    """The people whom the tested videos show, in words."""
    if self.fold_assignment == 'leaky_clips':
      return 'people trained on'
    if self.pretrain_scope == 'all_unlabelled':
      return 'people pretrained on, unlabelled'
    return 'unseen people'

  def describe(self):
    """Returns a few lines to stand beside the number."""
    of_clips = self.fold_assignment == 'leaky_clips'
    dealt = 'videos' if of_clips else 'people'
    seeded = self.fold_assignment in ('shuffled', 'leaky_clips')
    drawn = f' by seed {self.fold_seed}' if seeded else ''
    selection = {
      'last': 'last epoch',
      'inner_validation': f"best epoch on the next fold's {dealt}, not trained "
      + ('on but pretrained on' if self.validation_in_pretraining else 'on'),
      'test_oracle': f'best epoch on the test {dealt}',
    }[self.selection]
    labels = (
      'all training labels'
      if self.labelled_fraction == 1
      else f'{100 * self.labelled_fraction:g} % of the training labels, by '
      f'{self.labelled_unit}, draw {self.labelled_draw}'
    )
    return '\n'.join(
      [
        f'{self.data}: {self.num_videos} videos of {self.num_people} people '
        f'tested (data {self.data_hash[:12]})',
        f'{_ranges(self.folds_run)} of {self.num_folds} folds by '
        f'{"clip" if of_clips else "person"}, {self.fold_assignment}{drawn} '
        f'(folds {self.folds_hash[:12]})',
        f'{self._pretraining(dealt)}; {selection}; {labels}; seed {self.seed}',
        f'{plural(self.views_per_video, "view")} a video: {self.view}',
        *describe_beyond(self.beyond_paper),
        *(f'LEAK: {leak}' for leak in self.leaks),
      ]
    )

  def _pretraining(self, dealt):
    scope = {
      'none': 'no pretraining',
      'train_folds': f"pretrained on the fold's training {dealt}",
      'all_unlabelled': f'pretrained on test {dealt} as well, without labels',
      'other_data': 'pretrained on other data',
    }[self.pretrain_scope]
    if self.pretrained_on not in ('', self.data):
      scope += f' ({self.pretrained_on})'
    if self.pretrained_epochs:
      scope += f' for {plural(self.pretrained_epochs, "epoch")}'
    return scope

  @property
  def folds_hash(self):
    """One fingerprint of all folds that were run, SHA-256 in hexadecimal."""
    lines = ''.join(
      f'{fold}\t{one}\n'
      for fold, one in zip(self.folds_run, self.fold_hashes, strict=True)
    )
    return hashlib.sha256(lines.encode()).hexdigest()

  def as_dict(self):
    """Returns what JSON can hold, with the leaks spelled out."""
    return {**super().as_dict(), 'leaks': list(self.leaks)}

  @classmethod
  def from_dict(cls, written):
    """Reads what `as_dict` wrote; see `Record.from_dict`."""
    return super().from_dict({k: v for k, v in written.items() if k != 'leaks'})

  def differences(self, other):
    """Returns lines that say where another `Protocol` differs."""
    return differences(self.as_dict(), other.as_dict())


def describe_view(num_frames, size, read, rest='first_frame'):
  """Says how a test video is looked at.

  Args:
    num_frames: of a clip.
    size: its height and width in pixels.
    read: what the classifier reads of it, of `heads.INPUTS`.
    rest: what it takes for rest, of `heads.RESTS`.

  Returns:
    Text, such as '16 frames from first to last, centre 112x112'.
  """
  view = f'{num_frames} frames from first to last, centre {size}x{size}'
  if read == 'clip':
    return view
  less = {
    'change': 'the last frame less',
    'change_of_clip': 'the clip less',
    'both': 'the clip, and less',
  }[read]
  at_rest = {
    'first_frame': 'the first' if read == 'change' else 'the first frame',
    'person_mean': "its rest, the mean over the person's tested videos, seen "
    'together without labels: transductive by person',
  }[rest]
  return f"{view}; {less} {at_rest} (not the paper's)"


def describe_beyond(beyond_paper):
  """Says that a method is not the paper's.

  Args:
    beyond_paper: what it does beyond, in words, a tuple of strings.

  Returns:
    A list of one line, or of none where there is nothing to say.
  """
  if not beyond_paper:
    return []
  return [f"Not the paper's method: {'; '.join(beyond_paper)}."]


def pool(protocols):
  """Puts the protocols of several folds of one run together.

  Args:
    protocols: list of `Protocol`, each of other folds.

  Returns:
    A `Protocol` of all of them.

  Raises:
    ValueError: if they differ in more than the folds, or share one.
  """
  ordered = sorted(protocols, key=lambda one: one.folds_run)
  folds = tuple(fold for one in ordered for fold in one.folds_run)
  if len(set(folds)) < len(folds):
    raise UserError(f'The folds {folds} must differ to be pooled.')
  own = {'num_videos', 'num_people', 'folds_run', 'fold_hashes'}
  settings = [
    {k: v for k, v in one.as_dict().items() if k not in own} for one in ordered
  ]
  for one in settings[1:]:
    if found := differences(settings[0], one):
      raise UserError(
        'The folds were not run under one protocol, so their videos cannot be '
        'pooled:\n  ' + '\n  '.join(found)
      )
  return dataclasses.replace(
    ordered[0],
    folds_run=folds,
    fold_hashes=tuple(h for one in ordered for h in one.fold_hashes),
    num_videos=sum(one.num_videos for one in ordered),
    # Of clip-level folds a person can be in several.
    num_people=sum(one.num_people for one in ordered),
  )


def differences(first, second, prefix=''):
  """Says where two nested dicts, such as protocols or configs, differ.

  Args:
    first: a JSON-able dict.
    second: another.
    prefix: of the keys, for dicts inside.

  Returns:
    Lines such as 'selection: last | test_oracle', sorted by key.
  """
  lines = []
  for key in sorted(first.keys() | second.keys()):
    one, other = (some.get(key, 'absent') for some in (first, second))
    if isinstance(one, dict) and isinstance(other, dict):
      lines += differences(one, other, f'{prefix}{key}.')
    elif one != other:
      lines.append(f'{prefix}{key}: {_short(one)} | {_short(other)}')
  return lines


def hash_videos(video_id, subject, label):
  """Fingerprint of a data set: its videos, whose they are, what they show.

  Args:
    video_id: n strings.
    subject: int [n].
    label: int [n]; -1 without a label.

  Returns:
    SHA-256 in hexadecimal of a line 'id TAB subject TAB label' a video,
    sorted. It does not see pixels, which decoders round differently.
  """
  lines = sorted(
    f'{one}\t{int(person)}\t{int(expression)}\n'
    for one, person, expression in zip(video_id, subject, label, strict=True)
  )
  return hashlib.sha256(''.join(lines).encode()).hexdigest()


def _short(value):
  text = 'none' if value in (None, '', [], ()) else str(value)
  return text if len(text) <= 60 else f'{text[:57]}...'


def plural(number, noun):
  """Returns such as '1 fold' or '3 folds'."""
  return f'{number} {noun}' + ('' if number == 1 else 's')


def _ranges(numbers):
  """Returns such as 'folds 0 to 9' or 'folds 0, 3, 4'."""
  numbers = sorted(numbers)
  if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
    return f'folds {numbers[0]} to {numbers[-1]}'
  noun = 'fold' if len(numbers) == 1 else 'folds'
  return f'{noun} {", ".join(map(str, numbers))}'
