"""The pages in Debian's Chromium, which may ask nobody but this computer."""

import dataclasses
import io
import shutil
import threading

import making_videos
import numpy as np
import pytest
from made_views import make_view

from stclr_jax.data.video import video_copies
from stclr_jax.viewing import local_jobs
from stclr_jax.viewing import local_server
from stclr_jax.viewing import viewer_page

pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(
    not (shutil.which('chromium') and shutil.which('chromedriver')),
    reason="needs Debian's chromium and chromium-driver",
  ),
]
# What Chromium says, but for what it says of itself.
_ASKED = ('console-api', 'javascript', 'security', 'network')


@pytest.fixture
def browser(tmp_path):
  from selenium import webdriver
  from selenium.webdriver.chrome.service import Service

  options = webdriver.ChromeOptions()
  options.binary_location = shutil.which('chromium')
  for argument in (
    '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-sync',
    '--disable-component-update', '--window-size=1100,1000',
    # Whatever is asked of another machine fails.
    '--proxy-server=127.0.0.1:9', '--proxy-bypass-list=127.0.0.1',
    f'--user-data-dir={tmp_path / "profile"}',
  ):  # fmt: skip
    options.add_argument(argument)
  options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
  driver = webdriver.Chrome(options, Service(shutil.which('chromedriver')))
  driver.implicitly_wait(5)
  try:
    yield driver
    complaints = [
      line['message']
      for line in driver.get_log('browser')
      if line['source'] in _ASKED and 'favicon' not in line['message']
    ]
    assert not complaints
  finally:
    driver.quit()


def write_page(folder, **changes):
  """Writes a view with its video, 4 seconds, and gives the page's path."""
  frames = making_videos.level_frames(40, size=(60, 80), step=4)
  making_videos.write_video(folder / 'a.mkv', frames, rate=10)
  video_copies.write(folder / 'a.mkv', folder / 'anna.playable.mp4')
  (folder / 'windows.csv').write_text('video,face\n')
  viewer_page.write(make_view(**changes), folder / 'page.html')
  return folder / 'page.html'


def until(browser, holds):
  from selenium.webdriver.support.wait import WebDriverWait

  return WebDriverWait(browser, 20, poll_frequency=0.05).until(
    lambda _: holds()
  )


def forgive(browser, code):
  """Takes what Chromium says of answers with a code, which are meant."""
  for line in browser.get_log('browser'):
    assert f'status of {code}' in line['message'], line


def text_of(browser, name):
  return browser.find_element('id', name).text


def test_curve_video_and_box_go_together(browser, tmp_path):
  from selenium.webdriver import ActionChains
  from selenium.webdriver import Keys

  page = write_page(tmp_path)
  browser.get(page.as_uri())
  seconds = 'return document.querySelector("video").currentTime'
  until(browser, lambda: browser.execute_script(
    'return document.querySelector("video").readyState > 1'
  ))  # fmt: skip
  assert text_of(browser, 'now') == '0:00.0: Anger, 90 %'
  chart = browser.find_element('id', 'chart')
  # Three and a half of four seconds, from the chart's middle on.
  ActionChains(browser).move_to_element_with_offset(
    chart, round(chart.size['width'] * 3 / 8), 0
  ).click().perform()
  until(browser, lambda: text_of(browser, 'now').endswith('Happiness, 80 %'))
  assert browser.execute_script(seconds) == pytest.approx(3.5, abs=0.05)
  box = browser.find_element('css selector', '.box.chosen')
  screen = browser.find_element('tag name', 'video')
  scale = screen.size['width'] / 80
  assert box.is_displayed() and box.text == 'Happiness 80 %'
  assert box.size['width'] == pytest.approx(30 * scale, abs=2)
  assert box.location['x'] - screen.location['x'] == pytest.approx(
    10 * scale, abs=2
  )
  # Back to where the face has left.
  chart.send_keys(Keys.SHIFT, Keys.ARROW_LEFT)
  until(browser, lambda: 'no answer (no_face)' in text_of(browser, 'now'))
  assert not box.is_displayed()
  assert browser.execute_script(seconds) == pytest.approx(2.5, abs=0.05)
  rows = browser.find_elements('css selector', '#segments tr')
  assert [row.text.split()[2] for row in rows] == [
    'Anger', 'unsure', 'no', 'Happiness',
  ]  # fmt: skip
  rows[1].click()
  until(browser, lambda: 'unsure' in text_of(browser, 'now'))
  assert 'here' in rows[1].get_attribute('class')
  assert 'above 60 %' in browser.find_element('id', 'below').text
  # A curve can be taken out.
  curves = len(browser.find_elements('css selector', '#chart path'))
  browser.find_element('xpath', '//button[text()="Anger"]').click()
  left = browser.find_elements('css selector', '#chart path')
  assert (curves, len(left)) == (2, 1)
  warned = browser.find_elements('css selector', 'p.warning')
  assert [one.text for one in warned] == ['Trained on drawn faces.']


