// A web site with a copy of the built page, which a test can change, break and stop.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PAGE } from './visit.mjs';

const WWW = fileURLToPath(new URL('../../www/', import.meta.url));
const LIST = 'pkg/build.js';
const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.md': 'text/plain', '.dcm': 'application/dicom',
};

/** The policy that the project's own server sends. */
export const policy = () => fetch(PAGE).then((answer) => answer.headers.get('content-security-policy'));

/** `folder`, with a slash at its end, holds the page; `path` is where it lies on the site; `plain` leaves out every header that a plain static host would not send. */
export async function site({ path = '/', plain = false, folder = WWW } = {}) {
  const headers = plain ? {} : { 'content-security-policy': await policy(), 'cache-control': 'no-cache' };
  const files = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    files.set(file.slice(folder.length).replaceAll('\\', '/'), await readFile(file));
  }
  const asked = [];
  let server;
  const answer = (request, response) => {
    const target = decodeURIComponent(new URL(request.url, 'http://site').pathname);
    const name = target.startsWith(path) ? target.slice(path.length) || 'index.html' : null;
    asked.push(name);
    const body = files.get(name);
    if (!body) return response.writeHead(404, headers).end();
    response.writeHead(200, { ...headers, 'content-type': TYPES[extname(name)] ?? 'application/octet-stream', 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  let port = 0;
  const own = {
    files,
    /** The paths that were asked for; null for one outside the page. */
    asked,
    async start() {
      server = createServer(answer);
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
      ({ port } = server.address());
      own.port = port;
      own.address = `http://127.0.0.1:${port}${path}`;
    },
    /** As if the network were cut: from now on nobody listens there. */
    stop() {
      return new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      });
    },
    /** The path of the module that the tests' Chromium loads. */
    get module() { return own.list().modules[0].path; },
    /** The list of this build. */
    list: () => JSON.parse(files.get(LIST).toString().match(/= (\{[^]*\});\s*$/)[1]),
    /** Publishes a file in another version, as a build would. */
    publish(name, text) {
      files.set(name, Buffer.from(text));
      own.relist((list) => {
        list.files[name] = { size: files.get(name).length, sha256: createHash('sha256').update(files.get(name)).digest('base64') };
      });
    },
    /** Publishes the list as `change(list)` leaves it. */
    relist(change) {
      const list = own.list();
      change(list);
      list.id = createHash('sha256').update(JSON.stringify([list.files, list.modules])).digest('hex');
      files.set(LIST, Buffer.from(`globalThis.lungglassBuild = ${JSON.stringify(list)};\n`));
    },
    /** A copy of a file with one bit turned. */
    damaged(name) {
      const bytes = Buffer.from(files.get(name));
      bytes[bytes.length >> 1] ^= 1;
      return bytes;
    },
  };
  await own.start();
  return own;
}
