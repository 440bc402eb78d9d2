import html.parser
import json
import re
import urllib.parse

import numpy as np
from made_views import LABELS
from made_views import make_view

from stclr_jax.viewing import viewer_page

HOSTILE = '</script><script>alert(1)</script> <!-- "x" & \u2028 é.mp4'


class Elements(html.parser.HTMLParser):
  def __init__(self, page):
    super().__init__()
    self.scripts, self.links, self.inside = [], [], False
    self.feed(page)

  def handle_starttag(self, tag, attrs):
    self.inside = tag == 'script'
    if self.inside:
      self.scripts.append('')
    self.links += [v for k, v in attrs if k in ('src', 'href')]

  def handle_endtag(self, tag):
    self.inside = False

  def handle_data(self, data):
    if self.inside:
      self.scripts[-1] += data


def data_of(page):
  scripts = Elements(page).scripts
  assert len(scripts) == 2  # the data, and what shows it
  return json.loads(scripts[0])


def test_page_holds_what_is_shown():
  data = data_of(viewer_page.make(make_view()))
  (face,) = data['faces']
  assert data['labels'] == list(LABELS) and data['unsure_below'] == 0.6
  assert face['probabilities'][0] == [0.9, 0.1]
  assert face['probabilities'][2] == [None, None]
  assert face['confidence'] == [0.9, 0.55, None, 0.8]
  assert face['mid_s'] == [0.5, 1.5, 2.5, 3.5]
  assert [box is None for box in face['boxes']] == [False] * 4 + [
    True, True, False, False,
  ]  # fmt: skip
  assert face['segments'][2]['label'] == ''


def test_names_cannot_leave_their_place():
  page = viewer_page.make(
    make_view(title=HOSTILE, video=HOSTILE, files=(HOSTILE, 'javascript:x'))
  )
  data = data_of(page)
  assert data['title'] == HOSTILE
  assert 'alert(1)' not in Elements(page).scripts[1]
  for link in (data['video'], *(file['href'] for file in data['files'])):
    assert link.startswith('./')
  assert urllib.parse.unquote(data['video'][2:]) == HOSTILE


def test_page_asks_nobody():
  page = viewer_page.make(make_view())
  assert not Elements(page).links
  # Of addresses, it holds the name of a drawing language only.
  assert set(re.findall(r'https?://[^\'"\s]+', page)) == {
    'http://www.w3.org/2000/svg'
  }
  assert "default-src 'none'" in page


def test_no_face_and_no_window_make_a_page():
  data_of(viewer_page.make(make_view(faces=(), video='', notes=())))
  empty = make_view().faces[0]
  nothing = {
    'start_s': np.zeros(0), 'end_s': np.zeros(0), 'label': (), 'status': (),
    'probabilities': np.zeros((0, 2)), 'segments': (),
    'box_time_s': np.zeros(0), 'boxes': np.zeros((0, 4)),
  }  # fmt: skip
  face = viewer_page.ViewedFace(name='face 1', coverage=0.0, **nothing)
  assert type(face) is type(empty)
  data = data_of(viewer_page.make(make_view(faces=(face,))))
  assert data['faces'][0]['mid_s'] == []
