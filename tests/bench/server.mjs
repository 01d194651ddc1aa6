// The benchmark's own server on the loopback: folders and buffers under prefixes of a URL. The page's server and the page's folder
// know nothing of it, nor of the peers.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

const HEADERS = {
  // Looser than the page's policy, because the peers compile text and blobs; other origins stay out of reach.
  'Content-Security-Policy': "default-src 'self' 'unsafe-inline' 'unsafe-eval' blob: data:",
  // Isolated, the page has a clock of microseconds. No engine uses the threads that this would allow.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-store',
};

/**
 * @param {{ folders: Record<string, string>, files: Record<string, Uint8Array> }} what
 *   folders by prefix ('/page/'), and contents by path
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serve({ folders, files }) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    let body = files[path];
    try {
      const prefix = Object.keys(folders).find((prefix) => path.startsWith(prefix));
      if (!body && prefix && normalize(path) === path) body = await readFile(join(folders[prefix], path.slice(prefix.length)));
    } catch {
      // A folder or nothing: told below.
    }
    response.writeHead(body ? 200 : 404, { ...HEADERS, 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' });
    response.end(body);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}
