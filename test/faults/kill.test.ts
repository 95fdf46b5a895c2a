/** A process that is killed while it saves: what it leaves can be read, and is one model and not two. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadModelFile, saveModelFile } from "../../lib/io/modelFile.js";
import { RandomStream } from "../../lib/random/philox.js";

const saver = fileURLToPath(new URL("children/saver.ts", import.meta.url));

/** Starts a saver, kills it some time after its first model, and returns the number of the model that is there then. */
async function killed(folder: string, first: number, after: number): Promise<number> {
  const child = spawn(process.execPath, ["--import", "tsx", saver, folder, String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  await sleep(after);
  child.kill("SIGKILL");
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  const { tensors, metadata } = await loadModelFile(folder);
  const { data } = tensors.get("w")!;
  expect(data).toHaveLength(1 << 18);
  expect(data.every((value) => value === metadata["value"])).toBe(true);
  return metadata["value"] as number;
}

test("SIGKILL at 20 random moments of a save, each over what the one before left", async () => {
  const random = new RandomStream(7, "test/kill");
  // Two folders at once, ten times each.
  const series = Array.from({ length: 2 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "striate-kill-"));
    try {
      let unfinished = 0;
      for (let round = 1; round <= 10; round++) {
        const value = await killed(folder, 1000 * round, 60 * random.float());
        expect(value).toBeGreaterThanOrEqual(1000 * round);
        // Whatever a save leaves that did not end: a temporary file, or weights that no description names.
        const files = await readdir(folder);
        if (files.length > 2) unfinished++;
      }
      const tensors = new Map([["w", { shape: [1], data: Float32Array.of(1) }]]);
      const left = await readdir(folder);
      await saveModelFile(folder, { graph: {}, tensors, metadata: {} });
      const young = (await readdir(folder)).length - 2;
      expect(young, "but for the weights before, all may be another writer's").toBe(Math.max(0, left.length - 2));
      const hoursAgo = new Date(Date.now() - 7_200_000);
      for (const name of await readdir(folder)) await utimes(join(folder, name), hoursAgo, hoursAgo);
      await saveModelFile(folder, { graph: {}, tensors, metadata: {} });
      expect(await readdir(folder), "nothing is left of them two hours later").toHaveLength(2);
      return unfinished;
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  const [one, other] = await Promise.all(series);
  expect(one! + other!, "kills that met a save").toBeGreaterThan(0);
});
