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


def test_reliability_counts_each_video_in_its_bin():
  probabilities, label = draw(np.random.default_rng(0), 300, sharpness=2)
  bins = calibration.reliability(probabilities, label, num_bins=4)
  confidence = probabilities.max(1)
  correct = probabilities.argmax(1) == label
  for i in range(4):
    inside = (confidence > i / 4) & (confidence <= (i + 1) / 4)
    assert bins.count[i] == inside.sum()
    if inside.any():
      assert bins.confidence[i] == pytest.approx(confidence[inside].mean())
      assert bins.accuracy[i] == pytest.approx(correct[inside].mean())
  assert bins.count.sum() == 300 and bins.count[1:].all()


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


def test_a_threshold_names_what_is_more_often_right_than_wrong():
  random = np.random.default_rng(0)
  confidence = random.uniform(0.5, 1, 200)
  right = random.random(200) < 2 * confidence - 1  # even chances at 0.75
  label = np.where(right, 0, 1)
  probabilities = np.stack([confidence, 1 - confidence], 1)
  found = calibration.fit_threshold(probabilities, label)
  assert 0.65 < found < 0.85

  def gain(threshold):
    named = confidence >= threshold
    return (named & right).sum() - (named & ~right).sum()

  assert gain(found) == max(map(gain, [0, 1.1, *confidence]))
  # Who is always wrong should name nothing, who is always right everything.
  assert calibration.fit_threshold(probabilities, 1 - 0 * label) == 1
  lowest = calibration.fit_threshold(probabilities, 0 * label)
  assert lowest == confidence.min()
