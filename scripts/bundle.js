// Bundles lib/ into dist/, after tsc has written the declarations: a hundred small modules take 40 ms to import, a few
// files a quarter of that. What entries share goes into chunks, so that "striate" and "striate/ops" are one instance of
// everything; what is imported dynamically (files of models, digits) stays apart until it is called.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
for (const file of readdirSync(`${root}/dist`, { recursive: true, encoding: "utf8" })) {
  if (/\.js(\.map)?$/.test(file)) rmSync(`${root}/dist/${file}`);
}

/** The exports of package.json and the command. */
await bundle(["index", "ops/index", "matrix/index", "cli/main"]);
/** The file for a thread of its own, which shares nothing; and the reference backend and its lock alone, for their tests. */
for (const name of ["worker", "index", "lock"]) await bundle([`backend/reference/${name}`]);

/** @param {readonly string[]} entries modules of lib/ */
async function bundle(entries) {
  await build({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => `lib/${entry}.ts`),
    outbase: "lib",
    outdir: "dist",
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: true,
    sourcesContent: false,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
  });
}
