import contextlib
import http.client
import json
import pathlib
import threading
import time
import urllib.parse

import pytest

from stclr_jax.errors import UserError
from stclr_jax.viewing import local_jobs
from stclr_jax.viewing import local_server

VIDEO = bytes(range(256)) * 40


def show(path, name, results, report):
  """Stands for what looks at a video: a page with its name and size."""
  report('Looking', 0.5)
  (results / 'page.html').write_text(f'{name}: {path.stat().st_size}')
  (results / 'copy.mp4').write_bytes(path.read_bytes())
  return 'page.html'


@contextlib.contextmanager
def serving(look_at=show, *, away_seconds=60, **options):
  jobs = local_jobs.Jobs(look_at, away_seconds=away_seconds)
  with local_server.LocalServer(jobs, about='A <test>', **options) as server:
    yield server


def ask(server, path, method='GET', body=None, secret=None, **headers):
  """(status, headers, content) of a request."""
  connection = http.client.HTTPConnection(
    local_server.HOST, server.port, timeout=10
  )
  secret = secret or urllib.parse.urlsplit(server.address).path.strip('/')
  try:
    connection.request(method, f'/{secret}/{path}', body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()
  finally:
    connection.close()


def wait_for(server, *states):
  for _ in range(500):
    job = json.loads(ask(server, 'job')[2])
    if job['state'] in states:
      return job
    time.sleep(0.02)
  raise AssertionError(job)


def test_a_video_becomes_a_page_and_nothing_is_kept():
  with serving() as server:
    status, headers, page = ask(server, '')
    assert status == 200 and b'A &lt;test&gt;' in page
    nonce = headers['Content-Security-Policy'].split("'nonce-")[1].split("'")[0]
    assert f'nonce="{nonce}"' in page.decode()
    assert headers['Cache-Control'] == 'no-store'
    name = urllib.parse.quote('../../é "x".mp4')
    assert ask(server, f'videos?name={name}', 'POST', VIDEO)[0] == 202
    job = wait_for(server, 'done', 'failed')
    assert job['state'] == 'done', job
    assert ask(server, job['page'])[2].decode() == (
      f'../../é "x".mp4: {len(VIDEO)}'
    )
    folder = server.jobs.results.parent
    assert sorted(p.name for p in folder.iterdir()) == ['results', 'video.mp4']
    # The next one replaces it.
    assert ask(server, 'videos?name=b', 'POST', VIDEO[:9])[0] == 202
    wait_for(server, 'done')
    second = server.jobs.results.parent
    assert not folder.exists() and second.exists()
  assert not second.exists()


@pytest.mark.parametrize(
  ('wanted', 'first', 'stop'),
  [
    ('bytes=0-9', 0, 10),
    ('bytes=100-', 100, len(VIDEO)),
    ('bytes=-7', len(VIDEO) - 7, len(VIDEO)),
    ('bytes=10000-99999', 10000, len(VIDEO)),
  ],
)
def test_players_get_the_part_that_they_ask_for(wanted, first, stop):
  with serving() as server:
    ask(server, 'videos?name=a.mp4', 'POST', VIDEO)
    wait_for(server, 'done')
    status, headers, content = ask(server, 'results/copy.mp4', Range=wanted)
    assert status == 206 and content == VIDEO[first:stop]
    assert headers['Content-Range'] == f'bytes {first}-{stop - 1}/{len(VIDEO)}'
    status, headers, content = ask(
      server, 'results/copy.mp4', 'HEAD', Range=wanted
    )
    assert status == 206 and content == b''
    assert ask(server, 'results/copy.mp4', Range='bytes=99999-')[0] == 416
    for whole in ('bytes=5-2', 'lines=1-2', 'bytes=0-1,4-5', 'bytes=-'):
      status, _, content = ask(server, 'results/copy.mp4', Range=whole)
      assert (status, content) in ((200, VIDEO), (416, b''))


def test_only_the_browser_with_the_address_is_answered():
  with serving() as server:
    assert ask(server, '', secret='x' * 32)[0] == 404
    assert ask(server, '', Host=f'evil.example:{server.port}')[0] == 403
    for origin in ('http://evil.example', 'null', 'https://127.0.0.1'):
      status = ask(server, 'videos?name=a', 'POST', VIDEO, Origin=origin)[0]
      assert status == 403
    assert server.jobs.results is None
    ours = f'http://127.0.0.1:{server.port}'
    assert ask(server, 'videos?name=a', 'POST', VIDEO, Origin=ours)[0] == 202
    wait_for(server, 'done')
    for path in (
      'results/../video', 'results/%2e%2e/video', 'results/..%2fvideo',
      'results//etc/passwd', 'results/', 'other',
    ):  # fmt: skip
      assert ask(server, path)[0] == 404, path


def test_what_is_too_large_or_has_no_length_is_refused_before_it_is_read():
  with serving(max_bytes=100) as server:
    status, _, said = ask(server, 'videos?name=a', 'POST', VIDEO)
    assert status == 413 and b'--max_megabytes' in said
    assert ask(server, 'videos?name=a', 'POST', b'')[0] == 413
    assert server.jobs.job.state == 'idle'
    # An iterator is sent in chunks, without a length.
    assert ask(server, 'videos?name=a', 'POST', iter([b'x']))[0] == 411


def test_one_at_a_time_and_given_up_when_asked():
  going = threading.Event()

  def look(path, name, results, report):
    going.set()
    while True:
      report('Looking', None)
      time.sleep(0.01)

  with serving(look) as server:
    assert ask(server, 'videos?name=a', 'POST', VIDEO)[0] == 202
    assert going.wait(10)
    status, _, said = ask(server, 'videos?name=b', 'POST', VIDEO)
    assert status == 409 and b'cancel' in said
    assert ask(server, 'cancel', 'POST')[0] == 202
    wait_for(server, 'cancelled')
    going.clear()
    assert ask(server, 'videos?name=b', 'POST', VIDEO)[0] == 202
    assert going.wait(10)
  # Leaving ends the work, too.


def test_what_is_given_up_while_it_is_copied_is_not_begun():
  jobs = local_jobs.Jobs(show)
  pieces = iter([VIDEO[:10], VIDEO[10:]])

  def read(_):
    jobs.cancel()  # from another window
    return next(pieces)

  with pytest.raises(local_jobs.RefusedError, match='given up'):
    jobs.begin('a', len(VIDEO), read)
  assert jobs.job.state == 'cancelled' and jobs.results is None
  jobs.close()


def test_giving_up_is_shown_at_once():
  going, ending = threading.Event(), threading.Event()

  def look(path, name, results, report):
    going.set()
    ending.wait(10)  # where nothing is reported for a while
    report('Looking')

  with serving(look) as server:
    ask(server, 'videos?name=a', 'POST', VIDEO)
    assert going.wait(10)
    ask(server, 'cancel', 'POST')
    assert 'Giving it up' in ask(server, 'job')[2].decode()
    ending.set()
    wait_for(server, 'cancelled')


def test_what_is_gone_leads_back():
  with serving() as server:
    status, headers, page = ask(server, 'results/page.html')
    assert status == 404 and 'text/html' in headers['Content-Type']
    assert f'href="{server.address}"' in page.decode()


def test_a_browser_that_went_away_is_not_worked_for():
  ended = threading.Event()

  def look(path, name, results, report):
    try:
      while True:
        report('Looking', None)
        time.sleep(0.01)
    finally:
      ended.set()

  with serving(look, away_seconds=0.2) as server:
    ask(server, 'videos?name=a', 'POST', VIDEO)
    assert ended.wait(10)


def test_a_browser_that_goes_while_it_copies_leaves_nothing():
  with serving() as server:
    connection = http.client.HTTPConnection(
      local_server.HOST, server.port, timeout=10
    )
    secret = urllib.parse.urlsplit(server.address).path
    connection.putrequest('POST', f'{secret}videos?name=a')
    connection.putheader('Content-Length', str(len(VIDEO)))
    connection.endheaders()
    connection.send(VIDEO[:100])
    connection.close()
    job = wait_for(server, 'failed')
    assert 'copied' in job['text'] and server.jobs.results is None
    assert ask(server, 'videos?name=a', 'POST', VIDEO)[0] == 202
    wait_for(server, 'done')


@pytest.mark.parametrize(
  'error', [UserError('It shows no face.'), OSError(28, 'No space left')]
)
def test_what_the_user_can_mend_is_shown(error):
  def look(path, name, results, report):
    raise error

  with serving(look) as server:
    ask(server, 'videos?name=a', 'POST', VIDEO)
    assert str(error) in wait_for(server, 'failed')['text']


@pytest.mark.filterwarnings(
  'ignore::pytest.PytestUnhandledThreadExceptionWarning'
)
def test_a_fault_of_the_program_does_not_end_it():
  def look(path, name, results, report):
    return 1 / pathlib.Path(name).name.count('b')

  with serving(look) as server:
    ask(server, 'videos?name=a', 'POST', VIDEO)
    assert 'fault' in wait_for(server, 'failed')['text']
    ask(server, 'videos?name=b', 'POST', VIDEO)
    wait_for(server, 'done')


def test_a_port_in_use_is_named():
  with serving() as server:
    with pytest.raises(UserError, match=f'--port={server.port}.*Leave it out'):
      local_server.LocalServer(
        local_jobs.Jobs(show), about='', port=server.port
      )
  with pytest.raises(UserError, match='--port=700000'):
    local_server.LocalServer(local_jobs.Jobs(show), about='', port=700000)
