"""Simple methods that name a fold's test videos, by name."""

import functools
from typing import Any
from typing import NamedTuple

import numpy as np

from stclr_jax.evaluation import lbp_top
from stclr_jax.evaluation import probes
from stclr_jax.evaluation.audits import audit
from stclr_jax.runs import representations
from stclr_jax.runs import run_videos
from stclr_jax.runs.checks import person_checks
from stclr_jax.views import views

# Takes away the mean of h over a person's videos: over the training videos of
# who is trained on, over all test videos, together, of who is tested.
OF_PERSON = 'person_removed_probe'
OF_FRAMES = ('chance', 'lbp_top', 'lbp_last_frame')
# Of which frames h is read; where there are two, less h of the second.
_READ = {
  'linear_probe': (audit.FORWARD,),
  'knn': (audit.FORWARD,),
  OF_PERSON: (audit.FORWARD,),
  'last_frame_probe': (audit.LAST_FRAME,),
  'change_probe': (audit.LAST_FRAME, audit.FIRST_FRAME),
  'change_of_clip_probe': (audit.FORWARD, audit.FIRST_FRAME),
}
OF_ENCODERS = tuple(_READ)
METHODS = OF_FRAMES + OF_ENCODERS
TITLES = {
  'chance': 'Chance: the commonest training label',
  'lbp_top': 'LBP-TOP, linear SVM',
  'lbp_last_frame': 'LBP-TOP of the last frame repeated, linear SVM',
  'linear_probe': 'Linear probe of the frozen encoder',
  'knn': 'Nearest neighbours in the frozen encoder',
  OF_PERSON: "Linear probe, the clip less the mean over the person's videos "
  '(transductive: sees all test videos of a person together, without labels)',
  'last_frame_probe': 'Linear probe, the last frame repeated',
  'change_probe': 'Linear probe, the last frame less the first',
  'change_of_clip_probe': 'Linear probe, the clip less its first frame',
}


class Encoder(NamedTuple):
  """A pretrained encoder and how it looks at videos.

  Attributes:
    network: a `PretrainNetwork`.
    variables: {'params': ..., 'batch_stats': ...}.
    view_options: a `views.ViewOptions`.
  """

  network: Any
  variables: dict[str, Any]
  view_options: views.ViewOptions


class Options(NamedTuple):
  """Options of the methods.

  Attributes:
    batch_size: videos at a time.
    num_neighbors: of 'knn'.
    lbp_radius: see `lbp_top.lbp_top`.
    lbp_blocks: see `lbp_top.lbp_top`.
    lbp_frames: of a clip.
    lbp_size: its height and width in pixels.
  """

  batch_size: int
  num_neighbors: int
  lbp_radius: int
  lbp_blocks: tuple[int, int]
  lbp_frames: int
  lbp_size: int


class Predictor:
  """Names a fold's test videos by any method; what folds share is kept."""

  def __init__(self, store, data, options):
    """Keeps what the methods read.

    Args:
      store: a `VideoStore`.
      data: `config.data`, which says where its frames live.
      options: `Options`.
    """
    self._store = store
    # Methods of no frames place none.
    self._placed = functools.cache(lambda: run_videos.place(store, data))
    self._options = options
    self._num_classes = len(store.label_names)
    self._features = {}  # of all labelled videos, by method
    self._encoded = {}  # of the last fold's videos, by order of the frames
    self._encoded_part = None

  def predict(self, method, part, encoder):
    """Names the test videos of a fold.

    Args:
      method: one of `METHODS`.
      part: the `folds.Fold`.
      encoder: the fold's `Encoder`; None for a method of frames.

    Returns:
      Probabilities, float [num_test, num_classes].
    """
    label, subject = (
      values[part.train] for values in (self._store.label, self._store.subject)
    )
    if method == 'chance':
      return self._certain(most_frequent(label, len(part.test)))
    if method in OF_FRAMES:
      features = self._lbp(method)
      named = lbp_top.linear_svm(
        features[part.train], label, subject, features[part.test]
      )
      return self._certain(named)
    train, test = (
      shown[0] - shown[1] if len(shown) == 2 else shown[0]
      for shown in zip(
        *(self._encode(order, part, encoder) for order in _READ[method]),
        strict=True,
      )
    )
    if method == OF_PERSON:
      train, test = (
        h - probes.person_means(h, self._store.subject[videos])
        for h, videos in ((train, part.train), (test, part.test))
      )
    if method == 'knn':
      return probes.knn_transfer(
        train,
        label,
        test,
        num_neighbors=self._options.num_neighbors,
        num_classes=self._num_classes,
      )
    return probes.linear_probe(
      train, label, subject, test, num_classes=self._num_classes
    )

  def grey_clips(self, shown):
    """Yields the evaluation's view of videos.

    Args:
      shown: which, int [n].

    Yields:
      uint8 [t, s, s], grey, in their order.
    """
    options, size = self._options, self._options.batch_size
    evaluation_views = representations.make_evaluation_views(
      self._placed(),
      view_options=views.ViewOptions(
        num_frames=options.lbp_frames, size=options.lbp_size
      ),
      batch_size=size,
    )
    for start in range(0, len(shown), size):
      colors = evaluation_views(shown[start : start + size])
      yield from representations.grey(255 * colors).round().astype(np.uint8)

  def _certain(self, named):
    """Probabilities of bare answers."""
    return np.eye(self._num_classes)[named]

  def _lbp(self, method):
    """Features of all videos; of those without a label, zeros too."""
    if method not in self._features:
      shown = np.flatnonzero(self._store.label >= 0)
      rows = None
      for i, clip in zip(shown, self.grey_clips(shown), strict=True):
        if method == 'lbp_last_frame':
          clip = np.repeat(clip[-1:], len(clip), axis=0)
        row = lbp_top.lbp_top(
          clip,
          radius=self._options.lbp_radius,
          blocks=self._options.lbp_blocks,
        )
        if rows is None:
          rows = np.zeros((self._store.num_videos, len(row)), np.float32)
        rows[i] = row
      self._features[method] = rows
    return self._features[method]

  def _encode(self, order, part, encoder):
    """Representations of a fold's training and test videos, in one order."""
    if self._encoded_part is not part:
      self._encoded, self._encoded_part = {}, part
    if order not in self._encoded:
      orders = representations.frame_orders(encoder.view_options.num_frames)
      encode = representations.make_encode(
        encoder.network,
        self._placed(),
        view_options=encoder.view_options,
        batch_size=self._options.batch_size,
      )
      self._encoded[order] = [
        encode(encoder.variables, shown, orders[order])
        for shown in (part.train, part.test)
      ]
    return self._encoded[order]


def check_people(store, part, *, fold):
  """Refuses a fold of which no person's mean can be taken away.

  Args:
    store: a `VideoStore`.
    part: the `folds.Fold`.
    fold: its number.

  Raises:
    UserError: if somebody has one training or one test video.
  """
  for videos, kind in ((part.train, 'training'), (part.test, 'test')):
    person_checks.check_means(
      store,
      videos,
      setting=f'`methods` ({OF_PERSON})',
      where=f'{kind} videos of fold {fold}',
    )


def most_frequent(train_labels, num_test):
  """Names every video by the commonest training label, the first of a tie.

  Args:
    train_labels: int [n].
    num_test: number of videos to name.

  Returns:
    int [num_test].
  """
  return np.full(num_test, np.bincount(train_labels).argmax())
