"""Which epoch of a fine-tuning is tested, and what is found out on the way.

Most published results of this field test the epoch that fares best on the
test people. Here the last one is tested; what the other would have given is
reported beside it, under the name of a test oracle.
"""

import json
import pathlib

import numpy as np

from stclr_jax.evaluation import calibration
from stclr_jax.evaluation import predictions

SELECTIONS = ('last', 'inner_validation')
ORACLE = 'oracle_test_correct'
VALIDATION = 'validation_correct'
SELECTED = 'selected.npz'


def check(config):
  """Refuses a selection that there is not.

  Args:
    config: of a fine-tuning.

  Raises:
    ValueError: for an unknown `selection`, or no look to choose by.
  """
  if config.selection not in SELECTIONS:
    raise ValueError(
      f'`selection` (={config.selection!r}) must be one of '
      f'{", ".join(SELECTIONS)}; the best epoch on the test people is '
      "reported beside 'last', as a test oracle."
    )
  if config.look_every_epochs < 0 or (
    config.selection == 'inner_validation' and not config.look_every_epochs
  ):
    raise ValueError(
      f'`look_every_epochs` (={config.look_every_epochs}) must be at least 1 '
      "to choose an epoch, or 0 with `selection` = 'last'."
    )


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
    self._best = None

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
    if self._best is None:
      self._best = max((c for _, c in self._looks()), default=-1)
    looked_at = self._looked_at()
    probabilities = self._classify(variables, looked_at)
    correct = int((probabilities.argmax(1) == self._labels(looked_at)).sum())
    journal.write(step=step, epoch=epoch, **{self._logged: correct})
    if correct > self._best:  # of equal ones the earliest
      self._best = correct
      self._keep(epoch, variables, probabilities)

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
    if looks := self._looks():
      epoch, correct = max(looks, key=lambda look: look[1])
      figures['test_oracle'] = {
        'leak': 'The epoch was chosen by the test result.',
        'epoch': epoch,
        'correct': correct,
        'total': len(self._fold.test),
        'accuracy': correct / len(self._fold.test),
      }
    return probabilities, figures

  def _looked_at(self):
    return self._fold.test

  def _keep(self, epoch, variables, probabilities):
    del epoch, variables
    predictions.write_predictions(
      self._workdir / 'oracle_predictions.csv',
      self._store,
      self._fold.test,
      probabilities,
    )

  def _looks(self):
    """(epoch, number right) of each look so far, also before a restart."""
    lines = (self._workdir / 'metrics.jsonl').read_text().splitlines()
    found = (json.loads(line) for line in lines)
    return [(f['epoch'], f[self._logged]) for f in found if self._logged in f]

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
    """
    del variables
    with np.load(self._workdir / SELECTED) as kept:
      epoch, test, validation = (
        kept[name] for name in ('epoch', 'test', 'validation')
      )
    labels = self._labels(self._fold.validation)
    temperature = calibration.fit_temperature(validation, labels)
    return test, {
      'epoch_tested': int(epoch),
      'checkpoint_epoch': self._config.num_epochs,
      'validation_correct': int((validation.argmax(1) == labels).sum()),
      'validation_total': len(labels),
      'calibration': self._calibration(test),
      'temperature': temperature,
      'calibration_with_temperature': self._calibration(
        calibration.apply_temperature(test, temperature)
      ),
    }

  def _looked_at(self):
    return self._fold.validation

  def _keep(self, epoch, variables, probabilities):
    partial = self._workdir / f'partial_{SELECTED}'
    np.savez(
      partial,
      epoch=epoch,
      test=self._classify(variables, self._fold.test),
      validation=probabilities,
    )
    partial.replace(self._workdir / SELECTED)
