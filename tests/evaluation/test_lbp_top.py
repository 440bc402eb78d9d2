import numpy as np
import pytest

from stclr_jax.evaluation import lbp_top


def make_clip(seed=0, shape=(9, 20, 24)):
  return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def histograms(clip, **options):
  blocks = options.get('blocks', (1, 1))
  found = lbp_top.lbp_top(clip, **{'radius': 3, 'blocks': blocks, **options})
  return found.reshape(3, -1, lbp_top.NUM_PATTERNS)


def test_each_plane_is_what_scikit_image_counts():
  from skimage import feature

  clip = make_clip()
  for plane, turned in enumerate(
    (clip, clip.transpose(1, 0, 2), clip.transpose(2, 0, 1))
  ):
    inner = turned[3:-3]  # what stays also keeps a radius from the edge
    patterns = np.stack(
      [
        feature.local_binary_pattern(image, 8, 3, 'nri_uniform')[3:-3, 3:-3]
        for image in inner
      ]
    )
    expected = np.bincount(patterns.astype(int).reshape(-1), minlength=59)
    np.testing.assert_allclose(
      histograms(clip)[plane, 0] ** 2, expected / expected.sum(), atol=1e-6
    )


def test_blocks_hold_a_distribution_each():
  found = histograms(make_clip(), blocks=(2, 3))
  assert found.shape == (3, 6, 59)
  np.testing.assert_allclose((found**2).sum(-1), 1, rtol=1e-5)


def test_movement_is_seen_across_time_only():
  clip = make_clip()
  forward, backward = histograms(clip), histograms(clip[::-1])
  np.testing.assert_array_equal(forward[0], backward[0])
  assert np.abs(forward[1:] - backward[1:]).max() > 0.01


def test_too_short_a_clip_is_refused():
  with pytest.raises(ValueError, match=r'\(6, 20, 24\).*2 x `radius` .=3'):
    lbp_top.lbp_top(make_clip(shape=(6, 20, 24)))


def test_svm_tells_directions_of_movement_apart():
  def moving(seed, step):
    texture = np.random.RandomState(seed).randint(0, 256, (12, 40))
    frames = [np.roll(texture, step * t, axis=1) for t in range(9)]
    return lbp_top.lbp_top(np.stack(frames), radius=2, blocks=(1, 1))

  labels = np.arange(24) % 2
  subjects = np.arange(24) // 2
  features = np.stack(
    [moving(seed, 2 if label else -1) for seed, label in enumerate(labels)]
  )
  found = lbp_top.linear_svm(
    features[:16], labels[:16], subjects[:16], features[16:]
  )
  np.testing.assert_array_equal(found, labels[16:])
