// Stages what a release publishes: the package without an addon, and for each platform a package with its addon, of which
// npm installs the one that fits (os, cpu, libc). All addons in one package would be 17 MB for everyone.
//
//     npm run release:stage -- --prebuilds prebuilds --out build-release [--tag v1.2.3] [--repository URL]
//
// Only the staged package.json names the platforms' packages, as optionalDependencies: those of a version exist once it is
// published, so that `npm ci` in the repository would look for what is not there yet; and a checkout builds its own addon.
import { execFileSync } from "node:child_process";
import console from "node:console";
import * as fs from "node:fs";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

/** @typedef {{ readonly os: "linux" | "darwin" | "win32", readonly cpu: string, readonly libc?: "glibc" | "musl" }} Target */

/** @type {Readonly<Record<string, Target>>} */
export const targets = {
  "linux-x64-glibc": { os: "linux", cpu: "x64", libc: "glibc" },
  "linux-arm64-glibc": { os: "linux", cpu: "arm64", libc: "glibc" },
  "linux-x64-musl": { os: "linux", cpu: "x64", libc: "musl" },
  "linux-arm64-musl": { os: "linux", cpu: "arm64", libc: "musl" },
  "darwin-x64": { os: "darwin", cpu: "x64" },
  "darwin-arm64": { os: "darwin", cpu: "arm64" },
  "win32-x64": { os: "win32", cpu: "x64" },
};

const root = join(import.meta.dirname, "..");
const systems = { linux: "Linux", darwin: "macOS", win32: "Windows" };
/** Bytes that one install may put on disk, of the package and a platform's. */
const most = 5e6;

/**
 * Where prebuildify puts the addon of a target, below prebuilds/. It tags as glibc whatever is not Alpine.
 * @param {Target} target
 */
export function prebuildOf({ os, cpu, libc = "glibc" }) {
  return `${os}-${cpu}/striate.${libc}.node`;
}

/**
 * Writes a folder for each package into `out`, by the package's name.
 * @param {object} options
 * @param {string} options.prebuilds a folder with the addons of all targets, as `npm run prebuildify` puts them
 * @param {string} options.out empty, or not there yet
 * @param {string | undefined} [options.tag] where it is given, it has to be of this version
 * @param {string | undefined} [options.repository] its URL, which npm compares with that of the job that publishes
 * @throws Error where an addon is missing or is not for the target whose name it has, where a file is none of them, where
 *   the tag is another version's, `out` is not empty or a package is too large; then nothing was written
 */
export function stage({ prebuilds, out, tag, repository }) {
  const manifest = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8"));
  const { name, version, license, author, scripts } = manifest;
  if (tag !== undefined && tag !== `v${version}`) {
    throw new Error(`release: the tag must be v${version}, the version in package.json, got ${tag}`);
  }
  if (repository !== undefined && !/^https:\/\/[^/]+(\/[\w.-]+){2}$/.test(repository)) {
    throw new Error(
      `release: the repository must be an address such as https://github.com/owner/name, got ${repository}`,
    );
  }
  if (filesIn(out).length > 0) throw new Error(`release: ${out} must be empty, got ${filesIn(out)[0]}`);
  checkPrebuilds(prebuilds);
  const files = filesToPack().filter((file) => !file.startsWith("prebuilds/"));
  const bytes = files.reduce((sum, file) => sum + fs.statSync(join(root, file)).size, 0);
  for (const [target, about] of Object.entries(targets)) {
    const both = bytes + fs.statSync(join(prebuilds, prebuildOf(about))).size;
    if (both > most) throw new Error(`release: ${target} must take ${most} bytes at most with ${name}, got ${both}`);
  }

  const source = repository === undefined ? {} : { repository: { type: "git", url: `git+${repository}.git` } };
  for (const [target, about] of Object.entries(targets)) {
    const own = `${name}-${target}`;
    const { os, cpu, libc } = about;
    const description = `The addon of ${name} for ${[systems[os], cpu, ...(libc ? [libc] : [])].join(" ")}`;
    // The file has no tag of its libc: npm has compared it, and node-gyp-build takes every musl but Alpine's for glibc.
    copy(join(prebuilds, prebuildOf(about)), join(out, own, "prebuilds", `${os}-${cpu}`, `${name}.node`));
    copy(join(root, "LICENSE"), join(out, own, "LICENSE"));
    const readme = `# ${own}\n\n${description}; \`npm install ${name}\` installs it where it fits.\n`;
    fs.writeFileSync(join(out, own, "README.md"), readme);
    writeManifest(join(out, own), {
      ...{ name: own, version, description, license, author, ...source, type: "commonjs" },
      ...{ os: [os], cpu: [cpu] },
      ...(libc && { libc: [libc] }),
    });
  }
  for (const file of files) copy(join(root, file), join(out, name, file));
  writeManifest(join(out, name), {
    ...{ ...manifest, ...source },
    files: manifest.files.filter((/** @type {string} */ pattern) => pattern !== "prebuilds"),
    devDependencies: undefined,
    // Without `prepare`, which npm would run when it publishes the folder.
    scripts: { install: scripts.install },
    optionalDependencies: Object.fromEntries(Object.keys(targets).map((target) => [`${name}-${target}`, version])),
  });
}

