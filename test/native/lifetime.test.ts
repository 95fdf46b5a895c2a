/** How the addon ends: in processes of its own, since what goes wrong there is a crash. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const child = fileURLToPath(new URL("children/work.ts", import.meta.url));

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function end(scenario: string): Promise<End> {
  return new Promise((resolve) => {
    const process = execFile(globalThis.process.execPath, ["--import", "tsx", child, scenario], (_, stdout, stderr) => {
      resolve({ code: process.exitCode, signal: process.signalCode, stdout, stderr });
    });
  });
}

test("process.exit() in mid-run keeps its exit code", async () => {
  expect(await end("exit")).toEqual({ code: 7, signal: null, stdout: "", stderr: "" });
});

test("an uncaught error in mid-run ends the process as it does anywhere", async () => {
  const { code, signal, stderr } = await end("uncaught");
  expect({ code, signal }).toEqual({ code: 1, signal: null });
  expect(stderr).toContain("nobody catches this");
});

test("workers that alone loaded the addon are terminated in mid-run, three times over", async () => {
  expect(await end("terminate")).toEqual({ code: 0, signal: null, stdout: "done\n", stderr: "" });
});

test("eight workers at once, four of them terminated in mid-run", async () => {
  expect(await end("eight")).toEqual({ code: 0, signal: null, stdout: "done\n", stderr: "" });
});

test("a process whose only business is a run under way waits for it", async () => {
  expect(await end("drain")).toEqual({ code: 0, signal: null, stdout: "done\n", stderr: "" });
});
