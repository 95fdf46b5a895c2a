/**
 * Every case and graph on the native backend without vitest, for a Node that vitest does not run on (arm64 under qemu):
 * compile the tests with tsc, then run this file with STRIATE_ADDON_PATH naming the cross-built addon. Exits with 1 where something fails.
 */
import { nativeBackend } from "../../lib/backend/native/index.js";
import { graphs } from "../cases/graphs.js";
import { rooms } from "../cases/index.js";
import { graphFailures } from "../support/graphRun.js";
import { failuresOf } from "../support/runCase.js";
import { stateCases, stateFailures } from "../support/stateRun.js";

const backend = nativeBackend();
let run = 0;
let failed = 0;

function report(name: string, failures: readonly string[]): void {
  run++;
  if (failures.length === 0) return;
  failed++;
  console.error(`FAIL ${name}\n${failures.join("\n")}`);
}

for (const { cases } of Object.values(rooms)) {
  for (const stepCase of cases) report(`${stepCase.op}: ${stepCase.name}`, failuresOf(stepCase, backend));
}
for (const graph of graphs) report(`graph: ${graph.name}`, graphFailures(graph, backend));
for (const stateCase of stateCases) report(`state: ${stateCase.name}`, stateFailures(stateCase, backend));
console.log(`${backend.info().isa}: ${String(run)} cases, ${String(failed)} failed`);
process.exitCode = failed === 0 ? 0 : 1;
