// @ts-check
'use strict';
// npm's install step. A prebuilt addon that loads is taken, of this package or of the platform's; else the addon is built
// with node-gyp; else the package stays on its TypeScript backend and says so. Never downloads a binary. `--build` (npm run build:native) is the developer's
// incremental build. STRIATE_NATIVE: auto (default), require (fail where there is no addon), off (skip).
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const built = path.join(root, 'build', 'Release', 'striate.node');
const mode = process.env['STRIATE_NATIVE'] || 'auto';
const build = process.argv.includes('--build');
// native/test is not published: its presence tells a checkout, where an older build must not win over newer sources.
const checkout = fs.existsSync(path.join(root, 'native', 'test'));
const fromSource = build || checkout || process.env['npm_config_build_from_source'] === 'true';

/**
 * @param {string} message
 * @returns {never}
 */
function finish(message) {
  console.log(`striate: ${message}`);
  process.exit(0);
}

/**
 * @param {string} reason
 * @returns {never}
 */
function giveUp(reason) {
  if (build || mode === 'require') {
    console.error(`striate: ${reason}`);
    process.exit(1);
  }
  console.warn(`striate: ${reason}; the TypeScript backend will be used, which is slower`);
  process.exit(0);
}

/** Tries the addon in a child process: a bad binary must not kill the installer. */
function loadError() {
  const script = 'require(require("./scripts/addonFile.cjs")(process.cwd()))';
  const child = spawnSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' });
  if (child.status === 0) return undefined;
  if (child.signal) return `killed by ${child.signal}`;
  const line = child.stderr.split('\n').find((text) => /^\w*Error/.test(text));
  return line ?? `exit code ${String(child.status)}`;
}

/** Runs the node-gyp that npm brings, or the one of a developer's node_modules, or the one on PATH. */
function compile() {
  let gyp = process.env['npm_config_node_gyp'];
  if (!gyp) {
    try {
      gyp = require.resolve('node-gyp/bin/node-gyp.js', { paths: [root] });
    } catch {
      // the one on PATH
    }
  }
  // In a checkout only what changed is compiled again; configure comes first since a new file joins by its name.
  const args = checkout ? ['configure', 'build', '--release'] : ['rebuild', '--release'];
  const prefix = path.resolve(process.execPath, '..', '..');
  const headers = path.join(prefix, 'include', 'node', 'node_api.h');
  // Without a header folder node-gyp downloads one.
  if (!process.env['npm_config_nodedir'] && fs.existsSync(headers)) args.push(`--nodedir=${prefix}`);
  const env = { ...process.env, JOBS: process.env['JOBS'] || 'max' };
  const result = gyp
    ? spawnSync(process.execPath, [gyp, ...args], { cwd: root, stdio: 'inherit', env })
    : spawnSync('node-gyp', args, { cwd: root, stdio: 'inherit', env, shell: process.platform === 'win32' });
  return !result.error && result.status === 0;
}

if (!['auto', 'require', 'off'].includes(mode)) {
  console.error(`striate: STRIATE_NATIVE must be auto, require or off, got ${mode}`);
  process.exit(1);
}
if (mode === 'off' && !build) finish('native build skipped (STRIATE_NATIVE=off)');
if (!fromSource) {
  let error = loadError();
  if (error !== undefined && fs.existsSync(built)) {
    // Built here once, for another system: it hides the platform's.
    fs.rmSync(built);
    error = loadError();
  }
  if (error === undefined) finish('using the prebuilt native addon');
  console.log(`striate: building the native addon, since no prebuilt one loads (${error})`);
}
if (!compile()) {
  // A stale addon would be found at run time. The developer's build keeps it: the compiler's errors are in view there.
  if (!build) fs.rmSync(built, { force: true });
  giveUp('the native addon could not be built (a C++20 compiler, make and Python are needed)');
}
const error = loadError();
if (error !== undefined) giveUp(`the native addon was built but does not load (${error})`);
finish('native addon built');