/**
 * @param {string} folder
 * @throws Error where it lacks the addon of a target, or where a file is anything else
 */
function checkPrebuilds(folder) {
  const found = filesIn(folder);
  const wanted = Object.values(targets).map(prebuildOf);
  const foreign = found.find((file) => !wanted.includes(file));
  if (foreign !== undefined) {
    throw new Error(`release: ${folder} must have the addons of the targets and nothing else, got ${foreign}`);
  }
  for (const [name, target] of Object.entries(targets)) {
    const file = prebuildOf(target);
    if (!found.includes(file)) throw new Error(`release: ${folder} must have the addon of ${name}, ${file}`);
    const got = targetOf(fs.readFileSync(join(folder, file)));
    if (got !== name) throw new Error(`release: ${file} must be an addon for ${name}, got ${got}`);
  }
}

const elf = { 62: "x64", 183: "arm64" };
const machO = { 0x01000007: "x64", 0x0100000c: "arm64" };
const pe = { 0x8664: "x64", 0xaa64: "arm64" };

/**
 * The target that a binary was built for, by its headers and what it links; else what is wrong with it.
 * @param {Buffer} file
 */
function targetOf(file) {
  if (file.length < 64) return "no binary";
  if (!file.includes("napi_register_module_v1")) return "a file without napi_register_module_v1, as addons have it";
  const cpu = (/** @type {Readonly<Record<number, string>>} */ names, /** @type {number} */ number) =>
    names[number] ?? `processor 0x${number.toString(16)}`;
  if (file.readUInt32BE(0) === 0x7f454c46 && file.readUInt16BE(4) === 0x0201) {
    // Its last part are the section headers, as in lib/backend/native/addon.ts.
    const end = file.readBigUInt64LE(0x28) + BigInt(file.readUInt16LE(0x3a) * file.readUInt16LE(0x3c));
    if (end > file.length) return `${file.length} of ${end} bytes`;
    const libc = file.includes("libc.so.6\0") ? "glibc" : file.includes("libc.musl-") ? "musl" : "unknown libc";
    return `linux-${cpu(elf, file.readUInt16LE(18))}-${libc}`;
  }
  if (file.readUInt32LE(0) === 0xfeedfacf) return `darwin-${cpu(machO, file.readUInt32LE(4))}`;
  const header = file.readUInt32LE(0x3c);
  if (file.readUInt16BE(0) === 0x4d5a && header + 6 <= file.length && file.readUInt32BE(header) === 0x50450000) {
    return `win32-${cpu(pe, file.readUInt16LE(header + 4))}`;
  }
  return "no 64-bit ELF, Mach-O or PE file";
}

/** What npm would pack here, by the rules in package.json. */
function filesToPack() {
  if (!fs.existsSync(join(root, "dist/index.js")))
    throw new Error("release: there is no dist, run npm run build:ts first");
  const npm = process.env["npm_execpath"] ?? "";
  const [command, ...args] = npm === "" ? ["npm"] : [process.execPath, npm];
  const packing = [...args, "pack", "--dry-run", "--json", "--ignore-scripts"];
  const output = execFileSync(command, packing, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [{ files }] = /** @type {[{ files: { path: string }[] }]} */ (JSON.parse(output));
  return files.map(({ path }) => path);
}

/**
 * All that is not a folder, by paths with forward slashes.
 * @param {string} folder
 */
function filesIn(folder) {
  if (!fs.existsSync(folder)) return [];
  const entries = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  return entries
    .filter((entry) => !fs.lstatSync(join(folder, entry)).isDirectory())
    .map((entry) => entry.replaceAll(sep, "/"));
}

/**
 * @param {string} from
 * @param {string} to
 */
function copy(from, to) {
  fs.mkdirSync(dirname(to), { recursive: true });
  fs.copyFileSync(from, to);
}

/**
 * @param {string} folder
 * @param {object} manifest
 */
function writeManifest(folder, manifest) {
  fs.writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === import.meta.filename) {
  const text = /** @type {const} */ ({ type: "string" });
  try {
    const { values } = parseArgs({ options: { prebuilds: text, out: text, tag: text, repository: text } });
    const { prebuilds = "prebuilds", out = "build-release" } = values;
    stage({ ...values, prebuilds, out });
    console.log(`${out}: ${fs.readdirSync(out).join(", ")}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
