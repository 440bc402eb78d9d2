"""Which epoch of a fine-tuning is tested, and what is found out on the way.

Most published results of this field test the epoch that fares best on the
test people. Here the last one is tested; what the other would have given is
reported beside it, under the name of a test oracle.
"""

import pathlib
from typing import NamedTuple

import numpy as np

from stclr_jax.errors import UserError
from stclr_jax.evaluation import calibration
from stclr_jax.evaluation import predictions
from stclr_jax.files import whole
from stclr_jax.runs import workdirs

SELECTIONS = ('last', 'inner_validation')
ORACLE = 'oracle_test_correct'
VALIDATION = 'validation_correct'
BEST_LOOKS = 'best_looks.npz'


def check(config):
  """Refuses a selection that there is not.

  Args:
    config: of a fine-tuning.

  Raises:
    ValueError: for an unknown `selection`, or no look to choose by.
  """
  if config.selection not in SELECTIONS:
    raise UserError(
      f'`selection` (={config.selection!r}) must be one of '
      f'{", ".join(SELECTIONS)}; the best epoch on the test people is '
      "reported beside 'last', as a test oracle."
    )
  if config.look_every_epochs < 0 or (
    config.selection == 'inner_validation' and not config.look_every_epochs
  ):
    raise UserError(
      f'`look_every_epochs` (={config.look_every_epochs}) must be at least 1 '
      "to choose an epoch, or 0 with `selection` = 'last'."
    )


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


def make(config, store, fold, classify, workdir):
  """Makes what chooses the epoch of a config.

  Args:
    config: of a fine-tuning.
    store: a `VideoStore`.
    fold: its `folds.Fold`.
    classify: `classify(variables, indices)` gives probabilities, float
      [n, num_classes].
    workdir: path of the run.

  Returns:
    A `LastEpoch` or `InnerValidation`.
  """
  kind = LastEpoch if config.selection == 'last' else InnerValidation
  return kind(config, store, fold, classify, pathlib.Path(workdir))


class LastEpoch:
  """Tests the last epoch; notes how the others would have fared."""

  _logged = ORACLE

  def __init__(self, config, store, fold, classify, workdir):
    """See `make`."""
    self._config = config
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
    every, last = self._config.look_every_epochs, self._config.num_epochs
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
    if len(best) != len(kept) or best[-1].epoch == epoch:
      self._keep(best)

  def finish(self, variables):
    """Tests.

    Args:
      variables: after the last epoch.

    Returns:
      (probabilities of the test videos, JSON-able figures).
    """
    probabilities = self._classify(variables, self._fold.test)
    figures = {
      'epoch_tested': self._config.num_epochs,
      'test_oracle': None,
      'calibration': self._calibration(probabilities),
    }
    if looks := self._best_looks():
      best = looks[-1]
      figures['test_oracle'] = {
        'leak': 'The epoch was chosen by the test result.',
        'epoch': int(best.epoch),
        'correct': int(best.correct),
        'total': len(self._fold.test),
        'accuracy': int(best.correct) / len(self._fold.test),
      }
      predictions.write_predictions(
        self._workdir / workdirs.ORACLE_PREDICTIONS,
        self._store,
        self._fold.test,
        best.test,
      )
    return probabilities, figures

  def _looked_at(self):
    return self._fold.test

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
    with whole.writing(self._workdir / BEST_LOOKS, 'wb') as file:
      np.savez(file, **dict(zip(Look._fields, columns, strict=True)))

  def _labels(self, indices):
    return self._store.label[indices]

  def _calibration(self, probabilities):
    found = calibration.calibration(
      probabilities, self._labels(self._fold.test)
    )
    return {
      'calibration_error': found.calibration_error,
      'brier': found.brier,
      'confidence': found.confidence,
    }


class InnerValidation(LastEpoch):
  """Tests the best epoch on people who are neither trained nor tested on."""

  _logged = VALIDATION

  def finish(self, variables):
    """Tests the epoch chosen; the checkpoint stays the last one's.

    Args:
      variables: after the last epoch, unused.

    Returns:
      (probabilities of the test videos, JSON-able figures), not calibrated.

    Raises:
      FileNotFoundError: if the looks of a run that goes on are gone.
    """
    del variables
    looks = self._best_looks()
    if not looks:
      raise FileNotFoundError(
        f'{self._workdir / BEST_LOOKS}, which holds the epoch chosen, must be '
        'there when training has ended; fine-tune anew in another --workdir.'
      )
    epoch, correct, validation, test = looks[-1]
    labels = self._labels(self._fold.validation)
    temperature = calibration.fit_temperature(validation, labels)
    return test, {
      'epoch_tested': int(epoch),
      'checkpoint_epoch': self._config.num_epochs,
      'validation_correct': int(correct),
      'validation_total': len(labels),
      'calibration': self._calibration(test),
      'temperature': temperature,
      'calibration_with_temperature': self._calibration(
        calibration.apply_temperature(test, temperature)
      ),
    }

  def _looked_at(self):
    return self._fold.validation

  def _test(self, variables, probabilities):
    del probabilities
    return self._classify(variables, self._fold.test)