def test_playing_moves_the_play_head(browser, tmp_path):
  browser.get(write_page(tmp_path).as_uri())
  browser.execute_script('document.querySelector("video").muted = true')
  browser.execute_script('document.querySelector("video").play()')
  head = browser.find_element('css selector', '#chart line:last-child')
  until(browser, lambda: float(head.get_attribute('x1')) > 100)


def test_a_page_without_a_face_is_a_page(browser, tmp_path):
  browser.get(write_page(tmp_path, faces=()).as_uri())
  until(browser, lambda: 'No face' in text_of(browser, 'now'))
  for name in ('face', 'chart', 'segments', 'rows'):
    assert not browser.find_element('id', name).is_displayed()


def test_the_face_that_is_seen_longest_is_shown_first(browser, tmp_path):
  (face,) = make_view().faces
  passing = dataclasses.replace(
    face, name='face 1', coverage=0.2, label=('unsure',) * 4
  )
  staying = dataclasses.replace(face, name='face 2', coverage=0.75)
  page = write_page(tmp_path, faces=(passing, staying))
  browser.get(page.as_uri())
  until(browser, lambda: text_of(browser, 'now') == '0:00.0: Anger, 90 %')
  choice = browser.find_element('id', 'face')
  assert choice.is_displayed() and choice.get_attribute('value') == '1'
  assert text_of(browser, 'coverage') == 'seen in 75 % of the frames'
  choice.send_keys('face 1')
  until(browser, lambda: text_of(browser, 'now') == '0:00.0: unsure')


def test_every_face_has_its_box_and_a_click_chooses_one(browser, tmp_path):
  (face,) = make_view().faces
  other = dataclasses.replace(
    face,
    name='face 2',
    coverage=0.1,
    boxes=face.boxes + np.array([35, 0, 0, 0]),
    label=('unsure',) * 4,
  )
  browser.get(write_page(tmp_path, faces=(face, other)).as_uri())
  until(browser, lambda: text_of(browser, 'now') == '0:00.0: Anger, 90 %')
  boxes = browser.find_elements('css selector', '.box')
  assert [box.text for box in boxes] == ['Anger 90 %', 'unsure']
  assert all(box.is_displayed() for box in boxes)
  chosen = ['chosen' in box.get_attribute('class') for box in boxes]
  assert chosen == [True, False]
  boxes[1].click()
  until(browser, lambda: text_of(browser, 'now') == '0:00.0: unsure')
  assert browser.find_element('id', 'face').get_attribute('value') == '1'
  chosen = ['chosen' in box.get_attribute('class') for box in boxes]
  assert chosen == [False, True]


def test_a_part_begins_where_it_begins(browser, tmp_path):
  browser.get(write_page(tmp_path, start_s=3.0).as_uri())
  until(browser, lambda: text_of(browser, 'now') == '0:03.0: Happiness, 80 %')
  axis = browser.find_elements('css selector', '#axis span')
  assert [one.text for one in axis] == [
    '0:03.0', '0:03.3', '0:03.5', '0:03.8', '0:04.0',
  ]  # fmt: skip
  seconds = 'return document.querySelector("video").currentTime'
  until(
    browser,
    lambda: browser.execute_script(seconds) == pytest.approx(3, abs=0.05),
  )
  chart = browser.find_element('id', 'chart')
  chart.click()  # in its middle
  until(browser, lambda: text_of(browser, 'now').startswith('0:03.5'))


def test_a_video_is_dropped_watched_and_sought(browser, tmp_path):
  (tmp_path / 'made').mkdir()
  page = write_page(tmp_path / 'made', home='..')

  def look_at(path, name, results, report):
    for share in np.linspace(0, 1, 5):
      report(f'Looking at {name}', share)
    for made in page.parent.iterdir():
      (results / made.name).write_bytes(made.read_bytes())
    return 'page.html'

  jobs = local_jobs.Jobs(look_at)
  with local_server.LocalServer(jobs, about='A test.') as server:
    browser.get(server.address)
    given = browser.find_element('id', 'file')
    given.send_keys(str(page.parent / 'a.mkv'))
    until(browser, lambda: browser.current_url.endswith('/results/page.html'))
    browser.find_element('xpath', '//button[text()="Anger"]')
    # What it seeks it asks for as a part.
    browser.find_elements('css selector', '#segments tr')[3].click()
    until(browser, lambda: 'Happiness' in text_of(browser, 'now'))
    until(browser, lambda: browser.execute_script(
      'const v = document.querySelector("video");'
      'return !v.seeking && v.currentTime > 2.9'
    ))  # fmt: skip
    browser.find_element('id', 'home').click()
    until(browser, lambda: browser.current_url == server.address)


