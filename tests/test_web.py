import json
import time
import urllib.request

import making_videos
import pytest
from fake_models import BrightnessModel
from fake_models import make_settings

from stclr_jax import web
from stclr_jax.viewing import local_jobs
from stclr_jax.viewing import local_server


def ask(address, content=None):
  with urllib.request.urlopen(address, content, timeout=10) as answer:
    return answer.read()


def drop(server, name, content):
  """Hands a video over, and waits for the last that is said of it."""
  ask(f'{server.address}videos?name={name}', content)
  for _ in range(500):
    job = json.loads(ask(f'{server.address}job'))
    if job['state'] != 'working':
      return job
    time.sleep(0.02)
  raise AssertionError(job)


@pytest.fixture
def server():
  jobs = local_jobs.Jobs(web.make_look(BrightnessModel(), make_settings()))
  with local_server.LocalServer(jobs, about='A test.') as serving:
    yield serving


def test_a_dropped_video_is_named_and_shown(server, tmp_path):
  path = tmp_path / 'a.mkv'
  making_videos.write_video(path, making_videos.level_frames(30), rate=10)
  job = drop(server, 'anna.mkv', path.read_bytes())
  assert job['state'] == 'done', job
  page = ask(server.address + job['page']).decode()
  assert '"title": "anna.mkv"' in page and '"home": "../"' in page
  for name in ('playable.mp4', 'annotated.mp4', 'segments.eaf', 'windows.csv'):
    assert f'"./{name}"' in page
    assert ask(f'{server.address}results/{name}')


@pytest.mark.parametrize('content', [b'no video' * 99, b'\0'])
def test_what_is_no_video_is_said(server, content):
  job = drop(server, 'notes.mp4', content)
  assert job['state'] == 'failed' and 'notes.mp4 cannot be read' in job['text']


def test_the_command_says_where_the_page_is(monkeypatch, capsys):
  class Enough(BaseException):
    pass

  def look(server):
    assert b'dark, bright' in ask(server.address)
    assert b'It is made up.' in ask(server.address)
    raise Enough

  monkeypatch.setattr(web.loading, 'load', lambda _: BrightnessModel())
  monkeypatch.setattr(BrightnessModel, 'trained', None, raising=False)
  monkeypatch.setattr(web.video_settings, 'resolve', lambda *_: make_settings())
  monkeypatch.setattr(web, 'run', lambda args, run=web.run: run(args, look))
  with pytest.raises(Enough):
    web.main(['--model=runs/x', '--max_megabytes=1'])
  assert 'http://127.0.0.1:' in capsys.readouterr().out
  with pytest.raises(SystemExit, match='max_megabytes.*above 0'):
    web.main(['--model=runs/x', '--max_megabytes=0'])
