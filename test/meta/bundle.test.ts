/** The built package: few files to load, one instance of everything, nothing heavy before it is needed. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type * as Ops from "../../lib/ops/index.js";
import type * as Striate from "../../lib/index.js";
import type * as Visualize from "../../lib/visualize/index.js";

const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** What is loaded with a module, itself included: files of dist, and other modules by name. */
function closure(entry: string): { files: string[]; modules: string[] } {
  const files = new Set<string>();
  const modules = new Set<string>();
  const open = [join(dist, entry)];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name] of readFileSync(file, "utf8").matchAll(
      /(?:^|[;}\n])(?:im|ex)port\b[^"'()]*["']([^"']+)["']/g,
    )) {
      if (name!.startsWith(".")) open.push(join(dirname(file), name!));
      else modules.add(name!);
    }
  }
  return { files: [...files], modules: [...modules].sort() };
}

const sizeOf = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + readFileSync(file, "utf8").length, 0);

describe("the built package", () => {
  test("is a few files, without the loader of addons, files of models or anything of others", () => {
    const { files, modules } = closure("index.js");
    expect(files.length).toBeGreaterThan(1);
    expect(files.length).toBeLessThanOrEqual(4);
    expect(sizeOf(files)).toBeLessThan(300_000);
    expect(modules).toEqual(["node:module", "node:path"]);
  });

  test("of the program only the command line is loaded before a command runs: no backend, no layer, no file of models", () => {
    const { files, modules } = closure("cli/main.js");
    expect(modules).toEqual(["commander", "node:fs", "node:module", "node:path", "node:util"]);
    expect(sizeOf(files)).toBeLessThan(30_000);
  });

  test("its ops are those of striate/ops: Values of one are operands of the other", async () => {
    const load = async (entry: string): Promise<unknown> => import(join(dist, entry));
    const striate = (await load("index.js")) as typeof Striate;
    const ops = (await load("ops/index.js")) as typeof Ops;
    const x = striate.tensor([1, 2], Float32Array.of(-1, 2));
    expect([...striate.run((value) => ops.relu(value), x).data]).toEqual([0, 2]);
    expect(() => ops.matmul(ops.input("x", [1, 2]), ops.input("y", [3, 1]))).toThrow(striate.GraphError);
  });

  test("pictures load what draws them, and nothing that decodes or needs a browser", async () => {
    const { modules } = closure("visualize/index.js");
    const own = ["d3-scale", "d3-scale-chromatic", "d3-shape", "fast-png"];
    expect(modules.filter((name) => !name.startsWith("node:"))).toEqual(own);
    const load = async (entry: string): Promise<unknown> => import(join(dist, entry));
    const striate = (await load("index.js")) as typeof Striate;
    const { imageGrid } = (await load("visualize/index.js")) as typeof Visualize;
    expect(() => imageGrid([], { title: "", description: "" })).toThrow(striate.OptionError);
  });

  test("an error that nobody catches is a sentence on a screen, not the line of a bundle", () => {
    const index = JSON.stringify(join(dist, "index.js"));
    const script = `import { sequential } from ${index}; sequential([8, 8, 3]).conv2d({ filters: 4, kernel: 9 });`;
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stderr).toContain("ShapeError: conv2d: the window covers 9 but the padded height is only 8");
    expect(stderr.length).toBeLessThan(4000);
  });

  test("every file that package.json names is there, with types for those that are exported", () => {
    const manifest = JSON.parse(readFileSync(join(dist, "../package.json"), "utf8")) as {
      exports: Record<string, string | { types: string; default: string }>;
      imports: Record<string, string>;
      bin: Record<string, string>;
    };
    const exported = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : [entry.types, entry.default],
    );
    for (const file of [...exported, ...Object.values(manifest.imports), ...Object.values(manifest.bin)]) {
      expect(() => readFileSync(join(dist, "..", file)), file).not.toThrow();
    }
    expect(readFileSync(join(dist, "cli/main.js"), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(readFileSync(join(dist, "index.js"), "utf8")).toContain("//# sourceMappingURL=");
  });
});
