import dataclasses

import made_networks
import pytest

from stclr_jax import making
from stclr_jax.inference import caveats


@pytest.mark.parametrize(
  ('data', 'synthetic', 'said'),
  [
    ('oulu_casia:vl_strong', False, True),
    ('synthetic_demo:vl_strong', True, True),  # drawn as Oulu-CASIA is
    ('mine:videos', False, False),  # whose videos may be anything
  ],
)
def test_videos_from_rest_to_apex_say_nothing_of_what_is_held(
  data, synthetic, said
):
  facts = dataclasses.replace(
    made_networks.TRAINED_ON, data=data, synthetic=synthetic
  )
  trained = made_networks.make(trained_on=facts)
  words = ' '.join(caveats.of_network(trained))
  assert ('held, or fades' in words) == said
  assert ('drawn faces' in words) == synthetic
  encoder = made_networks.make(labels=None, trained_on=facts)
  assert 'named' not in ' '.join(caveats.of_network(encoder))


def test_drawn_faces_were_cut_out_by_nobody():
  drawn = making.Making(fps=25.0, framing='face', synthetic=True).describe()
  assert 'drawn faces that fill the frame' in drawn and 'cut out' not in drawn
  assert drawn.count('drawn') == 1
  scene = making.Making(framing='as_recorded', synthetic=True).describe()
  assert 'whole frames' in scene and scene.endswith('drawn faces')
