// @ts-check
'use strict';
// An npm registry on loopback, in a thread of its own since the checks wait for npm. It has the tarballs that workerData
// names, and what package-lock.json names, from node_modules: nothing else is asked for, and nothing of the network.
const { execFile } = require('node:child_process');
const { createReadStream, existsSync, readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const path = require('node:path');
const { parentPort, workerData } = require('node:worker_threads');

/** @type {{ root: string, tarballs: Record<string, string> }} tarballs of folders */
const { root, tarballs } = workerData;
const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
const locked = Object.keys(packages).filter((folder) => folder.includes('node_modules/'));
const folders = [...locked.map((folder) => path.join(root, folder)), ...Object.keys(tarballs)];

/** @type {Map<string, Map<string, { folder: string, manifest: object }>>} by name and version */
const offered = new Map();
for (const folder of folders.filter(existsSync)) {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const versions = offered.get(manifest.name) ?? new Map();
  offered.set(manifest.name, versions.set(manifest.version, { folder, manifest }));
}

const server = createServer(({ url = '', headers }, response) => {
  const [name = '', version] = url.split('/').slice(1).map(decodeURIComponent);
  const versions = offered.get(name);
  const found = version === undefined ? undefined : versions?.get(version);
  if (found) {
    const tarball = tarballs[found.folder];
    const arguments_ = ['-C', path.dirname(found.folder), '-czf', '-', path.basename(found.folder)];
    (tarball ? createReadStream(tarball) : execFile('tar', arguments_, { encoding: 'buffer' }).stdout)?.pipe(response);
  } else if (versions && version === undefined) {
    const entries = [...versions].map(([each, { manifest }]) => {
      const tarball = `http://${headers.host}/${encodeURIComponent(name)}/${each}`;
      return [each, { ...manifest, dist: { tarball } }];
    });
    const latest = entries.at(-1)?.[0];
    response.end(JSON.stringify({ name, 'dist-tags': { latest }, versions: Object.fromEntries(entries) }));
  } else response.writeHead(404).end('{}');
});
server.listen(0, '127.0.0.1', () => {
  parentPort?.postMessage(/** @type {import("node:net").AddressInfo} */ (server.address()).port);
});
