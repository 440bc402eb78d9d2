"""A page on this computer to drop a video on, for its own browser only.

Whoever can open the page can read the video, so: it listens on 127.0.0.1 only,
its address holds a secret, other names for this computer and requests from
other pages are refused, and nothing is kept.
"""

import contextlib
import hmac
import html
import http.server
import json
import mimetypes
import pathlib
import re
import secrets
import threading
import time
import urllib.parse
from http import HTTPStatus

from stclr_jax.errors import UserError
from stclr_jax.viewing import local_jobs

HOST = '127.0.0.1'
_UPLOAD = pathlib.Path(__file__).with_name('upload.html')
_CHUNK = 1 << 16
# Seconds in which a browser must say its next word.
_SILENCE = 60
# Seconds in which a refused video may end. chosen: some gigabytes go by.
_PATIENCE = 10


class LocalServer:
  """The server; `with LocalServer(...) as server: server.wait()`.

  Attributes:
    address: of the page, with its secret.
    port: that it listens on.
    jobs: a `local_jobs.Jobs`.
  """

  def __init__(self, jobs, *, about, port=0, max_bytes=2_000_000_000):
    """Opens the port.

    Args:
      jobs: a `local_jobs.Jobs`, which it closes at the end.
      about: what stands on the page, plain text, a sentence a line.
      port: 0 takes a free one.
      max_bytes: of a video.

    Raises:
      UserError: if the port cannot be had.
    """
    self.jobs, self.about, self.max_bytes = jobs, about, max_bytes
    self._secret = secrets.token_urlsafe(24)
    try:
      self._http = http.server.ThreadingHTTPServer((HOST, port), _Handler)
    except (OSError, OverflowError) as error:
      why = getattr(error, 'strerror', None) or 'no such port'
      raise UserError(
        f'The port (--port={port}) cannot be had: {why}. Leave it out for a '
        'free one.'
      ) from None
    self._http.daemon_threads = True
    self._http.owner = self
    self.port = self._http.server_address[1]
    self.address = f'http://{HOST}:{self.port}/{self._secret}/'
    self._thread = threading.Thread(target=self._http.serve_forever)

  def __enter__(self):
    self._thread.start()
    return self

  def __exit__(self, *_):
    self._http.shutdown()
    self._thread.join()
    self._http.server_close()
    self.jobs.close()

  def wait(self):
    """Waits until something ends the program, such as Ctrl-C."""
    self._thread.join()

  def find(self, path):
    """Finds what a request asks for.

    Args:
      path: of the request.

    Returns:
      The part behind the secret; None if the secret is not ours.
    """
    _, secret, *rest = f'{path}/'.split('/', 2)
    if not hmac.compare_digest(secret.encode(), self._secret.encode()):
      return None
    return rest[0].removesuffix('/')

  def is_ours(self, headers):
    """Says whether a request comes from the browser that was given the page.

    Args:
      headers: of the request.
    """
    names = (f'{HOST}:{self.port}', f'localhost:{self.port}')
    if headers.get('Host') not in names:
      return False  # a foreign name that leads here
    origin = headers.get('Origin')
    return origin is None or origin in [f'http://{name}' for name in names]


