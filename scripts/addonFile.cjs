// @ts-check
'use strict';
// Where the addon of this machine lies: asked by the package at first use (lib/backend/native/addon.ts) and by install.cjs.
const path = require('node:path');
// @ts-expect-error: it has no types
const { resolve } = require('node-gyp-build');

/**
 * What node-gyp-build finds in the package itself (build/Release, then prebuilds/), else in the package of this platform.
 * Only a release (scripts/release.js) names such packages, as optionalDependencies.
 * @param {string} root the folder of package.json
 * @returns {string} the path of the addon
 * @throws Error where there is none, with what to do where the platform's package should be there
 */
module.exports = function addonFile(root) {
  try {
    return resolve(root);
  } catch (error) {
    const { name, version, optionalDependencies = {} } = require(path.join(root, 'package.json'));
    const target = `${name}-${process.platform}-${process.arch}`;
    const names = [target, `${target}-glibc`, `${target}-musl`].filter((each) => each in optionalDependencies);
    if (names.length === 0) throw error;
    const installed = names.flatMap((each) => manifestOf(each) ?? []);
    // One, since npm knows the libc. Others take both, and only then is it worth the 10 ms that asking takes.
    const manifest =
      installed.length > 1 ? installed.find((file) => require(file).name === `${target}-${libc()}`) : installed[0];
    const again = 'delete node_modules and package-lock.json and run npm install';
    if (manifest === undefined) {
      throw new Error(
        `${names.join(' or ')} is not installed, since optional dependencies were omitted or the lockfile was made on another platform: ${again} without --omit=optional`,
        { cause: error },
      );
    }
    const found = require(manifest);
    if (found.version !== version) {
      throw new Error(`${found.name} must be of version ${version}, as ${name} is, got ${found.version}: ${again}`, {
        cause: error,
      });
    }
    return resolve(path.dirname(manifest));
  }
};

/**
 * @param {string} name
 * @returns {string | undefined} the path of the package's manifest
 */
function manifestOf(name) {
  try {
    return require.resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
}

/** As npm tells it. Without the network's part, which may wait for name servers. */
function libc() {
  const report = /** @type {NodeJS.ProcessReport & { excludeNetwork?: boolean }} */ (process.report);
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true;
  const { header } = /** @type {{ header: object }} */ (report.getReport());
  report.excludeNetwork = excludeNetwork;
  return 'glibcVersionRuntime' in header ? 'glibc' : 'musl';
}
