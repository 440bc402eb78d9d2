"""Class maps of some videos tested, for the report of a fine-tuning."""

import functools
from typing import NamedTuple

import numpy as np

from stclr_jax.data import clips
from stclr_jax.learning.running import compiled_steps
from stclr_jax.models import class_maps
from stclr_jax.models import heads
from stclr_jax.reports import class_map_pictures
from stclr_jax.reports import report_parts
from stclr_jax.reports import run_pictures
from stclr_jax.runs import representations
from stclr_jax.views import views

MOST = 8  # videos of a picture; chosen: more would be a wall
_READING = (
  'Red is what speaks for a class, against the mean of all classes; blue is '
  'what speaks against it. Nothing is estimated: h is the mean of the last '
  "layer's places and the classifier is linear, so that what all places add, "
  'on average, is what decides (class activation maps, Zhou et al. 2016; of '
  'such a network the same as Grad-CAM, Selvaraju et al. 2017, Sec. 3.1, with '
  'what speaks against a class left in). The last layer has {places} places in '
  'time and space, colours go straight from one to the next, and each sees '
  'far around itself.'
)
_CHANGES = {
  'clip': '',
  'change': ' The classifier reads how the last frame differs from the first: '
  'a place adds what it adds in the last less what it adds in the first.',
  'change_of_clip': ' The classifier reads how the clip differs from the first '
  'frame: a place adds what it adds now less what it adds at rest.',
  'both': ' The classifier reads the clip and how it differs from the first '
  'frame: a place adds what it adds now, and that less what it adds at rest.',
}
_OF_PERSON = (
  " Here rest is the mean of the person's videos. It is no place and left out."
)


class Tested(NamedTuple):
  """The videos tested, and a classifier's answers.

  Attributes:
    video: which, int [m].
    probabilities: float [m, num_classes].
    shares: of each video that were seen in `beginnings`.
    beginnings: probabilities then, float [number of shares, m, num_classes].
  """

  video: np.ndarray
  probabilities: np.ndarray
  shares: tuple
  beginnings: np.ndarray


def choose(probabilities, label, *, right):
  """Chooses of each expression a video named rightly, or one named wrongly.

  Args:
    probabilities: float [m, num_classes].
    label: true classes, int [m].
    right: whether named rightly: then the one in the middle by how sure the
      classifier is, which is neither the best nor a close thing. Of those named
      wrongly the surest, as it costs most.

  Returns:
    Their places among the m, an int a class that has any, at most `MOST`.
  """
  named, confidence = probabilities.argmax(1), probabilities.max(1)
  chosen = []
  for one in np.unique(label):
    found = np.flatnonzero((label == one) & ((named == label) == right))
    if len(found):
      order = found[np.argsort(confidence[found], kind='stable')]
      chosen.append(int(order[(len(order) - 1) // 2 if right else -1]))
  spread = np.linspace(0, len(chosen) - 1, min(MOST, len(chosen)))
  return [chosen[i] for i in spread.round().astype(int)]


def draw(workdir, classifier, tested, *, with_faces):
  """Draws what speaks for the names of some videos.

  Args:
    workdir: path of the run.
    classifier: a `finetune_report.Classifier`.
    tested: a `Tested`.
    with_faces: whether frames of people may be shown; else there are only the
      colours.

  Returns:
    Sections of the report: of videos named rightly, and wrongly.
  """
  store = classifier.videos.store
  shown = with_faces or store.synthetic
  sections = []
  for right, word, rule in (
    (True, 'rightly', 'in the middle by how sure the classifier is'),
    (False, 'wrongly', 'of which the classifier is surest'),
  ):
    chosen = choose(
      tested.probabilities, store.label[tested.video], right=right
    )
    if not chosen:
      continue
    examples, places = _make_examples(classifier, tested, chosen, shown)
    folder = run_pictures.folder_of_faces(workdir, store.synthetic or not shown)
    path = folder / f'class_maps_{word}.png'
    class_map_pictures.save(
      path, examples, tested.shares, title=f'{store.name}: videos named {word}'
    )
    caption = f'Of each expression the video named {word} {rule}. '
    sections.append(
      report_parts.Section(
        f'What speaks for it: videos named {word}',
        path,
        caption + _reading(classifier.network, places),
      )
    )
  return sections


def _reading(network, places):
  words = _READING.format(places=places) + _CHANGES[network.input]
  return words + (_OF_PERSON if network.rest == heads.PERSON_MEAN else '')


def _make_examples(classifier, tested, chosen, shown):
  """Makes the `Example`s of some videos, and says how many places there are."""
  network, variables, videos, options, batch_size, _ = classifier
  store, video = videos.store, tested.video[chosen]
  look = {'batch_size': min(batch_size, len(video))}
  infer = videos.inference(_step(network, options), options=options, **look)
  maps = infer(variables, video)
  maps = maps - maps.mean(-1, keepdims=True)
  places = ' x '.join(map(str, maps.shape[1:4]))
  numbers = clips.evaluation_frame_indices(store.length, video, options=options)
  numbers = numbers[:, 0, options.rest :]
  if network.input == 'change':  # of the last frame, shown as long as a clip
    numbers, maps = numbers[:, -1:], maps.mean(1, keepdims=True)
  strides = class_maps.find_strides(network.encoder.architecture)
  sizes = (numbers.shape[1], options.size, options.size)
  heats = class_maps.spread(maps, sizes, strides)
  moments = class_maps.spread(
    maps.mean((2, 3), keepdims=True), (sizes[0], 1, 1), strides
  )[:, :, 0, 0]
  frames = None
  if shown:
    see = representations.make_evaluation_views(
      videos, view_options=options, **look
    )
    frames = see(video)[:, -numbers.shape[1] :]
  examples = []
  for row, place in enumerate(chosen):
    of_video = tested.probabilities[place]
    named, true = int(of_video.argmax()), int(store.label[video[row]])
    classes = [named] if named == true else [named, true]
    examples.append(
      class_map_pictures.Example(
        f'{store.video_id[video[row]]}: {store.label_names[true]}, named '
        f'{store.label_names[named]} at {of_video[named]:.0%}',
        None if frames is None else frames[row],
        numbers[row],
        [store.label_names[one] for one in classes],
        [heats[row, ..., one] for one in classes],
        [moments[row, ..., one] for one in classes],
        [tested.beginnings[:, place, one] for one in classes],
      )
    )
  return examples, places


@functools.lru_cache(compiled_steps.KEPT)
def _step(network, view_options):
  def step(variables, videos, batch):
    shown = views.evaluation_views(
      videos.frames, batch.video, batch.clips_of(0), options=view_options
    )
    return class_maps.make_class_maps(network, variables, shown)

  return step