def test_a_fault_is_said_on_the_page(browser, tmp_path):
  from stclr_jax.errors import UserError

  def look_at(path, name, results, report):
    raise UserError(f'{name} is no video.')

  (tmp_path / 'notes.mp4').write_text('no video')
  jobs = local_jobs.Jobs(look_at)
  with local_server.LocalServer(jobs, about='A test.') as server:
    browser.get(server.address)
    browser.find_element('id', 'file').send_keys(str(tmp_path / 'notes.mp4'))
    until(browser, lambda: 'notes.mp4 is no video' in text_of(browser, 'said'))
    assert browser.find_element('id', 'drop').is_displayed()


def test_while_one_is_looked_at_others_are_refused_and_told_when(
  browser, tmp_path
):
  going, enough = threading.Event(), threading.Event()

  def look_at(path, name, results, report):
    if name == 'b.mkv':
      going.set()
      while not enough.wait(0.02):
        report('Looking', 0.5)
    (results / 'page.html').write_text('<!doctype html><title>x</title>' + name)
    return 'page.html'

  for name in ('a', 'b'):
    frames = making_videos.level_frames(3)
    making_videos.write_video(tmp_path / f'{name}.mkv', frames)
  jobs = local_jobs.Jobs(look_at)
  with local_server.LocalServer(jobs, about='A test.') as server:
    browser.get(server.address)
    browser.find_element('id', 'file').send_keys(str(tmp_path / 'a.mkv'))
    until(browser, lambda: browser.current_url.endswith('/page.html'))
    browser.get(server.address)
    last = browser.find_element('id', 'last')
    until(browser, last.is_displayed)
    # Somebody else, or another window, hands over the next one.
    content = (tmp_path / 'b.mkv').read_bytes()
    jobs.begin('b.mkv', len(content), io.BytesIO(content).read)
    assert going.wait(10)
    last.click()  # of what is gone by now
    until(browser, lambda: 'not there any more' in browser.page_source)
    forgive(browser, 404)
    browser.find_element('link text', 'Drop a video').click()
    state = browser.find_element('id', 'state')
    until(browser, lambda: 'Looking' in state.text)
    assert not browser.find_element('id', 'drop').is_displayed()
    assert not browser.find_element('id', 'last').is_displayed()
    enough.set()
    until(browser, lambda: browser.current_url.endswith('/page.html'))


def test_giving_up_is_said(browser, tmp_path):
  def look_at(path, name, results, report):
    while True:
      report('Looking', 0.5)

  making_videos.write_video(tmp_path / 'a.mkv', making_videos.level_frames(3))
  jobs = local_jobs.Jobs(look_at)
  with local_server.LocalServer(jobs, about='A test.') as server:
    browser.get(server.address)
    browser.find_element('id', 'file').send_keys(str(tmp_path / 'a.mkv'))
    cancel = browser.find_element('id', 'cancel')
    until(browser, cancel.is_displayed)
    cancel.click()
    until(browser, lambda: text_of(browser, 'said') == 'It was given up.')
    assert browser.find_element('id', 'drop').is_displayed()


def test_one_that_is_refused_is_told_when_to_come_back(browser, tmp_path):
  enough = threading.Event()

  def look_at(path, name, results, report):
    enough.wait(20)
    (results / 'page.html').write_text('<!doctype html><title>x</title>')
    return 'page.html'

  making_videos.write_video(tmp_path / 'a.mkv', making_videos.level_frames(3))
  jobs = local_jobs.Jobs(look_at)
  with local_server.LocalServer(jobs, about='A test.') as server:
    browser.get(server.address)
    until(browser, lambda: browser.find_element('id', 'drop').is_displayed())
    jobs.begin('b.mkv', 3, io.BytesIO(b'abc').read)  # by another window
    browser.find_element('id', 'file').send_keys(str(tmp_path / 'a.mkv'))
    until(browser, lambda: 'Another video' in text_of(browser, 'said'))
    forgive(browser, 409)
    enough.set()
    until(browser, lambda: 'drop yours again' in text_of(browser, 'said'))
    assert browser.find_element('id', 'drop').is_displayed()
    assert browser.find_element('id', 'last').is_displayed()
    assert browser.current_url == server.address
