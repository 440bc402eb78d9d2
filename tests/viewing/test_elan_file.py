import xml.etree.ElementTree as ET

import pytest

from stclr_jax.viewing import elan_file
from stclr_jax.viewing.viewer_page import Segment

TIERS = {
  'face 1': (
    Segment(0.0, 1.2345, 'Anger', 0.9),
    Segment(1.2345, 2.0, '', None),
    Segment(2.0, 2.0004, 'Fear', 0.5),
    Segment(2.0, 60.5, 'unsure', 0.4),
  ),
  'face 2': (),
}


def read(path):
  """{tier: [(start, end, value)]} in milliseconds, and where the video is."""
  root = ET.parse(path).getroot()
  slots = {
    slot.get('TIME_SLOT_ID'): int(slot.get('TIME_VALUE'))
    for slot in root.iter('TIME_SLOT')
  }
  tiers = {}
  for tier in root.iter('TIER'):
    tiers[tier.get('TIER_ID')] = [
      (
        slots[one.get('TIME_SLOT_REF1')],
        slots[one.get('TIME_SLOT_REF2')],
        one.findtext('ANNOTATION_VALUE'),
      )
      for one in tier.iter('ALIGNABLE_ANNOTATION')
    ]
  (media,) = root.iter('MEDIA_DESCRIPTOR')
  return tiers, media.get('RELATIVE_MEDIA_URL')


def test_segments_come_back_in_milliseconds(tmp_path):
  elan_file.write(tmp_path / 'a.eaf', media='é a.mp4', tiers=TIERS)
  tiers, media = read(tmp_path / 'a.eaf')
  assert media == './é a.mp4'
  assert tiers == {
    'face 1': [(0, 1234, 'Anger'), (2000, 60500, 'unsure')],
    'face 2': [],
  }


@pytest.mark.parametrize('label', ['<b> & "x"', 'a\x00b\x1b'])
def test_any_label_makes_a_file_that_can_be_read(tmp_path, label):
  tiers = {label: (Segment(0.0, 1.0, label, 0.9),)}
  elan_file.write(tmp_path / 'a.eaf', media='a.mp4', tiers=tiers)
  (name,) = read(tmp_path / 'a.eaf')[0]
  assert name == label.replace('\x00', ' ').replace('\x1b', ' ')


def test_what_ELAN_asks_for_is_there(tmp_path):  # noqa: N802 (its name)
  """Of the schema: references lead somewhere, names are said once."""
  elan_file.write(tmp_path / 'a.eaf', media='a.mp4', tiers=TIERS)
  root = ET.parse(tmp_path / 'a.eaf').getroot()
  assert [child.tag for child in root] == [
    'HEADER', 'TIME_ORDER', 'TIER', 'TIER', 'LINGUISTIC_TYPE',
  ]  # fmt: skip
  types = {
    one.get('LINGUISTIC_TYPE_ID') for one in root.iter('LINGUISTIC_TYPE')
  }
  assert {t.get('LINGUISTIC_TYPE_REF') for t in root.iter('TIER')} <= types
  named = [
    one.get(key)
    for one in root.iter()
    for key in ('TIME_SLOT_ID', 'ANNOTATION_ID')
    if one.get(key)
  ]
  assert len(named) == len(set(named)) == 6
