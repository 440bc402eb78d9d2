"""A trained network as a function of clips, and what is known of it.

Clips are looked at as in evaluation: frames at equal distances from first to
last, the largest centred square.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.evaluation import probes
from stclr_jax.inference.clip_functions import ClipFunction
from stclr_jax.inference.model_info import describe
from stclr_jax.inference.model_info import num_features
from stclr_jax.inference.videos import found_recordings
from stclr_jax.inference.videos import predicting
from stclr_jax.inference.videos import prediction
from stclr_jax.inference.videos import settings as videos_settings
from stclr_jax.models import folding
from stclr_jax.models import heads


class Model:
  """A trained network, compiled once for any number of clips of one size.

  Attributes:
    trained: the `trained_network.Trained` that it is.
    encode: `encode(clips)` gives representations, float32 [b, d], of clips,
      uint8 RGB [b, t, h, w, 3], any b, t, h and w; see `ClipFunction`.
  """

  def __init__(self, trained, *, batch_size=None):
    """Folds its batch norms, and puts it on the default device.

    Args:
      trained: a `trained_network.Trained`.
      batch_size: see `load`.
    """
    self.trained = trained
    encoder, variables = _folded(trained)
    variables = jax.device_put(variables)
    self.encode = ClipFunction(
      functools.partial(encoder.apply, train=False),
      {name: of['encoder'] for name, of in variables.items()},
      trained.view_options,
      features=num_features(trained.encoder),
      batch_size=batch_size,
    )
    if trained.labels is None:
      return
    self._network = heads.ClassifierNetwork(
      encoder, len(trained.labels), trained.input, trained.rest
    )
    self._layer = {'classifier': trained.variables['params']['classifier']}
    self._logits = ClipFunction(
      functools.partial(self._network.apply, train=False),
      variables,
      dataclasses.replace(
        trained.view_options,
        rest=heads.shows_first_frame(trained.input, trained.rest),
      ),
      features=len(trained.labels),
      batch_size=batch_size,
    )

  @property
  def labels(self):
    """Names of the classes, in order; None of an encoder."""
    return self.trained.labels

  @functools.cached_property
  def info(self):
    """`ModelInfo`."""
    return describe(self.trained)

  def predict_clips(self, clips, calibrate=None):
    """Computes calibrated probabilities of the classes.

    Args:
      clips: uint8 RGB [b, t, h, w, 3], any b, t, h and w.
      calibrate: of a network whose rest is the person's mean, and only there:
        clips of the same person, uint8 [m, t, h, w, 3], whose mean is their
        rest, or 'batch', where `clips` all show one person and are these clips.
        They should show all expressions about equally, as in training.

    Returns:
      float32 [b, num_classes], rows adding up to 1; calibrated by the
      `temperature` of `info.calibration`, if there is one.

    Raises:
      UserError: if the network is no classifier; for other clips, or a
        `calibrate` that is missing or that the network does not read.
    """
    known = self.trained.calibration
    temperature = 1.0 if known is None else known.temperature
    return self.classify(clips, calibrate, temperature=temperature)

  def classify(self, clips, calibrate=None, *, temperature):
    """Computes probabilities of the classes at a temperature.

    Args:
      clips: as `calibrate`, see `predict_clips`.
      calibrate: clips, 'batch' or None.
      temperature: by which logits are divided; 1 for the network as trained.

    Returns:
      float32 [b, num_classes].

    Raises:
      UserError: see `predict_clips`.
    """
    self.check_classifier()
    of_person = self.trained.rest == heads.PERSON_MEAN
    if not of_person and calibrate is not None:
      raise UserError(
        f'`calibrate` has no meaning for the classifier in '
        f'{self.trained.source}, which takes no mean of a person '
        f'(`classifier.rest` = {self.trained.rest!r}); leave it out.'
      )
    if of_person:
      logits = self._beside_mean(clips, calibrate)
    else:
      logits = self._logits(clips)
    return _softmax(logits, np.float32(temperature))

  @property
  def batch_size(self):
    """Clips that are computed at a time."""
    return self.encode.batch_size

  def frames_of(self, num_frames):
    """Says which frames of a window the classifier is shown.

    Args:
      num_frames: of the window, above 0.

    Returns:
      int [n], in the order of `of_taken`.
    """
    return self._shown().indices(num_frames)

  def of_taken(self, taken):
    """Computes what `name_taken` makes probabilities of.

    Args:
      taken: uint8 [b, n, h, w, 3], the frames of `frames_of`.

    Returns:
      float32 [b, features].
    """
    return self._shown().of_taken(taken)

  def name_taken(self, found, person):
    """Computes calibrated probabilities of what `of_taken` gave.

    Args:
      found: float32 [b, features].
      person: number of whom each shows, int [b]; read only where the person's
        mean is the rest, which is then that over theirs among these.

    Returns:
      float32 [b, num_classes].
    """
    logits = found
    if self.trained.rest == heads.PERSON_MEAN:
      rest = probes.person_means(found, person).astype(np.float32)
      logits = self._compare(found, rest)
    known = self.trained.calibration
    temperature = 1.0 if known is None else known.temperature
    return _softmax(logits, np.float32(temperature))

  def _shown(self):
    of_person = self.trained.rest == heads.PERSON_MEAN
    return self.encode if of_person else self._logits

  def predict(self, video, **asked):
    """Predicts a recording: windows of its clock, faces, what they show.

    Args:
      video: path of a video file, or of a folder of pictures.
      **asked: attributes of a `videos.settings.Asked`, such as `faces='all'`,
        `window=1.5`, `unsure_below=0.6`; the model's own for the rest.

    Returns:
      A `videos.prediction.Prediction`; its status is 'unreadable', and a note
      says why, where the recording cannot be read.

    Raises:
      FileNotFoundError: if there is no such file.
      UserError: if the network is no classifier, for settings that cannot be
        meant, and for a folder of several recordings.
    """
    found = list(self.predict_many([video], **asked))
    if len(found) != 1:
      raise UserError(
        f'{video} holds {len(found)} recordings; give one of them, or ask '
        '`predict_many`.'
      )
    return found[0]

  def predict_many(self, paths, **asked):
    """Predicts recordings, one after another.

    Args:
      paths: of videos, folders and .csv files of them, or patterns.
      **asked: see `predict`.

    Yields:
      A `videos.prediction.Prediction` each, see `predict`; what cannot be read
      ends nothing.

    Raises:
      FileNotFoundError: see `predict`.
      UserError: if the network is no classifier, or for settings that cannot
        be meant.
    """
    self.check_classifier()
    settings = videos_settings.resolve(
      self.trained, videos_settings.Asked(**asked)
    )
    items, problems = found_recordings.find(paths)
    for item in items:
      yield predicting.predict(self, item, settings)
    for name, reason in problems:
      video = prediction.Video(name=name, path=name)
      yield predicting.unreadable(self, settings, video, reason)

  def check_classifier(self):
    """Refuses to name anything without a classifier.

    Raises:
      UserError: if the network is an encoder.
    """
    if self.labels is None:
      raise UserError(
        f'The network in {self.trained.source} (--model) is of a pretraining '
        'and has no classifier, so that it can encode and not predict; give '
        'the workdir of a fine-tuning, or take its representations: `python '
        '-m stclr_jax.embed`, in Python load_encoder or `encode`.'
      )

  def _beside_mean(self, clips, calibrate):
    """Classifies clips beside the mean over clips of the person."""
    if calibrate is None:
      raise UserError(
        '`calibrate` (=None) must tell whom the clips show, as this classifier '
        "takes the person's own mean for rest: give clips of the same person, "
        "uint8 [m, t, h, w, 3], or 'batch' if the clips are all of one person."
      )
    if isinstance(calibrate, str):
      check_one_of('calibrate', calibrate, ('batch',))
      h = of_person = self.encode(clips)
      if len(h) == 1:
        raise UserError(
          "`calibrate` (='batch') needs two clips or more, and was given 1: "
          'its mean is the clip itself. Give other clips of the same person.'
        )
    else:
      h = self.encode(clips)
      of_person = self.encode(calibrate, 'calibrate')
    rest = np.broadcast_to(of_person.mean(0, keepdims=True), h.shape)
    return self._compare(h, rest)

  def _compare(self, h, rest):
    return self._network.apply(
      {'params': self._layer}, h, rest, method=self._network.classify
    )


def _folded(trained) -> tuple[Any, dict[str, Any]]:
  """The network for inference; in half precision folding would round more."""
  if jnp.dtype(trained.encoder.dtype).itemsize < 4:
    return trained.encoder, trained.variables
  encoder, kernels = folding.fold(trained.encoder, trained.encoder_variables)
  params = trained.variables['params'] | {'encoder': kernels['params']}
  return encoder, {'params': params}


def _softmax(logits, temperature):
  from scipy import special

  # Not jitted: it would be compiled for each number of windows.
  return special.softmax(np.asarray(logits) / temperature, axis=-1)
