"""The choice of the epoch of a fine-tuning that is tested.

Most published results of this field test the epoch that fares best on the
test people. Here the last one is tested; what the other would have given is
reported beside it, under the name of a test oracle.
"""

import dataclasses
import pathlib
from typing import Any
from typing import NamedTuple

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import calibration
from stclr_jax.evaluation import predictions
from stclr_jax.files import whole
from stclr_jax.learning import parallel
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import chosen_networks
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

SELECTIONS = ('last', 'inner_validation')
ORACLE = 'oracle_test_correct'
VALIDATION = 'validation_correct'
BEST_LOOKS = 'best_looks.npz'


@dataclasses.dataclass(frozen=True)
class Options:
  """Options by which the epoch of a fine-tuning is chosen.

  Attributes:
    selection: one of `SELECTIONS`.
    look_every_epochs: epochs between looks at the people held out; 0: never.
    num_epochs: of the run; the last is looked at in any case.

  Raises:
    UserError: if there is no look to choose by.
  """

  selection: str
  look_every_epochs: int
  num_epochs: int

  def __post_init__(self):
    if self.validated and not self.look_every_epochs:
      raise UserError(
        f'`look_every_epochs` (={self.look_every_epochs}) must be at least 1 '
        "to choose an epoch, or 0 with `selection` = 'last'."
      )

  @property
  def validated(self):
    """Says if the next fold's people choose, and are left out of training."""
    return self.selection == 'inner_validation'


class Tested(NamedTuple):
  """The test of the epoch chosen.

  Attributes:
    probabilities: of the test videos, float [n, num_classes].
    epoch: epochs done.
    calibration: a `calibration.Calibration`.
    oracle: a `summaries.Oracle`; None if nobody looked at the test videos.
    validation: a `summaries.Validation`, of 'inner_validation'.
  """

  probabilities: np.ndarray
  epoch: int
  calibration: calibration.Calibration
  oracle: summaries.Oracle | None = None
  validation: summaries.Validation | None = None


class Look(NamedTuple):
  """A look at an epoch that fared better than all before it.

  Attributes:
    epoch: epochs done.
    correct: how many of the videos looked at are named rightly.
    looked_at: their probabilities, float [n, num_classes].
    test: those of the test videos, float [m, num_classes].
  """

  epoch: int
  correct: int
  looked_at: np.ndarray
  test: np.ndarray


def make(options, store, fold, classify, workdir):
  """Makes what chooses the epoch.

  Args:
    options: `Options`.
    store: a `VideoStore`.
    fold: its `folds.Fold`.
    classify: `classify(variables, indices)` gives probabilities, float
      [n, num_classes].
    workdir: path of the run.

  Returns:
    A `LastEpoch` or `InnerValidation`.
  """
  kind = InnerValidation if options.validated else LastEpoch
  return kind(options, store, fold, classify, pathlib.Path(workdir))


