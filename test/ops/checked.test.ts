/** Whole graphs in check mode: dead memory is NaN, and what a step may not write is compared after it. */
process.env["STRIATE_CHECK"] = "2";
const { nativeBackend } = await import("../../lib/backend/native/index.js");
const { referenceBackend } = await import("../../lib/backend/reference/index.js");
const { declareGraphs, declareState } = await import("../support/suite.js");

for (const backend of [nativeBackend(), referenceBackend]) {
  declareGraphs(backend);
  declareState(backend);
}
