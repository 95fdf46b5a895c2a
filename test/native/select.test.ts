/** Selection is once per process and follows the environment: each case is a process of its own. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { BackendInfo } from "../../lib/backend/backend.js";
import { selectBackend, setThreads } from "../../lib/backend/select.js";

const child = fileURLToPath(new URL("children/select.ts", import.meta.url));

async function selected(
  environment: Record<string, string>,
  ...values: string[]
): Promise<{ result: unknown; stderr: string }> {
  const { STRIATE_BACKEND: _b, STRIATE_ISA: _i, STRIATE_THREADS: _t, STRIATE_NICE: _n, ...inherited } = process.env;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--import", "tsx", child, ...values], {
    env: { ...inherited, ...environment },
  });
  return { result: JSON.parse(stdout), stderr };
}

const missing = { STRIATE_ADDON_PATH: "/nowhere/striate.node" };

describe("the backend", () => {
  test("is native by default, with the threads that STRIATE_THREADS asks for", async () => {
    const { result, stderr } = await selected({ STRIATE_THREADS: "3" });
    expect(result).toMatchObject([{ backend: "native", threads: 3 }]);
    expect((result as BackendInfo[])[0]!.loadError).toBeUndefined();
    expect(stderr).toBe("");
  });

  test("is the reference where the addon does not load, saying why once, in one line", async () => {
    const { result, stderr } = await selected(missing, "workers");
    const info = {
      backend: "reference",
      isa: "none",
      threads: 1,
      nativeBytes: 0,
      loadError: "Cannot find module '/nowhere/striate.node'",
    };
    expect(result).toEqual([info, info, info]);
    expect(stderr).toBe(
      "striate: using the reference backend (pure TypeScript, much slower), since the native addon did not load: " +
        "Cannot find module '/nowhere/striate.node'\n",
    );
  });

  test("is the reference where STRIATE_BACKEND says so, silently", async () => {
    const { result, stderr } = await selected({ STRIATE_BACKEND: "reference", ...missing });
    expect(result).toEqual([{ backend: "reference", isa: "none", threads: 1, nativeBytes: 0 }]);
    expect(stderr).toBe("");
  });

  test("is an error with causes and remedies where STRIATE_BACKEND=native cannot be had", async () => {
    const { result } = await selected({ STRIATE_BACKEND: "native", ...missing });
    const { name, code, message } = result as { name: string; code: string; message: string };
    expect({ name, code }).toEqual({ name: "BackendError", code: "ERR_STRIATE_BACKEND" });
    const [first, second, ...remedies] = message.split("\n");
    expect(first).toBe(
      `STRIATE_BACKEND=native, but the native addon did not load on ${process.platform}-${process.arch}, ` +
        `Node.js ${process.version}: Cannot find module '/nowhere/striate.node'`,
    );
    expect(second).toBe("Possible causes and remedies:");
    expect(remedies[0]).toContain("STRIATE_ADDON_PATH is set to /nowhere/striate.node");
    expect(remedies.join("\n")).toContain("npm rebuild striate");
  });

  test("runs on the instruction set that STRIATE_ISA asks for", async () => {
    const isa = process.arch === "arm64" ? "neon" : "sse2";
    expect((await selected({ STRIATE_ISA: isa })).result).toMatchObject([{ backend: "native", isa }]);
  });

  test.each([
    [{ STRIATE_BACKEND: "gpu" }, "STRIATE_BACKEND", /^STRIATE_BACKEND: must be native or reference, got gpu$/],
    [{ STRIATE_THREADS: "many" }, "STRIATE_THREADS", /^STRIATE_THREADS: must be a whole number from 1, got many$/],
    [{ STRIATE_NICE: "20" }, "STRIATE_NICE", /^STRIATE_NICE: must be a whole number from 0 to 19, got 20$/],
    [{ STRIATE_NICE: "-1" }, "STRIATE_NICE", /^STRIATE_NICE: must be a whole number from 0 to 19, got -1$/],
    [{ STRIATE_THREADS: "0" }, "STRIATE_THREADS", /^STRIATE_THREADS: must be a whole number from 1, got 0$/],
    [{ STRIATE_ISA: "mmx" }, "STRIATE_ISA", /^STRIATE_ISA: expects one of .*(sse2|neon).*mmx/],
  ])("refuses %j", async (environment, _, message) => {
    const { result } = await selected(environment);
    expect(result).toMatchObject({ name: "OptionError", code: "ERR_STRIATE_OPTION" });
    expect((result as Error).message).toMatch(message);
  });
});

test("setThreads takes whole numbers in its range", () => {
  const before = selectBackend().info().threads;
  setThreads(2);
  expect(selectBackend().info().threads).toBe(2);
  setThreads(before);
  for (const bad of [0, -1, 1.5, NaN, 1e9]) {
    expect(() => setThreads(bad)).toThrow(`setThreads: threads must be a whole number from 1 to`);
  }
});