class _Handler(http.server.BaseHTTPRequestHandler):
  protocol_version = 'HTTP/1.1'
  server_version, sys_version = 'stclr', ''
  timeout = _SILENCE

  def do_GET(self):  # noqa: N802 (the library's name)
    found = self._find()
    if found is None:
      return
    owner = self.server.owner
    if found == '':
      self._send_upload_page()
    elif found == 'job':
      owner.jobs.hear()
      job = owner.jobs.job
      self._send_json(
        {
          'state': job.state,
          'text': job.text,
          'share': job.share,
          'page': f'results/{urllib.parse.quote(job.page)}',
        }
      )
    elif found.startswith('results/'):
      self._send_file(found.removeprefix('results/'))
    else:
      self._send_text(HTTPStatus.NOT_FOUND, 'There is no such page.')

  do_HEAD = do_GET  # noqa: N815

  def do_POST(self):  # noqa: N802
    found = self._find()
    if found is None:
      return
    owner = self.server.owner
    if found == 'cancel':
      owner.jobs.cancel()
      self._send_text(HTTPStatus.ACCEPTED, '')
    elif found.startswith('videos?'):
      self._take(found)
    else:
      self._send_text(HTTPStatus.NOT_FOUND, 'There is no such page.')

  def log_message(self, *_):
    """Says nothing: lines of requests would hold the secret."""

  def _find(self):
    owner = self.server.owner
    if not owner.is_ours(self.headers):
      self.close_connection = True
      self._send_text(HTTPStatus.FORBIDDEN, 'Not for this page.')
      return None
    found = owner.find(self.path)
    if found is None:
      self.close_connection = True
      self._send_text(HTTPStatus.NOT_FOUND, 'There is no such page.')
    return found

  def _take(self, found):
    owner = self.server.owner
    # What is not read would be taken for the next request.
    self.close_connection = True
    query = urllib.parse.parse_qs(found.partition('?')[2])
    name = query.get('name', ['video'])[0]
    given = self.headers.get('Content-Length', '')
    length = int(given) if re.fullmatch('[0-9]{1,15}', given) else -1
    if length < 0:
      self._send_text(HTTPStatus.LENGTH_REQUIRED, 'The length is missing.')
      self.connection.settimeout(1)  # nobody knows how much there is to hear
      self._let_finish(_CHUNK)
    elif not 0 < length <= owner.max_bytes:
      self._send_text(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f'The video has {length:,} bytes; from 1 to {owner.max_bytes:,} are '
        'taken (--max_megabytes).',
      )
      self._let_finish(length)
    else:
      try:
        owner.jobs.begin(name, length, self.rfile.read)
        self._send_text(HTTPStatus.ACCEPTED, '')
      except local_jobs.RefusedError as error:
        self._send_text(HTTPStatus.CONFLICT, str(error))
        self._let_finish(length)
      except ConnectionError:
        pass  # nobody is there to be told
      except OSError as error:
        self._send_text(
          HTTPStatus.INSUFFICIENT_STORAGE,
          f'The video could not be kept: {error.strerror or error}.',
        )

  def _let_finish(self, length):
    """Hears a refused video out for a while.

    Whoever is still sending when the line is cut does not read why.
    """
    end = time.monotonic() + _PATIENCE
    with contextlib.suppress(OSError):
      while length > 0 and time.monotonic() < end:
        heard = self.rfile.read(min(length, _CHUNK))
        if not heard:
          return
        length -= len(heard)

  def _send_upload_page(self):
    nonce = secrets.token_urlsafe(12)
    page = _UPLOAD.read_text(encoding='utf-8').replace('@NONCE@', nonce)
    page = page.replace('@ABOUT@', html.escape(self.server.owner.about))
    policy = (
      f"default-src 'none'; script-src 'nonce-{nonce}'; style-src "
      "'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"
    )
    self._send(
      HTTPStatus.OK,
      page.encode(),
      'text/html; charset=utf-8',
      **{'Content-Security-Policy': policy},
    )

  def _send_file(self, name):
    results = self.server.owner.jobs.results
    path = results and (results / urllib.parse.unquote(name)).resolve()
    inside = path and path.is_relative_to(results.resolve()) and path.is_file()
    if not inside:
      self._send_gone()
      return
    kind = mimetypes.guess_type(path.name)[0] or 'application/octet-stream'
    with path.open('rb') as file:
      size = path.stat().st_size
      part = _part(self.headers.get('Range'), size)
      if part is None:
        self._send(
          HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
          b'',
          kind,
          **{'Content-Range': f'bytes */{size}'},
        )
        return
      first, stop, partial = part
      where = {'Content-Range': f'bytes {first}-{stop - 1}/{size}'}
      self._send_head(
        HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK,
        stop - first,
        kind,
        **(where if partial else {}),
      )
      if self.command == 'HEAD':
        return
      file.seek(first)
      # A player asks for the rest and goes when it has enough.
      with contextlib.suppress(ConnectionError, TimeoutError):
        while first < stop:
          chunk = file.read(min(_CHUNK, stop - first))
          if not chunk:
            break
          self.wfile.write(chunk)
          first += len(chunk)

  def _send_gone(self):
    owner = self.server.owner
    page = (
      '<!doctype html><html lang="en"><meta charset="utf-8"><title>Deleted'
      '</title><p>This is not there any more: results are deleted when the '
      f'next video is dropped.</p><p><a href="{owner.address}">Drop a video'
      '</a></p></html>'
    )
    self._send(HTTPStatus.NOT_FOUND, page.encode(), 'text/html; charset=utf-8')

  def _send_json(self, content):
    self._send(HTTPStatus.OK, json.dumps(content).encode(), 'application/json')

  def _send_text(self, status, text):
    self._send(status, text.encode(), 'text/plain; charset=utf-8')

  def _send(self, status, content, kind, **headers):
    self._send_head(status, len(content), kind, **headers)
    if self.command != 'HEAD':
      self.wfile.write(content)

  def _send_head(self, status, length, kind, **headers):
    self.send_response(status)
    usual = {
      'Content-Type': kind,
      'Content-Length': str(length),
      'Accept-Ranges': 'bytes',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Resource-Policy': 'same-origin',
    }
    if self.close_connection:
      usual['Connection'] = 'close'
    for name, value in (usual | headers).items():
      self.send_header(name, value)
    self.end_headers()


def _part(wanted, size):
  """Finds the bytes that a Range header asks for.

  Returns:
    (first, stop, whether they are a part); None if there are no such bytes.

  Source: RFC 9110, 14.1.2. More than one range is answered by the whole.
  """
  found = re.fullmatch('bytes=([0-9]{0,18})-([0-9]{0,18})', wanted or '')
  if not found or found.groups() == ('', ''):
    return 0, size, False
  first, last = found.groups()
  if first == '':  # the last so many
    return (max(0, size - int(last)), size, True) if int(last) else None
  stop = min(size, int(last) + 1) if last else size
  return (int(first), stop, True) if int(first) < stop else None