class LastEpoch:
  """Tests the last epoch; notes how the others would have fared."""

  _logged = ORACLE

  def __init__(self, options, store, fold, classify, workdir):
    """See `make`."""
    self._options = options
    self._store = store
    self._fold = fold
    self._classify = classify
    self._workdir = workdir

  def end_epoch(self, epoch, variables, journal, *, step):
    """Looks at the held-out people, if it is time to.

    Args:
      epoch: epochs done.
      variables: of the network.
      journal: gets a line.
      step: steps done.
    """
    every, last = self._options.look_every_epochs, self._options.num_epochs
    if not every or (epoch % every and epoch != last):
      return
    journal.pause()
    kept = self._best_looks()
    # What a run that goes on had found beyond its checkpoint is found anew;
    # the best look before that is still there.
    best = [look for look in kept if look.epoch < epoch]
    looked_at = self._looked_at()
    probabilities = self._classify(variables, looked_at)
    correct = int((probabilities.argmax(1) == self._labels(looked_at)).sum())
    journal.write(step=step, epoch=epoch, **{self._logged: correct})
    if not best or correct > best[-1].correct:  # of equal ones the earliest
      test = self._test(variables, probabilities)
      best.append(Look(epoch, correct, probabilities, test))
      self._keep_network(variables, [look.epoch for look in best])
    if len(best) != len(kept) or best[-1].epoch == epoch:
      self._keep(best)

  def finish(self, variables):
    """Tests.

    Args:
      variables: after the last epoch.

    Returns:
      `Tested`.
    """
    probabilities = self._classify(variables, self._fold.test)
    oracle = None
    if looks := self._best_looks():
      best = looks[-1]
      oracle = summaries.Oracle(
        int(best.epoch), int(best.correct), len(self._fold.test)
      )
      predictions.write_predictions(
        self._workdir / workdirs.ORACLE_PREDICTIONS,
        self._store,
        self._fold.test,
        best.test,
      )
    return Tested(
      probabilities,
      self._options.num_epochs,
      self._calibration(probabilities),
      oracle=oracle,
    )

  def variables(self, last):
    """Returns the variables of the epoch that is tested, once `finish` is done.

    Args:
      last: those after the last epoch.
    """
    return last

  def _looked_at(self):
    return self._fold.test

  def _keep_network(self, variables, epochs):
    """Keeps the network of the last of these epochs, the best ones so far."""

  def _test(self, variables, probabilities):
    """Probabilities of the test videos, where others may be looked at."""
    del variables
    return probabilities

  def _best_looks(self):
    """Each `Look` so far, also before a restart; the best is the last."""
    path = self._workdir / BEST_LOOKS
    if not path.exists():
      return []
    with np.load(path) as kept:
      columns = [kept[name] for name in Look._fields]
    return [Look(*values) for values in zip(*columns, strict=True)]

  def _keep(self, looks):
    columns = map(np.stack, zip(*looks, strict=True))
    named: dict[str, Any] = dict(zip(Look._fields, columns, strict=True))
    with whole.writing(self._workdir / BEST_LOOKS, 'wb') as file:
      np.savez(file, **named)

  def _labels(self, indices):
    return self._store.label[indices]

  def _calibration(self, probabilities):
    labels = self._labels(self._fold.test)
    return calibration.calibration(probabilities, labels)


class InnerValidation(LastEpoch):
  """Tests the best epoch on people who are neither trained nor tested on."""

  _logged = VALIDATION

  def finish(self, variables):
    """Tests the epoch chosen, and leaves its network beside the checkpoints.

    Args:
      variables: after the last epoch, unused.

    Returns:
      `Tested`; its probabilities are not calibrated.

    Raises:
      FileNotFoundError: if the looks of a run that goes on, or the network of
        the epoch chosen, are gone.
    """
    del variables
    looks = self._best_looks()
    if not looks:
      raise FileNotFoundError(
        f'{self._workdir / BEST_LOOKS}, which holds the epoch chosen, must be '
        'there when training has ended; fine-tune anew in another --workdir.'
      )
    epoch, correct, validation, test = looks[-1]
    chosen_networks.choose(self._workdir, int(epoch))
    labels = self._labels(self._fold.validation)
    temperature = calibration.fit_temperature(validation, labels)
    surer = calibration.apply_temperature(validation, temperature)
    calibrated = calibration.apply_temperature(test, temperature)
    validation = summaries.Validation(
      correct=int(correct),
      total=len(labels),
      temperature=temperature,
      calibration=self._calibration(calibrated),
      unsure_below=calibration.fit_threshold(surer, labels),
    )
    return Tested(
      test, int(epoch), self._calibration(test), validation=validation
    )

  def variables(self, last):
    """See `LastEpoch.variables`."""
    del last
    chosen = chosen_networks.read(self._workdir)
    assert chosen is not None  # `finish` would have raised
    return parallel.replicate(chosen.variables)

  def _looked_at(self):
    return self._fold.validation

  def _keep_network(self, variables, epochs):
    chosen_networks.keep(
      self._workdir,
      variables,
      epochs,
      safe=checkpoints.latest_epoch(self._workdir),
    )

  def _test(self, variables, probabilities):
    del probabilities
    return self._classify(variables, self._fold.test)
