// @ts-check
'use strict';
// The native source lists of the release build: binding.gyp calls `node scripts/sources.cjs <list>`. A file joins a list by
// its place and name alone, so adding a kernel changes no build file. native/CMakeLists.txt states the same rule in CMake,
// and test/native/sources.test.ts compares what the two really compile.
//
//   base      native/base/*.cc native/program/*.cc native/kernels/<op>/*.cc without an ISA suffix
//   binding   native/binding/*.cc
//   <isa>     native/kernels/<op>/*_<isa>.cc
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const isas = ['sse2', 'avx2', 'avx512', 'neon'];

/**
 * @param {string} folder relative to the root, with forward slashes
 * @returns {fs.Dirent[]}
 */
function entries(folder) {
  const full = path.join(root, folder);
  if (!fs.existsSync(full)) return [];
  return fs.readdirSync(full, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function ccFiles(folder) {
  return entries(folder)
    .filter((entry) => entry.isFile() && entry.name.endsWith('.cc'))
    .map((entry) => `${folder}/${entry.name}`);
}

/**
 * @param {string} list base, binding or an ISA name
 * @returns {string[]} paths relative to the root, with forward slashes
 */
function sources(list) {
  if (list === 'binding') return ccFiles('native/binding');
  const kernels = entries('native/kernels')
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => ccFiles(`native/kernels/${entry.name}`));
  if (isas.includes(list)) return kernels.filter((file) => file.endsWith(`_${list}.cc`));
  if (list !== 'base') throw new Error(`sources: list must be base, binding, ${isas.join(', ')}; got ${list}`);
  const common = kernels.filter((file) => !isas.some((isa) => file.endsWith(`_${isa}.cc`)));
  return [...ccFiles('native/base'), ...ccFiles('native/program'), ...common];
}

module.exports = { sources, isas };
if (require.main === module) console.log(sources(process.argv[2] ?? '').join('\n'));
