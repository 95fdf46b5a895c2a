/**
 * The check mode (STRIATE_CHECK=1): memory that holds nothing is filled with NaN, so that a kernel that reads a dead
 * or a never written buffer shows it in the results.
 */
import type { Program, Step } from "../../graph/program.js";
import type { Tensor } from "./tensor.js";
import { overlap } from "./verify.js";

/** Reads the environment once per Executable: workers have an environment of their own. */
export function checkModeFromEnvironment(): boolean {
  return process.env["STRIATE_CHECK"] === "1";
}

/** For each of the steps and commits, in order: the arena buffers that nothing reads any more once it is done. */
export function planPoison(program: Program): readonly (readonly number[])[] {
  const timeline: readonly Step[] = [...program.steps, ...program.commit];
  const isArena = (id: number): boolean => id >= 0 && program.storages[program.buffers[id]!.storage]!.kind === "arena";
  return timeline.map((step, time) => {
    const used = new Set([...step.inputs, ...step.outputs].filter(isArena));
    return [...used].filter((id) => !isReadLater(program, timeline, id, time));
  });
}

/** Whether what is in the buffer after step `time` may still be read, through this buffer or one that overlaps it. */
function isReadLater(program: Program, timeline: readonly Step[], id: number, time: number): boolean {
  for (let other = 0; other < program.buffers.length; other++) {
    if (!overlap(program, id, other)) continue;
    const next = timeline.slice(time + 1).find((step) => [...step.inputs, ...step.outputs].includes(other));
    if (next?.inputs.includes(other)) return true;
  }
  return false;
}

/** Fills the live rows of a buffer with NaN. */
export function poison({ data, offset, pixelStride, pixels, channels }: Tensor): void {
  for (let p = 0; p < pixels; p++) {
    const from = offset + p * pixelStride;
    data.fill(NaN, from, from + channels);
  }
}
