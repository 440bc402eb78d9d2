import numpy as np
import pytest
from sklearn import metrics

from stclr_jax.evaluation import calibration


def draw(key, n, *, sharpness=1.0):
  """Labels drawn from their own probabilities, which are then sharpened."""
  logits = 2 * key.normal(size=(n, 6))
  true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
  label = (true.cumsum(1) < key.random((n, 1))).sum(1)
  return calibration.apply_temperature(true, 1 / sharpness), label


def test_calibration_error_by_hand():
  # Bins of a tenth: 0.95 is right once in two, 0.6 (closed on the right, so
  # with 0.55) always.
  p = np.array([0.95, 0.95, 0.6, 0.55])
  probabilities = np.stack([p, 1 - p], 1)
  found = calibration.calibration(probabilities, [0, 1, 0, 0], num_bins=10)
  assert found.calibration_error == pytest.approx(
    0.5 * (0.95 - 0.5) + 0.5 * (1 - 0.575)
  )
  assert found.accuracy == 0.75
  assert found.confidence == pytest.approx(p.mean())
  assert found.brier == pytest.approx(
    2 * (p - [1, 0, 1, 1]) @ (p - [1, 0, 1, 1]) / 4
  )


def test_certainty_falls_into_the_last_bin():
  found = calibration.calibration(np.eye(6), np.arange(6))
  assert found.calibration_error == found.brier == 0


def test_no_knowledge():
  found = calibration.calibration(np.full((60, 6), 1 / 6), np.arange(60) % 6)
  assert found.brier == pytest.approx(5 / 6)
  assert found.calibration_error == pytest.approx(0, abs=1e-12)


def test_brier_score_is_the_sum_of_scikit_learns_over_classes():
  probabilities, label = draw(np.random.default_rng(0), 200)
  expected = sum(
    metrics.brier_score_loss(label == k, probabilities[:, k]) for k in range(6)
  )
  assert calibration.calibration(probabilities, label).brier == pytest.approx(
    expected
  )


def test_true_probabilities_are_calibrated_and_sharpened_ones_are_not():
  key = np.random.default_rng(1)
  assert calibration.calibration(*draw(key, 20000)).calibration_error < 0.015
  sharp = calibration.calibration(*draw(key, 20000, sharpness=3))
  assert sharp.calibration_error > 0.1
  assert sharp.confidence > sharp.accuracy


@pytest.mark.parametrize('sharpness', [0.5, 1.0, 3.0])
def test_fitted_temperature_undoes_sharpening(sharpness):
  probabilities, label = draw(
    np.random.default_rng(2), 20000, sharpness=sharpness
  )
  temperature = calibration.fit_temperature(probabilities, label)
  assert temperature == pytest.approx(sharpness, rel=0.05)
  rescaled = calibration.apply_temperature(probabilities, temperature)
  assert calibration.calibration(rescaled, label).calibration_error < 0.02


def test_temperature_changes_no_prediction():
  probabilities, _ = draw(np.random.default_rng(3), 100)
  rescaled = calibration.apply_temperature(probabilities, 2.5)
  assert rescaled.sum(1) == pytest.approx(1)
  np.testing.assert_array_equal(rescaled.argmax(1), probabilities.argmax(1))


def test_rounded_zeros_stay_finite():
  probabilities = np.array([[1.0, 0.0], [1.0, 0.0]])
  assert np.isfinite(calibration.fit_temperature(probabilities, [0, 1]))


@pytest.mark.parametrize(
  'probabilities,label,message',
  [
    ([[2.0, 1.0]], [0], 'softmax'),
    ([[-0.5, 1.5]], [0], 'softmax'),
    ([[0.5, 0.5]], [-1], 'unlabelled'),
    ([[0.5, 0.5]], [2], '0 to 1'),
  ],
)
def test_bad_input_is_refused(probabilities, label, message):
  with pytest.raises(ValueError, match=message):
    calibration.calibration(probabilities, label)
